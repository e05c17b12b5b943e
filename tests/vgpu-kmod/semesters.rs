//! Cards of two semesters, made by `devgen`: each is bound to its own driver, and refused by the other's.

use std::process::Command;

use e2e::{Said, need, soon, tool, wait_until};

use crate::shim::{Modules, driver_of, file, wait_no_card};
use crate::vcd::Vcd;

/// A semester, and its driver's name.
const SPRING: (&str, &str) = ("2027-spring", "mvx");
/// One with the ring only, colours as inks, and no messages.
const FALL: (&str, &str) = ("2027-fall", "ktd");

fn play((semester, _): (&str, &str)) -> Vcd {
    Vcd::start(&["--card", file(&format!("card-{semester}")).to_str().unwrap()])
}

#[track_caller]
fn program(name: &str, (semester, driver): (&str, &str), arguments: &[&str]) {
    let program = file(&format!("{name}-{semester}"));
    Said::of(Command::new(program).arg(format!("/dev/{driver}0")).args(arguments)).ok();
}

/// The base card's picture of the same triangles.
fn base() -> (u32, u32, Vec<u8>) {
    let mut modules = Modules::shim();
    modules.load("bgc", &[]);
    let vcd = Vcd::start(&[]);
    vcd.wait_driver();
    Said::of(Command::new(file("triangles")).args(["/dev/bgc0", "500", "30", "7"])).ok();
    let picture = vcd.shot();
    vcd.end();
    wait_no_card();
    picture
}

#[test]
fn each_semester_s_driver_binds_and_draws_as_the_base_card_s() {
    need!(Lab, Root);
    let wanted = base();
    for semester in [SPRING, FALL] {
        let mut modules = Modules::shim();
        modules.load(semester.1, &[]);
        let vcd = play(semester);
        vcd.wait_driver_named(semester.1);
        program("triangles", semester, &["500", "30", "7"]);
        assert!(vcd.shot() == wanted, "{semester:?}: another picture");
        program("demo2d", semester, &[]);
        let (width, _, pixels) = vcd.shot();
        let pixel = |x: usize, y: usize| &pixels[(y * width as usize + x) * 3..][..3];
        assert_eq!(pixel(5, 5), [0x20, 0x30, 0x40], "{semester:?}: the ground");
        assert_eq!(pixel(320 + 2, 400 + 10), [255, 255, 255], "{semester:?}: the cursor");
        let stats = vcd.stats();
        assert_eq!(stats["card"]["faults"], 0, "{semester:?}: {stats}");
        vcd.end();
        wait_no_card();
    }
}

#[test]
fn a_driver_of_another_semester_refuses_the_card_and_says_why() {
    need!(Lab, Root);
    for (own, other) in [(SPRING, FALL), (FALL, SPRING)] {
        let mut modules = Modules::shim();
        modules.load(other.1, &[]);
        let vcd = play(own);
        let refusal = format!("{} {}: the card's layout is 0x", other.1, vcd.address);
        wait_until("the driver's refusal", soon(), || {
            tool::<&str>("dmesg", &[])
                .lines()
                .any(|line| line.contains(&refusal) && line.contains(", this driver is for 0x"))
        });
        assert_eq!(driver_of(&vcd.address), None);
        // The card's own driver takes it.
        modules.load(own.1, &[]);
        vcd.wait_driver_named(own.1);
        vcd.end();
        wait_no_card();
    }
}
