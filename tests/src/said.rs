//! Programs that tests run: to their end, with a time limit, or beside the test.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::{soon, wait_until};

/// No command of these tests takes so many times [`soon`], however loaded the machine is.
const LIMIT: u32 = 3;

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Said {
    /// The command, for messages.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// How long it ran.
    pub took: Duration,
}

impl Said {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it cannot be started, or does not end in 90 s (in the kernel lab 450 s).
    pub fn of(command: &mut Command) -> Self {
        Running::start(command).end()
    }

    /// Its output, of a command that must succeed.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.status.success(), "{self}");
        self.out
    }

    /// The one line with which `ublk` refused something it could not do (exit code 1), without its
    /// `ublk: `.
    ///
    /// # Panics
    /// When it did it, or said more or less, or any of `words` is missing from it.
    #[track_caller]
    pub fn refused(self, words: &[&str]) -> String {
        assert_eq!(self.status.code(), Some(1), "{self}");
        assert_eq!(self.err.lines().count(), 1, "not one line: {self}");
        let Some(line) = self.err.trim_end().strip_prefix("ublk: ") else { panic!("{self}") };
        self.says(words);
        line.to_owned()
    }

    /// Checks that it was told that it is used wrongly (exit code 2), naming all of `words`.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    pub fn misused(self, words: &[&str]) {
        assert_eq!(self.status.code(), Some(2), "{self}");
        self.says(words);
    }

    /// Checks that standard error has all of `words`, and no panic.
    ///
    /// # Panics
    /// When it has not.
    #[track_caller]
    pub fn says(&self, words: &[&str]) {
        assert!(!self.err.contains("panicked"), "{self}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not said: {self}");
        }
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, status, out, err, took } = self;
        write!(f, "{command}\n{status} after {took:?}\nout: {out}\nerr: {err}")
    }
}

/// A program that runs beside the test; killed when dropped.
#[derive(Debug)]
pub struct Running {
    command: String,
    child: Child,
    // Files and not pipes: a full pipe would stop it, and its children could keep a pipe open.
    out: File,
    err: File,
    since: Instant,
}

impl Running {
    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let file = || tempfile::tempfile().expect("a temporary file");
        let (out, err) = (file(), file());
        let same = |file: &File| Stdio::from(file.try_clone().expect("a second descriptor"));
        command.stdin(Stdio::null()).stdout(same(&out)).stderr(same(&err));
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("cannot run {command:?}: {error}"),
        };
        Self { command: format!("{command:?}"), child, out, err, since: Instant::now() }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard output so far.
    pub fn output(&self) -> String {
        text(&self.out)
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_some()
    }

    /// Sends it a signal, as kill(1) names them.
    pub fn signal(&self, name: &str) {
        crate::send_signal(self.pid(), name);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end in 90 s (in the kernel lab 450 s).
    #[track_caller]
    pub fn end(mut self) -> Said {
        let child = &mut self.child;
        let ended = || child.try_wait().expect("our own child");
        let status = wait_until(&format!("end of {}", self.command), soon() * LIMIT, ended);
        let (out, err) = (text(&self.out), text(&self.err));
        Said { command: self.command.clone(), status, out, err, took: self.since.elapsed() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All of a file, wherever its writer is. Reads at its own place, which the writer shares.
fn text(file: &File) -> String {
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file));
    let mut own = File::open(path).expect("our own file");
    let mut bytes = Vec::new();
    own.rewind().and_then(|()| own.read_to_end(&mut bytes)).expect("our own file");
    String::from_utf8_lossy(&bytes).into_owned()
}
