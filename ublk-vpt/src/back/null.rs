//! The backing store that is nothing: for measuring everything else. (Memory is a file without a name:
//! see [`super::Image::in_memory`].)

use vpt_model::Op;

use super::{BackDone, BackOp, Backend, Started};

/// Reads zeroes, forgets what is written.
pub struct NullBackend {
    capacity: u64,
}

impl NullBackend {
    /// Pretends to have `capacity` bytes.
    pub fn new(capacity: u64) -> Self {
        Self { capacity }
    }
}

impl Backend for NullBackend {
    fn capacity(&self) -> u64 {
        self.capacity
    }

    fn start(&mut self, op: BackOp, mut buf: Vec<u8>) -> Started {
        // Mostly it is zero already: looking is cheaper than writing, and leaves the caches alone.
        if op.op == Op::Read && buf.iter().fold(0, |all, byte| all | byte) != 0 {
            buf.fill(0);
        }
        Started::Done(BackDone { tag: op.tag, result: Ok(()), buf, at: None })
    }

    fn reap(&mut self, _done: &mut Vec<BackDone>) {}
}
