//! The rules that the shim enforces, tried one by one with a driver that misbehaves.

use std::process::Command;

use e2e::{Said, need};

use crate::shim::{Modules, file, iomem, wait_no_card};

#[test]
fn each_holds() {
    need!(Lab, Root);
    let before = iomem();
    let mut modules = Modules::shim();
    modules.load("baddrv", &[]);
    let told = Said::of(&mut Command::new(file("rules"))).ok();
    println!("{told}");
    assert!(told.trim_end().ends_with(" checks, 0 failed"), "{told}");
    wait_no_card();
    drop(modules);
    assert_eq!(iomem(), before);
}
