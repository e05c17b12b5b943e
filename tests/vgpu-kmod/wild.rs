//! Nonsense from all sides: calls, mappings, configuration space, binding, forks.

use std::process::Command;
use std::time::{Duration, Instant};

use e2e::{Running, need, wait_until};

use crate::daemon::Daemon;
use crate::shim::{Modules, file, iomem, rounds, wait_no_card};

/// Cards played with random calls, and a driver that misbehaves.
#[test]
fn nonsense_breaks_nothing() {
    need!(Lab, Root);
    let before = iomem();
    let mut modules = Modules::shim();
    modules.load("baddrv", &[]);
    let seconds = rounds(20, 600);
    let argument = format!("seconds={seconds}");
    let mut fuzz = Running::start(Command::new(file("fuzz")).args(["seed=1", &argument]));
    // An emulator is late at everything.
    wait_until("the end of the fuzzer", Duration::from_secs(3 * u64::from(seconds) + 300), || {
        fuzz.ended()
    });
    println!("{}", fuzz.end().ok());
    wait_no_card();
    drop(modules);
    assert_eq!(iomem(), before);
}

/// A good driver, whose cards come and go, and programs that use it at random.
#[test]
fn users_of_cards_that_come_and_go_break_nothing() {
    need!(Lab, Root);
    let before = iomem();
    let modules = Modules::with_driver(&["timeout_ms=500"]);
    let seconds = rounds(15, 300);
    let user = |seed: &str| {
        let arguments = ["user", seed, &seconds.to_string()];
        Running::start(Command::new(file("abuse")).args(arguments))
    };
    let mut users = [user("1"), user("2")];
    let begin = Instant::now();
    let mut killed = 0;
    while users.iter_mut().any(|user| !user.ended()) {
        let daemons = [Daemon::start(&[]), Daemon::start(&["--no-msi"])];
        // How long they live, not how long something takes.
        std::thread::sleep(Duration::from_millis(300));
        daemons.into_iter().for_each(Daemon::kill);
        killed += 2;
        assert!(begin.elapsed() < Duration::from_secs(10 * u64::from(seconds) + 300), "they hang");
    }
    for user in users {
        let told = user.end().ok();
        println!("{told}");
        assert!(!told.contains(" 0 opens"), "no card was ever there: {told}");
    }
    println!("killed {killed} daemons");
    wait_no_card();
    drop(modules);
    assert_eq!(iomem(), before);
}
