//! Nonsense from all sides: calls, mappings, configuration space, binding, forks.

use std::process::Command;

use e2e::{Running, need};

use crate::shim::{Modules, file, iomem, rounds, wait_no_card};

#[test]
fn nonsense_breaks_nothing() {
    need!(Lab, Root);
    let before = iomem();
    let modules = Modules::with_driver(&["timeout_ms=50"]);
    let seconds = rounds(20, 600).to_string();
    let run = |arguments: &[&str]| {
        Running::start(Command::new(file("abuse")).args(arguments).arg(&seconds))
    };
    // Two that play cards badly, and one that uses whatever driver is there.
    let runs = [run(&["fuzz", "1"]), run(&["fuzz", "2"]), run(&["user", "3"])];
    for run in runs {
        println!("{}", run.end().ok());
    }
    wait_no_card();
    drop(modules);
    assert_eq!(iomem(), before);
}
