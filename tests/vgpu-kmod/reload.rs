//! The module is unloaded and loaded again: the machine is as before.

use e2e::{need, tool};
use vcd_drm::shim::{Card, CardConfig};

use crate::daemon::{Daemon, tcctl};
use crate::shim::{Modules, config, iomem, meminfo, plug, rounds, wait_no_card};

/// What a leak would take from, in KiB: all that is free, and what the kernel has for itself.
fn memory() -> (i64, i64, i64) {
    tool("sh", &["-c", "sync; echo 3 >/proc/sys/vm/drop_caches"]);
    (meminfo("MemFree"), meminfo("SUnreclaim"), meminfo("VmallocUsed"))
}

#[test]
fn memory_and_its_map_are_as_before() {
    need!(Lab, Root);
    let map = iomem();
    let once = |round: u32| {
        let modules = Modules::shim();
        let sizes = [(0x1000, 1 << 20), (0x4000, 4 << 20), (0x1_0000, 16 << 20)];
        let (register_bytes, framebuffer_bytes) = sizes[round as usize % sizes.len()];
        let config = CardConfig { register_bytes, framebuffer_bytes, device: 0x5123, ..config() };
        let card = Card::create(&config).unwrap();
        plug(&card);
        drop(card);
        wait_no_card();
        drop(modules);
        assert_eq!(iomem(), map, "round {round}");
    };
    // What is allocated once and for ever is by then.
    (0..3).for_each(once);
    let count = rounds(10, 100);
    let mut told = Vec::new();
    // Pages that are free may still wait on some processor's list: a leak takes from every turn.
    let kept = (0..3).any(|_| {
        let before = memory();
        (0..count).for_each(once);
        let after = memory();
        told.push(format!("{before:?}, then {after:?}"));
        // A framebuffer that is not given back would be 10 MiB and more.
        before.0 - after.0 < 8 << 10 && after.1 - before.1 < 2 << 10 && after.2 - before.2 < 1 << 10
    });
    let told = format!("{count} reloads; KiB free, slab, vmalloc: {}", told.join("; "));
    println!("{told}");
    assert!(kept, "memory is gone: {told}");
}

#[test]
fn it_is_not_unloaded_under_a_card() {
    need!(Lab, Root);
    let mut modules = Modules::with_driver(&[]);
    let daemon = Daemon::driven(&[]);
    let said = e2e::Said::of(std::process::Command::new("rmmod").arg("vgpu"));
    assert!(!said.status.success() && said.err.contains("in use"), "{said}");
    // The driver may go, as any driver may.
    modules.unload("testcard");
    modules.load("testcard", &[]);
    daemon.wait_driver("testcard");
    tcctl(&daemon.device(), &["selftest"]).ok();
    daemon.end();
    wait_no_card();
    drop(modules);
}
