//! Backing stores: where the data really is, served as fast as the machine can.
//!
//! A backend starts an operation without waiting for it and reports it done later, or at once where
//! that is possible. It knows nothing of the modelled disk.

mod file;
mod image;
mod null;
pub mod qcow2;
mod slow;
mod uring;
mod writer;

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use vpt_model::{Instant, Op};

use crate::engine::Errno;

pub use file::FileBackend;
pub use image::{Image, ImageError, ImageOptions, SMALLEST_IMAGE};
pub use null::NullBackend;
pub use slow::{Faults, SlowBackend};
pub use writer::Writer;

/// The backend's name for an operation in flight: the engine's slot number.
pub type Tag = u32;

/// An operation on the backing store. Offsets and lengths were checked against the capacity.
#[derive(Clone, Copy, Debug)]
pub struct BackOp {
    /// The engine's slot.
    pub tag: Tag,
    /// What to do.
    pub op: Op,
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// A write whose data is in the store already, by its [`Writer`]: only to be reported.
    pub written: bool,
}

/// An operation that the backing store is done with.
#[derive(Debug)]
pub struct BackDone {
    /// Which one.
    pub tag: Tag,
    /// How it ended.
    pub result: Result<(), Errno>,
    /// The buffer it came with, filled for a read.
    pub buf: Vec<u8>,
    /// When it was done, for stores that know better than whoever reaps it.
    pub at: Option<Instant>,
}

/// Whether `start` could finish an operation right away.
#[derive(Debug)]
pub enum Started {
    /// Done already.
    Done(BackDone),
    /// To be reaped.
    Pending,
}

/// A backing store.
pub trait Backend: Send {
    /// Size in bytes.
    fn capacity(&self) -> u64;

    /// Begins an operation. Never blocks for longer than copying its data takes.
    fn start(&mut self, op: BackOp, buf: Vec<u8>) -> Started;

    /// Collects what finished since.
    fn reap(&mut self, done: &mut Vec<BackDone>);

    /// Becomes readable when there is something to reap that `start` did not report, until
    /// [`Backend::acknowledge`] is called.
    fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Clears the readiness of `ready_fd`; call before `reap`.
    fn acknowledge(&mut self) {}

    /// When there will be something to reap, for stores that know.
    fn next_event(&self) -> Option<Instant> {
        None
    }

    /// Ends: what is kept in memory goes into the image, and the image's lock goes. May take a while;
    /// nothing is under way any more, and nothing is started afterwards.
    fn close(&mut self) {}

    /// Writes for threads that may wait; for stores that can be written without their lock.
    fn writer(&self) -> Option<Arc<dyn Writer>> {
        None
    }

    /// Changes a property while running; for stores that have any.
    ///
    /// # Errors
    /// One line: what this store has instead.
    fn set(&mut self, key: &str, _value: &str) -> Result<(), String> {
        Err(format!("this backing store has no property `{key}`"))
    }
}
