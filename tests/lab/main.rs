//! On a stock Debian kernel, in the kernel lab: `cargo xtask test --only lab`. All tests of this
//! program share one boot, one after the other.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod kernel;
mod ublk_attributes;
mod ublk_device;
mod ublk_faults;
mod ublk_numbers;
mod ublk_operations;
mod ublk_plugin;
mod ublk_recovery;
mod ublk_unprivileged;
