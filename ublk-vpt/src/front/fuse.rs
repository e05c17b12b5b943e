//! The disk as one file of a FUSE mount: works on any kernel with FUSE, needs no block device.
//!
//! Every read and write goes past the page cache (direct I/O), many at a time, and reaches the engine
//! as it was made; the kernel splits what is larger than a FUSE request.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    Config, Errno as FuseErrno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, InitFlags, KernelConfig, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request, Session, SessionACL,
    WriteFlags,
};
use thiserror::Error;
use vpt_model::Op;

use super::mountpoint;
use crate::engine::{Completion, EngineHandle, Errno, IoRequest, now, rt};
use crate::mounts::{self, Mount};

/// The disk's name inside the mount.
pub const FUSE_FILE: &str = "disk";
const DISK: INodeNo = INodeNo(2);
/// Attributes never change, so the kernel may keep them.
const KEEP: Duration = Duration::from_secs(3600);
/// Largest request asked of the kernel.
const LARGEST: u32 = 1 << 20;

/// Why a disk cannot be mounted.
#[derive(Debug, Error)]
pub enum FuseError {
    /// The kernel has no FUSE, or it may not be used.
    #[error(
        "FUSE cannot be used: /dev/fuse: {0}: load it with `modprobe fuse`, or give this container the device"
    )]
    Device(io::Error),
    /// The mount point cannot be one.
    #[error("mount point {path}: {why}")]
    MountPoint {
        /// The folder.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
    /// The kernel refused.
    #[error("mount point {path}: cannot be mounted ({source}): {hint}")]
    Mount {
        /// The folder.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
        /// What to do.
        hint: &'static str,
    },
}

/// What to serve, and where.
#[derive(Clone, Debug)]
pub struct FuseOptions {
    /// An empty folder.
    pub mountpoint: PathBuf,
    /// Size of the disk in bytes.
    pub bytes: u64,
    /// No writing.
    pub read_only: bool,
    /// Who may use the disk.
    pub access: Access,
    /// Shown as the mount's source, such as `vpt0`.
    pub name: String,
    /// Receive as SCHED_FIFO, as the engine runs.
    pub fifo: bool,
    /// Requests that the kernel may have waiting here at once.
    pub depth: u32,
}

/// Owner and permissions of the disk's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// A mounted disk. It ends with an unmount or with the process, not with this value.
#[derive(Debug)]
pub struct FuseFront {
    mountpoint: PathBuf,
}

impl FuseFront {
    /// Mounts, and starts receiving. `on_end` is called when nothing more will come: after an unmount,
    /// ours or anybody's, or a fault.
    ///
    /// # Errors
    /// See [`FuseError`]; then nothing is mounted.
    pub fn mount(
        options: &FuseOptions,
        engine: EngineHandle,
        on_end: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> Result<Self, FuseError> {
        let path = &options.mountpoint;
        if let Err(e) = std::fs::File::open("/dev/fuse") {
            return Err(FuseError::Device(e));
        }
        let path = &mountpoint::check(path)
            .map_err(|why| FuseError::MountPoint { path: path.clone(), why })?;
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName(options.name.clone()),
            MountOption::Subtype("vpt".into()),
            MountOption::DefaultPermissions,
            MountOption::NoSuid,
            MountOption::NoDev,
            MountOption::NoExec,
            MountOption::NoAtime,
            if options.read_only { MountOption::RO } else { MountOption::RW },
        ];
        let root = rustix::process::geteuid().is_root();
        // Root may let others in; then the file's mode decides, as for a device node.
        config.acl = if root { SessionACL::All } else { SessionACL::Owner };
        let disk = DiskFile { engine, options: options.clone() };
        let session = Session::new(disk, path, &config).map_err(|source| FuseError::Mount {
            path: path.clone(),
            hint: match source.kind() {
                io::ErrorKind::PermissionDenied => "run as root, or install fuse3 for fusermount3",
                io::ErrorKind::NotFound => "install fuse3 for fusermount3, or run as root",
                _ => "see `dmesg`",
            },
            source,
        })?;
        let fifo = options.fifo;
        let session = std::thread::Builder::new().name("fuse".into()).spawn(move || {
            if fifo {
                // The receiving threads inherit it. A late receiver would stamp requests late.
                let _ = rt::be_fifo();
            }
            on_end(session.run());
        });
        if let Err(source) = session {
            let _ = mounts::unmount(path, is_ours); // the session is gone; do not leave its mount
            let hint = "too many threads?";
            return Err(FuseError::Mount { path: path.clone(), source, hint });
        }
        Ok(Self { mountpoint: path.clone() })
    }

    /// The disk.
    pub fn file(&self) -> PathBuf {
        self.mountpoint.join(FUSE_FILE)
    }

    /// The folder.
    pub fn mountpoint(&self) -> &Path {
        &self.mountpoint
    }

    /// Takes the mount at `point` off, whoever still has the disk open. Nothing mounted is success.
    ///
    /// # Errors
    /// If something else is mounted there, or the kernel refuses.
    pub fn unmount(point: &Path) -> io::Result<()> {
        mounts::unmount(point, is_ours).map(|_| ())
    }
}

/// Whether a mount is a disk's. Only fusermount passes the subtype on: root's own mounts are of kind
/// `fuse`.
fn is_ours(mount: &Mount) -> bool {
    matches!(mount.kind.as_str(), "fuse" | "fuse.vpt")
}

/// The file system: a root folder and one file.
struct DiskFile {
    engine: EngineHandle,
    options: FuseOptions,
}

impl DiskFile {
    fn attr(&self, ino: INodeNo) -> FileAttr {
        let is_disk = ino == DISK;
        let access = self.options.access;
        let mode = if self.options.read_only { access.mode & !0o222 } else { access.mode };
        FileAttr {
            ino,
            size: if is_disk { self.options.bytes } else { 0 },
            blocks: if is_disk { self.options.bytes / 512 } else { 0 },
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_disk { FileType::RegularFile } else { FileType::Directory },
            perm: if is_disk { mode as u16 } else { 0o755 }, // permission bits only
            nlink: if is_disk { 1 } else { 2 },
            uid: access.uid,
            gid: access.gid,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }

    fn submit(
        &self,
        op: Op,
        offset: u64,
        len: u64,
        buf: Vec<u8>,
        reply: impl FnOnce(Completion) -> Vec<u8> + Send + 'static,
    ) {
        let engine = self.engine.clone();
        self.engine.submit(IoRequest {
            op,
            offset,
            len,
            buf,
            arrival: now(),
            completer: Box::new(move |done: Completion| engine.recycle(reply(done))),
        });
    }

    fn submit_empty(&self, op: Op, offset: u64, len: u64, reply: ReplyEmpty) {
        self.submit(op, offset, len, Vec::new(), move |done| {
            match done.result {
                Ok(()) => reply.ok(),
                Err(e) => reply.error(fuse_errno(e)),
            }
            done.buf
        });
    }
}

fn fuse_errno(e: Errno) -> FuseErrno {
    FuseErrno::from_i32(e.raw())
}

impl Filesystem for DiskFile {
    fn init(&mut self, _req: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // Each is a wish: an old kernel gives less, and says what it gives instead.
        let _ = config.set_max_write(LARGEST);
        let _ = config.set_max_readahead(LARGEST);
        let depth = u16::try_from(self.options.depth).unwrap_or(u16::MAX);
        let _ = config.set_max_background(depth.max(1));
        // Without asynchronous direct I/O a guest's queue depth would not reach us.
        // (Not wanted: FUSE_ATOMIC_O_TRUNC. With it the kernel takes the size for 0 after an O_TRUNC,
        // whatever we say, until somebody asks for the attributes; a loop device never does.)
        let _ = config.add_capabilities(InitFlags::FUSE_ASYNC_DIO);
        Ok(())
    }

    fn lookup(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if parent == INodeNo::ROOT && name == FUSE_FILE {
            reply.entry(&KEEP, &self.attr(DISK), Generation(0));
        } else {
            reply.error(FuseErrno::ENOENT);
        }
    }

    fn getattr(&self, _req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&KEEP, &self.attr(ino));
    }

    fn setattr(
        &self,
        _req: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<fuser::TimeOrNow>,
        _mtime: Option<fuser::TimeOrNow>,
        _ctime: Option<std::time::SystemTime>,
        fh: Option<FileHandle>,
        _crtime: Option<std::time::SystemTime>,
        _chgtime: Option<std::time::SystemTime>,
        _bkuptime: Option<std::time::SystemTime>,
        _flags: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        // Opening with O_TRUNC empties no disk: without a handle, size 0 asks for just that.
        let is_open = size == Some(0) && fh.is_none();
        let resized = size.is_some_and(|s| s != self.options.bytes) && !is_open;
        if mode.is_some() || uid.is_some() || gid.is_some() {
            reply.error(FuseErrno::EPERM);
        } else if resized {
            reply.error(FuseErrno::EINVAL); // as ftruncate(2) on a block device
        } else {
            reply.attr(&KEEP, &self.attr(ino));
        }
    }

    fn open(&self, _req: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        if ino == DISK {
            // No request for a close: it would mean nothing, and whoever ends while its daemon is gone
            // or stopped would wait for the answer.
            let flags = FopenFlags::FOPEN_DIRECT_IO
                | FopenFlags::FOPEN_PARALLEL_DIRECT_WRITES
                | FopenFlags::FOPEN_NOFLUSH;
            reply.opened(FileHandle(0), flags);
        } else {
            reply.error(FuseErrno::EISDIR);
        }
    }

    fn read(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let len = u64::from(size).min(self.options.bytes.saturating_sub(offset));
        if len == 0 {
            return reply.data(&[]); // the end of the disk reads as the end of a file
        }
        let buf = self.engine.buffer(len as usize);
        self.submit(Op::Read, offset, len, buf, move |done| {
            match done.result {
                Ok(()) => reply.data(&done.buf),
                Err(e) => reply.error(fuse_errno(e)),
            }
            done.buf
        });
    }

    fn write(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        if offset >= self.options.bytes {
            return reply.error(FuseErrno::ENOSPC); // as a block device at its end
        }
        let len = (data.len() as u64).min(self.options.bytes - offset);
        if len == 0 {
            return reply.written(0);
        }
        let mut buf = self.engine.buffer(len as usize);
        buf.copy_from_slice(&data[..len as usize]);
        let fua = flags.0 & (libc::O_SYNC | libc::O_DSYNC) != 0;
        self.submit(Op::Write { fua }, offset, len, buf, move |done| {
            match done.result {
                Ok(()) => reply.written(len as u32), // at most LARGEST
                Err(e) => reply.error(fuse_errno(e)),
            }
            done.buf
        });
    }

    fn flush(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        reply.ok(); // closing a descriptor, not a cache flush
    }

    fn fsync(&self, _r: &Request, _i: INodeNo, _fh: FileHandle, _data: bool, reply: ReplyEmpty) {
        self.submit_empty(Op::Flush, 0, 0, reply);
    }

    fn fallocate(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        let inside = offset.checked_add(length).is_some_and(|end| end <= self.options.bytes);
        let op = match mode & !libc::FALLOC_FL_KEEP_SIZE {
            libc::FALLOC_FL_PUNCH_HOLE => Op::Discard,
            libc::FALLOC_FL_ZERO_RANGE => Op::WriteZeroes,
            0 if inside => return reply.ok(), // every sector of a disk is there already
            _ => return reply.error(FuseErrno::EOPNOTSUPP),
        };
        if !inside || length == 0 {
            return reply.error(FuseErrno::EINVAL);
        }
        self.submit_empty(op, offset, length, reply);
    }

    fn readdir(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let entries = [
            (INodeNo::ROOT, FileType::Directory, "."),
            (INodeNo::ROOT, FileType::Directory, ".."),
            (DISK, FileType::RegularFile, FUSE_FILE),
        ];
        for (i, (ino, kind, name)) in entries.into_iter().enumerate().skip(offset as usize) {
            if reply.add(ino, i as u64 + 1, kind, name) {
                break; // full: the kernel asks again from here
            }
        }
        reply.ok();
    }
}
