//! The one request type and the one completion type of the daemon.

use std::fmt;

use vpt_model::{Instant, Op, SECTOR_BYTES, Sectors};

use crate::report::TraceRecord;

/// Why a request failed, as the guest is to see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(i32);

impl Errno {
    /// Input/output error: what a broken disk says.
    pub const EIO: Self = Self(libc::EIO);
    /// A request outside the disk, or of no bytes.
    pub const EINVAL: Self = Self(libc::EINVAL);
    /// Writing to a read-only disk.
    pub const EROFS: Self = Self(libc::EROFS);

    /// From a positive errno; 0 or less becomes EIO, for an error must not look like success.
    pub fn from_raw(raw: i32) -> Self {
        if raw > 0 { Self(raw) } else { Self::EIO }
    }

    /// From an I/O error.
    pub fn from_io(e: &std::io::Error) -> Self {
        Self::from_raw(e.raw_os_error().unwrap_or(libc::EIO))
    }

    /// The positive number.
    pub const fn raw(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

/// Who is told that a request is done. Implemented by front ends.
pub trait Completer: Send {
    /// Called exactly once, on whichever thread found the request done.
    fn complete(self: Box<Self>, done: Completion);
}

impl<F: FnOnce(Completion) + Send> Completer for F {
    fn complete(self: Box<Self>, done: Completion) {
        self(done);
    }
}

/// A request as a front end makes it.
pub struct IoRequest {
    /// What to do.
    pub op: Op,
    /// First byte. The disk moves whole sectors; the store exactly these bytes.
    pub offset: u64,
    /// Bytes; not 0 except for a flush.
    pub len: u64,
    /// The data of a write; for a read, room for `len` bytes, which may come from
    /// [`super::EngineHandle::buffer`]. Empty otherwise.
    pub buf: Vec<u8>,
    /// When it reached the front end.
    pub arrival: Instant,
    /// Who is told.
    pub completer: Box<dyn Completer>,
}

impl IoRequest {
    /// Whether it is one this disk can be asked for.
    pub(crate) fn check(&self, capacity_bytes: u64, read_only: bool) -> Result<(), Errno> {
        if self.op == Op::Flush {
            return Ok(());
        }
        if read_only && self.op != Op::Read {
            return Err(Errno::EROFS);
        }
        let inside = self.offset.checked_add(self.len).is_some_and(|end| end <= capacity_bytes);
        let carries_data = matches!(self.op, Op::Read | Op::Write { .. });
        let buffer_fits = !carries_data || self.buf.len() as u64 == self.len;
        if self.len > 0 && inside && buffer_fits { Ok(()) } else { Err(Errno::EINVAL) }
    }
}

/// The sectors that hold these bytes: the first, and how many.
pub(crate) fn sectors_of(offset: u64, len: u64) -> (Sectors, Sectors) {
    let start = Sectors::new(offset / SECTOR_BYTES);
    (start, Sectors::holding(offset.saturating_add(len)) - start)
}

/// A finished request.
pub struct Completion {
    /// How it ended.
    pub result: Result<(), Errno>,
    /// The request's buffer: the data of a successful read.
    pub buf: Vec<u8>,
    /// When, and every part of why then.
    pub record: TraceRecord,
}
