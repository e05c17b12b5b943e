//! Clearing away what a dead daemon left: mounts, loop devices, sockets, records.
//!
//! Everything here works from what was written down before it was done, so a daemon can be killed at
//! any moment. The order matters: a loop device is found by the path of its file, which the kernel no
//! longer knows once the file system under it is unmounted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use daemonkit::lock::{LockError, LockFile};

use super::process::is_dying;
use super::{Cleanup, Record, StateDir, StateError};
use crate::front::ublk::{KernelDevice, KernelState};
use crate::mounts::{self, Mount};
use crate::sockets;

/// How long a killed daemon may take to let go of its lock.
const DYING_PATIENCE: Duration = Duration::from_secs(5);

/// How what is outside the state directory is undone. Every error is one line for people.
#[derive(Clone, Copy, Debug)]
pub struct Undo {
    /// Detaches a loop device (`/dev/loopN`) if its backing file still is the given one; `Ok` when it
    /// is not attached or another's.
    pub detach_loop: fn(device: &Path, backing: &Path) -> Result<(), String>,
    /// What the ublk driver says about the device of a number, if it has one.
    pub find_ublk: fn(id: u32) -> Result<Option<KernelDevice>, String>,
    /// Has the ublk driver delete the device of a number; what waits in it fails.
    pub delete_ublk: fn(id: u32) -> Result<(), String>,
}

/// What was done about one dead device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaped {
    /// Its number.
    pub id: u32,
    /// The daemon's process, if that was written down.
    pub pid: Option<u32>,
    /// What was undone, each a few words.
    pub done: Vec<String>,
    /// Oddities that do not keep it from being cleared away.
    pub warnings: Vec<String>,
    /// Why it is still there.
    pub problem: Option<String>,
}

impl Reaped {
    /// Whether there was anything: a device that ended in the normal way between a look and the lock
    /// has left nothing, and has not died.
    fn tells_something(&self) -> bool {
        let Self { id: _, pid, done, warnings, problem } = self;
        pid.is_some() || !done.is_empty() || !warnings.is_empty() || problem.is_some()
    }
}

impl StateDir {
    /// Clears away every dead device.
    ///
    /// # Errors
    /// The directory cannot be read, or is another user's.
    pub fn reap(&self, undo: &Undo) -> Result<Vec<Reaped>, StateError> {
        // The common case, nothing dead, needs no lock and no permission to write.
        let mut dead = Vec::new();
        for id in self.ids()? {
            if self.is_dead(id)? {
                dead.push(id);
            }
        }
        if dead.is_empty() {
            return Ok(Vec::new());
        }
        let _directory = self.lock()?;
        let mut reaped = Vec::new();
        for id in dead {
            if Record::is_foreign(&self.file(id, "json")) {
                continue; // another server's, and no business of ours
            }
            let lock = match LockFile::try_lock(&self.file(id, "lock")) {
                Ok(lock) => lock,
                // Its number was taken again in the meantime.
                Err(LockError::Held { .. }) => continue,
                Err(LockError::Io { path, source }) => return Err(StateError::Io { path, source }),
            };
            let mut report = match self.waiting(id, undo) {
                Ok(Some(_)) => continue,
                Ok(None) => self.clear(id, undo),
                Err(problem) => Reaped { id, problem: Some(problem), ..Reaped::default() },
            };
            if report.problem.is_none()
                && let Err(e) = lock.remove()
            {
                report.problem = Some(e.to_string());
            }
            if report.tells_something() {
                reaped.push(report);
            }
        }
        Ok(reaped)
    }

    /// The record of device `id` if its daemon is gone and the ublk driver keeps it for the next one.
    ///
    /// # Errors
    /// It may be so, but the driver cannot be asked: one line.
    pub fn waiting(&self, id: u32, undo: &Undo) -> Result<Option<Record>, String> {
        let Ok(Some(record)) = Record::read(&self.file(id, "json")) else { return Ok(None) };
        if !record.is_recoverable() {
            return Ok(None);
        }
        let waits = (undo.find_ublk)(id)?.is_some_and(|device| {
            is_ours_in_driver(&device, &record)
                && matches!(device.state, KernelState::Quiesced | KernelState::FailIo)
        });
        Ok(waits.then_some(record))
    }

    /// Gives up a device that waits for its next daemon.
    ///
    /// # Errors
    /// One line: somebody has it, or it cannot be cleared away.
    pub fn give_up(&self, id: u32, undo: &Undo) -> Result<(), String> {
        let _directory = self.lock().map_err(|e| e.to_string())?;
        let lock = LockFile::try_lock(&self.file(id, "lock")).map_err(|e| e.to_string())?;
        match self.clear(id, undo).problem {
            Some(problem) => Err(problem),
            None => lock.remove().map_err(|e| e.to_string()),
        }
    }

    /// Whether device `id`'s daemon is gone. One that has been killed but still holds its lock is
    /// waited for: after a kill the very next command is to find nothing left.
    fn is_dead(&self, id: u32) -> Result<bool, StateError> {
        let end = Instant::now() + DYING_PATIENCE;
        loop {
            match self.living(id)? {
                None => return Ok(true),
                Some(pid) if is_dying(pid) && Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Some(_) => return Ok(false),
            }
        }
    }

    /// Undoes and removes everything of device `id` but its lock, which the caller holds.
    pub(super) fn clear(&self, id: u32, undo: &Undo) -> Reaped {
        let mut report = Reaped { id, ..Reaped::default() };
        let json = self.file(id, "json");
        let own_mount = self.mount_dir(id);
        let mut in_driver = Ok(());
        let cleanup = match Record::read(&json) {
            Ok(Some(record)) => {
                report.pid = Some(record.dev_info.ublksrv_pid);
                if record.cleanup.ublk {
                    in_driver = delete_in_driver(&record, undo, &mut report.done);
                }
                record.cleanup
            }
            Ok(None) => Cleanup { mount: own_mount.clone(), ..Cleanup::default() },
            Err(e) => {
                report.warnings.push(format!("{e}; only what is under its own name is cleared"));
                Cleanup { mount: own_mount.clone(), ..Cleanup::default() }
            }
        };
        report.problem = in_driver
            .and_then(|()| self.undo(&cleanup, &own_mount, undo, &mut report.done))
            .and_then(|()| self.remove_files(id, &own_mount))
            .err();
        report
    }

    fn undo(
        &self,
        cleanup: &Cleanup,
        own_mount: &Path,
        undo: &Undo,
        done: &mut Vec<String>,
    ) -> Result<(), String> {
        for (device, backing) in loop_devices(cleanup) {
            (undo.detach_loop)(&device, &backing)
                .map_err(|e| format!("cannot detach {}: {e}", device.display()))?;
            done.push(format!("detached {}", device.display()));
        }
        let points = [cleanup.mount.as_path(), own_mount];
        for point in points.into_iter().filter(|point| !point.as_os_str().is_empty()) {
            let ours = |mount: &Mount| point == own_mount || is_ours(mount, cleanup);
            match mounts::unmount(point, ours) {
                Ok(true) => done.push(format!("unmounted {}", point.display())),
                Ok(false) => {}
                // Ours went away and somebody mounted something else: nothing left to do for us.
                Err(_) if mounts::mount_at(point).is_some_and(|m| !ours(&m)) => {}
                Err(e) => return Err(format!("cannot unmount {}: {e}", point.display())),
            }
        }
        Self::remove_socket(cleanup, done)
    }

    /// Another may listen there by now, at a socket of its own.
    fn remove_socket(cleanup: &Cleanup, done: &mut Vec<String>) -> Result<(), String> {
        let Some(path) = cleanup.socket.as_deref().filter(|path| sockets::is_stale(path)) else {
            return Ok(());
        };
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(format!("cannot remove {}: {e}", path.display()))
            }
            _ => {
                done.push(format!("removed {}", path.display()));
                Ok(())
            }
        }
    }

    fn remove_files(&self, id: u32, own_mount: &Path) -> Result<(), String> {
        let tell = |path: &Path, e: io::Error| format!("cannot remove {}: {e}", path.display());
        match fs::remove_dir(own_mount) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(tell(own_mount, e)),
            _ => {}
        }
        let log = self.file(id, "log");
        match fs::rename(&log, self.file(id, "log.last")) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(tell(&log, e)),
            _ => {}
        }
        for ending in ["sock", "client", "kept", "json"] {
            let path = self.file(id, ending);
            match fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(tell(&path, e)),
                _ => {}
            }
        }
        // Temporary names of a write that was cut short.
        let prefix = format!(".{id:04}.");
        for entry in fs::read_dir(self.path()).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                fs::remove_file(entry.path()).map_err(|e| tell(&entry.path(), e))?;
            }
        }
        Ok(())
    }
}

/// Deletes the ublk driver's device of this record, if it still has it.
fn delete_in_driver(record: &Record, undo: &Undo, done: &mut Vec<String>) -> Result<(), String> {
    let id = record.dev_info.dev_id;
    if (undo.find_ublk)(id)?.is_some_and(|device| is_ours_in_driver(&device, record)) {
        (undo.delete_ublk)(id)?;
        done.push(format!("deleted /dev/ublkb{id}"));
    }
    Ok(())
}

/// Whether the driver's device is the one of this record, and not one that another program has made
/// under the number since. One that was never started has no process yet.
fn is_ours_in_driver(device: &KernelDevice, record: &Record) -> bool {
    let pids = std::iter::once(&record.dev_info.ublksrv_pid).chain(&record.successors);
    let ours = |pid: &u32| i32::try_from(*pid).is_ok_and(|pid| pid == device.pid);
    pids.into_iter().any(ours) || (device.pid <= 0 && device.state == KernelState::Dead)
}

/// On somebody's own directory only what we mounted is ours. A kill between mounting and writing that
/// down leaves no description, but then it can only be a FUSE file system.
fn is_ours(mount: &Mount, cleanup: &Cleanup) -> bool {
    match &cleanup.mounted {
        Some(ours) => mount == ours,
        None => mount.kind.starts_with("fuse"),
    }
}

/// The recorded loop device, and any other whose backing file is under the mount point: the daemon may
/// have died between attaching and writing that down.
fn loop_devices(cleanup: &Cleanup) -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/sys/block").into_iter().flatten().flatten() {
        let Ok(text) = fs::read_to_string(entry.path().join("loop/backing_file")) else {
            continue; // no loop device, or nothing attached
        };
        // The kernel says so when the name is gone, which it is not while the mount is there.
        let backing = PathBuf::from(text.trim_end_matches('\n').trim_end_matches(" (deleted)"));
        let device = Path::new("/dev").join(entry.file_name());
        // Where somebody has unmounted it lazily, the kernel names the file from the mount's own root.
        let file = cleanup.file.as_deref();
        let unmounted = file.and_then(Path::file_name).map(|name| Path::new("/").join(name));
        let recorded = cleanup.loop_device.as_ref() == Some(&device)
            && (file == Some(&backing) || unmounted.as_ref() == Some(&backing));
        let under_mount = !cleanup.mount.as_os_str().is_empty()
            && backing.starts_with(&cleanup.mount)
            && mounts::is_mount_point(&cleanup.mount);
        if recorded || under_mount {
            found.push((device, backing));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Undo =
        Undo { detach_loop: |_, _| Ok(()), find_ublk: |_| Ok(None), delete_ublk: |_| Ok(()) };

    #[test]
    fn only_who_left_something_has_died() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path()).unwrap();
        // As try_lock finds it when the daemon ended after the look: it makes the file anew.
        fs::write(state.file(1, "lock"), "").unwrap();
        fs::write(state.file(2, "json"), "{").unwrap();
        let reaped = state.reap(&NOTHING).unwrap();
        assert_eq!(reaped.iter().map(|r| r.id).collect::<Vec<_>>(), [2]);
        assert_eq!(state.ids().unwrap(), [0; 0]);
    }

    #[test]
    fn another_server_s_record_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path()).unwrap();
        let theirs = state.file(0, "json");
        fs::write(&theirs, r#"{"dev_info": {"dev_id": 0}, "target": {"tgt_type": "null"}}"#)
            .unwrap();
        assert_eq!(state.reap(&NOTHING).unwrap(), []);
        assert!(state.claim(Some(0), &NOTHING, |_| Ok(false)).is_err());
        let other = state.claim(None, &NOTHING, |_| Ok(false)).unwrap();
        assert_eq!(other.id(), 1);
        other.release(&NOTHING).unwrap();
        assert!(theirs.exists());
    }
}
