//! An image with everything below it, opened and locked from the top to the base.
//!
//! Every file is locked before its header is read, formats are those that somebody has written down,
//! and what a header names passes the allow-list before it is opened.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use thiserror::Error;

use super::gate::{AllowList, protocol};
use super::header::{Header, HeaderError, LARGEST_HEADER};
use super::tables;
use crate::back::image::{self, ImageError, ImageOptions, Lock};

/// Most files in a chain. Each costs a look-up in its tables for what the ones above do not have.
pub const DEEPEST_CHAIN: usize = 32;

/// How an image is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFormat {
    /// The bytes of the disk, one after the other.
    Raw,
    /// QEMU's format of clusters and tables.
    Qcow2,
}

impl ImageFormat {
    /// As headers and options name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }
}

/// Why a chain cannot be opened. Each is one line: what, where, what to do.
#[derive(Debug, Error)]
pub enum ChainError {
    /// A file of it.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A header.
    #[error("image {path}: {source}")]
    Header {
        /// The image.
        path: PathBuf,
        /// What is wrong with it.
        source: HeaderError,
    },
    /// Of another than the named protocol.
    #[error(
        "image {path}: its backing file {name:?} is no file name but {protocol:?} something: \
         give it the name of a file, with `qemu-img rebase -u -b FILE -F FORMAT {path}`"
    )]
    Protocol {
        /// The image that names it.
        path: PathBuf,
        /// The name.
        name: String,
        /// What stands before the colon.
        protocol: String,
    },
    /// Nobody has written down how the backing file is written down.
    #[error(
        "image {path}: does not say how its backing file {name:?} is written down, and that is never \
         guessed: write it there, with `qemu-img rebase -u -b {name} -F raw {path}` (or -F qcow2)"
    )]
    NoFormat {
        /// The image that names it.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A format that is not served.
    #[error(
        "image {path}: its backing file {name:?} is {format:?}: only raw and qcow2 are served; \
         `qemu-img convert` makes one of it"
    )]
    Format {
        /// The image that names it.
        path: PathBuf,
        /// The name.
        name: String,
        /// Its format.
        format: String,
    },
    /// Not there.
    #[error("image {path}: its backing file {backing} cannot be opened ({source})")]
    Missing {
        /// The image that names it.
        path: PathBuf,
        /// What it names.
        backing: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Not allowed.
    #[error(
        "image {path}: wants to read {backing} below it, which nobody has allowed: if that is right, \
         add --allow-backing {backing}"
    )]
    NotAllowed {
        /// The image that names it.
        path: PathBuf,
        /// What it names, without symbolic links.
        backing: PathBuf,
    },
    /// One of the allowed places.
    #[error("--allow-backing {path}: {source}")]
    Place {
        /// The place.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Below itself.
    #[error(
        "image {path}: its backing file {backing} is above it already: a chain cannot be a ring"
    )]
    Ring {
        /// The image that names it.
        path: PathBuf,
        /// The file that was there before.
        backing: PathBuf,
    },
    /// Too many.
    #[error(
        "image {path}: has more than {DEEPEST_CHAIN} files in its chain: join some of them with \
         `qemu-img commit` or `qemu-img convert`"
    )]
    TooDeep {
        /// The top of the chain.
        path: PathBuf,
    },
    /// Only as it is.
    #[error(
        "image {path}: has {snapshots} snapshots inside, and would not keep them when written: \
         serve it with --read-only, or delete them with `qemu-img snapshot -d NAME {path}`"
    )]
    Snapshots {
        /// The image.
        path: PathBuf,
        /// How many.
        snapshots: u32,
    },
    /// No file at all.
    #[error("no image is given")]
    Empty,
    /// The library's own word on it.
    #[error("image {path}: cannot be opened as {format} ({source})")]
    Library {
        /// The image.
        path: PathBuf,
        /// Its format.
        format: &'static str,
        /// What it said.
        source: io::Error,
    },
}

/// How to open a chain.
#[derive(Clone, Debug)]
pub struct ChainOptions {
    /// The image at the top.
    pub path: PathBuf,
    /// How it is written down.
    pub format: ImageFormat,
    /// Nothing of it will be written. The files below never are.
    pub read_only: bool,
    /// Whether others are kept from writing what is read, and from both what is written. Without, what
    /// is read may be half of something.
    pub lock: bool,
    /// Files, and directories with everything below, that may be below the image.
    pub allow: Vec<PathBuf>,
    /// How many files to open at most; the rest is not looked at.
    pub depth: usize,
}

/// One file of a chain.
#[derive(Debug)]
pub struct Layer {
    /// Its path, for people.
    pub path: PathBuf,
    /// How it is written down.
    pub format: ImageFormat,
    /// Open and locked; for writing only at the top.
    pub file: File,
    /// Bytes of the disk that it makes.
    pub size_bytes: u64,
    /// Of a qcow2.
    pub header: Option<Header>,
}

/// What the layer above says about the next one.
struct Named {
    /// As it was joined, to resolve names relative to it.
    path: PathBuf,
    format: ImageFormat,
    file: File,
}

/// Opens a chain, its top first.
///
/// # Errors
/// One of [`ChainError`]; nothing is left open or locked.
pub fn open(options: &ChainOptions) -> Result<Vec<Layer>, ChainError> {
    let place = |(path, source)| ChainError::Place { path, source };
    let allowed = AllowList::new(&options.allow).map_err(place)?;
    let image = ImageOptions { path: options.path.clone(), read_only: options.read_only };
    let file = image::open_file(&image)?;
    let mut next = Some(Named { path: options.path.clone(), format: options.format, file });
    let mut layers: Vec<Layer> = Vec::new();
    let mut seen = Vec::new();
    while let Some(named) = next {
        if layers.len() == DEEPEST_CHAIN {
            return Err(ChainError::TooDeep { path: options.path.clone() });
        }
        let top = layers.is_empty();
        let fail = |action| {
            let path = named.path.clone();
            move |source| ChainError::Image(ImageError::Io { path, action, source })
        };
        let meta = named.file.metadata().map_err(fail("measured"))?;
        if let Some(above) = layers.last()
            && seen.contains(&(meta.dev(), meta.ino()))
        {
            let (path, backing) = (above.path.clone(), named.path);
            return Err(ChainError::Ring { path, backing });
        }
        seen.push((meta.dev(), meta.ino()));
        if options.lock {
            let lock = if top && !options.read_only { Lock::Write } else { Lock::Read };
            image::lock(&named.file, &named.path, lock)?;
        }
        let file_bytes = image::size(&named.file).map_err(fail("measured"))?;
        let header = match named.format {
            ImageFormat::Raw => None,
            ImageFormat::Qcow2 => {
                let bytes = beginning(&named.file, file_bytes).map_err(fail("read"))?;
                let header = Header::parse(&bytes, file_bytes);
                Some(header.map_err(|source| {
                    let path = named.path.clone();
                    ChainError::Header { path, source }
                })?)
            }
        };
        let writes = top && !options.read_only;
        if let (Some(header), true) = (&header, writes) {
            let path = named.path.clone();
            let checked = tables::check(&named.file, header, file_bytes).map_err(fail("read"))?;
            checked.map_err(|source| ChainError::Header { path, source })?;
        }
        let size_bytes = header.as_ref().map_or(file_bytes, |header| header.size_bytes);
        if let Some(header) = &header
            && header.snapshots > 0
            && writes
        {
            let path = named.path.clone();
            return Err(ChainError::Snapshots { path, snapshots: header.snapshots });
        }
        let Named { path, format, file } = named;
        let layer = Layer { path, format, file, size_bytes, header };
        next = if layers.len() + 1 < options.depth { below(&layer, &allowed)? } else { None };
        layers.push(layer);
    }
    Ok(layers)
}

fn beginning(file: &File, file_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; file_bytes.min(LARGEST_HEADER) as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Opens what a layer's header names, if it may be opened.
fn below(layer: &Layer, allowed: &AllowList) -> Result<Option<Named>, ChainError> {
    let Some(backing) = layer.header.as_ref().and_then(|header| header.backing.clone()) else {
        return Ok(None);
    };
    let (path, name) = (layer.path.clone(), backing.name);
    if let Some(protocol) = protocol(&name) {
        let protocol = protocol.to_owned();
        return Err(ChainError::Protocol { path, name, protocol });
    }
    let joined = backing_path(&layer.path, &name);
    let missing = |path: PathBuf| {
        let backing = joined.clone();
        move |source| ChainError::Missing { path, backing, source }
    };
    // Whether a file is there is not told about places that are not allowed.
    let canonical = match joined.canonicalize() {
        Ok(canonical) if allowed.allows(&canonical) => canonical,
        Ok(backing) => return Err(ChainError::NotAllowed { path, backing }),
        Err(e)
            if joined
                .parent()
                .is_some_and(|p| p.canonicalize().is_ok_and(|p| allowed.allows(&p))) =>
        {
            return Err(missing(path)(e));
        }
        Err(_) => return Err(ChainError::NotAllowed { path, backing: joined }),
    };
    let format = match backing.format.as_deref() {
        None => return Err(ChainError::NoFormat { path, name }),
        Some("raw" | "file") => ImageFormat::Raw,
        Some("qcow2") => ImageFormat::Qcow2,
        Some(other) => {
            let format = other.to_owned();
            return Err(ChainError::Format { path, name, format });
        }
    };
    // Somebody may put a link where a file was when it was judged: no link is followed now. And a pipe
    // there must not stop us.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened = rustix::fs::openat2(
        rustix::fs::CWD,
        &canonical,
        flags,
        Mode::empty(),
        ResolveFlags::NO_SYMLINKS,
    );
    let file = File::from(opened.map_err(|e| missing(path.clone())(e.into()))?);
    image::check_kind(&file.metadata().map_err(missing(path))?.file_type(), &joined)?;
    Ok(Some(Named { path: joined, format, file }))
}

/// Where a name in a header points: relative to the directory of the image that has it.
pub fn backing_path(image: &Path, name: &str) -> PathBuf {
    image.parent().map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
}
