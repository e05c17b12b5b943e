//! The one place where io_uring is driven: a ring that owns every buffer it was given.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use io_uring::{IoUring, opcode, squeue, types};
use rustix::event::{EventfdFlags, eventfd};

/// Room for completions nobody has looked at yet: more than can be under way at once.
const COMPLETIONS: u32 = 8192;

/// What the ring can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Read,
    /// With `true`, durable before it completes.
    Write(bool),
    /// Data and the metadata needed to read it back.
    Sync,
    /// fallocate with this mode.
    Allocate(i32),
}

/// A finished operation: the kernel's result, and the buffer given back.
pub(super) struct Finished {
    pub(super) user: u64,
    pub(super) result: i32,
    pub(super) buf: Vec<u8>,
}

/// An io_uring on one file.
pub(super) struct Ring {
    ring: IoUring,
    file: OwnedFd,
    /// Readable when something finished.
    event: OwnedFd,
    /// Buffers that the kernel may be reading or writing, by operation. Never touched, moved in memory
    /// or freed before the operation's completion was seen.
    lent: HashMap<u64, Vec<u8>>,
}

impl Ring {
    /// A ring with room for `depth` operations at once.
    pub(super) fn new(file: OwnedFd, depth: u32) -> io::Result<Self> {
        let entries = depth.next_power_of_two().clamp(8, 4096);
        let ring = IoUring::builder().setup_cqsize(COMPLETIONS).build(entries)?;
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // Not `register_eventfd_async`: that is silent about reads that had to wait for the disk, which
        // the kernel finishes in the submitter's context. So this is also signalled for what is done on
        // submission, and whoever waits may find nothing.
        ring.submitter().register_eventfd(event.as_raw_fd())?;
        Ok(Self { ring, file, event, lent: HashMap::new() })
    }

    pub(super) fn event(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    /// Starts one operation on `buf[done..]` at byte `offset`. `user` must not be in flight.
    pub(super) fn start(
        &mut self,
        user: u64,
        work: Work,
        offset: u64,
        len: u64,
        buf: Vec<u8>,
        done: usize,
    ) -> Result<(), (io::Error, Vec<u8>)> {
        let fd = types::Fd(self.file.as_raw_fd());
        let mut buf = buf;
        // At most 2 GiB minus a page fit into one operation; a longer one takes several rounds.
        let rest = u32::try_from(buf.len().saturating_sub(done)).unwrap_or(1 << 30);
        // In bounds of one allocation, or one past its end when nothing is left.
        let at = buf.as_mut_ptr().wrapping_add(done.min(buf.len()));
        let entry: squeue::Entry = match work {
            Work::Read => opcode::Read::new(fd, at, rest).offset(offset).build(),
            Work::Write(durable) => opcode::Write::new(fd, at, rest)
                .offset(offset)
                .rw_flags(if durable { libc::RWF_DSYNC } else { 0 })
                .build(),
            Work::Sync => opcode::Fsync::new(fd).flags(types::FsyncFlags::DATASYNC).build(),
            Work::Allocate(mode) => {
                opcode::Fallocate::new(fd, len).offset(offset).mode(mode).build()
            }
        };
        let entry = entry.user_data(user);
        // SAFETY: the file stays open as long as `self`, which waits for all operations on drop. The
        // buffer is the heap block of a Vec that goes into `lent` unchanged: it is neither freed,
        // reallocated nor read by us until the completion for `user` was seen, and `rest` stays inside.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        if pushed.is_err() {
            return Err((io::Error::from_raw_os_error(libc::EBUSY), buf));
        }
        self.lent.insert(user, buf);
        // EINTR and EBUSY leave the entry in the queue: it goes out with the next submission or wait.
        let _ = self.ring.submit();
        Ok(())
    }

    /// Whether anything was started and not reaped.
    pub(super) fn is_busy(&self) -> bool {
        !self.lent.is_empty()
    }

    /// Clears the readiness of `event`.
    pub(super) fn acknowledge(&self) {
        let mut count = [0u8; 8];
        let _ = rustix::io::read(&self.event, &mut count); // EAGAIN when it was not signalled
    }

    /// Takes what is finished, and pushes out what an earlier submission could not.
    pub(super) fn reap(&mut self, finished: &mut Vec<Finished>) {
        let submission = self.ring.submission();
        // Completions that found no room wait in the kernel until somebody enters it.
        let enter = !submission.is_empty() || submission.cq_overflow();
        drop(submission);
        if enter {
            let _ = self.ring.submit();
        }
        while let Some(entry) = self.ring.completion().next() {
            let user = entry.user_data();
            let buf = self.lent.remove(&user).unwrap_or_default();
            finished.push(Finished { user, result: entry.result(), buf });
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // The kernel may still write into lent buffers: wait for all of them.
        let mut finished = Vec::new();
        while self.is_busy() {
            if self.ring.submit_and_wait(1).is_err_and(|e| e.raw_os_error() != Some(libc::EINTR)) {
                // Nothing more can be learnt of them; leaking is the safe end.
                std::mem::forget(std::mem::take(&mut self.lent));
                return;
            }
            self.reap(&mut finished);
        }
    }
}
