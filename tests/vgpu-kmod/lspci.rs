//! What lspci says of a card, and how cards come and go.

use std::time::Duration;

use e2e::{need, soon, tool, wait_until};
use vcd_drm::shim::{Card, CardConfig, Events};

use crate::daemon::Daemon;
use crate::shim::{Modules, cards, config, plug, sysfs, wait_no_card};

#[track_caller]
fn lspci(address: &str) -> String {
    tool("lspci", &["-D", "-vv", "-s", address])
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not said:\n{text}");
    }
}

#[test]
fn a_driven_card_looks_as_any_other() {
    need!(Lab, Root);
    let modules = Modules::with_driver(&[]);
    let daemon = Daemon::driven(&[]);
    let device = daemon.device();
    let text = lspci(&daemon.address);
    println!("{text}");
    says(
        &text,
        &[
            &daemon.address,
            "Display controller: Device 1234:7e57 (rev 01)",
            "Subsystem: Device 1234:0001",
            "Mem+ BusMaster+",
            "Interrupt: pin A",
            "Region 0: Memory at ",
            "(64-bit, non-prefetchable) [size=16K]",
            "Region 2: Memory at ",
            "(64-bit, prefetchable) [size=4M]",
            "MSI: Enable+ Count=1/1",
            "Power Management version 3",
            "Kernel driver in use: testcard",
        ],
    );
    assert_eq!(device, "/dev/testcard0");
    daemon.end();
    wait_no_card();
    drop(modules);
}

#[test]
fn a_card_without_driver_framebuffer_and_interrupts_has_none() {
    need!(Lab, Root);
    let modules = Modules::shim();
    let config = CardConfig {
        framebuffer_bytes: 0,
        register_bytes: 0x1000,
        msi_vectors: 0,
        pin: false,
        class: 0xff_00_00,
        ..config()
    };
    let card = Card::create(&config).unwrap();
    plug(&card);
    let text = lspci(&card.address().to_string());
    says(&text, &["Unassigned class [ff00]", "[size=4K]", "Mem- BusMaster-"]);
    for word in ["Region 2", "MSI", "pin A", "Kernel driver"] {
        assert!(!text.contains(word), "{word:?} is said:\n{text}");
    }
    drop(card);
    wait_no_card();
    drop(modules);
}

#[test]
fn cards_of_all_sizes_and_vectors_can_be_made() {
    need!(Lab, Root);
    let modules = Modules::shim();
    for (registers, framebuffer, vectors, said) in [
        (0x1000, 0x1000, 1, ["[size=4K]", "[size=4K]", "Count=1/1"]),
        (0x2000, 1 << 20, 2, ["[size=8K]", "[size=1M]", "Count=1/2"]),
        (0x1_0000, 16 << 20, 32, ["[size=64K]", "[size=16M]", "Count=1/32"]),
    ] {
        let config = CardConfig {
            register_bytes: registers,
            framebuffer_bytes: framebuffer,
            msi_vectors: vectors,
            device: 0x5123,
            ..config()
        };
        let card = Card::create(&config).unwrap();
        assert_eq!(card.registers().bytes(), registers as usize);
        assert_eq!(card.framebuffer().unwrap().bytes(), framebuffer as usize);
        plug(&card);
        says(&lspci(&card.address().to_string()), &said);
    }
    wait_no_card();
    drop(modules);
}

#[test]
fn two_cards_stand_side_by_side() {
    need!(Lab, Root);
    let modules = Modules::with_driver(&[]);
    let first = Daemon::driven(&["--name", "first"]);
    let second = Daemon::driven(&["--name", "second", "--framebuffer", "1048576"]);
    assert_ne!(first.address, second.address);
    let devices = [first.device(), second.device()];
    let runs = devices.each_ref().map(|device| crate::daemon::tcctl_beside(device, &["selftest"]));
    for run in runs {
        run.end().ok();
    }
    // Pulling one out is nothing to the other.
    first.kill();
    wait_until("one card", soon(), || cards() == [second.address.clone()]);
    crate::daemon::tcctl(&devices[1], &["selftest", "2"]).ok();
    second.end();
    wait_no_card();
    drop(modules);
}

#[test]
fn a_card_can_be_plugged_in_again_and_again() {
    need!(Lab, Root);
    let modules = Modules::with_driver(&[]);
    let mut daemon = Daemon::driven(&[]);
    for seed in ["1", "2", "3"] {
        crate::daemon::tcctl(&daemon.device(), &["selftest", seed]).ok();
        daemon.tell("unplug");
        wait_no_card();
        // It counts as plugged in a little longer than it is on its bus.
        let stats = wait_until("a card that is all gone", soon(), || {
            let stats = daemon.stats();
            (stats["plugged"] == 0).then_some(stats)
        });
        assert_eq!((stats["bound"], stats["dma_mappings"]), (0, 0));
        assert_eq!((stats["kernel_mappings"], stats["user_mappings"]), (0, 0), "{stats:?}");
        daemon.tell("plug");
        daemon.wait_driver("testcard");
    }
    daemon.end();
    wait_no_card();
    drop(modules);
}

#[test]
fn the_daemon_hears_of_what_it_asks_for() {
    need!(Lab, Root);
    let modules = Modules::shim();
    let card = Card::create(&CardConfig { device: 0x5123, ..config() }).unwrap();
    card.arm(Events::DRIVER).unwrap();
    card.plug().unwrap();
    let woken = card.wait(Some(soon())).unwrap();
    assert!(woken.events.any(Events::DRIVER), "{woken:?}");
    wait_until("a card that is plugged in", soon(), || card.status().unwrap().plugged());
    // Without interest in it, it is told when arming, and wakes nobody.
    card.arm(Events::NONE).unwrap();
    let address = card.address().to_string();
    crate::shim::setpci(&address, "COMMAND=0006:0006");
    let woken = card.wait(Some(Duration::from_millis(300))).unwrap();
    let writes = Events::KERNEL_WRITE | Events::USER_WRITE;
    assert!(!woken.events.any(writes), "{woken:?}");
    let armed = card.arm(Events::NONE).unwrap();
    assert!(armed.events.any(Events::CONFIG), "{armed:?}");
    assert!(card.status().unwrap().bus_master());
    assert!(sysfs(&address).exists());
    drop(card);
    wait_no_card();
    drop(modules);
}
