//! What a qcow2 clone costs against a raw image: ours, and qemu-nbd's on images of its own.
//!
//! The same NBD client on all four, one after the other; reads that come from the master.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::bench::Report;
use crate::bench::nbd::fio::{Job, iops};
use crate::bench::nbd::{Peer, folder, free_port, ours};
use crate::bench::vpt::lab::progress;
use crate::deps::{self, Tool};
use crate::run::{self, Interrupt};
use crate::{image, workspace};

/// Small enough for any page cache.
const IMAGE_BYTES: u64 = 256 << 20;
const ROUNDS: usize = 5;
const QEMU_NBD: Tool = Tool { program: "qemu-nbd", package: "qemu-utils" };

pub(super) fn measure(report: &mut Report, interrupt: &Interrupt) -> Result<()> {
    deps::ensure(&[deps::FIO, deps::QEMU_IMG, QEMU_NBD])?;
    progress("building");
    let ublk = workspace::build_ublk(interrupt)?;
    let folder = folder()?;
    let path = |name: &str| folder.path().join(name);
    // Each its own: both lock what they serve.
    for whose in ["ours", "theirs"] {
        let (raw, master) = (path(&format!("{whose}.img")), path(&format!("{whose}-master.qcow2")));
        image::write(&raw, IMAGE_BYTES, interrupt)?;
        let mut convert = Command::new("qemu-img");
        convert.args(["convert", "-O", "qcow2"]).args([&raw, &master]);
        run(&mut convert, interrupt)?;
        let mut clone = Command::new(&ublk);
        clone.args(["image", "clone"]).args([master, path(&format!("{whose}.qcow2"))]);
        run(&mut clone, interrupt)?;
    }
    let master = path("ours-master.qcow2").display().to_string();
    let qcow2 = ["--format", "qcow2", "--allow-backing", &master];
    let our_raw = ours(&ublk, &path("ours.img"), &[], interrupt)?;
    let our_clone = ours(&ublk, &path("ours.qcow2"), &qcow2, interrupt)?;
    let their_raw = theirs("raw", &path("theirs.img"))?;
    let their_clone = theirs("qcow2", &path("theirs.qcow2"))?;
    for depth in [1, 32] {
        progress(&format!("a qcow2 clone against raw at depth {depth}: {ROUNDS} rounds"));
        let job = Job { kind: "randread", depth };
        let (mut own, mut peer, mut clones) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let at = |uri: &str| iops(uri, &job, interrupt);
            let (raw, clone) = (at(&our_raw.path)?, at(&our_clone.path)?);
            let (peer_raw, peer_clone) = (at(&their_raw.uri)?, at(&their_clone.uri)?);
            own.push((clone, raw));
            peer.push((peer_clone, peer_raw));
            clones.push((clone, peer_clone));
        }
        let name = |what: &str| format!("{what}, 4 KiB randread over NBD, depth {depth}: IOPS");
        let about = "all data in the master, page cache, TCP on loopback";
        report.ratio(&name("qcow2 clone against raw, ours"), &own, None, about);
        report.ratio(&name("qcow2 clone against raw, qemu-nbd"), &peer, None, about);
        report.ratio(&name("qcow2 clone, ours against qemu-nbd"), &clones, None, about);
    }
    drop((their_raw, their_clone));
    our_raw.delete()?;
    our_clone.delete()
}

fn run(command: &mut Command, interrupt: &Interrupt) -> Result<()> {
    run::output(command, Duration::from_secs(120), interrupt).map(drop)
}

/// qemu-nbd on an image; it stays when a client goes.
fn theirs(format: &str, image: &Path) -> Result<Peer> {
    let port = free_port()?;
    let mut server = Command::new("qemu-nbd");
    server.args(["--persistent", "--shared=0", "--bind=127.0.0.1", "--aio=io_uring"]);
    server.arg(format!("--port={port}")).arg(format!("--format={format}")).arg(image);
    Peer::start(&server, port)
}
