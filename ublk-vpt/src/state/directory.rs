//! Where the state directory is and what its files are called.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use daemonkit::lock::{self, LockError, LockFile};

/// Largest device number: file names have four digits.
pub const MAX_ID: u32 = 9999;

/// How long another command may be busy with the directory before this one gives up.
const DIRECTORY_PATIENCE: Duration = Duration::from_secs(20);

/// The state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Nobody said where it is.
    #[error("no state directory: set XDG_RUNTIME_DIR (a login does) or UBLK_STATE_DIR")]
    Nowhere,
    /// It or a file in it cannot be made, read or locked.
    #[error("state directory {path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Somebody else could put there what commands then act on.
    #[error(
        "state directory {path}: {reason}, who could make ublk write, unmount or end what is not theirs; {advice}"
    )]
    Unsafe {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// Another command has been busy with it for too long.
    #[error("state directory {path} is in use by process {pid}; if that hangs, end it")]
    Busy {
        /// Which.
        path: PathBuf,
        /// Who, 0 if unknown.
        pid: u32,
    },
}

/// A state directory that exists.
#[derive(Clone, Debug)]
pub struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// `UBLK_STATE_DIR`, else `/run/ublksrvd` for root, else `ublksrvd` in the user's runtime
    /// directory; made when missing.
    ///
    /// # Errors
    /// There is no such place, or as for [`Self::at`].
    pub fn of_this_user() -> Result<Self, StateError> {
        let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let path = if let Some(path) = set("UBLK_STATE_DIR") {
            path
        } else if rustix::process::geteuid().is_root() {
            "/run/ublksrvd".into()
        } else if let Some(runtime) = set("XDG_RUNTIME_DIR") {
            runtime.join("ublksrvd")
        } else {
            return Err(StateError::Nowhere);
        };
        Self::at(&path)
    }

    /// The state directory at `path`, made when missing: for its owner only, unless it is root's.
    ///
    /// # Errors
    /// It cannot be made, or others than this user and root may write in it.
    pub fn at(path: &Path) -> Result<Self, StateError> {
        let io_error = |source| StateError::Io { path: path.to_owned(), source };
        // Daemons have another working directory than the command that starts them.
        let path = std::path::absolute(path).map_err(io_error)?;
        let mode = if rustix::process::geteuid().is_root() { 0o755 } else { 0o700 };
        DirBuilder::new().recursive(true).mode(mode).create(&path).map_err(io_error)?;
        let meta = fs::metadata(&path).map_err(io_error)?;
        match foreign(meta.uid(), meta.mode()) {
            Some((reason, advice)) => Err(StateError::Unsafe { path, reason, advice }),
            None => Ok(Self { path }),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of device `id`: `lock`, `json`, `sock`, `log`.
    pub fn file(&self, id: u32, ending: &str) -> PathBuf {
        self.path.join(format!("{id:04}.{ending}"))
    }

    /// Where device `id` is mounted unless told otherwise.
    pub fn mount_dir(&self, id: u32) -> PathBuf {
        self.path.join(format!("{id:04}"))
    }

    /// The numbers that have files here, alive or dead, in order. Logs alone do not count.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn ids(&self) -> Result<Vec<u32>, StateError> {
        let io_error = |source| StateError::Io { path: self.path.clone(), source };
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(io_error)? {
            let name = entry.map_err(io_error)?.file_name();
            let Some(name) = name.to_str() else { continue };
            let (number, ending) = name.split_once('.').unwrap_or((name, ""));
            if number.len() == 4
                && number.bytes().all(|b| b.is_ascii_digit())
                && matches!(ending, "" | "lock" | "json" | "kept" | "sock")
                && let Ok(id) = number.parse()
            {
                ids.push(id);
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// The process that device `id`'s daemon is, if it lives; 0 if it lives but does not say.
    ///
    /// # Errors
    /// The lock file cannot be opened.
    pub fn living(&self, id: u32) -> Result<Option<u32>, StateError> {
        let path = self.file(id, "lock");
        lock::holder(&path).map_err(|source| StateError::Io { path, source })
    }

    /// The lock under which numbers are given out and dead devices are cleared away.
    ///
    /// # Errors
    /// [`StateError::Busy`] names who has it for too long.
    pub(crate) fn lock(&self) -> Result<LockFile, StateError> {
        match LockFile::lock_within(&self.path.join(".lock"), DIRECTORY_PATIENCE) {
            Ok(lock) => Ok(lock),
            Err(LockError::Held { pid, .. }) => {
                Err(StateError::Busy { path: self.path.clone(), pid: pid.unwrap_or(0) })
            }
            Err(LockError::Io { path, source }) => Err(StateError::Io { path, source }),
        }
    }
}

/// What is wrong with a directory of this owner and mode, and what to do; `None` if it is safe here.
///
/// What stands in records is done by whoever runs the next command, so that one and root alone may
/// have written it. In root's directory others can only look.
fn foreign(owner: u32, mode: u32) -> Option<(String, &'static str)> {
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        let advice = "set UBLK_STATE_DIR to a directory of your own";
        return Some((format!("belongs to user {owner}"), advice));
    }
    if mode & 0o022 != 0 {
        let reason = format!("may be written by other users (mode {:04o})", mode & 0o7777);
        return Some((reason, "make it yours alone: chmod go-w"));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_that_others_may_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        StateDir::at(&path).unwrap();
        for (mode, good) in [(0o700, true), (0o755, true), (0o775, false), (0o1777, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            match StateDir::at(&path) {
                Ok(_) => assert!(good, "{mode:o}"),
                Err(e) => {
                    let text = e.to_string();
                    assert!(!good && text.contains(path.to_str().unwrap()), "{text}");
                    assert!(text.contains(&format!("(mode {mode:04o})")), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_directory_is_its_users_or_roots() {
        let me = rustix::process::geteuid().as_raw();
        assert_eq!(foreign(me, 0o40700), None);
        assert_eq!(foreign(0, 0o40755), None);
        let (reason, _) = foreign(me + 1, 0o40700).unwrap();
        assert_eq!(reason, format!("belongs to user {}", me + 1));
        assert!(foreign(0, 0o40757).is_some());
    }
}
