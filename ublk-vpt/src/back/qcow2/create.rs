//! Making images: a whole one comes into being under its name, or nothing does.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use imago::FormatCreateBuilder;
use imago::qcow2::Qcow2;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use thiserror::Error;

use super::chain::ImageFormat;
use super::disk::in_call;
use super::header::{CLUSTER_BITS, LARGEST_L1, entry_bytes};
use super::storage::ChainFile;
use crate::back::image::{ImageError, check_capacity};

/// Bytes of a cluster where nothing else is asked for: QEMU's choice.
pub const CLUSTER_BYTES: u64 = 65_536;

/// Why an image was not made. Each is one line: what, where, what to do.
#[derive(Debug, Error)]
pub enum CreateError {
    /// No size for a disk.
    #[error(transparent)]
    Size(#[from] ImageError),
    /// The name is taken.
    #[error(
        "image {path}: exists already, and is never overwritten: give another name, or remove it"
    )]
    Exists {
        /// The image.
        path: PathBuf,
    },
    /// No size for a cluster.
    #[error("--cluster-size {bytes}: give a power of two from 512 to 2M")]
    Cluster {
        /// What was asked for.
        bytes: u64,
    },
    /// More than the tables can hold.
    #[error(
        "image {path}: {bytes} bytes are too many for clusters of {cluster_bytes}: at most {most}, or \
         give a larger --cluster-size"
    )]
    TooLarge {
        /// The image.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// Its clusters' size.
        cluster_bytes: u64,
        /// The largest size that goes with it.
        most: u64,
    },
    /// Anything else.
    #[error("image {path}: cannot be made ({source})")]
    Io {
        /// The image.
        path: PathBuf,
        /// What the kernel or the library said.
        source: io::Error,
    },
}

/// An image to be made.
#[derive(Clone, Debug)]
pub struct NewImage {
    /// Its name, which must be free.
    pub path: PathBuf,
    /// How it is written down.
    pub format: ImageFormat,
    /// Bytes of the disk.
    pub size_bytes: u64,
    /// Bytes of a cluster, for a qcow2.
    pub cluster_bytes: u64,
    /// The name of the file below, as the header is to have it, and its format; for a qcow2.
    pub backing: Option<(String, ImageFormat)>,
}

/// Makes an image for its owner only: it will hold what a disk holds.
///
/// # Errors
/// One of [`CreateError`]; nothing is left of it.
pub fn create(image: &NewImage) -> Result<(), CreateError> {
    let path = &image.path;
    check(image)?;
    let io = |source| CreateError::Io { path: path.clone(), source };
    let exists = || CreateError::Exists { path: path.clone() };
    if path.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let draft = Draft::beside(path).map_err(io)?;
    fill(image, &draft).map_err(io)?;
    draft.publish(path).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => exists(),
        _ => io(e),
    })
}

fn check(image: &NewImage) -> Result<(), CreateError> {
    let path = &image.path;
    check_capacity(path, image.size_bytes)?;
    if image.format == ImageFormat::Raw {
        return Ok(());
    }
    let cluster_bytes = image.cluster_bytes;
    if !cluster_bytes.is_power_of_two() || !CLUSTER_BITS.contains(&cluster_bytes.trailing_zeros()) {
        return Err(CreateError::Cluster { bytes: cluster_bytes });
    }
    let most = (LARGEST_L1 / 8).saturating_mul(entry_bytes(cluster_bytes));
    if image.size_bytes > most {
        let (path, bytes) = (path.clone(), image.size_bytes);
        return Err(CreateError::TooLarge { path, bytes, cluster_bytes, most });
    }
    Ok(())
}

fn fill(image: &NewImage, draft: &Draft) -> io::Result<()> {
    match image.format {
        ImageFormat::Raw => draft.file.set_len(image.size_bytes)?,
        ImageFormat::Qcow2 => {
            let file = ChainFile::new(draft.file.try_clone()?, draft.path.clone(), 0, None);
            let cluster = usize::try_from(image.cluster_bytes).map_err(io::Error::other)?;
            let mut builder = Qcow2::<ChainFile>::create_builder(file)
                .size(image.size_bytes)
                .cluster_size(cluster);
            if let Some((name, format)) = &image.backing {
                builder = builder.backing(name.clone(), format.name().to_owned());
            }
            in_call(builder.create())?;
        }
    }
    draft.file.sync_all()
}

/// A file under another name until it is complete; removed unless published.
struct Draft {
    path: PathBuf,
    file: File,
    published: bool,
}

impl Draft {
    fn beside(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
        let path = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path, file, published: false })
    }

    /// Gives it its name, if that is free.
    fn publish(mut self, path: &Path) -> io::Result<()> {
        match renameat_with(CWD, &self.path, CWD, path, RenameFlags::NOREPLACE) {
            Ok(()) => {
                self.published = true;
                Ok(())
            }
            // A file system without it: a second name is given only where there is none, too.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                std::fs::hard_link(&self.path, path)
            }
            Err(e) => Err(e.into()),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            let _ = std::fs::remove_file(&self.path); // why it is not needed is what is told
        }
    }
}
