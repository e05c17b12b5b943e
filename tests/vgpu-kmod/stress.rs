//! Writes from two processors while the daemon arms: none may be lost.

use e2e::need;

use crate::daemon::{Daemon, tcctl};
use crate::shim::{Modules, rounds, wait_no_card};

/// Longer than any delay on an emulator that somebody else's work slows down.
const TIMEOUT_MS: &str = "60000";

/// Rounds in one run of tcctl.
const CHUNK: u32 = 2500;

/// Writers, each for a number of rounds of up to `burst` writes; a round is over when the card has shown
/// the last value. The daemon waits without a limit, so that a write it was not told of is shown late,
/// or never.
fn hammer(count: u32, burst: u32, writers: &[&str]) {
    let modules = Modules::with_driver(&[]);
    let mut daemon = Daemon::driven(&[]);
    let device = daemon.device();
    let number = |line: &str, name: &str| -> u64 {
        let mut words = line.split_whitespace().skip_while(|word| *word != name);
        words.nth(1).and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{name}: {line}"))
    };
    let (mut done, mut written) = (0, 0);
    let wanted = u64::from(count) * writers.len() as u64;
    while done < wanted {
        // Each run is short enough to be waited for.
        let (rounds, burst) = (count.min(CHUNK).to_string(), burst.to_string());
        let arguments = [&["hammer", &*rounds, &*burst, TIMEOUT_MS], writers].concat();
        let told = tcctl(&device, &arguments).ok();
        assert_eq!(told.lines().count(), writers.len(), "{told}");
        for line in told.lines() {
            assert_eq!(number(line, "rounds").to_string(), rounds, "{line}");
            assert_eq!(number(line, "lost"), 0, "{line}");
            written += number(line, "writes");
            done += number(line, "rounds");
        }
    }
    let stats = daemon.stats();
    let seen = stats["hammered"];
    println!("{} rounds {done} written {written} seen {seen} lost 0", writers.join(" "));
    println!("{stats:?}");
    assert!(seen >= done, "fewer values seen than rounds shown: {stats:?}");
    assert!(seen <= written, "more values seen than were written: {stats:?}");
    daemon.end();
    wait_no_card();
    drop(modules);
}

#[test]
fn the_driver_on_two_processors_same_page() {
    need!(Lab, Root);
    hammer(rounds(3000, 50_000), 4, &["k0", "k1"]);
}

#[test]
fn a_program_on_two_processors_same_page() {
    need!(Lab, Root);
    hammer(rounds(1000, 20_000), 4, &["u0", "u1"]);
}

/// The last one makes it 200 000 rounds in the long form.
#[test]
fn the_driver_and_a_program_on_two_pages() {
    need!(Lab, Root);
    hammer(rounds(1000, 15_000), 3, &["k0", "u1", "k16", "u17"]);
}
