//! `cargo xtask bench vhost`: what vhost-user-blk costs, against qemu-storage-daemon's export of the
//! same kind.
//!
//! Both serve a file from the page cache to the same driver (`vhost-load`: no guest, native speed), in
//! runs that alternate.

mod servers;

use std::time::Duration;

use anyhow::Result;

use self::servers::Lab;
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
    deps::ensure(&[QEMU, CHRT])?;
    let lab = Lab::new(interrupt)?;
    let mut report = Report::new("vhost");
    let device = lab.disk()?;
    let peer = lab.peer(Duration::from_secs(10))?;
    for depth in [1, 32] {
        eprintln!("bench: depth {depth}: {PAIRS} pairs of {SECONDS} s");
        let (mut ratios, mut ours_all, mut theirs_all) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            let ours = lab.load(device.path.as_ref(), depth, SECONDS)?;
            let theirs = lab.load(&peer.socket, depth, SECONDS)?;
            ratios.push(ours / theirs);
            ours_all.push(ours);
            theirs_all.push(theirs);
        }
        let note = format!(
            "null model over a file in the page cache, 4 KiB random reads; {:.0} IOPS, \
             qemu-storage-daemon (io_uring, SCHED_FIFO as ours) {:.0}",
            median(ours_all),
            median(theirs_all)
        );
        let name = format!("vhost-user-blk against qemu-storage-daemon, depth {depth}: IOPS");
        report.extra(&format!("{name}: ratios"), ratios.clone());
        report.target(&name, median(ratios), "ratio", Is::AtLeast(0.9), &note);
    }
    drop(peer);
    device.delete()?;
    Ok(report)
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
