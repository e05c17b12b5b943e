//! What is checked in the lab, in this order. Every check loads the driver anew.
//!
//! - [`basics`]: binding, and what belongs to it
//! - [`work`]: drawing, DMA, interrupts, sleeping
//! - [`races`]: what an interrupt finds at the worst moment
//! - [`ending`]: unloading, and the card being pulled out

pub mod basics;
pub mod ending;
pub mod races;
pub mod work;

use super::bench::Setup;
use super::sheet::{Check, Sheet, Stop};

/// A check's work.
pub type Work = fn(&Setup, &mut Sheet) -> Result<(), Stop>;

/// The check that all others need.
pub const FIRST: &str = "bind";

/// The one that is no work of the lab's.
pub const BUILD: Check = Check {
    id: "build",
    title: "Builds against the semester's header",
    parts: &[("it compiles", 3), ("without a warning", 2)],
};

/// All of the lab's.
pub const CHECKS: &[(Check, Work)] = &[
    (
        Check {
            id: FIRST,
            title: "Binds to the card",
            parts: &[
                ("the module loads", 2),
                ("it binds to the card", 4),
                ("there is a device node", 2),
            ],
        },
        basics::bind,
    ),
    (
        Check {
            id: "stranger",
            title: "Refuses another semester's card",
            parts: &[("a card of another layout stays without a driver", 3)],
        },
        basics::stranger,
    ),
    (
        Check {
            id: "regions",
            title: "Claims its memory",
            parts: &[("registers (BAR 0) are claimed", 2), ("memory (BAR 2) is claimed", 2)],
        },
        basics::regions,
    ),
    (
        Check {
            id: "dma-mask",
            title: "Sets the DMA mask",
            parts: &[
                ("coherent memory has addresses of 32 bits", 2),
                ("so have streaming mappings", 2),
            ],
        },
        basics::dma_mask,
    ),
    (
        Check {
            id: "map",
            title: "Maps the card's memory",
            parts: &[
                ("what a program writes is in the card, and the other way round", 4),
                ("more than there is cannot be mapped", 1),
            ],
        },
        basics::map,
    ),
    (
        Check {
            id: "picture",
            title: "Draws the reference picture",
            parts: &[("the card enters graphics", 2), ("all pixels are right", 8)],
        },
        work::picture,
    ),
    (
        Check {
            id: "dma",
            title: "Brings streams to the card",
            parts: &[
                ("a stream of the greatest length", 2),
                ("six streams to a slow card, in order", 3),
                ("a stream from memory that is not in the page table yet", 2),
                ("what is no stream is refused", 1),
            ],
        },
        work::dma,
    ),
    (
        Check {
            id: "interrupts",
            title: "Handles interrupts",
            parts: &[
                ("events are acknowledged", 3),
                ("who waits for a vertical blank returns at one", 2),
                ("blanks do not interrupt when nobody waits for them", 1),
                ("a mistake in a stream is an error of that stream", 2),
                ("and the next stream is carried out", 2),
            ],
        },
        work::interrupts,
    ),
    (
        Check {
            id: "sleep",
            title: "Sleeps while it waits",
            parts: &[("a program that waits takes no time of the processor", 5)],
        },
        work::sleep,
    ),
    (
        Check {
            id: "queueing",
            title: "Race: an interrupt while a program queues a stream",
            parts: &[
                ("the handler runs on another processor", 5),
                ("the interrupt comes to the same processor", 3),
            ],
        },
        races::queueing,
    ),
    (
        Check {
            id: "wake",
            title: "Race: a stream ends while a program is about to sleep",
            parts: &[("the program is woken", 6)],
        },
        races::wake,
    ),
    (
        Check {
            id: "burst",
            title: "Race: two processors queue, the card interrupts in rapid succession",
            parts: &[
                ("every stream is carried out", 4),
                ("also when there are more interrupts than events", 3),
            ],
        },
        races::burst,
    ),
    (
        Check {
            id: "unload",
            title: "Race: interrupts while the driver leaves",
            parts: &[("it leaves, and nothing of it is called any more", 5)],
        },
        races::unload,
    ),
    (
        Check {
            id: "leak",
            title: "Gives everything back",
            parts: &[
                ("memory for DMA", 2),
                ("its own memory", 2),
                ("mappings, regions, handler, device node", 2),
            ],
        },
        ending::leak,
    ),
    (
        Check {
            id: "unplug",
            title: "Survives that the card is pulled out",
            parts: &[("a program that waits is told", 2), ("the driver can be unloaded", 1)],
        },
        ending::unplug,
    ),
    (
        Check {
            id: "reload",
            title: "Can be loaded again",
            parts: &[("three times, and it draws each time", 3)],
        },
        ending::reload,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_a_hundred_and_ids_are_unique() {
        let all = || CHECKS.iter().map(|(check, _)| check).chain([&BUILD]);
        let points: u32 = all().flat_map(|check| check.parts).map(|(_, points)| points).sum();
        assert_eq!(points, 100);
        let mut ids: Vec<&str> = all().map(|check| check.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), CHECKS.len() + 1);
        assert_eq!(CHECKS[0].0.id, FIRST);
    }
}
