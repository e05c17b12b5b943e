//! What happens to a card, and waiting for it.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::io::Errno;

use super::card::refused;
use super::{Card, Error, abi};

/// Kinds of events, any number of them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Events(u32);

/// Their names, for messages.
const NAMES: [(Events, &str); 7] = [
    (Events::KERNEL_WRITE, "kernel write"),
    (Events::USER_WRITE, "user write"),
    (Events::MAPPING, "mapping"),
    (Events::CONFIG, "config"),
    (Events::DRIVER, "driver"),
    (Events::DMA, "dma"),
    (Events::POLL, "poll"),
];

impl Events {
    /// None.
    pub const NONE: Self = Self(0);
    /// The driver wrote to a register page.
    pub const KERNEL_WRITE: Self = Self(1 << 0);
    /// A process did, through the driver's mmap or sysfs.
    pub const USER_WRITE: Self = Self(1 << 1);
    /// A mapping of a BAR came or went.
    pub const MAPPING: Self = Self(1 << 2);
    /// The command register, MSI or the power state changed.
    pub const CONFIG: Self = Self(1 << 3);
    /// Plugged in or out; a driver was bound or unbound.
    pub const DRIVER: Self = Self(1 << 4);
    /// Memory was mapped or unmapped for DMA.
    pub const DMA: Self = Self(1 << 5);
    /// Writes are not trapped: it is time to look at the registers.
    pub const POLL: Self = Self(1 << 6);

    /// Whether any of `kinds` is among these.
    pub fn any(self, kinds: Self) -> bool {
        self.0 & kinds.0 != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Events {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Events {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = NAMES.iter().filter(|(kind, _)| self.any(*kind)).map(|(_, name)| *name);
        out.write_str(&names.collect::<Vec<_>>().join(" | "))
    }
}

/// What happened up to arming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Armed {
    /// Which events.
    pub events: Events,
    /// Register pages that may have been written: bit n is for the page at n * 4096.
    pub pages: u32,
    /// Where the newest trapped write went, if one is among the events.
    pub offset: u32,
}

/// What ended a wait. Nothing is consumed by it: until the card is armed again, the next wait ends at
/// once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Woken {
    /// The events since arming; none when the time ran out.
    pub events: Events,
    /// Register pages with a trapped write since arming.
    pub pages: u32,
    /// Trapped writes of the driver since the card was made.
    pub kernel_writes: u64,
    /// Trapped writes of processes.
    pub user_writes: u64,
}

impl Card {
    /// Collects what happened, and has the next write to each register page trapped again.
    ///
    /// Look at the registers after this: a write is then either seen by looking, or it ends the next
    /// [`Card::wait`]. Writes always end it; other events only when they are in `wake`.
    ///
    /// # Errors
    /// In another process than the card's own.
    pub fn arm(&self, wake: Events) -> Result<Armed, Error> {
        let mut call = abi::Arm { wake: wake.0, ..abi::Arm::default() };
        abi::arm(self.as_fd(), &mut call).map_err(refused("watch the card's registers"))?;
        Ok(Armed { events: Events(call.events), pages: call.pages, offset: call.offset })
    }

    /// Waits for an event, or a time; without a time, as long as it takes. It may end without
    /// anything to be seen. A signal does not end it, unless it ends the process.
    ///
    /// # Errors
    /// In another process than the card's own.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Woken, Error> {
        let timeout_ns = timeout.map_or(-1, |time| time.as_nanos().try_into().unwrap_or(i64::MAX));
        loop {
            let mut call = abi::Wait { timeout_ns, ..abi::Wait::default() };
            match abi::wait(self.as_fd(), &mut call) {
                Err(Errno::INTR) => {}
                Err(errno) => return Err(refused("wait for the card's events")(errno)),
                Ok(()) => {
                    return Ok(Woken {
                        events: Events(call.events),
                        pages: call.pages,
                        kernel_writes: call.kernel_writes,
                        user_writes: call.user_writes,
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_named() {
        assert_eq!(format!("{:?}", Events::KERNEL_WRITE | Events::DMA), "kernel write | dma");
        assert_eq!(format!("{:?}", Events::NONE), "");
        let mut events = Events::CONFIG;
        events |= Events::POLL;
        assert!(events.any(Events::POLL | Events::DMA) && !events.any(Events::DMA));
    }

    #[test]
    fn events_are_the_header_s() {
        let header = include_str!("../../../vgpu-kmod/include/uapi/linux/vgpu.h");
        for (kind, name) in NAMES {
            let name = format!("VGPU_EVENT_{}", name.to_uppercase().replace(' ', "_"));
            let line = header.lines().find(|line| line.split_whitespace().nth(1) == Some(&name));
            let shift = kind.0.trailing_zeros();
            assert!(line.is_some_and(|line| line.contains(&format!("(1U << {shift})"))), "{name}");
        }
    }
}
