//! Giving out device numbers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use daemonkit::lock::{LockError, LockFile};

use super::{DetachLoop, MAX_ID, Reaped, Record, StateDir, StateError};

/// A command that looks who has a number locks it for a moment: so long a wanted number is waited for.
const LOOK_PATIENCE: Duration = Duration::from_millis(100);

/// A number that is this process's until it ends or lets go.
#[derive(Debug)]
pub struct Claim {
    state: StateDir,
    id: u32,
    lock: LockFile,
}

/// Why there is no number.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// It is taken.
    #[error(
        "device {id} exists: process {pid} serves {what}; take another -n, or stop it with: ublk del -n {id}"
    )]
    Taken {
        /// The number.
        id: u32,
        /// Its daemon.
        pid: u32,
        /// Its image or disk.
        what: String,
    },
    /// A dead device has it and cannot be cleared away.
    #[error("device {0} is dead but cannot be cleared away: {1}")]
    Remains(u32, String),
    /// All are taken.
    #[error("all device numbers from 0 to {MAX_ID} are taken")]
    None,
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
}

impl StateDir {
    /// Takes number `wanted`, or the lowest free one, clearing away a dead device that had it.
    ///
    /// # Errors
    /// See [`ClaimError`].
    pub fn claim(&self, wanted: Option<u32>, detach: DetachLoop) -> Result<Claim, ClaimError> {
        let _directory = self.lock()?;
        let candidates = wanted.map_or(0..=MAX_ID, |id| id..=id);
        for id in candidates {
            let path = self.file(id, "lock");
            let patience = if wanted.is_some() { LOOK_PATIENCE } else { Duration::ZERO };
            match LockFile::lock_within(&path, patience) {
                Ok(lock) => {
                    let remains = self.clear(id, detach);
                    if let Reaped { problem: Some(problem), .. } = remains {
                        if wanted.is_some() {
                            return Err(ClaimError::Remains(id, problem));
                        }
                        continue; // another number will do
                    }
                    return Ok(Claim { state: self.clone(), id, lock });
                }
                Err(LockError::Held { pid, .. }) if wanted.is_some() => {
                    let what = self.what_is_served(id);
                    return Err(ClaimError::Taken { id, pid: pid.unwrap_or(0), what });
                }
                Err(LockError::Held { .. }) => {}
                Err(LockError::Io { path, source }) => {
                    return Err(StateError::Io { path, source }.into());
                }
            }
        }
        Err(ClaimError::None)
    }

    fn what_is_served(&self, id: u32) -> String {
        match Record::read(&self.file(id, "json")) {
            Ok(Some(Record { target, .. })) => {
                target.image.map_or(target.disk, |image| image.display().to_string())
            }
            _ => "something that is just starting".into(),
        }
    }
}

impl Claim {
    /// The number.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// A file of this device, as [`StateDir::file`].
    pub fn file(&self, ending: &str) -> PathBuf {
        self.state.file(self.id, ending)
    }

    /// The directory to mount on: `wanted`, which must be an empty directory with nothing mounted, or
    /// the device's own, which is made.
    ///
    /// # Errors
    /// One line that says what is wrong with the directory.
    pub fn mount_dir(&self, wanted: Option<&Path>) -> Result<PathBuf, String> {
        let Some(wanted) = wanted else {
            let own = self.state.mount_dir(self.id);
            match fs::create_dir(&own) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(format!("{}: {e}", own.display())),
            }
            return Ok(own);
        };
        let refuse = |reason: &str| format!("mount point {}: {reason}", wanted.display());
        if crate::mounts::is_mount_point(wanted) {
            return Err(refuse("something is mounted there already"));
        }
        let path = wanted.canonicalize().map_err(|e| refuse(&e.to_string()))?;
        if crate::mounts::is_mount_point(&path) {
            return Err(refuse("something is mounted there already"));
        }
        match fs::read_dir(&path).map(|mut entries| entries.next().is_some()) {
            Ok(false) => Ok(path),
            Ok(true) => Err(refuse("not empty; its content would be hidden")),
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => Err(refuse("not a directory")),
            Err(e) => Err(refuse(&e.to_string())),
        }
    }

    /// Clears away what this device has in the state directory and lets go of the number.
    ///
    /// # Errors
    /// What could not be cleared away; the next command tries again.
    pub fn release(self, detach: DetachLoop) -> Result<(), String> {
        let directory = self.state.lock().map_err(|e| e.to_string())?;
        let cleared = self.state.clear(self.id, detach);
        let removed = match cleared.problem {
            Some(problem) => Err(problem),
            None => self.lock.remove().map_err(|e| e.to_string()),
        };
        drop(directory);
        removed
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_look_does_not_keep_a_free_number_from_who_wants_it() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path()).unwrap();
        let path = state.file(3, "lock");
        // One that looks and is not scheduled again for a while.
        let look = fs::File::create(&path).unwrap();
        look.lock_shared().unwrap();
        let claimed = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(20));
                assert!(!claimed.load(Ordering::SeqCst));
                drop(look);
            });
            let claim = state.claim(Some(3), |_, _| Ok(())).unwrap();
            claimed.store(true, Ordering::SeqCst);
            let taken = state.claim(Some(3), |_, _| Ok(())).unwrap_err();
            assert!(taken.to_string().contains("device 3 exists"), "{taken}");
            claim.release(|_, _| Ok(())).unwrap();
        });
    }
}
