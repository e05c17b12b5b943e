//! One thread that runs all requests of a chain, each as a task: while one waits for the ring, the
//! others go on.

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::JoinHandle;

use futures::stream::{FuturesUnordered, StreamExt};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use tokio::sync::RwLock;

use super::disk::Access;
use super::storage::{Queue, Waiting, waiting};
use crate::back::{BackDone, BackOp};
use crate::engine::{Errno, rt};
use vpt_model::Op;

/// Zeroes written at a time where the format cannot do it by itself.
const ZEROES: u64 = 1 << 20;

/// A request and its buffer.
pub(super) type Job = (BackOp, Vec<u8>);

/// A task, and nothing where it was the last thing to do with the disk.
type Task = Pin<Box<dyn Future<Output = Option<BackDone>>>>;

/// The thread's end, waiting for all that is under way, comes with the drop.
pub(super) struct Executor {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    inbox: Mutex<Inbox>,
    done: Mutex<Vec<BackDone>>,
    /// There may be something to do that the thread has not looked at.
    news: AtomicBool,
    asleep: AtomicBool,
    /// Wakes the thread.
    bell: OwnedFd,
    /// Readable when something is done.
    ready: OwnedFd,
}

#[derive(Default)]
struct Inbox {
    jobs: Vec<Job>,
    closed: bool,
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

impl Shared {
    fn ring(&self) {
        self.news.store(true, Ordering::SeqCst);
        if self.asleep.swap(false, Ordering::SeqCst) {
            signal(&self.bell);
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn done(&self) -> MutexGuard<'_, Vec<BackDone>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until the bell or a ring. What comes between the last look and the sleep is seen: either
    /// here, or by the one who brings it.
    fn sleep(&self, queues: &[Arc<Queue>]) {
        self.asleep.store(true, Ordering::SeqCst);
        if self.news.load(Ordering::SeqCst) {
            self.asleep.store(false, Ordering::SeqCst);
            return;
        }
        let events = queues.iter().map(|queue| queue.event());
        let mut fds: Vec<PollFd<'_>> = std::iter::once(&self.bell)
            .chain(events)
            .map(|fd| PollFd::new(fd, PollFlags::IN))
            .collect();
        let _ = poll(&mut fds, None); // EINTR is as good as anything: the loop looks again
        self.asleep.store(false, Ordering::SeqCst);
        if fds[0].revents().contains(PollFlags::IN) {
            clear(&self.bell);
        }
        for (queue, fd) in queues.iter().zip(&fds[1..]) {
            if fd.revents().contains(PollFlags::IN) {
                queue.acknowledge();
            }
        }
    }
}

/// The counter of an eventfd is far from its end, so this does not fail.
fn signal(event: &OwnedFd) {
    let _ = rustix::io::write(event, &1_u64.to_ne_bytes());
}

fn clear(event: &OwnedFd) {
    let mut count = [0; 8];
    let _ = rustix::io::read(event, &mut count); // EAGAIN when it was not signalled
}

impl Executor {
    /// Starts the thread; `fifo` puts it beside the engine's, if that is allowed.
    pub(super) fn start(
        disk: Arc<RwLock<Access>>,
        queues: Vec<Arc<Queue>>,
        writable: bool,
        fifo: bool,
    ) -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let shared = Arc::new(Shared {
            inbox: Mutex::default(),
            done: Mutex::default(),
            news: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            bell: eventfd(0, flags)?,
            ready: eventfd(0, flags)?,
        });
        let own = shared.clone();
        let thread = std::thread::Builder::new().name("qcow2".into()).spawn(move || {
            let _guard = AbortOnPanic;
            if fifo {
                let _ = rt::be_fifo(); // the engine says whether it is allowed
            }
            waiting(Waiting::ForRing, || run(&own, &disk, &queues, writable));
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Begins a request.
    pub(super) fn push(&self, job: Job) {
        self.shared.inbox().jobs.push(job);
        self.shared.ring();
    }

    /// Takes what is done.
    pub(super) fn take(&self, done: &mut Vec<BackDone>) {
        done.append(&mut self.shared.done());
    }

    /// Readable when something is done.
    pub(super) fn ready(&self) -> BorrowedFd<'_> {
        self.shared.ready.as_fd()
    }

    pub(super) fn acknowledge(&self) {
        clear(&self.shared.ready);
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.shared.inbox().closed = true;
        self.shared.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic there has ended the process
        }
    }
}

/// A disk whose requests nobody runs would hang for ever, silently.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

fn run(shared: &Arc<Shared>, disk: &Arc<RwLock<Access>>, queues: &[Arc<Queue>], writable: bool) {
    let waker = Waker::from(shared.clone());
    let mut context = Context::from_waker(&waker);
    let mut tasks: FuturesUnordered<Task> = FuturesUnordered::new();
    let mut done = Vec::new();
    let mut ending = false;
    loop {
        shared.news.store(false, Ordering::SeqCst);
        let (jobs, closed) = {
            let mut inbox = shared.inbox();
            (std::mem::take(&mut inbox.jobs), inbox.closed)
        };
        for (op, buf) in jobs {
            tasks.push(Box::pin(serve(disk.clone(), op, buf)));
        }
        queues.iter().for_each(|queue| queue.collect());
        while let Poll::Ready(Some(finished)) = tasks.poll_next_unpin(&mut context) {
            done.extend(finished);
        }
        if !done.is_empty() {
            shared.done().append(&mut done);
            signal(&shared.ready);
        }
        if closed && tasks.is_empty() {
            if ending || !writable {
                return;
            }
            ending = true;
            tasks.push(Box::pin(close(disk.clone())));
            continue;
        }
        if !shared.news.load(Ordering::SeqCst) {
            shared.sleep(queues);
        }
    }
}

async fn serve(disk: Arc<RwLock<Access>>, op: BackOp, mut buf: Vec<u8>) -> Option<BackDone> {
    let result = perform(&disk, op, &mut buf).await.map_err(|e| errno(&e));
    Some(BackDone { tag: op.tag, result, buf, at: None })
}

async fn perform(disk: &RwLock<Access>, op: BackOp, buf: &mut [u8]) -> io::Result<()> {
    match op.op {
        Op::Read => disk.read().await.read(buf, op.offset).await,
        Op::Write { fua } => {
            let disk = disk.read().await;
            disk.write(&*buf, op.offset).await?;
            if fua { persist(&disk).await } else { Ok(()) }
        }
        Op::Flush => persist(&*disk.read().await).await,
        // Both wait until nobody else is under way. A discard gives clusters away, which somebody may be
        // using. And imago makes a cluster of zeroes out of one whose rest reads as zeroes, also while a
        // write into that rest is under way, which would be lost.
        Op::WriteZeroes => {
            let alone = disk.write().await;
            let done = alone.write_zeroes(op.offset, op.len).await;
            or_by_hand(&alone, op, done).await
        }
        Op::Discard => {
            let mut alone = disk.write().await;
            let done = alone.discard_to_zero(op.offset, op.len).await;
            or_by_hand(&alone, op, done).await
        }
    }
}

/// Version 2 has no clusters of zeroes: zeroes are written.
async fn or_by_hand(disk: &Access, op: BackOp, done: io::Result<()>) -> io::Result<()> {
    if !done.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::Unsupported) {
        return done;
    }
    let zeroes = vec![0; op.len.min(ZEROES) as usize];
    let end = op.offset + op.len;
    let mut at = op.offset;
    while at < end {
        let n = (end - at).min(ZEROES);
        disk.write(&zeroes[..n as usize], at).await?;
        at += n;
    }
    Ok(())
}

/// The tables into the file, and the file onto its disk.
async fn persist(disk: &Access) -> io::Result<()> {
    disk.flush().await?;
    disk.sync().await
}

/// What is still in memory has to be in the file when the disk ends.
async fn close(disk: Arc<RwLock<Access>>) -> Option<BackDone> {
    if let Err(e) = persist(&*disk.read().await).await {
        tracing::error!("the image's tables could not be written ({e}): unflushed writes are lost");
    }
    None
}

/// imago adds words to errors, which takes their number away; their kind remains.
pub(super) fn errno(e: &io::Error) -> Errno {
    if let Some(raw) = e.raw_os_error() {
        return Errno::from_raw(raw);
    }
    Errno::from_raw(match e.kind() {
        io::ErrorKind::StorageFull => libc::ENOSPC,
        io::ErrorKind::QuotaExceeded => libc::EDQUOT,
        io::ErrorKind::FileTooLarge => libc::EFBIG,
        io::ErrorKind::OutOfMemory => libc::ENOMEM,
        io::ErrorKind::ReadOnlyFilesystem => libc::EROFS,
        _ => libc::EIO,
    })
}
