//! A place of its own for every test: state directory, images, disks; cleared away in the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::system::stray_loops;
use crate::{Said, loops_under, mounts_under, send_signal, soon, ublk, wait_until};

/// See the module.
#[derive(Debug)]
pub struct Lab {
    folder: TempDir,
    /// Loop devices that somebody else has left behind.
    strays: Vec<PathBuf>,
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Lab {
    /// An empty one, with a disk description `quick.toml` in it: 0.2 ms and up to 0.2 ms of seek.
    ///
    /// # Panics
    /// When there is no place for it.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("ublk-e2e.").tempdir();
        let lab = Self { folder: folder.expect("a temporary folder"), strays: stray_loops() };
        lab.model("quick", 0.4, 0.2);
        lab
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Its state directory.
    pub fn state(&self) -> PathBuf {
        self.file("state")
    }

    /// Writes `NAME.toml`: a linear disk with always half a revolution.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn model(&self, name: &str, revolution_ms: f64, full_seek_ms: f64) -> PathBuf {
        let text = format!(
            "[disk]\nname = \"{name}\"\nsource = \"made up\"\n\
             [rotation]\nperiod_ms = {revolution_ms:?}\nlatency = \"half\"\n\
             [seek]\nfamily = \"linear\"\nfull_ms = {full_seek_ms:?}\n"
        );
        let path = self.file(&format!("{name}.toml"));
        fs::write(&path, text).expect("a disk description");
        path
    }

    /// Makes a sparse image.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn image(&self, name: &str, bytes: u64) -> PathBuf {
        let path = self.file(name);
        let file = fs::File::create(&path).expect("an image");
        file.set_len(bytes).expect("a sparse image");
        path
    }

    /// An empty folder.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.file(name);
        fs::create_dir(&path).expect("a folder");
        path
    }

    /// `ublk` with this lab's state directory, standing in its folder.
    pub fn ublk(&self) -> Command {
        let mut command = ublk();
        command.current_dir(self.path()).env("UBLK_STATE_DIR", self.state());
        command
    }

    /// The same, started by another program: `setpriv OPTIONS ublk ...`.
    pub fn ublk_under(&self, launcher: &[&str]) -> Command {
        let mut command = Command::new(launcher[0]);
        command.args(&launcher[1..]).arg(crate::binary());
        command.current_dir(self.path()).env("UBLK_STATE_DIR", self.state());
        command
    }

    /// Runs `ublk` to its end.
    #[track_caller]
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Said {
        Said::of(self.ublk().args(arguments))
    }

    /// Adds a disk: `quick.toml` and whatever is said more. SCHED_FIFO and spinning as a user has
    /// them.
    #[track_caller]
    pub fn add(&self, more: &[&str]) -> Disk<'_> {
        self.add_model("quick", more)
    }

    /// Adds a disk of another description.
    #[track_caller]
    pub fn add_model(&self, model: &str, more: &[&str]) -> Disk<'_> {
        let description = self.file(&format!("{model}.toml"));
        let disk = if description.exists() { description } else { model.into() };
        let out =
            Said::of(self.ublk().args(["add", "vpt"]).arg(disk).arg("--json").args(more)).ok();
        Disk::of(self, &out)
    }

    /// The devices `ublk list` knows.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn list(&self) -> Vec<Value> {
        let out = self.run(&["list", "--json"]).ok();
        serde_json::from_str(&out).expect("a JSON list")
    }

    /// Checks that no mount, no loop device and no state is left; logs and disk files may be.
    ///
    /// # Panics
    /// When there is.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        assert_eq!(mounts_under(&self.state()), Vec::<PathBuf>::new(), "mounts are left");
        assert_eq!(loops_under(self.path()), Vec::<PathBuf>::new(), "loop devices are left");
        assert_eq!(self.remains(), [""; 0], "state is left");
        // A test beside this one may be about to detach one.
        wait_until("no stray loop device", soon(), || {
            stray_loops().iter().all(|device| self.strays.contains(device))
        });
    }

    /// What is in the state directory besides logs and the directory's own lock.
    pub fn remains(&self) -> Vec<String> {
        let entries = fs::read_dir(self.state()).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name != ".lock" && !name.ends_with(".log.last"));
        names.sort();
        names
    }

    /// The processes that the state directory's locks name.
    pub fn daemons(&self) -> Vec<u32> {
        let entries = fs::read_dir(self.state()).into_iter().flatten().flatten();
        let locks = entries.map(|entry| entry.path());
        let locks = locks.filter(|path| path.extension().is_some_and(|ending| ending == "lock"));
        let pids = locks.filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
        pids.filter(|&pid| is_ublk(pid)).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.state().exists() {
            let asked = self.ublk().args(["del", "-a", "--force", "--timeout", "5"]).output();
            if !asked.is_ok_and(|output| output.status.success()) {
                self.daemons().into_iter().for_each(|pid| send_signal(pid, "KILL"));
            }
        }
        // Nothing of this is there after a test that went well.
        for device in loops_under(self.path()) {
            let _ = Command::new("umount").arg("-l").arg(&device).output();
            let _ = Command::new("losetup").arg("-d").arg(&device).output();
        }
        for point in mounts_under(self.path()) {
            let _ = Command::new("umount").arg("-l").arg(&point).output();
        }
    }
}

/// Whether a process is one of ours: its number may be another's by now.
fn is_ublk(pid: u32) -> bool {
    let program = fs::read_link(format!("/proc/{pid}/exe"));
    program.is_ok_and(|path| path == crate::binary().canonicalize().unwrap_or_default())
}

/// A disk that was added.
#[derive(Debug)]
pub struct Disk<'lab> {
    lab: &'lab Lab,
    /// Its number.
    pub id: u32,
    /// Its daemon.
    pub pid: u32,
    /// What a user opens: the file, or the block device with `--loop`.
    pub path: PathBuf,
    /// All that `add` said.
    pub about: Value,
}

impl<'lab> Disk<'lab> {
    /// From what `add --json` printed.
    ///
    /// # Panics
    /// When that is something else.
    #[track_caller]
    pub fn of(lab: &'lab Lab, json: &str) -> Self {
        let about: Value = serde_json::from_str(json).expect("one JSON object");
        let number = |key: &str| about[key].as_u64().and_then(|n| u32::try_from(n).ok());
        let (Some(id), Some(pid)) = (number("id"), number("pid")) else { panic!("{json}") };
        let path = PathBuf::from(about["device"].as_str().expect("a path"));
        Self { lab, id, pid, path, about }
    }

    /// The file in the FUSE mount, also with `--loop`.
    pub fn served_file(&self) -> PathBuf {
        self.mount().join("disk")
    }

    /// The mount point in the state directory.
    pub fn mount(&self) -> PathBuf {
        self.lab.state().join(format!("{:04}", self.id))
    }

    /// Its control socket.
    pub fn socket(&self) -> PathBuf {
        self.lab.state().join(format!("{:04}.sock", self.id))
    }

    /// Runs `ublk COMMAND -n ID MORE`.
    #[track_caller]
    pub fn run(&self, command: &str, more: &[&str]) -> Said {
        Said::of(self.lab.ublk().args([command, "-n", &self.id.to_string()]).args(more))
    }

    /// `ublk stats --json`.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn stats(&self) -> Value {
        serde_json::from_str(&self.run("stats", &["--json"]).ok()).expect("one JSON object")
    }

    /// One number of the statistics, such as `/read/requests`.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn stat(&self, path: &str) -> f64 {
        let stats = self.stats();
        let number = stats.pointer(path).and_then(Value::as_f64);
        number.unwrap_or_else(|| panic!("no {path} in {stats}"))
    }

    /// The last finished requests, oldest first.
    ///
    /// # Panics
    /// When they cannot be had.
    #[track_caller]
    pub fn trace(&self, most: usize) -> Vec<Value> {
        let out = self.run("stats", &["--trace", &most.to_string()]).ok();
        out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Waits until at least so many requests are inside; with 0, until none is.
    #[track_caller]
    pub fn wait_in_flight(&self, requests: u64) {
        let inside = || match (self.stats()["in_flight"].as_u64(), requests) {
            (inside, 0) => inside == Some(0),
            (inside, _) => inside >= Some(requests),
        };
        wait_until(&format!("{requests} requests in flight"), soon(), inside);
    }

    /// Waits until its daemon has gone by itself.
    #[track_caller]
    pub fn wait_gone(&self) {
        wait_until("end of the daemon", soon(), || has_ended(self.pid));
    }

    /// Deletes it, and checks that nothing is left.
    #[track_caller]
    pub fn del(self) -> Said {
        let said = self.run("del", &[]);
        assert!(said.status.success(), "{said}");
        assert!(said.err.is_empty(), "{said}");
        assert!(!mounts_under(self.lab.path()).contains(&self.mount()), "still mounted: {said}");
        let own = format!("{:04}", self.id);
        let log = fs::read_to_string(self.lab.state().join(format!("{own}.log.last")));
        let log = log.expect("a log");
        // That requests fail is what some tests are about.
        let bad = |line: &&str| line.contains(" ERROR ") || line.contains(" WARN ");
        let mut bad = log.lines().filter(bad).filter(|line| !line.contains("failed"));
        assert_eq!(bad.next(), None, "{log}");
        assert!(log.ends_with(": stopped\n"), "{log}");
        let mut left = self.lab.remains();
        left.retain(|name| name.starts_with(&own));
        assert_eq!(left, [""; 0], "state is left: {said}");
        // A loop device that udev looks at just now goes as soon as that is over.
        wait_until("detached loop device", soon(), || {
            !loops_under(&self.mount()).contains(&self.path)
        });
        said
    }
}

/// Whether a process is no more, or only as one whose parent has not looked yet.
pub fn has_ended(pid: u32) -> bool {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    !proc.exists() || state(&proc) == Some('Z')
}

/// Whether every thread of a process is stopped by a signal, also those that the kernel has lent to it.
pub fn is_stopped(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let mut states = tasks.filter_map(|task| state(&task.path())).peekable();
    states.peek().is_some() && states.all(|state| state == 'T')
}

/// The letter that stands for the state of a task, given its folder in /proc.
fn state(proc: &Path) -> Option<char> {
    let stat = fs::read_to_string(proc.join("stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}
