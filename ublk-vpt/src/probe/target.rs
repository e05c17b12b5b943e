//! The thing being measured: opened read-only, past the page cache where it lets us.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{Advice, OFlags, SeekFrom, fadvise, ioctl_blksszget, seek};

use super::options::{Options, ProbeError};

/// Below this no two distances differ by anything worth measuring.
pub(super) const MIN_BYTES: u64 = 1 << 20;
/// Alignment that every logical block size in use divides.
const PAGE: usize = 4096;

/// One page, aligned: the only way to aligned memory without unsafe code.
#[repr(align(4096))]
#[derive(Clone)]
struct Page([u8; PAGE]);

/// A buffer that direct I/O accepts: made of aligned pages, filled with a vectored read.
pub(super) struct Buffer {
    pages: Vec<Page>,
    bytes: usize,
}

impl Buffer {
    pub(super) fn new(bytes: u64) -> Self {
        let bytes = usize::try_from(bytes).unwrap_or(PAGE);
        Self { pages: vec![Page([0; PAGE]); bytes.div_ceil(PAGE)], bytes }
    }

    /// Reads until the buffer is full, the end, or an error; gives the bytes read.
    fn fill(&mut self, file: &File, offset: u64) -> io::Result<usize> {
        // The kernel takes at most 1024 slices a call (UIO_MAXIOV): 4 MiB.
        const SLICES: usize = 1024;
        let mut left = self.bytes;
        let mut at = offset;
        for group in self.pages.chunks_mut(SLICES) {
            let mut slices: Vec<IoSliceMut<'_>> = Vec::with_capacity(group.len());
            let mut wanted = 0;
            for page in group {
                let n = left.min(PAGE);
                slices.push(IoSliceMut::new(&mut page.0[..n]));
                left -= n;
                wanted += n;
            }
            let got = loop {
                match rustix::io::preadv(file, &mut slices, at) {
                    Err(rustix::io::Errno::INTR) => {}
                    other => break other?,
                }
            };
            at += got as u64;
            if got < wanted {
                break;
            }
        }
        Ok((at - offset) as usize)
    }
}

/// How one read ended.
pub(super) enum Read {
    /// All of it arrived, after this long.
    Done(Duration),
    /// An error, or fewer bytes than the target's size promises.
    Failed(io::Error),
    /// The target is not the size any more that it was.
    Resized {
        /// Bytes it has now.
        now: u64,
    },
}

/// An open target.
pub(super) struct Target {
    /// Its path, for people.
    pub(super) name: String,
    file: File,
    /// Bytes when it was opened.
    pub(super) bytes: u64,
    /// Bytes per read.
    pub(super) block_bytes: u64,
    /// Whether reads bypass the page cache.
    pub(super) direct: bool,
    /// `block device` or `regular file`.
    pub(super) kind: &'static str,
    /// What a reader of the results should know.
    pub(super) notes: Vec<String>,
}

impl Target {
    /// Opens `options.target` for measuring past the page cache.
    pub(super) fn open(options: &Options) -> Result<Self, ProbeError> {
        let path = options.target.as_path();
        let name = path.display().to_string();
        // Looked at before it is opened: opening a pipe blocks, opening a tape rewinds it.
        let meta = std::fs::metadata(path).map_err(|e| refuse(&name, "look at it", e))?;
        let kind = kind(&meta).map_err(|kind| ProbeError::Kind { target: name.clone(), kind })?;
        let mut notes = Vec::new();
        let plain = open(path, false).map_err(|e| refuse(&name, "open it", e))?;
        let bytes = size(&plain).map_err(|e| refuse(&name, "find its size", e))?;
        let needed = MIN_BYTES.max(options.block_bytes.saturating_mul(16));
        if bytes < needed {
            return Err(ProbeError::TooSmall { target: name, bytes, needed });
        }
        let mut target = Self {
            name,
            file: plain,
            bytes,
            block_bytes: options.block_bytes,
            direct: false,
            kind,
            notes: Vec::new(),
        };
        if options.direct {
            match target.go_direct(path)? {
                None => {}
                Some(reason) => notes.push(format!(
                    "O_DIRECT is refused here ({reason}): the page cache is dropped before each read instead"
                )),
            }
        } else {
            notes.push(
                "O_DIRECT was not asked for: the page cache is dropped before each read".into(),
            );
        }
        if let Some(share) = holes(&target.file, &meta, bytes) {
            notes.push(format!(
                "{share:.0} % of the file is holes, which are read without touching the disk below"
            ));
        }
        target.notes = notes;
        // Read-ahead would fetch more than is asked for, and time it.
        let _ = fadvise(&target.file, 0, None, Advice::Random);
        let _ = fadvise(&target.file, 0, None, Advice::DontNeed);
        Ok(target)
    }

    /// Switches to direct reads; gives the reason when the target does not take them.
    fn go_direct(&mut self, path: &Path) -> Result<Option<io::Error>, ProbeError> {
        if self.kind == "block device"
            && let Ok(logical) = ioctl_blksszget(&self.file)
            && !self.block_bytes.is_multiple_of(u64::from(logical.max(1)))
        {
            return Err(ProbeError::Block {
                target: self.name.clone(),
                logical: u64::from(logical),
                block_bytes: self.block_bytes,
            });
        }
        let direct = match open(path, true) {
            Ok(file) => file,
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => return Ok(Some(e)),
            Err(e) => return Err(refuse(&self.name, "open it", e)),
        };
        // Some file systems take the flag and refuse the read. Any other error is measured, not judged.
        match Buffer::new(self.block_bytes).fill(&direct, 0) {
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => Ok(Some(e)),
            _ => {
                self.file = direct;
                self.direct = true;
                Ok(None)
            }
        }
    }

    /// The same target through the page cache.
    pub(super) fn buffered(&self, path: &Path) -> Result<Self, ProbeError> {
        let file = open(path, false).map_err(|e| refuse(&self.name, "open it", e))?;
        let _ = fadvise(&file, 0, None, Advice::Random);
        Ok(Self {
            name: self.name.clone(),
            file,
            bytes: self.bytes,
            block_bytes: self.block_bytes,
            direct: false,
            kind: self.kind,
            notes: Vec::new(),
        })
    }

    /// The last block that can be read whole; the largest distance, too.
    pub(super) fn last(&self) -> u64 {
        (self.bytes / self.block_bytes).saturating_sub(1)
    }

    /// Bytes now.
    pub(super) fn size_now(&self) -> Option<u64> {
        size(&self.file).ok()
    }

    /// Times one read of `buffer`'s length at byte `offset`. `fresh`: not out of the page cache.
    pub(super) fn read(&self, buffer: &mut Buffer, offset: u64, fresh: bool) -> Read {
        if fresh && !self.direct {
            let length = NonZeroU64::new(buffer.bytes as u64);
            let _ = fadvise(&self.file, offset, length, Advice::DontNeed);
        }
        let before = Instant::now();
        let got = buffer.fill(&self.file, offset);
        let took = before.elapsed();
        match got {
            Ok(n) if n == buffer.bytes => Read::Done(took),
            Ok(n) => match self.size_now() {
                Some(now) if now != self.bytes => Read::Resized { now },
                _ => Read::Failed(io::Error::other(format!(
                    "short read: {n} of {} bytes",
                    buffer.bytes
                ))),
            },
            Err(e) => Read::Failed(e),
        }
    }
}

fn open(path: &Path, direct: bool) -> io::Result<File> {
    let mut flags = OFlags::NONBLOCK; // never waits for a pipe's writer, should it have become one
    if direct {
        flags |= OFlags::DIRECT;
    }
    File::options().read(true).custom_flags(flags.bits() as i32).open(path)
}

/// Works for files and block devices alike.
fn size(file: &File) -> io::Result<u64> {
    Ok(seek(file, SeekFrom::End(0))?)
}

fn kind(meta: &std::fs::Metadata) -> Result<&'static str, &'static str> {
    let t = meta.file_type();
    match () {
        () if t.is_file() => Ok("regular file"),
        () if t.is_block_device() => Ok("block device"),
        () if t.is_dir() => Err("directory"),
        () if t.is_char_device() => Err("character device"),
        () if t.is_fifo() => Err("pipe"),
        () if t.is_socket() => Err("socket"),
        () => Err("something unknown"),
    }
}

/// Percent of a local file that is not allocated, if it is worth telling. Over FUSE the count of blocks
/// is whatever the server says.
fn holes(file: &File, meta: &std::fs::Metadata, bytes: u64) -> Option<f64> {
    const FUSE_SUPER_MAGIC: i64 = 0x6573_5546;
    let on_fuse = rustix::fs::fstatfs(file).is_ok_and(|s| s.f_type == FUSE_SUPER_MAGIC);
    if !meta.is_file() || on_fuse {
        return None;
    }
    let allocated = meta.blocks().saturating_mul(512).min(bytes);
    let share = 100.0 * (bytes - allocated) as f64 / bytes as f64;
    (share >= 1.0).then_some(share)
}

fn refuse(name: &str, what: &'static str, e: io::Error) -> ProbeError {
    let target = name.to_owned();
    match e.kind() {
        io::ErrorKind::NotFound => ProbeError::Missing { target },
        io::ErrorKind::PermissionDenied => ProbeError::Permission { target },
        _ => ProbeError::Io { target, what, source: e },
    }
}
