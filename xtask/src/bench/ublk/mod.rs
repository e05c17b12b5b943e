//! `cargo xtask bench ublk`: what the front ends cost beside others of their kind.
//!
//! - [`kernel`]: disks of the ublk driver beside rublk's, in the kernel lab
//! - [`rublk`]: building it
//! - [`qcow2`]: a clone against a raw image, ours and qemu-nbd's
//! - NBD beside nbdkit, vhost-user-blk against qemu-storage-daemon: the benchmarks `nbd` and `vhost`
//!
//! All figures are ratios between runs that alternate.

mod kernel;
mod qcow2;
mod rublk;

use anyhow::Result;

use super::vpt::lab::{steal_seconds, tell_load, tell_steal};
use super::{Report, nbd, vhost};
use crate::run::Interrupt;

/// Measures all of it; takes about sixteen minutes when everything is built.
pub(super) fn run(interrupt: &Interrupt) -> Result<Report> {
    let mut report = Report::new("ublk");
    let stolen = steal_seconds();
    kernel::measure(&mut report, interrupt)?;
    nbd::measure(&mut report, interrupt)?;
    vhost::measure(&mut report, interrupt)?;
    qcow2::measure(&mut report, interrupt)?;
    tell_steal(&mut report, stolen);
    tell_load(&mut report);
    Ok(report)
}
