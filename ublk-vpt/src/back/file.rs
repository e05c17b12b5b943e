//! A raw file or block device, through the page cache: what is in it is copied at once, everything else
//! goes through io_uring.

use std::collections::HashMap;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::io::ReadWriteFlags;
use vpt_model::Op;

use super::image::Image;
use super::uring::{Finished, Ring, Work};
use super::writer::FileWriter;
use super::{BackDone, BackOp, Backend, Started, Tag, Writer};
use crate::engine::Errno;

/// Zeroes written at a time where the file system cannot do it by itself.
const ZEROES: u64 = 1 << 20;
/// Rounds without progress before an operation fails: a store that says EAGAIN for ever must not hold
/// up everything else.
const MAX_RETRIES: u32 = 16;
const PUNCH: i32 = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
const ZERO: i32 = libc::FALLOC_FL_ZERO_RANGE | libc::FALLOC_FL_KEEP_SIZE;

/// An operation under way, which may take several rounds.
struct Running {
    op: BackOp,
    work: Work,
    /// Bytes of it that earlier rounds did.
    done: u64,
    /// The buffer holds zeroes to be written again and again, not the operation's own data.
    zeroes: bool,
    /// Rounds that the kernel asked to be repeated.
    retries: u32,
}

impl Running {
    fn new(op: BackOp, work: Work, done: u64) -> Self {
        Self { op, work, done, zeroes: false, retries: 0 }
    }
}

/// Whether the image is a file of a file system that is nothing but memory.
fn is_memory(image: &Image) -> bool {
    const TMPFS: u32 = 0x0102_1994;
    const RAMFS: u32 = 0x8584_58f6;
    let kind = rustix::fs::fstatfs(image.file()).map_or(0, |fs| fs.f_type);
    image.file().metadata().is_ok_and(|meta| meta.is_file()) && matches!(kind as u32, TMPFS | RAMFS) // the magic numbers have 32 bits
}

/// A raw image.
pub struct FileBackend {
    ring: Ring,
    capacity: u64,
    running: HashMap<Tag, Running>,
    finished: Vec<Finished>,
    /// Done, but found while looking for something else.
    ready: Vec<BackDone>,
    /// Open and locked.
    image: Image,
    /// Found shorter than it was.
    truncated: bool,
    /// All of it is in memory: it is written as it is read.
    memory: bool,
    writer: Arc<FileWriter>,
}

impl FileBackend {
    /// Takes over an opened and locked image; `depth` is the most operations at once.
    ///
    /// # Errors
    /// If the kernel gives no io_uring.
    pub fn new(image: Image, depth: u32) -> io::Result<Self> {
        let file: OwnedFd = image.file().try_clone()?.into();
        let ring = Ring::new(file, depth).map_err(|e| {
            io::Error::new(
                e.kind(),
                format!("io_uring is not available ({e}): a container or sysctl may forbid it"),
            )
        })?;
        let writer = Arc::new(FileWriter::new(image.file().try_clone()?));
        let memory = is_memory(&image);
        Ok(Self {
            memory,
            ring,
            capacity: image.capacity(),
            running: HashMap::new(),
            finished: Vec::new(),
            ready: Vec::new(),
            image,
            truncated: false,
            writer,
        })
    }

    /// Whether a truncated image still has all of the place. A write beyond would make it grow again,
    /// and what was cut off would read as zeroes instead of errors.
    fn holds(&self, op: &BackOp) -> bool {
        self.image.file().metadata().is_ok_and(|m| op.offset + op.len <= m.len())
    }

    /// Copies what is in the page cache, from the beginning on, and says how many bytes that was. Half
    /// the price of a round through the ring. Whatever is wrong, io_uring will meet it again and say.
    fn read_cached(&self, offset: u64, buf: &mut [u8]) -> u64 {
        let flags = if self.memory {
            // Such a file system knows no NOWAIT, and io_uring would leave every read to a worker. What
            // has been swapped out is waited for.
            ReadWriteFlags::empty()
        } else {
            ReadWriteFlags::NOWAIT
        };
        let read =
            rustix::io::preadv2(self.image.file(), &mut [io::IoSliceMut::new(buf)], offset, flags);
        read.unwrap_or(0) as u64
    }

    fn launch(&mut self, running: Running, buf: Vec<u8>) -> Result<(), BackDone> {
        let (op, done) = (running.op, running.done);
        let (user, at, left) = (u64::from(op.tag), op.offset + done, op.len - done);
        let (mut buf, mut from) = (buf, done as usize);
        if running.zeroes {
            buf.resize(left.min(ZEROES) as usize, 0);
            from = 0;
        }
        match self.ring.start(user, running.work, at, left, buf, from) {
            Ok(()) => {
                self.running.insert(op.tag, running);
                Ok(())
            }
            Err((e, buf)) => {
                Err(BackDone { tag: op.tag, result: Err(Errno::from_io(&e)), buf, at: None })
            }
        }
    }

    /// Judges one completion: done, failed, or another round.
    fn settle(&mut self, f: Finished) -> Option<BackDone> {
        let tag = Tag::try_from(f.user).ok()?;
        let mut running = self.running.remove(&tag)?;
        let end = |result, buf| Some(BackDone { tag, result, buf, at: None });
        let moves_data = matches!(running.work, Work::Read | Work::Write(_));
        match f.result {
            e if e == -libc::EINTR || e == -libc::EAGAIN => {
                running.retries += 1;
                if running.retries > MAX_RETRIES {
                    return end(Err(Errno::EIO), f.buf);
                }
            }
            e if e == -libc::EOPNOTSUPP && running.op.op == Op::WriteZeroes && !moves_data => {
                // A file system without ZERO_RANGE: the zeroes have to be written.
                running.work = Work::Write(false);
                running.zeroes = true;
            }
            e if e < 0 => return end(Err(Errno::from_raw(-e)), f.buf),
            _ if !moves_data => return end(Ok(()), f.buf),
            // The file ends before its end: somebody truncated the image under us.
            0 => {
                if !self.truncated {
                    tracing::error!("the image was truncated: what is beyond its new end is lost");
                }
                self.truncated = true;
                self.writer.stop();
                return end(Err(Errno::EIO), f.buf);
            }
            n => {
                running.retries = 0;
                running.done += u64::from(n.unsigned_abs());
                if running.done >= running.op.len {
                    return end(Ok(()), f.buf);
                }
            }
        }
        self.launch(running, f.buf).err()
    }

    fn settle_all(&mut self) {
        // A round may finish at once and so add to `finished` while this runs.
        loop {
            self.ring.reap(&mut self.finished);
            if self.finished.is_empty() {
                return;
            }
            for f in std::mem::take(&mut self.finished) {
                if let Some(done) = self.settle(f) {
                    self.ready.push(done);
                }
            }
        }
    }
}

impl Backend for FileBackend {
    fn capacity(&self) -> u64 {
        self.capacity
    }

    fn start(&mut self, op: BackOp, buf: Vec<u8>) -> Started {
        let work = match op.op {
            Op::Read => Work::Read,
            Op::Write { fua } => Work::Write(fua),
            Op::Flush => Work::Sync,
            Op::Discard => Work::Allocate(PUNCH),
            Op::WriteZeroes => Work::Allocate(ZERO),
        };
        if self.truncated && op.op.is_write() && !self.holds(&op) {
            return Started::Done(BackDone { tag: op.tag, result: Err(Errno::EIO), buf, at: None });
        }
        if op.written {
            return Started::Done(BackDone { tag: op.tag, result: Ok(()), buf, at: None });
        }
        let mut buf = buf;
        let mut done = 0;
        if work == Work::Read {
            done = self.read_cached(op.offset, &mut buf);
            if done == op.len {
                return Started::Done(BackDone { tag: op.tag, result: Ok(()), buf, at: None });
            }
        }
        // io_uring would leave it to a worker, as it would a read.
        if self.memory && matches!(work, Work::Write(_)) {
            done = rustix::io::pwrite(self.image.file(), &buf, op.offset).unwrap_or(0) as u64;
            if done == op.len {
                return Started::Done(BackDone { tag: op.tag, result: Ok(()), buf, at: None });
            }
        }
        if let Err(done) = self.launch(Running::new(op, work, done), buf) {
            return Started::Done(done);
        }
        self.settle_all();
        // Mostly it is the only one there: a write into the page cache is done on submission.
        match self.ready.iter().position(|d| d.tag == op.tag) {
            Some(i) => Started::Done(self.ready.swap_remove(i)),
            None => Started::Pending,
        }
    }

    fn reap(&mut self, done: &mut Vec<BackDone>) {
        self.settle_all();
        done.append(&mut self.ready);
    }

    fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.ring.event())
    }

    /// Whoever has waited for the device's end may serve the image at once; descriptors of it may
    /// stay open until the process is gone.
    fn close(&mut self) {
        self.image.unlock();
    }

    fn acknowledge(&mut self) {
        self.ring.acknowledge();
    }

    fn writer(&self) -> Option<Arc<dyn Writer>> {
        Some(self.writer.clone())
    }
}
