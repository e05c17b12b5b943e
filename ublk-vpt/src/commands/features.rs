//! `ublk features`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use rustix::process::{Resource, getrlimit};
use rustix::thread::CapabilitySet;
use serde::Serialize;

use super::{Failure, Outcome};
use crate::cli::FeaturesArgs;

/// One thing this machine may have.
#[derive(Serialize)]
struct Feature {
    name: &'static str,
    works: bool,
    /// Why not, or what for.
    note: String,
}

pub(super) fn run(args: &FeaturesArgs, out: &mut dyn Write) -> Outcome {
    let features = [
        feature("front-fuse", "one file in a FUSE file system", fuse()),
        feature("front-loop", "a block device on that file (--loop)", loop_devices()),
        feature("front-ublk", "a ublk block device", ublk()),
        feature("front-vhost-user-blk", "the disk of a virtual machine, by a socket", Ok(())),
        feature("sched-fifo", "completions on time on a busy machine (--rt)", sched_fifo()),
        feature("io-uring", "backing I/O without a thread per request", io_uring()),
    ];
    if args.json {
        let text = serde_json::to_string(&features)
            .map_err(|e| Failure::Failed(format!("output: {e}")))?;
        writeln!(out, "{text}")?;
        return Ok(());
    }
    for Feature { name, works, note } in features {
        writeln!(out, "{name:<20} {:<4} {note}", if works { "yes" } else { "no" })?;
    }
    Ok(())
}

fn feature(name: &'static str, what: &str, found: Result<(), String>) -> Feature {
    let works = found.is_ok();
    let note = found.err().map_or_else(|| what.to_owned(), |why| format!("{what}: {why}"));
    Feature { name, works, note }
}

fn fuse() -> Result<(), String> {
    openable("/dev/fuse", "load the kernel module: modprobe fuse")?;
    if rustix::process::geteuid().is_root() || in_path("fusermount3") {
        return Ok(());
    }
    Err("no fusermount3, which mounts for those who are not root: install fuse3".into())
}

fn loop_devices() -> Result<(), String> {
    fuse()?;
    openable("/dev/loop-control", "load the kernel module: modprobe loop")
}

fn ublk() -> Result<(), String> {
    openable(
        "/dev/ublk-control",
        "the kernel has no ublk driver loaded (modprobe ublk_drv, from Linux 6.0 on)",
    )?;
    Err("the kernel has it, this program does not use it: its fronts are FUSE and loop".into())
}

fn sched_fifo() -> Result<(), String> {
    let capable = rustix::thread::capabilities(None)
        .is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_NICE));
    let limit = getrlimit(Resource::Rtprio).current;
    if capable || limit.is_none_or(|priority| priority > 0) {
        return Ok(());
    }
    Err("not allowed: run as root, or give the user rtprio in /etc/security/limits.conf".into())
}

fn io_uring() -> Result<(), String> {
    let off = "turned off here (sysctl kernel.io_uring_disabled, or a container's filter)";
    match io_uring::IoUring::new(2) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Err(off.into()),
        Err(e) => Err(e.to_string()),
    }
}

fn openable(path: &str, when_missing: &str) -> Result<(), String> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(format!("no {path}: {when_missing}")),
        Err(e) => Err(format!("{path}: {e}")),
    }
}

fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| Path::new(&dir).join(program).is_file())
}
