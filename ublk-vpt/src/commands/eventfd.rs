//! The plug-in protocol of ublksrv's `ublk`: it runs `ublk.TYPE` beside itself with its own arguments
//! and `--eventfd N`, and reads eight bytes from N: the device's number plus 1, or 0 for a failure.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use super::{Failure, Outcome};

/// The descriptor that is told how it went.
pub(super) struct Caller(Option<File>);

impl Caller {
    /// Takes the descriptor over, if one was given.
    pub(super) fn new(fd: Option<RawFd>) -> Result<Self, Failure> {
        let Some(fd) = fd else { return Ok(Self(None)) };
        let refuse = |e: &dyn std::fmt::Display| {
            Failure::Usage(format!("--eventfd {fd}: not an open descriptor above 2 ({e})"))
        };
        if fd <= 2 {
            return Err(refuse(&"those are standard input and output"));
        }
        // SAFETY: only for asking whether it is open, which is allowed of any number.
        let found = unsafe { BorrowedFd::borrow_raw(fd) };
        let flags = fcntl_getfd(found).map_err(|e| refuse(&e))?;
        // Not for the daemon: the caller may wait for the last one to close it.
        fcntl_setfd(found, flags | FdFlags::CLOEXEC).map_err(|e| refuse(&e))?;
        // SAFETY: it is open, and ours by the protocol: nothing else in this process has used a
        // descriptor that it did not open itself.
        Ok(Self(Some(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))))
    }

    /// Tells that device `id` is live.
    pub(super) fn live(&mut self, id: u32) -> io::Result<()> {
        self.say(u64::from(id) + 1)
    }

    /// Passes an outcome on, after telling a failure to who has not been told of a live device.
    pub(super) fn ended(mut self, outcome: Outcome) -> Outcome {
        if outcome.is_err() {
            let _ = self.say(0); // if nobody reads it, there is nobody to tell
        }
        outcome
    }

    fn say(&mut self, number: u64) -> io::Result<()> {
        match self.0.take() {
            Some(mut to) => to.write_all(&number.to_ne_bytes()),
            None => Ok(()),
        }
    }
}
