//! The test driver, which knows nothing of the shim: all that it can do, over MSI and over the pin.

use std::fs;

use e2e::{need, soon, wait_until};

use crate::daemon::{Daemon, tcctl, tcctl_beside};
use crate::shim::{Modules, driver_of, rounds, sysfs, wait_no_card};

/// The test card's command register.
const COMMAND: usize = 0x020;

/// The value of a line `NAME VALUE` of tcctl's.
#[track_caller]
fn word(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}: {text}")).to_owned()
}

fn selftest(interrupts: &str, kind: &str) {
    let modules = Modules::with_driver(&[&format!("interrupts={interrupts}")]);
    let mut daemon = Daemon::driven(&[]);
    let device = daemon.device();
    assert_eq!(word(&tcctl(&device, &["info"]).ok(), "kind"), kind);
    for seed in 1..=rounds(3, 30) {
        let told = tcctl(&device, &["selftest", &seed.to_string()]).ok();
        assert_eq!(told.lines().filter(|line| line.starts_with("ok ")).count(), 10, "{told}");
    }
    let info = tcctl(&device, &["info"]).ok();
    let stats = daemon.stats();
    println!("{kind}: {info}{stats:?}");
    let handled: u64 = word(&info, "interrupts").parse().unwrap();
    assert!(handled >= 60, "{info}");
    let (by_message, by_pin) = (stats["messages"], stats["pins"]);
    if kind == "msi" {
        assert!(by_message >= handled && by_pin == 0, "{stats:?}");
    } else {
        assert!(by_pin > 0 && by_message == 0, "{stats:?}");
    }
    assert_eq!(stats["dma_mappings"], 1, "only the ring is left: {stats:?}");
    daemon.end();
    wait_no_card();
    drop(modules);
}

#[test]
fn its_own_test_passes_over_msi() {
    need!(Lab, Root);
    selftest("any", "msi");
}

#[test]
fn its_own_test_passes_over_the_interrupt_pin() {
    need!(Lab, Root);
    selftest("intx", "intx");
}

/// How often each processor has had an interrupt.
fn by_processor(irq: &str) -> Vec<u64> {
    let text = fs::read_to_string("/proc/interrupts").unwrap();
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(&format!("{irq}:")));
    let counts = line.unwrap_or_else(|| panic!("no interrupt {irq}: {text}")).split_whitespace();
    counts.map_while(|count| count.parse().ok()).collect()
}

#[test]
fn messages_go_to_the_processor_that_their_affinity_names() {
    need!(Lab, Root);
    let modules = Modules::with_driver(&[]);
    let daemon = Daemon::driven(&[]);
    let device = daemon.device();
    let irq = word(&tcctl(&device, &["info"]).ok(), "irq");
    for cpu in [1, 0, 1] {
        let files = format!("/proc/irq/{irq}");
        fs::write(format!("{files}/smp_affinity_list"), cpu.to_string()).unwrap();
        // At once, not with the next interrupt.
        let now = fs::read_to_string(format!("{files}/effective_affinity_list")).unwrap();
        assert_eq!(now.trim(), cpu.to_string());
        let before = by_processor(&irq);
        tcctl(&device, &["selftest"]).ok();
        let after = by_processor(&irq);
        println!("to processor {cpu}: {before:?}, then {after:?}");
        assert!(after[cpu] >= before[cpu] + 20, "{before:?}, {after:?}");
        assert_eq!(after[1 - cpu], before[1 - cpu], "{before:?}, {after:?}");
    }
    daemon.end();
    wait_no_card();
    drop(modules);
}

#[test]
fn programs_map_fill_and_copy() {
    need!(Lab, Root);
    let modules = Modules::with_driver(&[]);
    let mut daemon = Daemon::driven(&[]);
    let device = daemon.device();
    tcctl(&device, &["mirror", "100"]).ok();
    let stats = daemon.stats();
    assert!(stats["user_writes"] >= 50 && stats["user_mappings"] <= 1, "{stats:?}");
    for (offset, length) in [("0", "4"), ("4096", "8192"), ("4190208", "4096")] {
        tcctl(&device, &["fill", offset, length, "0x12345678"]).ok();
    }
    for (offset, length) in [("0", "1"), ("4095", "4097"), ("17", "1048576")] {
        tcctl(&device, &["copy", offset, length]).ok();
    }
    let wrong = tcctl(&device, &["copy", "4194303", "2"]);
    assert!(wrong.err.contains("Invalid argument"), "{wrong}");
    daemon.end();
    wait_no_card();
    drop(modules);
}

#[test]
fn it_can_be_unbound_and_bound_again_under_load() {
    need!(Lab, Root);
    let modules = Modules::with_driver(&["timeout_ms=3000"]);
    let daemon = Daemon::driven(&[]);
    let driver = fs::canonicalize(sysfs(&daemon.address).join("driver")).unwrap();
    for _ in 0..rounds(5, 50) {
        let device = daemon.device();
        let load = tcctl_beside(&device, &["hammer", "100000000", "8", "60000", "k0", "u17"]);
        let hold = tcctl_beside(&device, &["hold"]);
        wait_until("a program that has the card mapped", soon(), || {
            hold.output().contains("holding")
        });
        fs::write(driver.join("unbind"), &daemon.address).unwrap();
        assert_eq!(driver_of(&daemon.address), None);
        // What they had mapped is gone, and they learn of it.
        let said = hold.end();
        assert!(said.out.contains("gone"), "{said}");
        drop(load);
        fs::write(driver.join("bind"), &daemon.address).unwrap();
        daemon.wait_driver("testcard");
        tcctl(&daemon.device(), &["selftest"]).ok();
    }
    daemon.end();
    wait_no_card();
    drop(modules);
}

#[test]
fn a_card_that_does_not_answer_is_refused_by_its_driver() {
    need!(Lab, Root);
    let modules = Modules::with_driver(&["timeout_ms=200"]);
    // Registers that read 0: not the card that the driver knows.
    let card = vcd_drm::shim::Card::create(&crate::shim::config()).unwrap();
    crate::shim::plug(&card);
    let address = card.address().to_string();
    // While it probes, it is the card's driver.
    wait_until("the driver's refusal", soon(), || driver_of(&address).is_none());
    assert_eq!(card.registers().read(COMMAND), 0, "it has not asked for anything");
    drop(card);
    wait_no_card();
    // The right identity, and nobody who does what it asks for.
    let card = vcd_drm::shim::Card::create(&crate::shim::config()).unwrap();
    card.registers().write(0, 0x3164_6374);
    card.registers().write(4, 1);
    crate::shim::plug(&card);
    wait_until("the driver's first command", soon(), || card.registers().read(COMMAND) != 0);
    wait_until("the driver's refusal", soon(), || driver_of(&address).is_none());
    assert_eq!(card.status().unwrap().dma_mappings(), 0, "the driver has given all back");
    assert_eq!(card.status().unwrap().mappings(), (0, 0), "the driver has unmapped all");
    drop(card);
    wait_no_card();
    drop(modules);
}
