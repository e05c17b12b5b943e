//! `cargo xtask bench vhost`: what vhost-user-blk costs, against qemu-storage-daemon's export of the
//! same kind.
//!
//! Both serve a file from the page cache to the same driver (`vhost-load`: no guest, native speed), in
//! runs that alternate.

mod servers;

use std::time::Duration;

use anyhow::Result;

use self::servers::Lab;
use super::vpt::lab::progress;
use super::{Is, Report};
use crate::deps::{self, Tool};
use crate::run::Interrupt;

/// Pairs of runs; they alternate, so that what else goes on meets both.
const PAIRS: usize = 7;
const SECONDS: u32 = 2;
/// The peer, and what gives it the scheduling that our receiver has.
const QEMU: Tool = Tool { program: "qemu-storage-daemon", package: "qemu-system-common" };
const CHRT: Tool = Tool { program: "chrt", package: "util-linux" };

/// Measures; takes about a minute.
pub(super) fn run(interrupt: &Interrupt) -> Result<Report> {
    let mut report = Report::new("vhost");
    measure(&mut report, interrupt)?;
    Ok(report)
}

/// The same as a part of another report.
pub(super) fn measure(report: &mut Report, interrupt: &Interrupt) -> Result<()> {
    deps::ensure(&[QEMU, CHRT])?;
    let lab = Lab::new(interrupt)?;
    let device = lab.disk()?;
    let peer = lab.peer(Duration::from_secs(10))?;
    for depth in [1, 32] {
        progress(&format!("vhost-user-blk at depth {depth}: {PAIRS} pairs of {SECONDS} s"));
        let mut pairs = Vec::new();
        for _ in 0..PAIRS {
            let ours = lab.load(device.path.as_ref(), depth, SECONDS)?;
            pairs.push((ours, lab.load(&peer.socket, depth, SECONDS)?));
        }
        let name = format!("vhost-user-blk against qemu-storage-daemon, depth {depth}: IOPS");
        let about = "null model, image in the page cache, 4 KiB random reads, io_uring, SCHED_FIFO";
        report.ratio(&name, &pairs, Some(Is::AtLeast(0.9)), about);
    }
    drop(peer);
    device.delete()
}
