//! The module goes when nobody uses it, at once, and not before.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::need;
use lgbench::lguest::device::{Device, Mode};

use crate::guests::{Guest, keep_off};
use crate::module::{Module, rounds, users};

#[test]
fn loaded_and_unloaded_again_and_again() {
    need!(Lab, Root);
    for _ in 0..rounds(20, 500) {
        let module = Module::load();
        let device = Device::open().unwrap();
        let info = device.info().unwrap();
        assert_eq!((info.guests, info.entries, info.turn), (0, 0, None));
        drop(device);
        module.unload();
        assert!(!Path::new("/dev/lgbench").exists());
    }
}

#[test]
fn not_under_who_uses_it() {
    need!(Lab, Root);
    keep_off();
    let module = Module::load();
    let device = Device::open().unwrap();
    module.is_in_use();
    let mut guests = [Guest::start(&device, "run"), Guest::start(&device, "run")];
    let interval = Duration::from_millis(1);
    device.set_mode(Mode::Alternate { first: 0, interval }).unwrap();
    device.hold(1).unwrap();
    module.is_in_use();
    drop(device);
    module.is_in_use();
    guests[0].kill();
    module.is_in_use();
    guests[1].kill();
    // At once.
    assert_eq!(users(), 0);
    module.unload();
}

/// Somebody tries to unload it all the time, while its users are killed in the middle of their work.
#[test]
fn as_soon_as_all_are_killed() {
    need!(Lab, Root);
    keep_off();
    for round in 0..rounds(20, 300) {
        let module = Module::load();
        let device = Device::open().unwrap();
        let role = ["run", "threads", "yield"][round as usize % 3];
        let mut guests = [Guest::start(&device, "run"), Guest::spawn(role, round as usize % 2)];
        let interval = Duration::from_micros(100);
        device.set_mode(Mode::Alternate { first: 0, interval }).unwrap();
        guests[0].runs_on();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let unloader = scope.spawn(|| {
                loop {
                    // Whether it was the last time is known before it begins.
                    let was_over = is_over.load(Ordering::SeqCst);
                    let said = Module::try_unload();
                    if said.status.success() {
                        return true;
                    }
                    assert!(said.err.contains("in use"), "{said}");
                    // A thread whose file its process closed is watched a little longer.
                    if was_over && role != "threads" {
                        return false;
                    }
                }
            });
            drop(device);
            guests.iter_mut().for_each(Guest::kill);
            is_over.store(true, Ordering::SeqCst);
            assert!(unloader.join().unwrap(), "round {round}: nobody uses it, and it stays");
        });
        module.forget();
    }
}
