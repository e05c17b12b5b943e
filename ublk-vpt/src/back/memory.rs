//! Backing stores without a file: memory, and nothing.

use std::io;

use memmap2::MmapMut;
use vpt_model::Op;

use super::{BackDone, BackOp, Backend, Started};

/// Data in anonymous memory; pages never written take none. Gone with the daemon.
pub struct MemoryBackend {
    data: MmapMut,
}

impl MemoryBackend {
    /// All zeroes.
    ///
    /// # Errors
    /// If there is no address space of that size.
    pub fn new(bytes: u64) -> io::Result<Self> {
        let len = usize::try_from(bytes).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, "more than memory can hold")
        })?;
        Ok(Self { data: MmapMut::map_anon(len)? })
    }
}

impl Backend for MemoryBackend {
    fn capacity(&self) -> u64 {
        self.data.len() as u64
    }

    fn start(&mut self, op: BackOp, mut buf: Vec<u8>) -> Started {
        // In bounds: the engine checked the range against `capacity`.
        let range = op.offset as usize..(op.offset + op.len) as usize;
        match op.op {
            Op::Read => buf.copy_from_slice(&self.data[range]),
            Op::Write { .. } => self.data[range].copy_from_slice(&buf),
            Op::Discard | Op::WriteZeroes => self.data[range].fill(0),
            Op::Flush => {}
        }
        Started::Done(BackDone { tag: op.tag, result: Ok(()), buf, at: None })
    }

    fn reap(&mut self, _done: &mut Vec<BackDone>) {}
}

/// Reads zeroes, forgets what is written: for measuring everything else.
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
        if op.op == Op::Read {
            buf.fill(0);
        }
        Started::Done(BackDone { tag: op.tag, result: Ok(()), buf, at: None })
    }

    fn reap(&mut self, _done: &mut Vec<BackDone>) {}
}
