//! The smallest driver of the base card, written from the manual alone: what it draws is what the manual
//! says, and it survives a card that does not answer and goes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use e2e::{Said, need, soon, wait_until};

use crate::shim::{Modules, driver_of, file, wait_no_card};
use crate::vcd::Vcd;

/// The program, showing its picture until it is told to end; with what it has printed by then.
#[track_caller]
fn picture() -> (Child, String) {
    let mut command = Command::new(file("picture"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut told = String::new();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap());
    while !told.ends_with("end of input ends it\n") {
        let read = lines.read_line(&mut told).unwrap();
        assert!(read > 0, "it has ended: {told}");
    }
    (child, told)
}

/// A card that the driver is bound to, and can be opened.
#[track_caller]
fn card() -> Vcd {
    let vcd = Vcd::start(&[]);
    wait_until("the driver bgcmin", soon(), || {
        driver_of(&vcd.address).is_some_and(|name| name == "bgcmin")
    });
    wait_until("the driver's device", soon(), || Path::new("/dev/bgcmin").exists());
    vcd
}

#[test]
fn a_driver_written_from_the_manual_draws_what_the_manual_says() {
    need!(Lab, Root);
    let mut modules = Modules::shim();
    modules.load("bgcmin", &[]);
    let vcd = card();
    let (mut child, told) = picture();
    assert!(told.contains("15 of 15 pixels are right"), "{told}");
    let (width, height, pixels) = vcd.shot();
    assert_eq!((width, height), (640, 480));
    let pixel = |x: usize, y: usize| &pixels[(y * width as usize + x) * 3..][..3];
    assert_eq!(pixel(5, 5), [0x10, 0x18, 0x30], "the ground");
    assert_eq!(pixel(460, 120), [0xc0, 0x80, 0x20], "the rectangle");
    assert_eq!(pixel(140, 90), [0xff, 0xff, 0xff], "the line");
    assert_eq!(pixel(164, 316), [0x9f, 0x40, 0x20], "the triangle");
    // Two buffers were drawn, one had a mistake on purpose, and each has interrupted.
    let stats = vcd.stats();
    assert_eq!(stats["card"]["faults"], 1, "{stats}");
    assert_eq!(stats["card"]["interrupts"], 3, "{stats}");
    Said::of(&mut Command::new(file("picture"))).says(&["busy"]);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    vcd.end();
    wait_no_card();
}

#[test]
fn a_driver_written_from_the_manual_survives_a_card_that_is_stuck_and_goes() {
    need!(Lab, Root);
    let mut modules = Modules::shim();
    modules.load("bgcmin", &[]);
    let vcd = card();
    let (mut child, _) = picture();
    vcd.signal("STOP");
    drop(child.stdin.take());
    let stat = format!("/proc/{}/stat", child.id());
    wait_until("the program waiting for the card", soon(), || {
        fs::read_to_string(&stat).unwrap().contains(") D ")
    });
    drop(vcd); // kill -9
    let said = child.wait_with_output().unwrap();
    assert_eq!(said.status.code(), Some(1));
    let errors = String::from_utf8(said.stderr).unwrap();
    assert!(errors.contains("once more: No such device"), "{errors}");
    wait_no_card();
    // The next card gets the same driver.
    let vcd = card();
    let (mut child, _) = picture();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    vcd.end();
    wait_no_card();
}
