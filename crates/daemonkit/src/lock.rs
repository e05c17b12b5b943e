//! Locks that die with their owner.
//!
//! A lock is flock(2) on a file that holds the owner's process id. The kernel drops the lock when the
//! owner ends in whatever way, so "is the lock held" is a test for life that a reused process id cannot
//! fool; the number in the file is only for telling people who it is.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

/// A lock that this process holds until the value is dropped or the process ends.
#[derive(Debug)]
pub struct LockFile {
    // Held for its lock only.
    _file: File,
    path: PathBuf,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it; its id, when it could be read.
    #[error("{path} is locked by process {}", pid.map_or("(unknown)".into(), |p| p.to_string()))]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who holds it.
        pid: Option<u32>,
    },
    /// The file could not be opened or locked.
    #[error("{path}")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl LockFile {
    /// Takes the lock now or not at all, creating the file (mode 0644) when missing.
    ///
    /// # Errors
    /// [`LockError::Held`] names the owner; [`LockError::Io`] if the file cannot be used.
    pub fn try_lock(path: &Path) -> Result<Self, LockError> {
        let io_error = |source: io::Error| LockError::Io { path: path.to_owned(), source };
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o644)
                // Its content is replaced: never that of what a link leads to.
                .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
                .open(path)
                .map_err(io_error)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    return Err(LockError::Held {
                        path: path.to_owned(),
                        pid: read_pid(&mut file),
                    });
                }
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(io_error(errno.into())),
            }
            // The last owner may have removed the file between our open and our lock: then we hold a
            // lock on a file without a name, which keeps nobody out.
            if !is_still(path, &file) {
                continue;
            }
            file.set_len(0).map_err(io_error)?;
            file.write_all(format!("{}\n", std::process::id()).as_bytes()).map_err(io_error)?;
            return Ok(Self { _file: file, path: path.to_owned() });
        }
    }

    /// Takes the lock as soon as it is free, trying for at most `patience`.
    ///
    /// # Errors
    /// As [`Self::try_lock`]; `Held` only after `patience`.
    pub fn lock_within(path: &Path, patience: Duration) -> Result<Self, LockError> {
        let end = Instant::now() + patience;
        loop {
            match Self::try_lock(path) {
                // flock has no time limit of its own, and an alarm signal is process-wide.
                Err(LockError::Held { .. }) if Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                other => return other,
            }
        }
    }

    /// Where the lock file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file and lets go of the lock. In this order: a file without owner must not be found.
    pub fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// Who holds the lock, if anybody: `Ok(Some(pid))`, pid 0 when the file does not say.
///
/// Needs only read permission. `Ok(None)` also when there is no such file.
///
/// # Errors
/// The file exists but cannot be opened.
pub fn holder(path: &Path) -> io::Result<Option<u32>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    loop {
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => return Ok(None),
            Err(Errno::WOULDBLOCK) => return Ok(Some(read_pid(&mut file).unwrap_or(0))),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn is_still(path: &Path, file: &File) -> bool {
    match (std::fs::metadata(path), file.metadata()) {
        (Ok(named), Ok(open)) => (named.dev(), named.ino()) == (open.dev(), open.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_and_told_who_is_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = LockFile::try_lock(&path).unwrap();
        let me = std::process::id();
        assert_eq!(holder(&path).unwrap(), Some(me));
        match LockFile::try_lock(&path) {
            Err(LockError::Held { pid, .. }) => assert_eq!(pid, Some(me)),
            other => panic!("{other:?}"),
        }
        drop(first);
        assert_eq!(holder(&path).unwrap(), None);
        LockFile::try_lock(&path).unwrap();
    }

    #[test]
    fn waits_for_an_owner_that_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = LockFile::try_lock(&path).unwrap();
        let waiter = std::thread::spawn({
            let path = path.clone();
            move || LockFile::lock_within(&path, Duration::from_secs(20)).map(|_| ())
        });
        first.remove().unwrap();
        waiter.join().unwrap().unwrap();
        let _again = LockFile::try_lock(&path).unwrap();
        assert!(matches!(
            LockFile::lock_within(&path, Duration::from_millis(5)),
            Err(LockError::Held { .. })
        ));
    }

    #[test]
    fn owners_that_remove_the_file_let_in_one_at_a_time() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let inside = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let Ok(lock) = LockFile::try_lock(&path) else { continue };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        lock.remove().unwrap();
                    }
                });
            }
        });
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("lock"), dir.path().join("other"));
        std::fs::write(&other, b"precious").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(matches!(LockFile::try_lock(&path), Err(LockError::Io { .. })));
        assert_eq!(std::fs::read(&other).unwrap(), b"precious");
    }

    #[test]
    fn a_removed_file_keeps_nobody_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = LockFile::try_lock(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _second = LockFile::try_lock(&path).unwrap();
        drop(first);
        assert_eq!(holder(&path).unwrap(), Some(std::process::id()));
    }
}
