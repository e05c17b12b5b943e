//! The daemon is killed at any moment, under load.

use std::time::Duration;

use e2e::{need, soon, wait_until};

use crate::daemon::{Daemon, tcctl, tcctl_beside};
use crate::shim::{Modules, cards, iomem, rounds, wait_no_card};

/// Pseudo-random, the same in each run.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// The load: writes in the driver and through its mmap, DMA and interrupts, and one that only holds the
/// mappings.
const LOADS: [&[&str]; 4] = [
    &["hammer", "100000000", "8", "60000", "k0", "u1"],
    &["selftest"],
    &["copy", "0", "1048576"],
    &["hold"],
];

#[test]
fn at_random_moments_under_load() {
    need!(Lab, Root);
    let before = iomem();
    let modules = Modules::with_driver(&["timeout_ms=5000"]);
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let count = rounds(20, 200);
    for round in 0..count {
        let daemon = Daemon::driven(&[]);
        let device = daemon.device();
        let loads = LOADS.map(|load| tcctl_beside(&device, load));
        wait_until("a load that has begun", soon(), || loads[3].output().contains("holding"));
        // Not to wait for something: any moment is to be hit.
        std::thread::sleep(Duration::from_micros(random(&mut state) % 60_000));
        daemon.kill();
        wait_no_card();
        for load in loads {
            // Each has ended by itself; how, depends on the moment.
            let said = load.end();
            assert!(!said.err.contains("came back"), "round {round}: {said}");
        }
    }
    // And the next card is as good as the first.
    let daemon = Daemon::driven(&[]);
    tcctl(&daemon.device(), &["selftest"]).ok();
    daemon.end();
    wait_no_card();
    println!("killed {count} times");
    // The module keeps memory for the next card until it is unloaded.
    drop(modules);
    assert_eq!(iomem(), before);
}

/// At its start, the card is on its way to the bus, and probes are under way.
#[test]
fn while_it_plugs_in() {
    need!(Lab, Root);
    let before = iomem();
    let modules = Modules::with_driver(&["timeout_ms=1000"]);
    let mut state = 0x1234_5678_9abc_def1;
    let count = rounds(20, 200);
    for _ in 0..count {
        let daemon = Daemon::start(&[]);
        std::thread::sleep(Duration::from_micros(random(&mut state) % 20_000));
        daemon.kill();
    }
    println!("killed {count} times");
    // Some may still come to their bus, and go from there; unloading waits for that.
    drop(modules);
    assert_eq!(cards(), Vec::<String>::new());
    assert_eq!(iomem(), before);
}
