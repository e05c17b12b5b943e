//! Opening an image: it must be there, be a whole disk, and be ours alone.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

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
        let io = |action| move |source| ImageError::Io { path: path.clone(), action, source };
        let kind = match std::fs::metadata(path) {
            Ok(meta) => meta.file_type(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(ImageError::Missing { path: path.clone() });
            }
            Err(e) => return Err(io("opened")(e)),
        };
        let what = if kind.is_dir() {
            Some("a directory")
        } else if kind.is_file() || kind.is_block_device() {
            None
        } else {
            Some("neither a file nor a block device")
        };
        if let Some(what) = what {
            return Err(ImageError::Kind { path: path.clone(), what });
        }
        let mut open = OpenOptions::new();
        open.read(true).write(!options.read_only);
        if kind.is_block_device() && !options.read_only {
            open.custom_flags(libc::O_EXCL); // the kernel refuses it while it is mounted
        }
        let file = open.open(path).map_err(|source| match source.raw_os_error() {
            Some(libc::EACCES | libc::EROFS | libc::EPERM) if !options.read_only => {
                ImageError::ReadOnly { path: path.clone(), source }
            }
            Some(libc::EBUSY) => ImageError::InUse {
                path: path.clone(),
                holder: "the kernel (mounted, or part of another device)".into(),
            },
            _ => io("opened")(source),
        })?;
        Self::lock(&file, options)?;
        let capacity = size(&file).map_err(io("measured"))?;
        if capacity < SMALLEST_IMAGE {
            return Err(ImageError::TooSmall { path: path.clone(), bytes: capacity });
        }
        if !capacity.is_multiple_of(SECTOR_BYTES) {
            return Err(ImageError::NotWhole { path: path.clone(), bytes: capacity });
        }
        Ok(Self { file, capacity })
    }

    /// A new disk of zeroes in memory, for which no name and so no lock is needed. What was never
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

    /// An open-file-description lock: it dies with its last descriptor, whatever way we end. Writers
    /// exclude everybody, readers only writers. QEMU's image locks are of the same kind, so it is
    /// kept out as well.
    fn lock(file: &File, options: &ImageOptions) -> Result<(), ImageError> {
        let kind = if options.read_only { libc::F_RDLCK } else { libc::F_WRLCK };
        let whole = libc::flock {
            l_type: kind as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        match fcntl(file.as_fd(), FcntlArg::F_OFD_SETLK(&whole)) {
            Ok(_) => Ok(()),
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => Err(ImageError::InUse {
                path: options.path.clone(),
                holder: holders(&options.path),
            }),
            Err(e) => Err(ImageError::Io {
                path: options.path.clone(),
                action: "locked",
                source: e.into(),
            }),
        }
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

fn size(file: &File) -> io::Result<u64> {
    let meta = file.metadata()?;
    if meta.file_type().is_block_device() {
        // Seeking to the end works on every block device and needs no ioctl.
        return Ok(rustix::fs::seek(file, rustix::fs::SeekFrom::End(0))?);
    }
    Ok(meta.len())
}

/// Other processes that have the same file open. The lock itself does not say whose it is.
fn holders(path: &Path) -> String {
    let unknown = || format!("another process (see `fuser {}`)", path.display());
    let Ok(mine) = path.canonicalize() else { return unknown() };
    let Ok(processes) = std::fs::read_dir("/proc") else { return unknown() };
    let me = std::process::id();
    let mut names = Vec::new();
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        // Names, not stat(2): that could wait for ever on a file system whose daemon is stopped.
        let has = files.flatten().any(|f| std::fs::read_link(f.path()).is_ok_and(|l| l == mine));
        if has && pid != me {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            names.push(format!("pid {pid} ({})", name.trim()));
        }
    }
    if names.is_empty() { unknown() } else { names.join(", ") }
}
