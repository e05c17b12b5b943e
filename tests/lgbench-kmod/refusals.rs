//! Calls that are refused; which ones is in programs/refused.c.

use std::process::Command;

use e2e::{Said, need};
use lgbench::lguest::device::{Device, Error, INTERVALS, Mode};
use rustix::io::Errno;

use crate::module::{Module, file};

#[test]
fn every_wrong_call_has_its_error() {
    need!(Lab, Root);
    let _module = Module::load();
    Said::of(Command::new(file("guest")).arg("refused")).ok();
}

#[test]
fn the_client_says_what_is_wrong() {
    need!(Lab, Root);
    let _module = Module::load();
    let device = Device::open().unwrap();
    let once = |interval| Mode::Once { first: 0, interval };
    let none = device.set_mode(once(INTERVALS.0)).unwrap_err();
    assert_eq!(none.to_string(), "there is no guest 0");
    let short = device.set_mode(once(INTERVALS.0 / 2)).unwrap_err();
    assert!(matches!(short, Error::Call { source: Errno::INVAL, .. }), "{short:?}");
    assert_eq!(device.hold(3).unwrap_err().to_string(), "there is no guest 3");
    assert!(matches!(device.let_go(16), Err(Error::Call { source: Errno::INVAL, .. })));
}
