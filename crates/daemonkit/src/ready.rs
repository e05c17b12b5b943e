//! Telling whoever started a daemon that it works, or why it does not.
//!
//! The parent gives the child a pipe as standard output and waits for one line of JSON on it:
//! `{"ready": ...}` or `{"failed": "reason"}`. systemd, when it is the one who waits, is told too.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use sd_notify::NotifyState;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::wait;

/// Longest line a child may announce itself with.
const MAX_LINE: usize = 256 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Ready(Value),
    Failed(String),
}

/// The daemon's side. Dropped without a word, the parent sees the end of the pipe.
#[derive(Debug, Default)]
pub struct Readiness {
    pipe: Option<std::fs::File>,
}

impl Readiness {
    /// For a daemon in the foreground: only systemd is told.
    pub fn foreground() -> Self {
        Self::default()
    }

    /// Takes over the pipe that is this process's standard output, which the caller then points
    /// elsewhere.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn from_stdout() -> io::Result<Self> {
        let pipe = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self { pipe: Some(pipe.into()) })
    }

    /// The service works. `about` is what the parent is to know, `status` what systemd shows.
    ///
    /// # Errors
    /// The parent is gone: nobody will ever know of this daemon, which should end.
    pub fn ready(&mut self, about: &Value, status: &str) -> io::Result<()> {
        self.say(&Line::Ready(about.clone()))?;
        // Without systemd this does nothing; with it, a failure would only delay its view.
        let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(status)]);
        Ok(())
    }

    /// The service does not work, for this reason (one line).
    pub fn failed(&mut self, reason: &str) {
        // The parent may be gone, and there is nobody else to tell but the log.
        let _ = self.say(&Line::Failed(reason.to_owned()));
        let _ = sd_notify::notify(&[NotifyState::Status(reason)]);
    }

    fn say(&mut self, line: &Line) -> io::Result<()> {
        let Some(mut pipe) = self.pipe.take() else { return Ok(()) };
        let mut text = serde_json::to_string(line).map_err(io::Error::other)?;
        text.push('\n');
        pipe.write_all(text.as_bytes())
    }
}

/// systemd is told that the service is about to end.
pub fn stopping() {
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
}

/// What became of a child that was started.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// It works; what it says about itself.
    Ready(Value),
    /// It does not, and says why.
    Failed(String),
    /// It closed the pipe without a word, or said something else than it should.
    Silent,
    /// Nothing within the time.
    TimedOut,
}

/// The parent's side: waits for the child's line on `pipe` for at most `patience`.
///
/// # Errors
/// The pipe cannot be read.
pub fn wait_for(mut pipe: impl Read + AsFd, patience: Duration) -> io::Result<Outcome> {
    let end = Instant::now() + patience;
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if !wait::until(&pipe, PollFlags::IN, end)? {
            return Ok(Outcome::TimedOut);
        }
        match pipe.read(&mut chunk) {
            Ok(0) => return Ok(Outcome::Silent),
            Ok(n) => text.extend_from_slice(&chunk[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
        if let Some(end_of_line) = text.iter().position(|&b| b == b'\n') {
            return Ok(match serde_json::from_slice(&text[..end_of_line]) {
                Ok(Line::Ready(about)) => Outcome::Ready(about),
                Ok(Line::Failed(reason)) => Outcome::Failed(reason),
                Err(_) => Outcome::Silent,
            });
        }
        if text.len() > MAX_LINE {
            return Ok(Outcome::Silent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Readiness, io::PipeReader) {
        let (reader, writer) = io::pipe().unwrap();
        let pipe = std::os::fd::OwnedFd::from(writer);
        (Readiness { pipe: Some(pipe.into()) }, reader)
    }

    #[test]
    fn the_parent_hears_each_outcome() {
        let limit = Duration::from_secs(20);
        let (mut child, parent) = pair();
        child.ready(&serde_json::json!({"id": 3}), "fine").unwrap();
        let said = wait_for(parent, limit).unwrap();
        assert_eq!(said, Outcome::Ready(serde_json::json!({"id": 3})));

        let (mut child, parent) = pair();
        child.failed("no image");
        assert_eq!(wait_for(parent, limit).unwrap(), Outcome::Failed("no image".into()));

        let (child, parent) = pair();
        drop(child);
        assert_eq!(wait_for(parent, limit).unwrap(), Outcome::Silent);

        let (_child, parent) = pair();
        assert_eq!(wait_for(parent, Duration::from_millis(5)).unwrap(), Outcome::TimedOut);
    }

    #[test]
    fn the_child_learns_that_nobody_waits() {
        let (mut child, parent) = pair();
        drop(parent);
        assert!(child.ready(&Value::Null, "").is_err());
    }
}
