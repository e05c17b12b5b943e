//! Opening an image: it must be there, be a whole disk, and be ours alone.

use std::fs::{DirEntry, File, FileType, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use thiserror::Error;
use vpt_model::SECTOR_BYTES;

/// The smallest image that makes a disk: below this not even a partition table and a file fit.
pub const SMALLEST_IMAGE: u64 = 1 << 20;

/// Why an image cannot be served. Each is one line: what, where, what to do.
#[derive(Debug, Error)]
pub enum ImageError {
    /// Nothing there.
    #[error("image {path}: no such file: create it, for example with `truncate -s 1G {path}`")]
    Missing {
        /// The image.
        path: PathBuf,
    },
    /// A directory, a pipe, ...
    #[error("image {path}: is {what}: give a regular file or a block device")]
    Kind {
        /// The image.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Not enough of it.
    #[error(
        "image {path}: {bytes} bytes are too few for a disk: give it at least {SMALLEST_IMAGE}"
    )]
    TooSmall {
        /// The image.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// A broken sector at the end.
    #[error(
        "image {path}: {bytes} bytes are not whole sectors of {SECTOR_BYTES}: \
         `truncate -s %{SECTOR_BYTES} {path}` rounds it up"
    )]
    NotWhole {
        /// The image.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// May be read, not written.
    #[error(
        "image {path}: cannot be written ({source}): serve it with --read-only, or change its permissions"
    )]
    ReadOnly {
        /// The image.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Somebody else has it.
    #[error(
        "image {path}: is in use by {holder}: stop that first; two writers would destroy the image"
    )]
    InUse {
        /// The image.
        path: PathBuf,
        /// Who, as well as can be found.
        holder: String,
    },
    /// Anything else.
    #[error("image {path}: cannot be {action} ({source})")]
    Io {
        /// The image.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// How to open an image.
#[derive(Clone, Debug)]
pub struct ImageOptions {
    /// The file or block device.
    pub path: PathBuf,
    /// Serve it without writing.
    pub read_only: bool,
}

/// An opened image with the lock that keeps others away until it is dropped.
#[derive(Debug)]
pub struct Image {
    file: File,
    capacity: u64,
}

impl Image {
    /// Opens, checks and locks.
    ///
    /// # Errors
    /// One of [`ImageError`]; nothing is left created or locked.
    pub fn open(options: &ImageOptions) -> Result<Self, ImageError> {
        let path = &options.path;
        let file = open_file(options)?;
        lock(&file, path, if options.read_only { Lock::Read } else { Lock::Write })?;
        let measured = |source| ImageError::Io { path: path.clone(), action: "measured", source };
        let capacity = size(&file).map_err(measured)?;
        check_capacity(path, capacity)?;
        Ok(Self { file, capacity })
    }

    /// A disk of zeroes in memory, for which no name and so no lock is needed. What was never
    /// written, or was discarded, takes no memory.
    ///
    /// # Errors
    /// If the kernel gives no such file of that size.
    pub fn in_memory(bytes: u64) -> io::Result<Self> {
        let fd = rustix::fs::memfd_create("vpt", rustix::fs::MemfdFlags::CLOEXEC)?;
        let file = File::from(fd);
        file.set_len(bytes)?;
        Ok(Self { file, capacity: bytes })
    }

    /// Lets others have it, before the last descriptor is closed.
    pub fn unlock(&self) {
        // Cannot fail for a lock that is ours; and the end of the process does it too.
        let _ = fcntl(self.file.as_fd(), FcntlArg::F_OFD_SETLK(&range(libc::F_UNLCK, 0, 0)));
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Size in bytes: whole sectors.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }
}

/// Opens a file or block device that holds an image; whether it makes a disk is not looked at.
pub(super) fn open_file(options: &ImageOptions) -> Result<File, ImageError> {
    let path = &options.path;
    let io = |action| move |source| ImageError::Io { path: path.clone(), action, source };
    let kind = match std::fs::metadata(path) {
        Ok(meta) => meta.file_type(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(ImageError::Missing { path: path.clone() });
        }
        Err(e) => return Err(io("opened")(e)),
    };
    check_kind(&kind, path)?;
    let mut open = OpenOptions::new();
    open.read(true).write(!options.read_only);
    if kind.is_block_device() && !options.read_only {
        open.custom_flags(libc::O_EXCL); // the kernel refuses it while it is mounted
    }
    open.open(path).map_err(|source| match source.raw_os_error() {
        Some(libc::EACCES | libc::EROFS | libc::EPERM) if !options.read_only => {
            ImageError::ReadOnly { path: path.clone(), source }
        }
        Some(libc::EBUSY) => ImageError::InUse {
            path: path.clone(),
            holder: "the kernel (mounted, or part of another device)".into(),
        },
        _ => io("opened")(source),
    })
}

/// Whether it is something that can hold an image.
pub(super) fn check_kind(kind: &FileType, path: &Path) -> Result<(), ImageError> {
    let what = if kind.is_dir() {
        "a directory"
    } else if kind.is_file() || kind.is_block_device() {
        return Ok(());
    } else {
        "neither a file nor a block device"
    };
    Err(ImageError::Kind { path: path.to_owned(), what })
}

/// Whether so many bytes make a disk.
pub(super) fn check_capacity(path: &Path, bytes: u64) -> Result<(), ImageError> {
    let path = path.to_owned();
    if bytes < SMALLEST_IMAGE {
        return Err(ImageError::TooSmall { path, bytes });
    }
    if !bytes.is_multiple_of(SECTOR_BYTES) {
        return Err(ImageError::NotWhole { path, bytes });
    }
    Ok(())
}

/// What an image is locked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    /// Reading: others may read.
    Read,
    /// Writing: nobody else may do either.
    Write,
}

/// QEMU's locks, which its programs take on every image: a byte that says what one does, from 100 on,
/// and one for what one forbids others, from 200 on; 0 is reading, 1 writing, 3 growing or shrinking.
const READS: i64 = 100;
const WRITES: i64 = 101;
const RESIZES: i64 = 103;
const NO_WRITING: i64 = 201;
const NO_RESIZING: i64 = 203;

/// How long the kernel may take, on a busy machine, to close the files of a process that has ended: its
/// io_uring is taken apart after it is gone, and holds the image until then.
const CLOSING: Duration = Duration::from_secs(3);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(5);

/// Locks for reading or writing, after whoever has just ended.
pub(super) fn lock(file: &File, path: &Path, lock: Lock) -> Result<(), ImageError> {
    let end = Instant::now() + CLOSING;
    loop {
        if try_lock(file, path, lock)? {
            return Ok(());
        }
        let holder = holders(path);
        if holder.is_some() || Instant::now() >= end {
            let unknown = || format!("another process (see `fuser {}`)", path.display());
            let holder = holder.unwrap_or_else(unknown);
            return Err(ImageError::InUse { path: path.to_owned(), holder });
        }
        std::thread::sleep(LOOK);
    }
}

/// Takes an open-file-description lock; false: somebody else's is in the way. It dies with its last descriptor, whatever way we end. Writers
/// exclude everybody by locking all bytes; readers lock those bytes by which QEMU's readers keep
/// QEMU's writers away, so that many may read, of either kind.
fn try_lock(file: &File, path: &Path, lock: Lock) -> Result<bool, ImageError> {
    let take =
        |kind, start, len| fcntl(file.as_fd(), FcntlArg::F_OFD_SETLK(&range(kind, start, len)));
    let taken = match lock {
        Lock::Write => take(libc::F_WRLCK, 0, 0).map(|_| true),
        Lock::Read => [READS, NO_WRITING, NO_RESIZING]
            .into_iter()
            .try_for_each(|byte| take(libc::F_RDLCK, byte, 1).map(drop))
            .and_then(|()| Ok(is_free(file, WRITES)? && is_free(file, RESIZES)?)),
    };
    match taken {
        Ok(taken) => Ok(taken),
        Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => Ok(false),
        Err(e) => Err(ImageError::Io { path: path.to_owned(), action: "locked", source: e.into() }),
    }
}

/// Whether nobody else has a lock on this byte.
fn is_free(file: &File, byte: i64) -> nix::Result<bool> {
    let mut found = range(libc::F_WRLCK, byte, 1);
    fcntl(file.as_fd(), FcntlArg::F_OFD_GETLK(&mut found))?;
    Ok(i32::from(found.l_type) == libc::F_UNLCK)
}

fn range(kind: i32, start: i64, len: i64) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: start,
        l_len: len,
        l_pid: 0,
    }
}

/// Bytes in a file or block device.
pub(super) fn size(file: &File) -> io::Result<u64> {
    let meta = file.metadata()?;
    if meta.file_type().is_block_device() {
        // Seeking to the end works on every block device and needs no ioctl.
        return Ok(rustix::fs::seek(file, rustix::fs::SeekFrom::End(0))?);
    }
    Ok(meta.len())
}

/// Who has the same file open besides the caller's one descriptor, if anybody can be seen. The lock
/// itself does not say whose it is.
fn holders(path: &Path) -> Option<String> {
    let mine = path.canonicalize().ok()?;
    let processes = std::fs::read_dir("/proc").ok()?;
    let me = std::process::id();
    let mut names = Vec::new();
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        // Names, not stat(2): that could wait for ever on a file system whose daemon is stopped.
        let is_it = |f: &DirEntry| std::fs::read_link(f.path()).is_ok_and(|link| link == mine);
        if files.flatten().filter(is_it).count() > usize::from(pid == me) {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            names.push(format!("pid {pid} ({})", name.trim()));
        }
    }
    (!names.is_empty()).then(|| names.join(", "))
}
