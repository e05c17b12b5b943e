//! A device without a front end. What it does is written in its disk file, one word per line:
//!
//! | word | what |
//! | --- | --- |
//! | `fail-open` | cannot be opened |
//! | `hold-open` | opening takes until a file `go` is beside the image |
//! | `mount` | mounts a tmpfs where a front end would mount |
//! | `loop` | attaches a loop device to the file `disk` there, which it tells nobody |
//! | `die-mounted` | is killed just after that, before anybody was told |
//! | `hold-stop` | asked to stop, does nothing |
//! | `fail-wait` | ends by a fault of its own when asked to stop |

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags};
use ublk_vpt::commands::Program;
use ublk_vpt::daemon::device::{
    Device, DeviceConfig, DeviceError, DeviceInfo, ExitReason, SetError, Settings, ThreadInfo,
};
use ublk_vpt::report::{StatsReport, TraceRecord};
use ublk_vpt::state::Undo;
use vpt_model::DiskSpec;
use vpt_model::config::{DiskConfig, KDefaults};

pub(crate) const PROGRAM: Program = Program {
    open_device: open,
    undo: UNDO,
    undo_at_end: UNDO,
    check_disk: |disk| {
        if disk.text.contains("bad-file") {
            return Err(format!("{}:1:1: a bad file", disk.origin));
        }
        let spec = DiskSpec { name: "Test Disk".into(), ..DiskSpec::null() };
        Ok(DiskConfig { spec, k: KDefaults::default(), serve: None })
    },
};

const UNDO: Undo = Undo {
    detach_loop: |device, _| losetup(&["-d".as_ref(), device.as_os_str()]),
    find_ublk: |_| Ok(None),
    delete_ublk: |_| Ok(()),
};

/// Requests that wait inside it until it is stopped.
const HELD: u64 = 3;

struct TestDevice {
    config: DeviceConfig,
    inner: Mutex<Inner>,
    changed: Condvar,
}

struct Inner {
    k: f64,
    held: u64,
    completed: u64,
    stopped: bool,
}

fn open(config: &DeviceConfig) -> Result<Box<dyn Device>, DeviceError> {
    let told = |word: &str| config.disk.text.lines().any(|line| line == word);
    if told("fail-open") {
        return Err(DeviceError("the test says it cannot be opened".into()));
    }
    if told("hold-open") {
        let go = config.image.as_deref().and_then(Path::parent).unwrap().join("go");
        while !go.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    if told("mount") {
        let flags = MountFlags::NOSUID;
        rustix::mount::mount("none", &config.mount, "tmpfs", flags, None)
            .map_err(|e| DeviceError(format!("mount: {e}")))?;
        if told("loop") {
            let file = config.mount.join("disk");
            std::fs::write(&file, vec![0; 1 << 20]).unwrap();
            losetup(&["-f".as_ref(), file.as_os_str()]).map_err(DeviceError)?;
        }
        if told("die-mounted") {
            let me = rustix::process::getpid();
            let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
        }
    }
    let inner = Inner { k: config.k.unwrap_or(1.0), held: HELD, completed: 0, stopped: false };
    Ok(Box::new(TestDevice {
        config: config.clone(),
        inner: Mutex::new(inner),
        changed: Condvar::new(),
    }))
}

fn losetup(arguments: &[&OsStr]) -> Result<(), String> {
    let output = Command::new("losetup").args(arguments).output().map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("no loop device: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

impl TestDevice {
    fn told(&self, word: &str) -> bool {
        self.config.disk.text.lines().any(|line| line == word)
    }
}

impl Device for TestDevice {
    fn in_use(&self) -> Option<String> {
        None
    }

    fn info(&self) -> DeviceInfo {
        let tid = std::process::id();
        DeviceInfo {
            disk: "Test Disk".into(),
            front: "none".into(),
            file: self.config.mount.join("disk"),
            block_device: None,
            mountpoint: self.config.mount.clone(),
            ublk_flags: 0,
            size_bytes: 1 << 30,
            block_size: 512,
            max_request_bytes: 1 << 20,
            threads: vec![
                ThreadInfo { role: "engine".into(), tid },
                ThreadInfo { role: "queue 0".into(), tid },
            ],
            notes: vec!["a note".into()],
        }
    }

    fn stats(&self, _with_epochs: bool) -> StatsReport {
        let inner = self.inner.lock().unwrap();
        let mut report =
            StatsReport { id: self.config.id, disk: "Test Disk".into(), ..Default::default() };
        report.in_flight = inner.held;
        report.read.requests = inner.completed;
        report.scale.k = inner.k;
        report.scale.mode = self.config.mode.unwrap_or_default().name().into();
        report
    }

    fn set(&self, settings: &Settings) -> Result<(), SetError> {
        if let Some(key) = settings.other.keys().next() {
            return Err(SetError::Unknown {
                key: key.clone(),
                known: vec!["k".into(), "mode".into()],
            });
        }
        if let Some(k) = settings.k {
            self.inner.lock().unwrap().k = k;
        }
        Ok(())
    }

    fn trace(&self, max: usize) -> Vec<TraceRecord> {
        (0..max.min(1000) as u64)
            .map(|id| TraceRecord { id, k: 1.0, ..Default::default() })
            .collect()
    }

    fn stop(&self) {
        if self.told("hold-stop") {
            return;
        }
        let mut inner = self.inner.lock().unwrap();
        inner.completed += std::mem::take(&mut inner.held);
        if !std::mem::replace(&mut inner.stopped, true) && self.told("mount") {
            rustix::mount::unmount(&self.config.mount, UnmountFlags::DETACH).unwrap();
        }
        self.changed.notify_all();
    }

    fn wait(&self) -> Result<ExitReason, DeviceError> {
        let mut inner = self.inner.lock().unwrap();
        while !inner.stopped {
            inner = self.changed.wait(inner).unwrap();
        }
        if self.told("fail-wait") {
            return Err(DeviceError("the test says it broke".into()));
        }
        Ok(ExitReason::Stopped)
    }
}
