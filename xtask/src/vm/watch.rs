//! Waiting for a guest: passing on what its command prints, the watchdog, and the end.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::place::RunFolder;
use super::{End, LabRun};
use crate::run::{self, Interrupt};

/// How often output, clock, signals and result are looked at.
const TICK: Duration = Duration::from_millis(50);

/// How long a guest may take to power off once there is a result.
const POWER_OFF: Duration = Duration::from_secs(60);

/// What of the command's output a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Its standard output.
    Out,
    /// Its standard error.
    Err,
}

/// Starts the guest and waits for its end, or ends it.
pub(super) fn wait(
    command: &mut Command,
    folder: &RunFolder,
    run: &LabRun,
    interrupt: &Interrupt,
    sink: &mut dyn FnMut(Channel, &[u8]),
) -> Result<End> {
    let shell = run.command.is_empty();
    if !shell {
        // Its own group, so that an interrupt from the terminal reaches only us and it is ended in
        // order. A shell needs the terminal, and gets the interrupt itself.
        command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
    }
    // A pipe, because QEMU would write a file from its beginning, over its own messages.
    command.stderr(Stdio::piped());
    let mut child =
        command.spawn().with_context(|| format!("cannot run {}", run::shown(command)))?;
    let log = keep_log(&mut child, &folder.console())?;
    let ended = if shell {
        child.wait().context("cannot wait for QEMU")?;
        Ok(())
    } else {
        let mut out = Growing::new(folder.stdout(), Channel::Out);
        let mut err = Growing::new(folder.stderr(), Channel::Err);
        let ended = until_the_end(&mut child, folder, run.timeout, interrupt, &mut || {
            out.pass_on(sink);
            err.pass_on(sink);
        });
        if !matches!(ended, Ok(Ok(()))) {
            run::end(&mut child);
        }
        // What came between the last look and the end.
        out.pass_on(sink);
        err.pass_on(sink);
        ended?
    };
    if let Some(log) = log {
        // QEMU has ended, so its end of the pipe is closed.
        let _ = log.join();
    }
    match ended {
        Ok(()) => result(folder),
        Err(end) => Ok(end),
    }
}

/// Until the guest has ended by itself, or must be ended: `Err` says why.
fn until_the_end(
    child: &mut Child,
    folder: &RunFolder,
    timeout: Duration,
    interrupt: &Interrupt,
    look: &mut dyn FnMut(),
) -> Result<Result<(), End>> {
    let deadline = Instant::now() + timeout;
    let mut off_by = None;
    let mut panic = Panic::new(folder);
    loop {
        look();
        if child.try_wait().context("cannot wait for QEMU")?.is_some() {
            return Ok(Ok(()));
        }
        if interrupt.raised() {
            return Ok(Err(End::Interrupted));
        }
        if off_by.is_none() && folder.status().is_some() {
            off_by = Some(Instant::now() + POWER_OFF);
        }
        if panic.is_over() {
            return Ok(Err(End::NoResult));
        }
        if Instant::now() >= off_by.unwrap_or(deadline) {
            return Ok(Err(if off_by.is_some() { End::NoPowerOff } else { End::Watchdog }));
        }
        thread::sleep(TICK);
    }
}

/// Writes what QEMU prints into a file.
fn keep_log(child: &mut Child, path: &Path) -> Result<Option<JoinHandle<()>>> {
    let mut file =
        File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let Some(mut from) = child.stderr.take() else { return Ok(None) };
    Ok(Some(thread::spawn(move || {
        // A full disk cuts the log; the guest must not hang for it.
        if io::copy(&mut from, &mut file).is_err() {
            let _ = io::copy(&mut from, &mut io::sink());
        }
    })))
}

/// Looks for a panic in the kernel's log: a guest with a root image would boot again, and the command
/// run once more.
struct Panic {
    log: Growing,
    /// What may be the beginning of a line.
    rest: Vec<u8>,
    since: Option<Instant>,
}

impl Panic {
    fn new(folder: &RunFolder) -> Self {
        let log = Growing::new(folder.console(), Channel::Err);
        Self { log, rest: Vec::new(), since: None }
    }

    /// Whether there was one, long enough ago for the log to be complete.
    fn is_over(&mut self) -> bool {
        const SIGN: &[u8] = b"Kernel panic - not syncing";
        let rest = &mut self.rest;
        self.log.pass_on(&mut |_, bytes| rest.extend_from_slice(bytes));
        if self.since.is_none() && rest.windows(SIGN.len()).any(|part| part == SIGN) {
            self.since = Some(Instant::now());
        }
        // A part of the sign may come later.
        rest.drain(..rest.len().saturating_sub(SIGN.len()));
        self.since.is_some_and(|since| since.elapsed() > Duration::from_secs(1))
    }
}

/// A file that QEMU writes and we read behind it.
struct Growing {
    path: std::path::PathBuf,
    channel: Channel,
    file: Option<File>,
}

impl Growing {
    fn new(path: std::path::PathBuf, channel: Channel) -> Self {
        Self { path, channel, file: None }
    }

    /// Passes on what has been written since the last time.
    fn pass_on(&mut self, sink: &mut dyn FnMut(Channel, &[u8])) {
        if self.file.is_none() {
            // QEMU makes it.
            self.file = File::open(&self.path).ok();
        }
        let Some(file) = &mut self.file else { return };
        let mut buffer = [0; 16384];
        while let Ok(count @ 1..) = file.read(&mut buffer) {
            sink(self.channel, &buffer[..count]);
        }
    }
}

/// What the guest wrote down.
fn result(folder: &RunFolder) -> Result<End> {
    let Some(text) = folder.status() else { return Ok(End::NoResult) };
    if let Some(why) = text.strip_prefix("setup ") {
        bail!("the guest could not be set up: {}", why.trim());
    }
    match text.trim().parse() {
        Ok(code) => Ok(End::Exited(code)),
        Err(_) => Ok(End::NoResult),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_growing_file_is_read_once() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("out");
        let mut growing = Growing::new(path.clone(), Channel::Out);
        let mut seen = Vec::new();
        let mut look = |growing: &mut Growing| {
            growing.pass_on(&mut |channel, bytes| {
                assert_eq!(channel, Channel::Out);
                seen.extend_from_slice(bytes);
            });
        };
        look(&mut growing);
        let mut file = File::create(&path).expect("made");
        for text in ["one\n", "", "two\n"] {
            file.write_all(text.as_bytes()).expect("written");
            look(&mut growing);
        }
        assert_eq!(seen, b"one\ntwo\n");
    }
}
