//! Folders of the lab, all below target/lab: what is downloaded once, and one folder for each run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};

use crate::workspace;

/// So many finished runs keep their logs.
const KEPT_RUNS: usize = 20;

/// The runs of this process.
static RUNS: AtomicU32 = AtomicU32::new(0);

/// target/lab.
#[derive(Clone, Debug)]
pub struct Place {
    /// The workspace's root.
    pub workspace: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
}

/// Held while the shared folders are filled; two labs at once do not download into one another.
#[derive(Debug)]
pub struct Filling(#[allow(dead_code, reason = "the lock lives as long as the file is open")] File);

impl Place {
    /// The one of this workspace.
    pub fn here() -> Result<Self> {
        let place =
            Self { workspace: workspace::root(), target: workspace::metadata()?.target_directory };
        make(&place.lab())?;
        Ok(place)
    }

    /// target/lab itself.
    pub fn lab(&self) -> PathBuf {
        self.target.join("lab")
    }

    /// Waits until no other lab fills the shared folders.
    pub fn lock(&self) -> Result<Filling> {
        self.lock_named("lock")
    }

    /// The same for something that takes long, so that others need not wait for it.
    pub fn lock_named(&self, name: &str) -> Result<Filling> {
        let path = self.lab().join(name);
        let file =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            eprintln!("lab: waiting for another one that is being set up");
            flock(&file, FlockOperation::LockExclusive)
                .with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Ok(Filling(file))
    }
}

/// target/lab/run/NAME, writable in the guest.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Locked while the run lives.
    _lock: File,
}

impl RunFolder {
    /// A new one; the oldest finished ones go.
    pub fn create(place: &Place) -> Result<Self> {
        let runs = place.lab().join("run");
        make(&runs)?;
        forget_old(&runs);
        let stamp = crate::machine::date().replace(['-', ':', 'Z'], "").replace('T', "-");
        // Never the name of a run of ours that is over already.
        let number = RUNS.fetch_add(1, Ordering::Relaxed) + 1;
        let path = runs.join(format!("{stamp}-{}-{number:03}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let lock = File::create(path.join("lock"))
            .and_then(|file| Ok(flock(&file, FlockOperation::LockShared).map(|()| file)?))
            .with_context(|| format!("cannot lock {}", path.display()))?;
        let folder = Self { path, _lock: lock };
        make(&folder.out())?;
        make(&folder.temporary())?;
        Ok(folder)
    }

    /// Its path, the same outside and inside.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kernel's log.
    pub fn console(&self) -> PathBuf {
        self.path.join("console.log")
    }

    /// What the command prints.
    pub fn stdout(&self) -> PathBuf {
        self.path.join("stdout.log")
    }

    /// What it prints on its standard error.
    pub fn stderr(&self) -> PathBuf {
        self.path.join("stderr.log")
    }

    /// What the guest wants to bring out.
    pub fn out(&self) -> PathBuf {
        self.path.join("out")
    }

    /// For the boot's own temporary files.
    pub fn temporary(&self) -> PathBuf {
        self.path.join("tmp")
    }

    /// The initramfs, for a root image.
    pub fn initramfs(&self) -> PathBuf {
        self.temporary().join("initramfs")
    }

    /// The script that runs in the guest.
    pub fn script(&self) -> PathBuf {
        self.path.join("guest.sh")
    }

    /// The command's exit status as the guest wrote it, once it did.
    pub fn status(&self) -> Option<String> {
        fs::read_to_string(self.path.join("status")).ok().filter(|text| text.ends_with('\n'))
    }

    /// Makes the scratch disk's file, without blocks.
    pub fn scratch(&self, bytes: Option<u64>) -> Result<Option<PathBuf>> {
        let Some(bytes) = bytes else { return Ok(None) };
        let path = self.path.join("scratch.img");
        File::create(&path).and_then(|file| file.set_len(bytes)).with_context(|| {
            format!("cannot make a disk of {bytes} bytes in {}", path.display())
        })?;
        Ok(Some(path))
    }

    /// Removes what nobody reads later; logs and results stay.
    pub fn finish(&self) {
        // They are in a folder for throw-away things: what cannot be removed now goes with it later.
        let _ = fs::remove_dir_all(self.temporary());
        let _ = fs::remove_file(self.path.join("scratch.img"));
        let _ = fs::remove_dir(self.out());
    }
}

/// Makes a folder and those above it.
pub(super) fn make(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make the folder {}", path.display()))
}

/// Removes the oldest runs whose lock nobody holds, down to [`KEPT_RUNS`].
fn forget_old(runs: &Path) {
    let Ok(entries) = fs::read_dir(runs) else { return };
    let mut names: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    // Names begin with the time, so this is their order.
    names.sort();
    for path in names.iter().take(names.len().saturating_sub(KEPT_RUNS)) {
        let Ok(lock) = File::open(path.join("lock")) else { continue };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = fs::remove_dir_all(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(folder: &Path) -> Place {
        Place { workspace: folder.to_owned(), target: folder.join("target") }
    }

    #[test]
    fn two_runs_get_two_folders_and_keep_them_while_they_live() {
        let folder = tempfile::tempdir().expect("temp folder");
        let place = place(folder.path());
        let runs: Vec<_> =
            (0..KEPT_RUNS + 3).map(|_| RunFolder::create(&place).expect("a folder")).collect();
        assert!(runs.iter().all(|run| run.out().is_dir()), "one was removed while it lived");
        let first = runs[0].path().to_owned();
        drop(runs);
        let _next = RunFolder::create(&place).expect("a folder");
        assert!(!first.exists(), "the oldest is still there");
    }

    #[test]
    fn half_a_status_is_none() {
        let folder = tempfile::tempdir().expect("temp folder");
        let run = RunFolder::create(&place(folder.path())).expect("a folder");
        assert_eq!(run.status(), None);
        fs::write(run.path().join("status"), "1").expect("written");
        assert_eq!(run.status(), None);
        fs::write(run.path().join("status"), "17\n").expect("written");
        assert_eq!(run.status().as_deref(), Some("17\n"));
    }

    #[test]
    fn a_scratch_disk_takes_no_space_and_goes_in_the_end() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().expect("temp folder");
        let run = RunFolder::create(&place(folder.path())).expect("a folder");
        assert_eq!(run.scratch(None).expect("none"), None);
        let disk = run.scratch(Some(1 << 30)).expect("made").expect("a path");
        let meta = fs::metadata(&disk).expect("there");
        assert_eq!((meta.len(), meta.blocks()), (1 << 30, 0));
        run.finish();
        assert!(!disk.exists());
    }
}
