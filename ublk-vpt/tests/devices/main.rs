//! The command, the daemon and the state directory, from outside, with a device that needs neither
//! FUSE nor an image: what is tested here is everything around a device.
//!
//! With `UBLK_TEST_AS_COMMAND` in its environment this program is `ublk` with that device in it (and
//! so are the daemons it starts); without, it runs the tests.

#![allow(clippy::unwrap_used, missing_docs)] // a test may end by a panic

mod device;
mod faults;
mod fixture;
mod harness;
mod lifecycle;
mod races;
mod socket;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::var_os(fixture::AS_COMMAND).is_some() {
        return ublk_vpt::commands::main(&device::PROGRAM, std::env::args_os());
    }
    let tests = [lifecycle::TESTS, faults::TESTS, races::TESTS, socket::TESTS].concat();
    harness::run(&tests)
}
