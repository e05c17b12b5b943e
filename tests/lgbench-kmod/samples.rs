//! What is recorded of switches.

use std::process::Command;
use std::time::Duration;

use e2e::{Said, need, soon, wait_until};
use lgbench::lguest::device::{Device, Info, Mode, Sample};
use lgbench::sys::time::tsc;

use crate::guests::{Guest, keep_off, pass};
use crate::module::{Module, file};

/// Samples that the kernel keeps.
const KEPT: u64 = 65536;

/// Checks samples of guests on one processor, which are all there are of them.
fn check_chain(samples: &[Sample]) {
    for sample in samples {
        assert!(sample.since <= sample.out_at && sample.out_at <= sample.in_at, "{sample:?}");
        assert_ne!(sample.from, sample.to, "{sample:?}");
    }
    for pair in samples.windows(2) {
        let [one, next] = pair else { continue };
        assert_eq!((next.from, next.since), (one.to, one.in_at), "{pair:?}");
    }
}

fn check_counts(info: &Info, samples: &[Sample]) {
    let took = || samples.iter().map(|sample| sample.in_at - sample.out_at);
    let counted = (info.switches, info.switch_min, info.switch_sum, info.switch_max);
    let (least, most) = (took().min().unwrap(), took().max().unwrap());
    assert_eq!(counted, (samples.len() as u64, least, took().sum(), most));
}

fn alternate(device: &Device) {
    device.set_mode(Mode::Alternate { first: 0, interval: Duration::from_millis(2) }).unwrap();
}

#[test]
fn they_follow_each_other_and_agree_with_the_counts() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let guests = [Guest::start(&device, "run"), Guest::start(&device, "run")];
    assert!(device.info().unwrap().tsc_khz > 100_000);
    alternate(&device);
    guests.iter().for_each(Guest::runs_on);
    // The first sample has not ended before this; one may end as soon as there are none.
    let begin = tsc();
    device.clear().unwrap();
    wait_until("many switches", soon(), || device.info().unwrap().switches > 500);
    drop(guests);
    let end = tsc();
    let info = device.info().unwrap();
    let read = device.read().unwrap();
    assert_eq!(read.lost, 0);
    check_chain(&read.samples);
    check_counts(&info, &read.samples);
    assert!(read.samples.iter().all(|sample| sample.from < 2 && sample.to < 2));
    let (first, last) = (read.samples.first().unwrap(), read.samples.last().unwrap());
    assert!(begin < first.in_at && last.in_at < end, "{begin} {first:?} {last:?} {end}");
    // What was read is gone.
    assert_eq!(device.read().unwrap().samples, []);
    device.clear().unwrap();
    let info = device.info().unwrap();
    let counts = (info.switches, info.switch_min, info.switch_sum, info.switch_max);
    assert_eq!((counts, info.entries, info.expiries), ((0, 0, 0, 0), 0, 0));
}

#[test]
fn each_processor_has_its_own() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let guests: Vec<_> =
        [0, 1, 0, 1].iter().map(|&cpu| Guest::start_on(&device, "yield", cpu)).collect();
    device.clear().unwrap();
    pass(Duration::from_secs(2));
    drop(guests);
    let read = device.read().unwrap();
    for cpu in 0..2 {
        let own = |sample: &&Sample| sample.from % 2 == cpu;
        let own: Vec<Sample> = read.samples.iter().filter(own).copied().collect();
        assert!(own.len() > 20, "{} on processor {cpu}", own.len());
        assert!(own.iter().all(|sample| sample.to % 2 == cpu), "to another processor");
        check_chain(&own);
    }
}

#[test]
fn where_there_are_too_many_the_oldest_go_and_are_counted() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let guests = [Guest::start(&device, "yield"), Guest::start(&device, "yield")];
    device.clear().unwrap();
    wait_until("some switches", soon(), || device.info().unwrap().switches > 1000);
    // The clock first: what is counted afterwards may have happened since, what is counted by then has not.
    let early = tsc();
    let seen = device.info().unwrap().switches;
    wait_until("more switches than are kept", soon() * 2, || {
        device.info().unwrap().switches > KEPT + seen + 1
    });
    drop(guests);
    let info = device.info().unwrap();
    let read = device.read().unwrap();
    assert_eq!((read.samples.len() as u64, read.lost), (KEPT, info.switches - KEPT));
    // All that were counted at first are lost, and the one that was under way then.
    assert!(read.samples[0].out_at > early, "{:?} {early}", read.samples[0]);
    check_chain(&read.samples);
    assert_eq!(device.read().unwrap().lost, 0);
}

#[test]
fn what_cannot_be_given_is_counted_as_lost() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let guests = [Guest::start(&device, "run"), Guest::start(&device, "run")];
    alternate(&device);
    device.clear().unwrap();
    wait_until("some switches", soon(), || device.info().unwrap().switches > 200);
    drop(guests);
    let switches = device.info().unwrap().switches;
    Said::of(Command::new(file("guest")).arg("torn")).ok();
    let read = device.read().unwrap();
    assert_eq!(read.lost + read.samples.len() as u64, switches);
    assert!(read.lost > 0);
    check_chain(&read.samples);
}

/// One that is not measured was in between: that was no switch from one guest to another.
#[test]
fn who_is_too_many_comes_between() {
    need!(Lab, Root);
    keep_off();
    let _module = Module::load();
    let device = Device::open().unwrap();
    let a = Guest::start(&device, "run");
    let open = || std::fs::File::open("/dev/lgbench-guest").unwrap();
    let all: Vec<_> = (1..16).map(|_| open()).collect();
    let other = Guest::spawn("run", crate::guests::CPU);
    other.runs_on();
    device.clear().unwrap();
    device.hold(a.id).unwrap();
    other.runs_on();
    device.let_go(a.id).unwrap();
    a.runs_on();
    assert_eq!(device.info().unwrap().switches, 0);
    drop((a, other, all));
}
