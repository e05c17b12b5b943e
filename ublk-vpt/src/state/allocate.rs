//! Giving out device numbers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use daemonkit::lock::{LockError, LockFile};

use super::record::SET_ASIDE;
use super::{MAX_ID, Reaped, Record, StateDir, StateError, Undo};

/// A command that looks who has a number locks it for a moment: so long a wanted number is waited for.
const LOOK_PATIENCE: Duration = Duration::from_millis(100);

/// A number that is this process's until it ends or lets go.
#[derive(Debug)]
pub struct Claim {
    state: StateDir,
    id: u32,
    lock: LockFile,
    /// The record is set aside.
    recovering: AtomicBool,
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
    /// A ublk device without its daemon has it.
    #[error("device {0} waits for a daemon: ublk recover -n {0}, or give it up: ublk del -n {0}")]
    Waiting(u32),
    /// The kernel has something of that number that is not written down here.
    #[error(
        "device {0}: the ublk driver has a device of that number, made by another program or with another \
         state directory, or deleted and still open: take another -n, or leave it out"
    )]
    Elsewhere(u32),
    /// Whether it is so cannot be found out.
    #[error("{0}")]
    Unknown(String),
    /// There is nothing to go on with.
    #[error(
        "device {0} cannot be recovered: {1}; only a ublk device made with --recovery, whose daemon died"
    )]
    NotWaiting(u32, &'static str),
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
    /// Takes number `wanted`, or the lowest free one, clearing away a dead device that had it. A number
    /// for which `elsewhere` says true is taken by something that is not written down here; that it
    /// cannot tell is one line for people.
    ///
    /// # Errors
    /// See [`ClaimError`].
    pub fn claim(
        &self,
        wanted: Option<u32>,
        undo: &Undo,
        elsewhere: impl Fn(u32) -> Result<bool, String>,
    ) -> Result<Claim, ClaimError> {
        let _directory = self.lock()?;
        let candidates = wanted.map_or(0..=MAX_ID, |id| id..=id);
        for id in candidates {
            let path = self.file(id, "lock");
            let patience = if wanted.is_some() { LOOK_PATIENCE } else { Duration::ZERO };
            match LockFile::lock_within(&path, patience) {
                Ok(lock) => {
                    if Record::is_foreign(&self.file(id, "json")) {
                        lock.remove().map_err(|source| StateError::Io { path, source })?;
                        if wanted.is_some() {
                            return Err(ClaimError::Elsewhere(id));
                        }
                        continue;
                    }
                    if !matches!(self.waiting(id, undo), Ok(None)) {
                        if wanted.is_some() {
                            return Err(ClaimError::Waiting(id));
                        }
                        continue;
                    }
                    let remains = self.clear(id, undo);
                    if let Reaped { problem: Some(problem), .. } = remains {
                        if wanted.is_some() {
                            return Err(ClaimError::Remains(id, problem));
                        }
                        continue; // another number will do
                    }
                    // After clearing away: until then it may be our own.
                    let taken = elsewhere(id);
                    if !matches!(taken, Ok(false)) {
                        lock.remove().map_err(|source| StateError::Io { path, source })?;
                        if taken.map_err(ClaimError::Unknown)? && wanted.is_none() {
                            continue;
                        }
                        return Err(ClaimError::Elsewhere(id));
                    }
                    return Ok(Claim::new(self, id, lock));
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

    /// Takes the number of a device that waits for its next daemon. Its record is set aside until
    /// [`Claim::recovered`].
    ///
    /// # Errors
    /// See [`ClaimError`]; then it waits as before.
    pub fn claim_waiting(&self, id: u32, undo: &Undo) -> Result<Claim, ClaimError> {
        let _directory = self.lock()?;
        let path = self.file(id, "lock");
        let lock = match LockFile::lock_within(&path, LOOK_PATIENCE) {
            Ok(lock) => lock,
            Err(LockError::Held { pid, .. }) => {
                let what = self.what_is_served(id);
                return Err(ClaimError::Taken { id, pid: pid.unwrap_or(0), what });
            }
            Err(LockError::Io { path, source }) => {
                return Err(StateError::Io { path, source }.into());
            }
        };
        let mut record = match self.waiting(id, undo) {
            Ok(Some(record)) => record,
            Ok(None) => return Err(ClaimError::NotWaiting(id, "the driver has no such device")),
            Err(problem) => return Err(ClaimError::Remains(id, problem)),
        };
        let claim = Claim::new(self, id, lock);
        record.successors.push(std::process::id());
        let (json, aside) = (claim.file("json"), claim.file(SET_ASIDE));
        record.write(&aside).map_err(|source| StateError::Io { path: aside, source })?;
        match fs::remove_file(&json) {
            // It had been set aside by one that was killed over it.
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(StateError::Io { path: json, source }.into())
            }
            _ => {
                claim.recovering.store(true, Ordering::Relaxed);
                Ok(claim)
            }
        }
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
    fn new(state: &StateDir, id: u32, lock: LockFile) -> Self {
        Self { state: state.clone(), id, lock, recovering: AtomicBool::new(false) }
    }

    /// The device is this process's from now on, and written down as that.
    ///
    /// # Errors
    /// The old record cannot be removed.
    pub fn recovered(&self) -> io::Result<()> {
        if self.recovering.swap(false, Ordering::Relaxed) {
            fs::remove_file(self.file(SET_ASIDE))?;
        }
        Ok(())
    }

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

    /// Clears away what this device has in the state directory and lets go of the number. A device
    /// whose recovery did not come to an end waits on.
    ///
    /// # Errors
    /// What could not be cleared away; the next command tries again.
    pub fn release(self, undo: &Undo) -> Result<(), String> {
        let directory = self.state.lock().map_err(|e| e.to_string())?;
        if self.recovering.load(Ordering::Relaxed) {
            // It waits as before.
            let aside = self.file(SET_ASIDE);
            return fs::rename(&aside, self.file("json"))
                .map_err(|e| format!("{}: {e}", aside.display()));
        }
        let cleared = self.state.clear(self.id, undo);
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
    use super::*;

    const NOTHING: Undo =
        Undo { detach_loop: |_, _| Ok(()), find_ublk: |_| Ok(None), delete_ublk: |_| Ok(()) };

    #[test]
    fn a_look_does_not_keep_a_free_number_from_who_wants_it() {
        // The look is over in time, unless the machine is busy with something else for that long.
        let in_time = (0..5).any(|_| {
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
                let claim = match state.claim(Some(3), &NOTHING, |_| Ok(false)) {
                    Ok(claim) => claim,
                    Err(ClaimError::Taken { .. }) => return false,
                    Err(other) => panic!("{other}"),
                };
                claimed.store(true, Ordering::SeqCst);
                let taken = state.claim(Some(3), &NOTHING, |_| Ok(false)).unwrap_err();
                assert!(taken.to_string().contains("device 3 exists"), "{taken}");
                claim.release(&NOTHING).unwrap();
                true
            })
        });
        assert!(in_time, "a look of 20 ms is taken for a device, each time");
    }

    #[test]
    fn a_number_that_is_taken_elsewhere_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path()).unwrap();
        let elsewhere = |id| Ok(id < 2);
        let refused = state.claim(Some(1), &NOTHING, elsewhere).unwrap_err().to_string();
        assert!(refused.starts_with("device 1: the ublk driver has a device"), "{refused}");
        let claim = state.claim(None, &NOTHING, elsewhere).unwrap();
        assert_eq!(claim.id(), 2);
        assert_eq!(state.ids().unwrap(), [2], "locks are left of numbers that were passed over");
        let unknown = state.claim(None, &NOTHING, |_| Err("no answer".into())).unwrap_err();
        assert_eq!(unknown.to_string(), "no answer");
    }
}
