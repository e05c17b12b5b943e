//! What a delay that knows no arm does at depth: nbdkit's delay filter, beside a disk of the same delay.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::fio::{Job, run_one};
use super::lab::{Beside, Lab, progress, wait_for};
use crate::bench::{Is, Report};

const DEPTHS: [u32; 2] = [1, 32];
const SECONDS: u32 = 5;

/// Half of a 10 ms revolution and no seek: 5 ms for every request, as the peer is told.
const FIVE_MS: &str =
    "[disk]\nname = \"five\"\n[seek]\nfamily = \"none\"\n[rotation]\nperiod_ms = 10\n";

pub(super) fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    progress("5 ms at depth 1 and 32: ours");
    let disk = lab.describe("five.toml", FIVE_MS)?;
    let device = lab.disk(&disk, &["--mode", "fixed", "--k", "1"])?;
    let mut ours = Vec::new();
    for depth in DEPTHS {
        let job = Job { depth, seconds: Some(SECONDS), ..Job::default() };
        ours.push(run_one(lab, Path::new(&device.path), &job)?.iops);
    }
    device.delete()?;
    progress("5 ms at depth 1 and 32: nbdkit's delay filter");
    let socket = lab.path("peer.sock");
    let mut nbdkit = Command::new("nbdkit");
    nbdkit.args(["--foreground", "--filter=delay", "--unix"]).arg(&socket);
    nbdkit.args(["--threads", "64", "memory", "1G", "delay-read=5ms"]);
    let peer = Beside::start(&mut nbdkit)?;
    wait_for(&socket, Duration::from_secs(10))?;
    let uri = format!("nbd+unix:///?socket={}", socket.display());
    let mut theirs = Vec::new();
    for depth in DEPTHS {
        let job = Job { depth, seconds: Some(SECONDS), nbd: Some(&uri), ..Job::default() };
        theirs.push(run_one(lab, Path::new(""), &job)?.iops);
    }
    drop(peer);
    let note = format!(
        "{:.0} and {:.0} IOPS; nbdkit's delay filter: {:.0} and {:.0}, a ratio of {:.1}",
        ours[0],
        ours[1],
        theirs[0],
        theirs[1],
        theirs[1] / theirs[0]
    );
    let ratio = ours[1] / ours[0];
    report.target("IOPS at depth 32 over depth 1, 5 ms", ratio, "ratio", Is::AtMost(1.05), &note);
    report.extra("nbdkit delay filter: IOPS at depth 1, 32", theirs);
    Ok(())
}
