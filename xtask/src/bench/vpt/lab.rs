//! A folder with an image and the programs to measure; gone with everything in it when dropped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::bench::Report;
pub(super) use crate::bench::report::median;
use crate::device::Device;
use crate::image;
use crate::run::{self, Interrupt, json};
use crate::workspace::{self, cargo};

/// Size of the image.
pub(super) const IMAGE_BYTES: u64 = 1 << 30;

/// See the module.
pub(super) struct Lab {
    folder: TempDir,
    pub(super) ublk: PathBuf,
    pub(super) bare: PathBuf,
    pub(super) interrupt: Interrupt,
}

impl Lab {
    pub(super) fn new(interrupt: &Interrupt) -> Result<Self> {
        progress("building");
        let ublk = workspace::build_ublk(interrupt)?;
        let mut build = cargo();
        build.args(["build", "--release", "--locked", "-p", "ublk-vpt", "--example", "bare_fuse"]);
        run::output(&mut build, Duration::from_secs(3600), interrupt)?;
        let target = workspace::metadata()?.target_directory;
        // Below target/: a disk, where /tmp may be memory.
        let folder = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(&target)
            .with_context(|| format!("cannot create a folder in {}", target.display()))?;
        let lab = Self {
            folder,
            ublk,
            bare: target.join("release/examples/bare_fuse"),
            interrupt: interrupt.clone(),
        };
        progress("writing an image of 1 GiB");
        image::write(&lab.image(), IMAGE_BYTES, interrupt)?;
        Ok(lab)
    }

    pub(super) fn image(&self) -> PathBuf {
        self.path("lab.img")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Serves the image.
    pub(super) fn disk(&self, disk: &str, more: &[&str]) -> Result<Device> {
        Device::add_with(&self.ublk, disk, &self.image(), more, &self.interrupt)
    }

    /// Writes a disk file.
    pub(super) fn describe(&self, name: &str, toml: &str) -> Result<String> {
        let path = self.path(name);
        std::fs::write(&path, toml).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path.display().to_string())
    }

    /// Runs `ublk` and reads the JSON object it prints.
    pub(super) fn ask(&self, args: &[&str], limit: Duration) -> Result<Value> {
        let mut command = Command::new(&self.ublk);
        command.args(args);
        json(&run::output(&mut command, limit, &self.interrupt)?, &format!("ublk {}", args[0]))
    }

    pub(super) fn stats(&self, device: &Device) -> Result<Value> {
        device.stats(&self.interrupt)
    }
}

/// A program that runs beside the measurement and is ended with it.
pub(in crate::bench) struct Beside(Child);

impl Beside {
    pub(in crate::bench) fn start(command: &mut Command) -> Result<Self> {
        let name = run::shown(command);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        Ok(Self(child.with_context(|| format!("cannot start {name}"))?))
    }

    /// One process for each processor that does nothing but compute.
    pub(super) fn hogs() -> Result<Vec<Self>> {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        (0..count)
            .map(|_| Self::start(Command::new("sh").args(["-c", "while :; do :; done"])))
            .collect()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is going on, for whoever waits.
pub(in crate::bench) fn progress(text: &str) {
    eprintln!("bench: {text}");
}

/// A number in a JSON object, by a path with dots.
pub(super) fn number(value: &Value, path: &str) -> Result<f64> {
    crate::demo::result::field(value, "ublk", path)
}

/// Processor time of a process so far, user and system, all threads, in seconds.
pub(super) fn cpu_seconds(pid: u64) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    // The name in parentheses may hold anything; utime and stime are 11 and 12 fields after it.
    let after = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let field = |n: usize| after.split_whitespace().nth(n).and_then(|f| f.parse::<f64>().ok());
    let ticks = field(11).zip(field(12)).map(|(user, system)| user + system);
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    ticks.map(|t| t / per_second).with_context(|| format!("cannot understand {path}"))
}

/// Processor time that a hypervisor took away so far, all processors, in seconds.
pub(in crate::bench) fn steal_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: f64 = text.lines().next()?.split_whitespace().nth(8)?.parse().ok()?;
    Some(ticks / rustix::param::clock_ticks_per_second() as f64)
}

/// Adds what the hypervisor gave to others since then while we wanted to run, in a virtual machine.
pub(in crate::bench) fn tell_steal(report: &mut Report, before: Option<f64>) {
    if let (Some(before), Some(after)) = (before, steal_seconds()) {
        report.extra("steal seconds, all processors", after - before);
    }
}

/// Adds the machine's load now.
pub(in crate::bench) fn tell_load(report: &mut Report) {
    if let Ok(load) = std::fs::read_to_string("/proc/loadavg") {
        report.extra("load at the end", load.trim());
    }
}

/// Waits until a file is there.
pub(super) fn wait_for(path: &Path, limit: Duration) -> Result<()> {
    let end = std::time::Instant::now() + limit;
    while !path.exists() {
        if std::time::Instant::now() > end {
            anyhow::bail!("{} did not appear within {} s", path.display(), limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
