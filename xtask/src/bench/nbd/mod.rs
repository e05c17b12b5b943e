//! `cargo xtask bench nbd`: what the NBD front end costs, beside nbdkit on the same file.
//!
//! A disk that takes no time, the same image in the page cache, the same client (fio's nbd engine, over
//! TCP on loopback), runs that alternate. Only the ratio counts: what else the machine does meets both.

pub(super) mod fio;

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use self::fio::{Job, iops};
use super::vpt::lab::{Beside, progress, steal_seconds, tell_steal};
use super::{Is, Report};
use crate::device::Device;
use crate::run::Interrupt;
use crate::{deps, image, workspace};

/// Small enough for any page cache.
const IMAGE_BYTES: u64 = 256 << 20;
/// Pairs of runs at each depth and kind.
const PAIRS: usize = 7;
/// The disk's scheduling, for the peer as well, or it would be that which is compared.
const AS_FIFO: [&str; 2] = ["--fifo", "40"];
/// How long a server may take to come up.
const COMING: Duration = Duration::from_secs(10);

/// Measures; takes about two minutes.
pub(super) fn run(interrupt: &Interrupt) -> Result<Report> {
    let mut report = Report::new("nbd");
    let stolen = steal_seconds();
    measure(&mut report, interrupt)?;
    tell_steal(&mut report, stolen);
    Ok(report)
}

/// The same as a part of another report.
pub(super) fn measure(report: &mut Report, interrupt: &Interrupt) -> Result<()> {
    deps::ensure(&[deps::FIO, deps::NBDKIT])?;
    progress("building");
    let ublk = workspace::build_ublk(interrupt)?;
    let folder = folder()?;
    let file = folder.path().join("lab.img");
    image::write(&file, IMAGE_BYTES, interrupt)?;
    let device = ours(&ublk, &file, &[], interrupt)?;
    let mut nbdkit = Command::new("nbdkit");
    let port = free_port()?;
    nbdkit.args(["--foreground", "--ipaddr", "127.0.0.1", "--port"]);
    nbdkit.arg(port.to_string()).arg("file").arg(&file);
    let peer = Peer::start(&nbdkit, port)?;
    for depth in [1, 32] {
        for kind in ["randread", "randwrite"] {
            progress(&format!("NBD, {kind} at depth {depth}: {PAIRS} pairs"));
            let job = Job { kind, depth };
            let pairs = alternate(&device.path, &peer.uri, &job, PAIRS, interrupt)?;
            let name = format!("NBD beside nbdkit, 4 KiB {kind}, depth {depth}: IOPS");
            let about = "null model, image in the page cache, TCP on loopback";
            report.ratio(&name, &pairs, Some(Is::AtLeast(1.0)), about);
        }
    }
    drop(peer);
    device.delete()
}

/// Runs on one server and the other in turn: requests per second of both.
pub(super) fn alternate(
    ours: &str,
    theirs: &str,
    job: &Job<'_>,
    pairs: usize,
    interrupt: &Interrupt,
) -> Result<Vec<(f64, f64)>> {
    (0..pairs).map(|_| Ok((iops(ours, job, interrupt)?, iops(theirs, job, interrupt)?))).collect()
}

/// Below target/: a disk, where /tmp may be memory.
pub(super) fn folder() -> Result<TempDir> {
    let target = workspace::metadata()?.target_directory;
    tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(&target)
        .with_context(|| format!("cannot create a folder in {}", target.display()))
}

/// Our server of an image, as a disk that takes no time.
pub(super) fn ours(
    ublk: &Path,
    file: &Path,
    more: &[&str],
    interrupt: &Interrupt,
) -> Result<Device> {
    let listen = format!("127.0.0.1:{}", free_port()?);
    let front = ["--front", "nbd", "--listen", &listen, "--mode", "fixed", "--k", "1"];
    Device::add_with(ublk, "null", file, &[&front, more].concat(), interrupt)
}

/// Another server, with our scheduling, on an image itself: it knows nothing of our lock.
pub(super) struct Peer {
    pub(super) uri: String,
    _server: Beside,
}

impl Peer {
    /// Starts a command that will listen at a port of the loopback address.
    pub(super) fn start(command: &Command, port: u16) -> Result<Self> {
        let mut as_ours = Command::new("chrt");
        as_ours.args(AS_FIFO).arg(command.get_program()).args(command.get_args());
        let server = Beside::start(&mut as_ours)?;
        let end = Instant::now() + COMING;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > end {
                let name = command.get_program().display();
                bail!("{name} did not come up within {} s", COMING.as_secs());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { uri: format!("nbd://127.0.0.1:{port}/"), _server: server })
    }
}

/// One that is free now.
pub(super) fn free_port() -> Result<u16> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    Ok(bound.context("no loopback address")?.port())
}
