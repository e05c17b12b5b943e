//! A state directory of its own for each test, and running the command in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::harness::Skipped;

/// In the environment: be the command.
pub(crate) const AS_COMMAND: &str = "UBLK_TEST_AS_COMMAND";
/// Nothing here takes so long unless it is broken.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Fixture {
    dir: tempfile::TempDir,
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: Option<i32>,
}

impl Said {
    /// Its output, if it ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// Its complaint, if it ended by exit code 1 with just one line.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert_eq!(self.err.trim_end().lines().count(), 1, "{self:?}");
        assert!(self.err.starts_with("ublk: "), "{self:?}");
        self.err
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let fixture = Self { dir: tempfile::tempdir().unwrap() };
        fs::write(fixture.path("lab.img"), []).unwrap();
        fixture.disk("plain", "");
        fixture
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.path("state").join(name)
    }

    /// A disk file that makes the device do these things.
    pub(crate) fn disk(&self, name: &str, words: &str) -> PathBuf {
        let path = self.path(&format!("{name}.toml"));
        fs::write(&path, words.replace(' ', "\n")).unwrap();
        path
    }

    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(words.split_whitespace())
            .env(AS_COMMAND, "1")
            .env("UBLK_STATE_DIR", self.path("state"))
            .env_remove("UBLK_LOG")
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn ublk(&self, words: &str) -> Said {
        let output = self.command(words).output().unwrap();
        Said {
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }

    /// Adds a device and returns its daemon's process.
    #[track_caller]
    pub(crate) fn add(&self, disk: &str, more: &str) -> u32 {
        let said = self.ublk(&format!("add vpt {disk}.toml --image lab.img --json {more}"));
        let about: Value = serde_json::from_str(&said.ok()).unwrap();
        u32::try_from(about["pid"].as_u64().unwrap()).unwrap()
    }

    /// The names in the state directory.
    pub(crate) fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("state")).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Nothing is left but what may be: the directory's lock and the last logs.
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        let left: Vec<_> =
            self.left().into_iter().filter(|n| n != ".lock" && !n.ends_with(".log.last")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // Whatever happened: no daemon outlives its test.
        fs::write(self.path("go"), []).unwrap();
        let _ = self.command("del -a --force --timeout 2").output();
    }
}

pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Waits until it holds.
#[track_caller]
pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < end, "it did not come true in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the process is there and no zombie.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

pub(crate) fn need_root() -> Result<(), Skipped> {
    if rustix::process::geteuid().is_root() { Ok(()) } else { Err(Skipped("needs root to mount")) }
}

pub(crate) fn is_mounted(path: &Path) -> bool {
    ublk_vpt::mounts::is_mount_point(path)
}
