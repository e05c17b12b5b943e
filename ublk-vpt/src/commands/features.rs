//! `ublk features`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use rustix::process::{Resource, getrlimit};
use rustix::thread::CapabilitySet;
use serde::Serialize;

use super::{Failure, Outcome};
use crate::cli::FeaturesArgs;
use crate::front::ublk::{Feature, driver_features, flag_names};

/// One thing this machine may have.
#[derive(Serialize)]
struct Ability {
    name: &'static str,
    works: bool,
    /// Why not, or what for.
    note: String,
}

pub(super) fn run(args: &FeaturesArgs, out: &mut dyn Write) -> Outcome {
    let features = [
        feature("front-fuse", "one file in a FUSE file system", fuse()),
        feature("front-loop", "a block device on that file (--loop)", loop_devices()),
        feature("front-ublk", "a block device of the ublk driver", ublk()),
        feature("front-nbd", "a network block device (--front nbd)", nbd()),
        feature("front-vhost-user-blk", "the disk of a virtual machine, by a socket", Ok(())),
        feature("sched-fifo", "completions on time on a busy machine (--rt)", sched_fifo()),
        feature(
            "confine",
            "a daemon that can do no more than it must (--confine)",
            crate::daemon::confine::available(),
        ),
        feature("io-uring", "backing I/O without a thread per request", io_uring()),
    ];
    if args.json {
        let text = serde_json::to_string(&features)
            .map_err(|e| Failure::Failed(format!("output: {e}")))?;
        writeln!(out, "{text}")?;
        return Ok(());
    }
    for Ability { name, works, note } in features {
        writeln!(out, "{name:<20} {:<4} {note}", if works { "yes" } else { "no" })?;
    }
    tell_driver(out)
}

/// What the ublk driver can do, if there is one.
fn tell_driver(out: &mut dyn Write) -> Outcome {
    let Ok(driver) = driver_features() else { return Ok(()) };
    let Some(flags) = driver else {
        writeln!(out, "\nthe ublk driver is too old to tell its features (before Linux 6.5)")?;
        return Ok(());
    };
    writeln!(out, "\nthe ublk driver's features, 0x{flags:x}:")?;
    let (known, unnamed) = flag_names(flags);
    for Feature { name, what, .. } in known {
        writeln!(out, "  {name:<22} {what}")?;
    }
    if unnamed != 0 {
        writeln!(out, "  0x{unnamed:<20x} newer than this program")?;
    }
    Ok(())
}

fn feature(name: &'static str, what: &str, found: Result<(), String>) -> Ability {
    let works = found.is_ok();
    let note = found.err().map_or_else(|| what.to_owned(), |why| format!("{what}: {why}"));
    Ability { name, works, note }
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

fn nbd() -> Result<(), String> {
    match std::net::TcpListener::bind(("127.0.0.1", 0)) {
        Ok(_) => Ok(()),
        Err(e) => Err(format!("no loopback ({e}); a Unix socket works: --listen PATH")),
    }
}

fn ublk() -> Result<(), String> {
    driver_features().map(drop)
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
