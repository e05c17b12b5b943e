//! One connection's way in: bytes as they come, several requests at a time.

use std::io::IoSliceMut;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

/// Bytes taken from the kernel at one time. Room for the longest option, or some writes.
const ROOM: usize = 128 * 1024;

/// What came of waiting for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// Some.
    Bytes,
    /// The client has hung up.
    End,
    /// Nothing, for too long.
    Late,
}

/// Received and not yet taken.
#[derive(Debug)]
pub(super) struct Input {
    room: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Input {
    pub(super) fn new() -> Self {
        Self { room: vec![0; ROOM].into_boxed_slice(), start: 0, end: 0 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.room[self.start..self.end]
    }

    pub(super) fn take(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Waits for more bytes, behind those that are there: at least one, or the end. There is room: what
    /// is there is part of something that has less than all of it.
    pub(super) fn fill(&mut self, socket: impl AsFd) -> Result<Came, Errno> {
        self.fill_with(socket, RecvFlags::empty())
    }

    /// What has come by now. Nothing is late.
    pub(super) fn fill_now(&mut self, socket: impl AsFd) -> Result<Came, Errno> {
        match self.fill_with(socket, RecvFlags::DONTWAIT) {
            Err(Errno::AGAIN) => Ok(Came::Late),
            came => came,
        }
    }

    /// The same, for no longer than until then.
    pub(super) fn fill_until(
        &mut self,
        socket: impl AsFd,
        deadline: Instant,
    ) -> Result<Came, Errno> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec {
                tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let mut fds = [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN)];
            match poll(&mut fds, Some(&left)) {
                Ok(0) => return Ok(Came::Late),
                Ok(_) => return self.fill(socket),
                Err(Errno::INTR) => {}
                Err(e) => return Err(e),
            }
        }
    }

    fn fill_with(&mut self, socket: impl AsFd, flags: RecvFlags) -> Result<Came, Errno> {
        if self.start > 0 {
            self.room.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        loop {
            match recv(&socket, &mut self.room[self.end..], flags) {
                Ok((0, _)) => return Ok(Came::End),
                Ok((count, _)) => {
                    self.end += count;
                    return Ok(Came::Bytes);
                }
                Err(Errno::INTR) => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Whether so many bytes are there already.
    pub(super) fn has(&self, count: usize) -> bool {
        self.end - self.start >= count
    }

    /// Fills `data` with the next bytes, waiting for them. False: the client hung up before the last.
    pub(super) fn read(&mut self, socket: impl AsFd, data: &mut [u8]) -> Result<bool, Errno> {
        let there = data.len().min(self.end - self.start);
        data[..there].copy_from_slice(&self.room[self.start..self.start + there]);
        self.take(there);
        let mut filled = there;
        while filled < data.len() {
            // Nothing is there now: what follows the data comes with it.
            let rest = data.len() - filled;
            let mut parts = [IoSliceMut::new(&mut data[filled..]), IoSliceMut::new(&mut self.room)];
            match rustix::io::readv(&socket, &mut parts) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    filled += count.min(rest);
                    (self.start, self.end) = (0, count.saturating_sub(rest));
                }
                Err(Errno::INTR) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    /// Reads and forgets so many bytes. False: the client hung up before the last.
    pub(super) fn skip(&mut self, socket: impl AsFd, count: usize) -> Result<bool, Errno> {
        let mut left = count;
        loop {
            let there = left.min(self.end - self.start);
            self.take(there);
            left -= there;
            if left == 0 {
                return Ok(true);
            }
            if self.fill(&socket)? != Came::Bytes {
                return Ok(false);
            }
        }
    }
}
