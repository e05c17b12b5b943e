//! Running other programs: captured, with a time limit, and ended together with us.
//!
//! A captured program gets its own process group, so an interrupt from the terminal reaches only us;
//! we end the whole group, and cleaning up can still run programs afterwards.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// How long an ended program's output may take to arrive; a daemon it left behind may hold the pipe
/// open for ever.
const DRAIN: Duration = Duration::from_secs(2);

/// How long a program may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// Set by SIGINT, SIGTERM and SIGHUP, once installed.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Makes the three signals set the flag instead of ending the process.
    pub fn install() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in
            [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP]
        {
            signal_hook::flag::register(signal, Arc::clone(&flag))
                .context("cannot install the signal handler")?;
        }
        Ok(Self(flag))
    }

    /// A flag no signal sets: for cleaning up, which must not stop half-way.
    pub fn never() -> Self {
        Self::default()
    }

    /// Whether a signal came.
    pub fn raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error when a signal came.
    pub fn check(&self) -> Result<()> {
        if self.raised() { bail!("interrupted") } else { Ok(()) }
    }
}

/// What a program printed on standard output, and how it ended.
#[derive(Debug)]
pub struct Captured {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output, with invalid UTF-8 replaced.
    pub stdout: String,
}

/// A command as a person would type it, for messages.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs a program without input, its standard error shown, its standard output returned.
///
/// Fails when it cannot be started, when `limit` has passed, or when `interrupt` is raised; in the
/// last two cases its process group has been ended.
pub fn capture(command: &mut Command, limit: Duration, interrupt: &Interrupt) -> Result<Captured> {
    let name = shown(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot run {name}"))?;
    let output = child.stdout.take().map(reader);
    let deadline = Instant::now() + limit;
    let mut stdout = Vec::new();
    let status = loop {
        if let Some(output) = &output {
            while let Ok(bytes) = output.try_recv() {
                stdout.extend(bytes);
            }
        }
        if let Some(status) = child.try_wait().with_context(|| format!("cannot wait for {name}"))? {
            break status;
        }
        if interrupt.raised() {
            end(&mut child);
            bail!("interrupted during {name}");
        }
        if Instant::now() >= deadline {
            end(&mut child);
            bail!("{name} did not end within {} s", limit.as_secs());
        }
        thread::sleep(Duration::from_millis(10));
    };
    if let Some(output) = output {
        let deadline = Instant::now() + DRAIN;
        let left = || deadline.saturating_duration_since(Instant::now());
        while let Ok(bytes) = output.recv_timeout(left()) {
            stdout.extend(bytes);
        }
    }
    Ok(Captured { status, stdout: String::from_utf8_lossy(&stdout).into_owned() })
}

/// As [`capture`], and an exit status other than 0 is an error.
pub fn output(command: &mut Command, limit: Duration, interrupt: &Interrupt) -> Result<String> {
    let captured = capture(command, limit, interrupt)?;
    if !captured.status.success() {
        bail!("{} failed: {}", shown(command), captured.status);
    }
    Ok(captured.stdout)
}

/// Reads what one of our own commands printed.
pub fn json(text: &str, command: &str) -> Result<serde_json::Value> {
    serde_json::from_str(text)
        .with_context(|| format!("{command} --json printed no JSON object: {:?}", text.trim()))
}

/// Standard output of a quick program without side effects (git, cargo metadata).
pub fn query(command: &mut Command) -> Result<String> {
    output(command, Duration::from_secs(120), &Interrupt::never())
}

/// Runs a program with its output on our standard error (ours is for results); true when it exits 0.
pub fn passes(command: &mut Command) -> Result<bool> {
    let stderr = rustix::io::dup(rustix::stdio::stderr()).context("cannot copy standard error")?;
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::from(stderr))
        .status()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    Ok(status.success())
}

/// Runs a program and returns everything it printed, standard error included, with its success.
pub fn quietly(command: &mut Command) -> Result<(bool, String)> {
    let done = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    let mut text = String::from_utf8_lossy(&done.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&done.stderr));
    Ok((done.status.success(), text))
}

/// The full path of a program on PATH or in the system folders a user's PATH may lack.
pub fn which(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(Into::into))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn reader(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Ends a child's process group: SIGTERM, then SIGKILL when it does not listen.
pub(crate) fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let signal = |signal| {
        if let Some(group) = group {
            // It may have gone by itself meanwhile; that is what we want.
            let _ = kill_process_group(group, signal);
        }
    };
    signal(Signal::TERM);
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    signal(Signal::KILL);
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn returns_what_was_printed_and_the_status() {
        let done =
            capture(&mut sh("echo hello; exit 3"), GRACE, &Interrupt::never()).expect("runs");
        assert_eq!(done.stdout, "hello\n");
        assert_eq!(done.status.code(), Some(3));
        assert!(output(&mut sh("exit 3"), GRACE, &Interrupt::never()).is_err());
    }

    #[test]
    fn ends_the_whole_group_at_the_limit() {
        let folder = tempfile::tempdir().expect("temp folder");
        let alive = folder.path().join("alive");
        let script = format!("(sleep 1; touch {}) & wait", alive.display());
        let limit = Duration::from_millis(100);
        let error = capture(&mut sh(&script), limit, &Interrupt::never()).expect_err("too slow");
        assert!(error.to_string().contains("did not end"), "{error}");
        thread::sleep(Duration::from_millis(1300));
        assert!(!alive.exists(), "the grandchild went on");
    }

    #[test]
    fn a_daemon_left_behind_does_not_hold_us() {
        let start = Instant::now();
        let done = capture(&mut sh("sleep 8 & echo $!"), GRACE, &Interrupt::never()).expect("runs");
        assert!(start.elapsed() < Duration::from_secs(6));
        let daemon = done.stdout.trim().parse().ok().and_then(Pid::from_raw).expect("a process id");
        rustix::process::kill_process(daemon, Signal::TERM).expect("it still runs");
    }

    #[test]
    fn an_interrupt_ends_the_wait() {
        let interrupt = Interrupt::never();
        let raise = interrupt.clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            raise.0.store(true, Ordering::Relaxed);
        });
        let error = capture(&mut sh("sleep 20"), GRACE, &interrupt).expect_err("interrupted");
        assert!(error.to_string().contains("interrupted"), "{error}");
    }
}
