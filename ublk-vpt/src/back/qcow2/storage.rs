//! A file of the chain as imago sees it: page cache first, then io_uring, so that one thread keeps many
//! requests under way and waits for none.
//!
//! How an operation waits depends on the thread that polls it ([`waiting`]): not at all in the engine,
//! where a miss is left to the executor; through the ring in the executor; in the system call anywhere
//! else, which is for opening and making images.
#![allow(unsafe_code)] // imago's trait has unsafe methods, which have to be declared so; there is no block

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use imago::Storage;
use imago::io_buffers::{IoVector, IoVectorMut};
use imago::storage::PreallocateMode;
use imago::storage::drivers::CommonStorageHelper;
use rustix::io::{Errno, ReadWriteFlags};
use tokio::sync::oneshot;

use crate::back::uring::{Finished, Ring, Work};

/// The kernel takes no more buffers than this in one call.
const MOST_SLICES: usize = 1024;
/// Zeroes written at a time where the file system cannot do it by itself.
const ZEROES: u64 = 1 << 20;
/// Rounds without progress before an operation fails.
const MAX_RETRIES: u32 = 16;
const PUNCH: i32 = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;

/// How operations wait on this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// In the system call.
    InCall,
    /// For the ring.
    ForRing,
    /// Never: what cannot be done at once stays pending, and is to be dropped.
    Never,
}

thread_local! {
    static WAITING: Cell<Waiting> = const { Cell::new(Waiting::InCall) };
}

/// Runs `f` with another way of waiting.
pub(super) fn waiting<T>(how: Waiting, f: impl FnOnce() -> T) -> T {
    struct Restore(Waiting);
    impl Drop for Restore {
        fn drop(&mut self) {
            WAITING.set(self.0);
        }
    }
    let _restore = Restore(WAITING.replace(how));
    f()
}

/// A file of a chain.
#[derive(Debug)]
pub(super) struct ChainFile {
    file: File,
    path: PathBuf,
    /// As far as data was seen or written. What ends before that was truncated under us.
    size: AtomicU64,
    no_punch: AtomicBool,
    queue: Option<Arc<Queue>>,
    helper: CommonStorageHelper,
}

/// The operations under way on a file.
pub(super) struct Queue {
    event: OwnedFd,
    inner: Mutex<Inner>,
}

struct Inner {
    ring: Ring,
    next: u64,
    waiting: HashMap<u64, Waiter>,
    finished: Vec<Finished>,
    settling: Vec<Settling>,
}

struct Waiter {
    modifies: bool,
    done: oneshot::Sender<Finished>,
}

/// Somebody who waits for all writes that were under way when it came.
struct Settling {
    left: Vec<u64>,
    _done: oneshot::Sender<()>,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl Queue {
    /// For a file; `depth` is the most operations at once.
    ///
    /// # Errors
    /// If the kernel gives no io_uring.
    pub(super) fn new(file: &File, depth: u32) -> io::Result<Arc<Self>> {
        let ring = Ring::new(file.try_clone()?.into(), depth)?;
        let event = ring.event().try_clone_to_owned()?;
        let inner = Inner {
            ring,
            next: 0,
            waiting: HashMap::new(),
            finished: Vec::new(),
            settling: Vec::new(),
        };
        Ok(Arc::new(Self { event, inner: Mutex::new(inner) }))
    }

    /// Hands what is finished to those who wait for it.
    pub(super) fn collect(&self) {
        self.lock().collect();
    }

    /// Becomes readable when there is something to collect.
    pub(super) fn event(&self) -> &OwnedFd {
        &self.event
    }

    /// Clears the readiness of `event`.
    pub(super) fn acknowledge(&self) {
        self.lock().ring.acknowledge();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One round of one operation: the kernel's answer, and the buffer back.
    async fn run(
        &self,
        work: Work,
        offset: u64,
        len: u64,
        buf: Vec<u8>,
        from: usize,
    ) -> io::Result<(i32, Vec<u8>)> {
        let (sender, done) = oneshot::channel();
        {
            let mut inner = self.lock();
            let id = inner.next;
            inner.next += 1;
            let modifies = matches!(work, Work::Write(_) | Work::Allocate(_));
            inner.ring.start(id, work, offset, len, buf, from).map_err(|(e, _)| e)?;
            inner.waiting.insert(id, Waiter { modifies, done: sender });
            // Mostly it is done on submission: a write into the page cache is.
            inner.collect();
        }
        let lost = |_| io::Error::other("an operation was lost");
        let finished = done.await.map_err(lost)?;
        Ok((finished.result, finished.buf))
    }
}

impl Inner {
    fn collect(&mut self) {
        let mut finished = std::mem::take(&mut self.finished);
        self.ring.reap(&mut finished);
        for one in finished.drain(..) {
            let id = one.user;
            if let Some(waiter) = self.waiting.remove(&id) {
                let _ = waiter.done.send(one); // nobody may be interested any more
            }
            self.settling.retain_mut(|settling| {
                settling.left.retain(|left| *left != id);
                !settling.left.is_empty() // its end of the channel goes, and that is the message
            });
        }
        self.finished = finished;
    }
}

impl ChainFile {
    /// Takes over an open file of so many bytes; without a queue, everything waits in its call.
    pub(super) fn new(file: File, path: PathBuf, size: u64, queue: Option<Arc<Queue>>) -> Self {
        Self {
            file,
            path,
            size: AtomicU64::new(size),
            no_punch: AtomicBool::new(false),
            queue,
            helper: CommonStorageHelper::default(),
        }
    }

    /// The ring, if this thread waits for it; the call, if it waits there. Else this never returns.
    async fn queue(&self) -> Option<&Queue> {
        match WAITING.get() {
            Waiting::InCall => None,
            Waiting::ForRing => self.queue.as_deref(),
            Waiting::Never => std::future::pending().await,
        }
    }

    /// All of an operation that moves or allocates; several rounds if the kernel wants it so. Returns
    /// the bytes moved, fewer than asked for only at the end of the file.
    async fn through_ring(
        queue: &Queue,
        work: Work,
        offset: u64,
        len: u64,
        mut buf: Vec<u8>,
    ) -> io::Result<(usize, Vec<u8>)> {
        let (mut done, mut retries) = (0, 0);
        loop {
            let at = offset + done as u64;
            let (result, back) = queue.run(work, at, len - done as u64, buf, done).await?;
            buf = back;
            let moves = matches!(work, Work::Read | Work::Write(_));
            match result {
                e if e == -libc::EINTR || e == -libc::EAGAIN => {
                    retries += 1;
                    if retries > MAX_RETRIES {
                        return Err(io::Error::from_raw_os_error(libc::EIO));
                    }
                }
                e if e < 0 => return Err(io::Error::from_raw_os_error(-e)),
                _ if !moves => return Ok((0, buf)),
                0 => return Ok((done, buf)),
                n => {
                    retries = 0;
                    done += n.unsigned_abs() as usize;
                    if done as u64 >= len {
                        return Ok((done, buf));
                    }
                }
            }
        }
    }

    /// What is read beyond the end is zeroes; but not where there was something before.
    fn beyond(&self, at: u64, slices: &mut [IoSliceMut<'_>]) -> io::Result<()> {
        if at < self.size.load(Ordering::Relaxed) && slices.iter().any(|s| !s.is_empty()) {
            tracing::error!(
                "{}: was truncated: what is beyond its new end is lost",
                self.path.display()
            );
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        slices.iter_mut().for_each(|slice| slice.fill(0));
        Ok(())
    }

    async fn read_slices(&self, mut slices: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<()> {
        let flags = match WAITING.get() {
            Waiting::InCall => ReadWriteFlags::empty(),
            Waiting::ForRing | Waiting::Never => ReadWriteFlags::NOWAIT,
        };
        let mut at = offset;
        while slices.iter().any(|slice| !slice.is_empty()) {
            let most = slices.len().min(MOST_SLICES);
            match rustix::io::preadv2(&self.file, &mut slices[..most], at, flags) {
                Ok(0) => return self.beyond(at, slices),
                Ok(n) => {
                    at += n as u64;
                    IoSliceMut::advance_slices(&mut slices, n);
                }
                Err(Errno::INTR) => {}
                // Not in the page cache, or a file system that cannot say.
                Err(_) if flags == ReadWriteFlags::NOWAIT => match self.queue().await {
                    Some(queue) => return self.read_ring(queue, slices, at).await,
                    None => return Err(io::Error::from_raw_os_error(libc::EIO)),
                },
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    async fn read_ring(
        &self,
        queue: &Queue,
        mut slices: &mut [IoSliceMut<'_>],
        at: u64,
    ) -> io::Result<()> {
        let len: usize = slices.iter().map(|slice| slice.len()).sum();
        let buf = vec![0; len];
        let (done, buf) = Self::through_ring(queue, Work::Read, at, len as u64, buf).await?;
        let mut rest = &buf[..done];
        while !rest.is_empty() && !slices.is_empty() {
            let n = rest.len().min(slices[0].len());
            slices[0][..n].copy_from_slice(&rest[..n]);
            rest = &rest[n..];
            IoSliceMut::advance_slices(&mut slices, n);
        }
        if done < len { self.beyond(at + done as u64, slices) } else { Ok(()) }
    }

    /// The ring owns what it writes, so the data is copied into a buffer of its own: whoever gave it may
    /// give up waiting.
    async fn write_all(&self, data: Vec<u8>, offset: u64) -> io::Result<()> {
        let len = data.len() as u64;
        match self.queue().await {
            Some(queue) => {
                let (done, _) =
                    Self::through_ring(queue, Work::Write(false), offset, len, data).await?;
                if (done as u64) < len {
                    return Err(io::ErrorKind::WriteZero.into());
                }
            }
            None => self.file.write_all_at(&data, offset)?,
        }
        self.size.fetch_max(offset + len, Ordering::Relaxed);
        Ok(())
    }

    async fn allocate(&self, mode: i32, offset: u64, len: u64) -> io::Result<()> {
        match self.queue().await {
            Some(queue) => {
                let work = Work::Allocate(mode);
                Self::through_ring(queue, work, offset, len, Vec::new()).await.map(drop)
            }
            None => {
                let flags = rustix::fs::FallocateFlags::from_bits_retain(mode.unsigned_abs());
                Ok(rustix::fs::fallocate(&self.file, flags, offset, len)?)
            }
        }
    }

    async fn write_zeroes_by_hand(&self, offset: u64, len: u64) -> io::Result<()> {
        let end = offset + len;
        let mut at = offset;
        while at < end {
            let n = (end - at).min(ZEROES);
            self.write_all(vec![0; n as usize], at).await?;
            at += n;
        }
        Ok(())
    }

    /// Gives the place back to the file system; whether that works.
    async fn punch(&self, offset: u64, len: u64) -> io::Result<bool> {
        if self.no_punch.load(Ordering::Relaxed) {
            return Ok(false);
        }
        match self.allocate(PUNCH, offset, len).await {
            Ok(()) => Ok(true),
            Err(e) if e.raw_os_error() == Some(libc::EOPNOTSUPP) => {
                self.no_punch.store(true, Ordering::Relaxed);
                Ok(false)
            }
            Err(e) => Err(e),
        }
    }
}

fn overflow() -> io::Error {
    io::Error::from_raw_os_error(libc::EFBIG)
}

impl Storage for ChainFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.size.load(Ordering::Relaxed))
    }

    async unsafe fn pure_readv(&self, bufv: IoVectorMut<'_>, offset: u64) -> io::Result<()> {
        offset.checked_add(bufv.len()).ok_or_else(overflow)?;
        let mut slices = bufv.into_inner();
        self.read_slices(&mut slices, offset).await
    }

    async unsafe fn pure_writev(&self, bufv: IoVector<'_>, offset: u64) -> io::Result<()> {
        offset.checked_add(bufv.len()).ok_or_else(overflow)?;
        let slices: Vec<IoSlice<'_>> = bufv.into_inner();
        let data = slices.iter().flat_map(|slice| slice.iter().copied());
        let data = match slices.as_slice() {
            [one] => one.to_vec(),
            _ => data.collect(),
        };
        self.write_all(data, offset).await
    }

    async unsafe fn pure_write_zeroes(&self, offset: u64, length: u64) -> io::Result<()> {
        let end = offset.checked_add(length).ok_or_else(overflow)?;
        if length == 0 {
            return Ok(());
        }
        if !self.punch(offset, length).await? {
            return self.write_zeroes_by_hand(offset, length).await;
        }
        if end > self.size.load(Ordering::Relaxed) {
            // Setting the length could cut off what is being written beyond.
            self.write_all(vec![0], end - 1).await?;
        }
        Ok(())
    }

    async unsafe fn pure_write_allocated_zeroes(&self, offset: u64, length: u64) -> io::Result<()> {
        let end = offset.checked_add(length).ok_or_else(overflow)?;
        if length == 0 {
            return Ok(());
        }
        match self.allocate(libc::FALLOC_FL_ZERO_RANGE, offset, length).await {
            Err(e) if e.raw_os_error() == Some(libc::EOPNOTSUPP) => {
                self.write_zeroes_by_hand(offset, length).await
            }
            other => {
                other?;
                self.size.fetch_max(end, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    async unsafe fn pure_discard(&self, offset: u64, length: u64) -> io::Result<()> {
        offset.checked_add(length).ok_or_else(overflow)?;
        if length > 0 {
            self.punch(offset, length).await?;
        }
        Ok(())
    }

    async fn flush(&self) -> io::Result<()> {
        Ok(()) // nothing is kept here
    }

    async fn sync(&self) -> io::Result<()> {
        match self.queue().await {
            Some(queue) => Self::through_ring(queue, Work::Sync, 0, 0, Vec::new()).await.map(drop),
            None => self.file.sync_data(),
        }
    }

    async fn settle_writes(&self) -> io::Result<()> {
        let Some(queue) = self.queue().await else { return Ok(()) };
        let settled = {
            let mut inner = queue.lock();
            let under_way = inner.waiting.iter().filter(|(_, waiter)| waiter.modifies);
            let left: Vec<u64> = under_way.map(|(id, _)| *id).collect();
            if left.is_empty() {
                return Ok(());
            }
            let (sender, receiver) = oneshot::channel();
            inner.settling.push(Settling { left, _done: sender });
            receiver
        };
        let _ = settled.await; // ends when the sender goes
        Ok(())
    }

    async unsafe fn invalidate_cache(&self) -> io::Result<()> {
        Ok(())
    }

    fn get_storage_helper(&self) -> &CommonStorageHelper {
        &self.helper
    }

    async fn resize(&self, new_size: u64, _mode: PreallocateMode) -> io::Result<()> {
        self.file.set_len(new_size)?;
        self.size.store(new_size, Ordering::Relaxed);
        Ok(())
    }
}

impl fmt::Display for ChainFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}
