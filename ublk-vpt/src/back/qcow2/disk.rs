//! An opened chain as one disk, by imago.

use std::fs::File;
use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use imago::qcow2::Qcow2;
use imago::raw::Raw;
use imago::{DenyImplicitOpenGate, FormatAccess, FormatDriverBuilder};

use super::chain::{ChainError, ImageFormat, Layer};
use super::header::{Header, LARGEST_HEADER};
use super::storage::{ChainFile, Queue, Waiting, waiting};
use super::tables;

/// The whole chain.
pub(super) type Access = FormatAccess<ChainFile>;

/// The chain, and the queues of its files.
pub(super) struct Joined {
    pub(super) access: Access,
    pub(super) queues: Vec<Arc<Queue>>,
}

/// Joins the layers, the first of them at the top. With a `depth`, operations may go through rings.
pub(super) fn join(
    layers: Vec<Layer>,
    writable: bool,
    depth: Option<u32>,
) -> Result<Joined, ChainError> {
    let mut queues = Vec::new();
    let mut below: Option<Access> = None;
    let count = layers.len();
    for (i, layer) in layers.into_iter().rev().enumerate() {
        let Layer { path, format, file, .. } = layer;
        let fail =
            |source| ChainError::Library { path: path.clone(), format: format.name(), source };
        let size = crate::back::image::size(&file).map_err(fail)?;
        let queue = depth.map(|depth| Queue::new(&file, depth)).transpose().map_err(fail)?;
        queues.extend(queue.clone());
        let file = ChainFile::new(file, path.clone(), size, queue);
        let write = writable && i + 1 == count;
        let opened = match format {
            ImageFormat::Raw => {
                let builder = Raw::builder(file).write(write);
                in_call(builder.open(DenyImplicitOpenGate::default())).map(Access::new)
            }
            ImageFormat::Qcow2 => {
                let builder = Qcow2::<ChainFile>::builder(file).write(write).backing(below.take());
                in_call(builder.open(DenyImplicitOpenGate::default())).map(Access::new)
            }
        };
        below = Some(opened.map_err(fail)?);
    }
    match below {
        Some(access) => Ok(Joined { access, queues }),
        None => Err(ChainError::Empty),
    }
}

/// An image used by one call at a time, without threads and rings: for trying what imago makes of it.
pub struct CallDisk {
    access: Access,
}

impl CallDisk {
    /// Opens bytes in memory that may be a qcow2, for reading and writing, without anything below it.
    ///
    /// # Errors
    /// They are none.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, ChainError> {
        let path = PathBuf::from("(memory)");
        let source = |source| ChainError::Header { path: path.clone(), source };
        let first = &bytes[..bytes.len().min(LARGEST_HEADER as usize)];
        let header = Header::parse(first, bytes.len() as u64).map_err(source)?;
        let held = || -> io::Result<File> {
            let fd = rustix::fs::memfd_create("image", rustix::fs::MemfdFlags::CLOEXEC)?;
            let mut file = File::from(fd);
            file.write_all(bytes)?;
            Ok(file)
        };
        let fail = |source| ChainError::Library { path: path.clone(), format: "qcow2", source };
        let file = held().map_err(fail)?;
        let checked = tables::check(&file, &header, bytes.len() as u64).map_err(fail)?;
        checked.map_err(source)?;
        let (format, size_bytes) = (ImageFormat::Qcow2, header.size_bytes);
        let layer = Layer { path, format, file, size_bytes, header: Some(header) };
        Ok(Self { access: join(vec![layer], true, None)?.access })
    }

    /// Bytes of the disk.
    pub fn size_bytes(&self) -> u64 {
        self.access.size()
    }

    /// Reads; beyond the end there are zeroes.
    ///
    /// # Errors
    /// The image's tables or files are broken there.
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        in_call(self.access.read(buf, offset))
    }

    /// Writes.
    ///
    /// # Errors
    /// As for reading, or the disk ends before.
    pub fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        in_call(self.access.write(buf, offset))
    }

    /// Writes the tables.
    ///
    /// # Errors
    /// As for reading.
    pub fn flush(&self) -> io::Result<()> {
        in_call(self.access.flush())
    }
}

/// Whether the future asked to be polled again.
struct Asked(AtomicBool);

impl Wake for Asked {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Runs a future whose operations wait in their system calls, so that it never waits for anybody else.
///
/// # Errors
/// Its own; or that it did wait.
pub(super) fn in_call<T>(future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let asked = Arc::new(Asked(AtomicBool::new(false)));
    let waker = Waker::from(asked.clone());
    let mut future = pin!(future);
    loop {
        let mut context = Context::from_waker(&waker);
        match waiting(Waiting::InCall, || future.as_mut().poll(&mut context)) {
            Poll::Ready(done) => return done,
            Poll::Pending if asked.0.swap(false, Ordering::AcqRel) => {}
            Poll::Pending => return Err(io::Error::other("waits for nobody")),
        }
    }
}
