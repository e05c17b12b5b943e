//! Guests that go, each in its own way.

use e2e::{need, soon, wait_until};
use lgbench::lguest::device::Device;
use rustix::process::Signal;

use crate::guests::{CPU, Guest, keep_off};
use crate::module::{Module, users};

/// One guest that is held in its gate, and another one that is not.
fn held(device: &Device, role: &str) -> [Guest; 2] {
    let [a, b] = ["run", role].map(|role| Guest::start(device, role));
    let gated = device.info().unwrap().gated;
    device.hold(b.id).unwrap();
    // On a busy machine it may stand because it has not come to run, and is not there yet.
    wait_until("a guest at the gate", soon(), || device.info().unwrap().gated > gated);
    b.stands_while(&[&a]);
    [a, b]
}

#[track_caller]
fn only(device: &Device, guest: &Guest) {
    let info = device.info().unwrap();
    assert_eq!((info.guests, info.held), (1 << guest.id, 0), "{info:?}");
    guest.runs_on();
}

#[test]
fn killed_while_held() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let [a, mut b] = held(&device, "run");
    b.kill();
    only(&device, &a);
    // Ctrl-C, which it does not catch.
    let [c, mut d] = held(&device, "run");
    assert_eq!(d.ends_by("INT"), Some(2));
    assert_eq!(device.info().unwrap().guests, 1 << a.id | 1 << c.id);
}

#[test]
fn a_signal_ends_the_wait_and_not_the_holding() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let [a, b] = held(&device, "run");
    for count in 1..=20 {
        let gated = device.info().unwrap().gated;
        b.tell(Signal::USR1);
        wait_until("an interruption", soon(), || b.interruptions() == count);
        // It waits again; else the next signal could come in between.
        wait_until("a guest at the gate", soon(), || device.info().unwrap().gated > gated);
    }
    b.stands_while(&[&a]);
    assert_eq!(b.error(), 0);
    device.let_go(b.id).unwrap();
    b.runs_on();
}

#[test]
fn closed_while_held() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let [a, b] = held(&device, "close");
    b.tell(Signal::USR1);
    b.has_done();
    only(&device, &a);
}

#[test]
fn another_program_by_exec() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let [a, mut b] = held(&device, "exec");
    b.tell(Signal::USR1);
    wait_until("a guest that has gone", soon(), || device.info().unwrap().guests == 1 << a.id);
    only(&device, &a);
    b.kill();
    // Where the file stays open, the guest stays too.
    let [_c, mut d] = held(&device, "keep");
    d.tell(Signal::USR1);
    d.has_done();
    assert_ne!(device.info().unwrap().guests & 1 << d.id, 0);
    d.kill();
    assert_eq!(device.info().unwrap().guests & 1 << d.id, 0);
}

#[test]
fn a_thread_that_ends_leaves_the_guest_to_its_process() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let [a, b] = held(&device, "thread");
    b.tell(Signal::USR1);
    b.has_done();
    let info = device.info().unwrap();
    assert_eq!((info.guests, info.held), (1 << a.id | 1 << b.id, 1 << b.id));
    b.tell(Signal::USR2);
    wait_until("a guest that has gone", soon(), || device.info().unwrap().guests == 1 << a.id);
    only(&device, &a);
    // Its process lives, but no thread of it is watched.
    wait_until("no thread that is watched", soon(), || users() == 3);
}

/// The thread is watched for as long as it lives, without effect.
#[test]
fn closed_by_another_thread() {
    need!(Lab, Root);
    keep_off();
    let module = Module::load();
    let device = Device::open().unwrap();
    let b = Guest::start(&device, "closer");
    b.runs_on();
    b.tell(Signal::USR2);
    wait_until("a guest that has gone", soon(), || device.info().unwrap().guests == 0);
    let entries = {
        b.has_done();
        device.info().unwrap().entries
    };
    drop(device);
    module.is_in_use();
    b.tell(Signal::USR1);
    wait_until("no thread that is watched", soon(), || users() == 0);
    assert_eq!(Device::open().unwrap().info().unwrap().entries, entries);
    // Such a thread may be another guest.
    let device = Device::open().unwrap();
    let mut c = Guest::start(&device, "again");
    c.runs_on();
    c.tell(Signal::USR2);
    wait_until("a second guest in one thread", soon(), || c.state(0) == 3);
    c.runs_on();
    assert_eq!((c.error(), device.info().unwrap().guests), (0, 1));
    c.kill();
    assert_eq!(device.info().unwrap().guests, 0);
}

#[test]
fn exec_by_another_thread() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let [a, b] = held(&device, "execer");
    b.tell(Signal::USR2);
    wait_until("a guest that has gone", soon(), || device.info().unwrap().guests == 1 << a.id);
    only(&device, &a);
    wait_until("no thread that is watched", soon(), || users() == 3);
}

#[test]
fn threads_of_one_process_killed_at_once() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    for round in 0..20 {
        let mut four = Guest::spawn("threads", CPU);
        let running = || (0..4).all(|thread| four.thread_runs(thread) > 3);
        wait_until("four threads", soon(), running);
        if round % 2 == 1 {
            (0..4).for_each(|id| device.hold(id).unwrap());
        }
        four.kill();
        assert_eq!(device.info().unwrap().guests, 0, "round {round}");
    }
}

#[test]
fn a_child_that_has_the_file_is_no_guest() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let mut guest = Guest::start(&device, "fork");
    for _ in 0..10 {
        guest.runs_on();
        guest.tell(Signal::USR1);
    }
    guest.runs_on();
    assert_eq!((guest.error(), device.info().unwrap().guests), (0, 1));
    guest.kill();
    wait_until("no guest", soon(), || device.info().unwrap().guests == 0);
}
