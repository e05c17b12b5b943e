//! `cargo xtask bench nbd`: what the NBD front end costs, beside nbdkit on the same file.
//!
//! A disk that takes no time, the same image in the page cache, the same client (fio's nbd engine, over
//! TCP on loopback), runs that alternate. Only the ratio counts: what else the machine does meets both.

mod fio;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use self::fio::{Job, iops};
use super::vpt::lab::{Beside, median, progress, steal_seconds};
use super::{Is, Report};
use crate::device::Device;
use crate::run::Interrupt;
use crate::{deps, image, workspace};

/// Small enough for any page cache.
const IMAGE_BYTES: u64 = 256 << 20;
/// Pairs of runs at each depth and kind.
const PAIRS: usize = 11;
/// The disk's scheduling, for the peer as well, or it would be that which is compared.
const AS_FIFO: [&str; 2] = ["--fifo", "40"];
/// How long a server may take to come up.
const COMING: Duration = Duration::from_secs(10);

/// Measures; takes about two minutes.
pub(super) fn run(interrupt: &Interrupt) -> Result<Report> {
    deps::ensure(&[deps::FIO, deps::NBDKIT])?;
    let mut report = Report::new("nbd");
    let stolen = steal_seconds();
    progress("building");
    let ublk = workspace::build_ublk(interrupt)?;
    // Below target/: a disk, where /tmp may be memory.
    let target = workspace::metadata()?.target_directory;
    let folder = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(&target)
        .with_context(|| format!("cannot create a folder in {}", target.display()))?;
    let file = folder.path().join("lab.img");
    image::write(&file, IMAGE_BYTES, interrupt)?;
    let port = |n: u16| format!("127.0.0.1:{n}");
    let more = ["--front", "nbd", "--listen", &port(free_port()?), "--mode", "fixed", "--k", "1"];
    let device = Device::add_with(&ublk, "null", &file, &more, interrupt)?;
    let peer = Peer::start(&file)?;
    for depth in [1, 32] {
        for kind in ["randread", "randwrite"] {
            progress(&format!("{kind} at depth {depth}: {PAIRS} pairs"));
            let job = Job { kind, depth };
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..PAIRS {
                ours.push(iops(&device.path, &job, interrupt)?);
                theirs.push(iops(&peer.uri, &job, interrupt)?);
            }
            compare(&mut report, &job, ours, theirs);
        }
    }
    drop(peer);
    device.delete()?;
    // In a virtual machine: what the hypervisor gave to others while we wanted to run.
    if let (Some(before), Some(after)) = (stolen, steal_seconds()) {
        report.extra("steal seconds, all processors", after - before);
    }
    Ok(report)
}

fn compare(report: &mut Report, job: &Job<'_>, ours: Vec<f64>, theirs: Vec<f64>) {
    let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(our, their)| our / their).collect();
    let (least, most) = ratios.iter().fold((f64::MAX, 0_f64), |(a, b), &r| (a.min(r), b.max(r)));
    let name = format!("NBD beside nbdkit, 4 KiB {}, depth {}: IOPS", job.kind, job.depth);
    let note = format!(
        "median of {PAIRS} pairs ({least:.2} to {most:.2}); {:.0} and {:.0} IOPS",
        median(ours.clone()),
        median(theirs.clone())
    );
    report.target(&name, median(ratios.clone()), "ratio", Is::AtLeast(1.0), &note);
    report.extra(&format!("{name}: ratios"), ratios);
    report.extra(&format!("{name}: ours"), ours);
    report.extra(&format!("{name}: nbdkit's"), theirs);
}

/// nbdkit with its file plug-in, on the image itself: it knows nothing of our lock.
struct Peer {
    uri: String,
    _server: Beside,
}

impl Peer {
    fn start(file: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut nbdkit = Command::new("chrt");
        nbdkit.args(AS_FIFO).args(["nbdkit", "--foreground", "--ipaddr", "127.0.0.1", "--port"]);
        nbdkit.arg(port.to_string()).arg("file").arg(PathBuf::from(file));
        let server = Beside::start(&mut nbdkit)?;
        let end = Instant::now() + COMING;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > end {
                bail!("nbdkit did not come up within {} s", COMING.as_secs());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { uri: format!("nbd://127.0.0.1:{port}/"), _server: server })
    }
}

/// One that is free now.
fn free_port() -> Result<u16> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    Ok(bound.context("no loopback address")?.port())
}
