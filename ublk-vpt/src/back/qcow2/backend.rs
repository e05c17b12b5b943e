//! The chain as a backing store.

use std::os::fd::BorrowedFd;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::sync::RwLock;
use vpt_model::Op;

use super::chain::{ChainError, ChainOptions, ImageFormat, Layer, open};
use super::disk::{Access, join};
use super::executor::{Executor, errno};
use super::storage::{Waiting, waiting};
use crate::back::image::check_capacity;
use crate::back::{BackDone, BackOp, Backend, Started};
use crate::engine::Errno;

/// A qcow2 image with what is below it.
///
/// A read whose data and tables are in memory is done by whoever starts it. Everything else goes to a
/// thread of its own, which has many requests under way; it ends, all of them done and the tables
/// written, when this is closed or dropped.
pub struct Qcow2Backend {
    /// Nothing once it is closed.
    open: Option<Open>,
    capacity: u64,
}

struct Open {
    executor: Executor,
    disk: Arc<RwLock<Access>>,
}

impl Qcow2Backend {
    /// Opens and locks an image and what is below it; `depth` is the most requests at once, `fifo`
    /// gives the thread the engine's priority. Also returns what the file at the top is.
    ///
    /// # Errors
    /// One of [`ChainError`]; nothing is left open or locked.
    pub fn open(
        options: &ChainOptions,
        depth: u32,
        fifo: bool,
    ) -> Result<(Self, std::fs::Metadata), ChainError> {
        let layers = open(options)?;
        let Some(top) = layers.first() else { return Err(ChainError::Empty) };
        check_capacity(&top.path, top.size_bytes)?;
        let fail = failure(top);
        let meta = top.file.metadata().map_err(&fail)?;
        let joined = join(layers, !options.read_only, Some(depth))?;
        let capacity = joined.access.size();
        let disk = Arc::new(RwLock::new(joined.access));
        let executor = Executor::start(disk.clone(), joined.queues, !options.read_only, fifo);
        let executor = executor.map_err(fail)?;
        Ok((Self { open: Some(Open { executor, disk }), capacity }, meta))
    }
}

impl Open {
    /// Reads what is in memory; `None` if that is not all of it. A look like a request's own, given up
    /// where that would begin to wait.
    fn read_now(&self, offset: u64, buf: &mut [u8]) -> Option<Result<(), Errno>> {
        let disk = self.disk.try_read().ok()?;
        let mut context = Context::from_waker(Waker::noop());
        let poll = waiting(Waiting::Never, || {
            let reading = pin!(disk.read(buf, offset));
            reading.poll(&mut context)
        });
        match poll {
            Poll::Ready(result) => Some(result.map_err(|e| errno(&e))),
            Poll::Pending => None,
        }
    }
}

fn failure(top: &Layer) -> impl Fn(std::io::Error) -> ChainError + use<> {
    let path = top.path.clone();
    move |source| {
        let format = ImageFormat::Qcow2.name();
        ChainError::Library { path: path.clone(), format, source }
    }
}

impl Backend for Qcow2Backend {
    fn capacity(&self) -> u64 {
        self.capacity
    }

    fn start(&mut self, op: BackOp, mut buf: Vec<u8>) -> Started {
        let done = |result, buf| Started::Done(BackDone { tag: op.tag, result, buf, at: None });
        let Some(open) = &self.open else { return done(Err(Errno::EIO), buf) };
        if op.op == Op::Read
            && let Some(result) = open.read_now(op.offset, &mut buf)
        {
            return done(result, buf);
        }
        open.executor.push((op, buf));
        Started::Pending
    }

    fn reap(&mut self, done: &mut Vec<BackDone>) {
        if let Some(open) = &self.open {
            open.executor.take(done);
        }
    }

    fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        self.open.as_ref().map(|open| open.executor.ready())
    }

    fn acknowledge(&mut self) {
        if let Some(open) = &self.open {
            open.executor.acknowledge();
        }
    }

    fn close(&mut self) {
        self.open = None;
    }
}
