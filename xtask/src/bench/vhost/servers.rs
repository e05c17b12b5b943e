//! Both servers and their client, in a folder that goes with them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::device::Device;
use crate::image;
use crate::run::{self, Interrupt, json};
use crate::workspace::{self, cargo};

/// Size of the image: it stays in the page cache.
const IMAGE_BYTES: u64 = 256 << 20;

/// See the module.
pub(super) struct Lab {
    folder: TempDir,
    ublk: PathBuf,
    client: PathBuf,
    interrupt: Interrupt,
}

/// qemu-storage-daemon; ended when dropped.
pub(super) struct Peer {
    child: Child,
    pub(super) socket: PathBuf,
}

impl Lab {
    pub(super) fn new(interrupt: &Interrupt) -> Result<Self> {
        eprintln!("bench: building");
        let ublk = workspace::build_ublk(interrupt)?;
        let mut build = cargo();
        build.args(["build", "--release", "--locked", "-p", "e2e", "--bin", "vhost-load"]);
        run::output(&mut build, Duration::from_secs(3600), interrupt)?;
        let target = workspace::metadata()?.target_directory;
        let folder = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(&target)
            .with_context(|| format!("cannot create a folder in {}", target.display()))?;
        let client = target.join("release/vhost-load");
        let lab = Self { folder, ublk, client, interrupt: interrupt.clone() };
        // Each its own, as ours is locked; written, so that both are in the page cache.
        for name in ["ours.img", "theirs.img"] {
            image::write(&lab.path(name), IMAGE_BYTES, interrupt)?;
        }
        Ok(lab)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Ours, with a disk that takes no time.
    pub(super) fn disk(&self) -> Result<Device> {
        let more = ["--front", "vhost-user-blk", "--mode", "fixed", "--k", "1"];
        Device::add_with(&self.ublk, "null", &self.path("ours.img"), &more, &self.interrupt)
    }

    /// Theirs.
    pub(super) fn peer(&self, limit: Duration) -> Result<Peer> {
        let socket = self.path("theirs.sock");
        let image = self.path("theirs.img");
        let mut command = Command::new("chrt");
        command
            .args(["--fifo", "40", "qemu-storage-daemon", "--blockdev"])
            .arg(format!("driver=file,node-name=disk,filename={},aio=io_uring", image.display()))
            .arg("--export")
            .arg(format!(
                "type=vhost-user-blk,id=disk,node-name=disk,writable=off,addr.type=unix,addr.path={}",
                socket.display()
            ));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.context("cannot start qemu-storage-daemon")?;
        let peer = Peer { child, socket };
        let end = Instant::now() + limit;
        while !peer.socket.exists() {
            if Instant::now() > end {
                bail!("qemu-storage-daemon does not listen after {} s", limit.as_secs());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(peer)
    }

    /// Reads at random for so long; requests per second.
    pub(super) fn load(&self, socket: &Path, depth: u32, seconds: u32) -> Result<f64> {
        let mut command = Command::new(&self.client);
        command.arg(socket).args([depth.to_string(), seconds.to_string()]);
        let text = run::output(&mut command, Duration::from_secs(120), &self.interrupt)?;
        let value: Value = json(&text, "vhost-load")?;
        value.get("iops").and_then(Value::as_f64).context("vhost-load gave no iops")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
