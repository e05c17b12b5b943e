//! Writes from two processors while the daemon arms: none may be lost.

use e2e::need;

use crate::daemon::{Daemon, tcctl};
use crate::shim::{Modules, rounds, wait_no_card};

/// Longer than any delay on an emulator that somebody else's work slows down.
const TIMEOUT_MS: &str = "60000";

/// Writers, each for a number of rounds of up to `burst` writes; a round is over when the card has shown
/// the last value. The daemon waits without a limit, so that a write it was not told of is shown late,
/// or never.
fn hammer(count: u32, burst: u32, writers: &[&str]) {
    let modules = Modules::with_driver(&[]);
    let mut daemon = Daemon::driven(&[]);
    let (rounds, burst) = (count.to_string(), burst.to_string());
    let arguments = [&["hammer", &*rounds, &*burst, TIMEOUT_MS], writers].concat();
    let told = tcctl(&daemon.device(), &arguments).ok();
    let stats = daemon.stats();
    println!("{told}{stats:?}");
    let number = |line: &str, name: &str| -> u64 {
        let mut words = line.split_whitespace().skip_while(|word| *word != name);
        words.nth(1).and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{name}: {line}"))
    };
    let mut written = 0;
    let mut done = 0;
    for line in told.lines() {
        assert_eq!(number(line, "rounds"), u64::from(count), "{line}");
        assert_eq!(number(line, "lost"), 0, "{line}");
        written += number(line, "writes");
        done += number(line, "rounds");
    }
    assert_eq!(told.lines().count(), writers.len());
    let seen = stats["hammered"];
    assert!(seen >= done, "fewer values seen than rounds shown: {stats:?}");
    assert!(seen <= written, "more values seen than were written: {stats:?}");
    println!("rounds {done} written {written} seen {seen} lost 0");
    daemon.end();
    wait_no_card();
    drop(modules);
}

#[test]
fn the_driver_on_two_processors_same_page() {
    need!(Lab, Root);
    hammer(rounds(3000, 100_000), 4, &["k0", "k1"]);
}

#[test]
fn a_program_on_two_processors_same_page() {
    need!(Lab, Root);
    hammer(rounds(1000, 40_000), 4, &["u0", "u1"]);
}

#[test]
fn the_driver_and_a_program_on_two_pages() {
    need!(Lab, Root);
    hammer(rounds(1000, 60_000), 3, &["k0", "u1", "k16", "u17"]);
}
