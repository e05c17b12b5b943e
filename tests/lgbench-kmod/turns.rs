//! Who runs when.

use std::time::{Duration, Instant};

use e2e::{need, soon, wait_until};
use lgbench::lguest::device::{Device, Error, GUESTS_MAX, INTERVALS, Mode};
use rustix::process::Signal;

use crate::guests::{CPU, Guest, keep_off, pass};
use crate::module::Module;

const LONG: Duration = INTERVALS.1;

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn an_interval_of_2_ms_expires_3000_times_in_6_s() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let guests = [Guest::start(&device, "run"), Guest::start(&device, "run")];
    device.set_mode(Mode::Alternate { first: 0, interval: ms(2) }).unwrap();
    device.clear().unwrap();
    let time = pass(ms(6000));
    let info = device.info().unwrap();
    let expected = time.as_secs_f64() / 0.002;
    println!("{info:?} in {time:?}");
    let off = (info.expiries as f64 / expected - 1.0).abs();
    assert!(off <= 0.01, "{} expiries, not {expected:.0}", info.expiries);
    assert!(info.is_gated && info.guests == 3 && info.held == 0, "{info:?}");
    // How often they took turns by that depends on how often the emulator was in time.
    assert!(info.missed < info.expiries && info.switches <= info.expiries, "{info:?}");
    assert!(info.switches > 20 && info.gated > 20 && info.entries > info.switches, "{info:?}");
    guests.iter().for_each(Guest::runs_on);
}

#[test]
fn nothing_else_needs_to_have_guests() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load_alone();
    let device = Device::open().unwrap();
    // Between two calls nobody but the scheduler tells of switches.
    let guests = ["yield"; 2].map(|role| Guest::start(&device, role));
    guests.iter().for_each(Guest::runs_on);
    wait_until("switches", soon(), || device.info().unwrap().switches > 10);
}

#[test]
fn a_held_guest_stands_and_the_others_run() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let [a, b, c] = ["run"; 3].map(|role| Guest::start(&device, role));
    device.hold(b.id).unwrap();
    b.stands_while(&[&a, &c]);
    // In a mode, too: its turns pass it by.
    device.set_mode(Mode::Alternate { first: b.id, interval: ms(2) }).unwrap();
    b.stands_while(&[&a, &c]);
    device.hold(c.id).unwrap();
    c.stands_while(&[&a]);
    assert_eq!(device.info().unwrap().held, 1 << b.id | 1 << c.id);
    device.let_go(b.id).unwrap();
    b.runs_on();
    c.stands_while(&[&a, &b]);
    // The end of a mode is no end of holding.
    device.set_mode(Mode::Free).unwrap();
    c.stands_while(&[&a, &b]);
    device.let_go(c.id).unwrap();
    c.runs_on();
    assert_eq!(device.info().unwrap().held, 0);
}

/// A controller that holds a guest waits until it is not inside. In between two calls nothing can keep it from
/// running, and it is not for the scheduler to say that it is out.
#[test]
fn who_would_run_without_its_gate_is_inside() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let is_inside = |guest: &Guest| device.info().unwrap().inside & 1 << guest.id != 0;
    // They call once, and then take turns by the scheduler.
    let mut both = ["yield"; 2].map(|role| Guest::start(&device, role));
    both.iter().for_each(Guest::runs_on);
    device.hold(both[0].id).unwrap();
    for look in 0..500 {
        assert!(is_inside(&both[0]), "look {look}: out, and it runs on");
    }
    both[0].runs_on();
    both[0].kill();
    assert!(!is_inside(&both[0]));
    // At its gate it is out, and stays so.
    let c = Guest::start(&device, "run");
    c.runs_on();
    device.hold(c.id).unwrap();
    wait_until("a guest that is out", soon(), || !is_inside(&c));
    let entries = c.runs();
    both[1].runs_on();
    assert!(!is_inside(&c) && c.runs() == entries);
    // So is one whose thread has ended, though it was inside then, and its file is open.
    let d = Guest::start(&device, "thread");
    d.runs_on();
    d.tell(Signal::USR1);
    d.has_done();
    assert_ne!(device.info().unwrap().guests & 1 << d.id, 0);
    wait_until("a guest without a thread", soon(), || !is_inside(&d));
}

#[test]
fn once_is_the_first_alone_and_then_the_next_alone() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let [a, b] = ["run"; 2].map(|role| Guest::start(&device, role));
    device.clear().unwrap();
    let start = Instant::now();
    device.set_mode(Mode::Once { first: b.id, interval: ms(4000) }).unwrap();
    a.stands_while(&[&b]);
    assert_eq!(device.info().unwrap().turn, Some(b.id), "after {:?}", start.elapsed());
    wait_until("the other one's turn", soon(), || device.info().unwrap().turn == Some(a.id));
    assert!(start.elapsed() >= ms(4000), "{:?}", start.elapsed());
    b.stands_while(&[&a]);
    let info = device.info().unwrap();
    assert_eq!((info.expiries, info.missed, info.turn), (1, 0, Some(a.id)));
    device.set_mode(Mode::Free).unwrap();
    b.runs_on();
    a.runs_on();
}

#[test]
fn five_take_turns_while_others_come_and_go() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let mut guests: Vec<_> = (0..5).map(|_| Guest::start(&device, "run")).collect();
    assert_eq!(guests.iter().map(|guest| guest.id).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    device.set_mode(Mode::Alternate { first: 3, interval: ms(5) }).unwrap();
    guests.iter().for_each(Guest::runs_on);
    for leaving in [0, 4, 2, 2] {
        let gone = guests.remove(leaving);
        let id = gone.id;
        drop(gone);
        assert_eq!(device.info().unwrap().guests & 1 << id, 0);
        guests.iter().for_each(Guest::runs_on);
        let new = Guest::start(&device, "run");
        assert_eq!(new.id, id, "the lowest that is free");
        guests.push(new);
        guests.iter().for_each(Guest::runs_on);
    }
    assert!(device.info().unwrap().is_gated);
}

/// Without waiting for the timer, which will not expire in this test.
#[test]
fn a_turn_does_not_stay_with_one_that_cannot_use_it() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let [mut a, b, mut c] = ["run"; 3].map(|role| Guest::start(&device, role));
    let turn = || device.info().unwrap().turn;
    device.set_mode(Mode::Alternate { first: a.id, interval: LONG }).unwrap();
    b.stands_while(&[&a]);
    // Killed in its turn.
    a.kill();
    assert_eq!(turn(), Some(b.id));
    c.stands_while(&[&b]);
    // Held in its turn.
    device.hold(b.id).unwrap();
    assert_eq!(turn(), Some(c.id));
    b.stands_while(&[&c]);
    // The last one is killed, and the other one is held: whoever is let go has it.
    c.kill();
    device.let_go(b.id).unwrap();
    b.runs_on();
    // Whoever comes.
    device.hold(b.id).unwrap();
    let d = Guest::start(&device, "run");
    b.stands_while(&[&d]);
    assert_eq!(turn(), Some(d.id));
    // All are held, not in the turn's order.
    device.hold(d.id).unwrap();
    device.let_go(b.id).unwrap();
    d.stands_while(&[&b]);
    drop((b, d));
    // All have gone.
    let e = Guest::start(&device, "run");
    e.runs_on();
    assert!(device.info().unwrap().is_gated);
}

#[test]
fn one_program_has_the_control_until_it_closes_the_device() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let first = Device::open().unwrap();
    let second = Device::open().unwrap();
    let [a, b] = ["run"; 2].map(|role| Guest::start(&first, role));
    first.hold(b.id).unwrap();
    let alternate = Mode::Alternate { first: a.id, interval: LONG };
    for refused in [
        second.set_mode(alternate),
        second.set_mode(Mode::Free),
        second.hold(a.id),
        second.let_go(b.id),
    ] {
        assert!(matches!(refused, Err(Error::Busy)), "{refused:?}");
    }
    first.set_mode(alternate).unwrap();
    b.stands_while(&[&a]);
    // Anybody may look.
    assert_eq!(second.info().unwrap().held, 1 << b.id);
    second.read().unwrap();
    drop(first);
    let info = second.info().unwrap();
    assert!(!info.is_gated && info.turn.is_none() && info.held == 0, "{info:?}");
    b.runs_on();
    a.runs_on();
    second.set_mode(alternate).unwrap();
    b.stands_while(&[&a]);
}

#[test]
fn who_is_too_many_is_not_gated() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let open = || std::fs::File::open("/dev/lgbench-guest").unwrap();
    let all: Vec<_> = (0..GUESTS_MAX).map(|_| open()).collect();
    assert_eq!(device.info().unwrap().guests, (1 << GUESTS_MAX) - 1);
    device.set_mode(Mode::Alternate { first: 0, interval: LONG }).unwrap();
    let more = Guest::spawn("run", CPU);
    more.runs_on();
    assert_eq!(device.info().unwrap().entries, 0);
    drop((all, more));
    assert_eq!(device.info().unwrap().guests, 0);
}
