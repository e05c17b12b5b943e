//! The module, loaded.
//!
//! Each time it is loaded it begins to use preemption notifiers; a [machine] is kept, so it is never the first.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use e2e::{Said, soon, tool, wait_until};
use kvm_ioctls::VmFd;

use crate::machine;

/// Its name.
const NAME: &str = "lgbench_stock";

/// A file that the lab was given: the module or a program.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(&std::env::var_os("LGBENCH_LAB").unwrap_or_default()).join(name)
}

/// A number of rounds: a few, or with VGPU_LONG many, or that part of many, but no fewer than a few.
pub(crate) fn rounds(short: u32, long: u32) -> u32 {
    let Ok(part) = std::env::var("VGPU_LONG") else { return short };
    let part: f64 = part.parse().expect("VGPU_LONG: a number, 1 for all of it");
    short.max((f64::from(long) * part) as u32) // saturates
}

/// What keeps it from being unloaded: files and threads.
pub(crate) fn users() -> u32 {
    let count = fs::read_to_string(format!("/sys/module/{NAME}/refcnt")).unwrap();
    count.trim().parse().unwrap()
}

static MACHINE: Mutex<Option<VmFd>> = Mutex::new(None);

/// Unloaded when dropped, which must work.
pub(crate) struct Module(());

impl Module {
    pub(crate) fn load() -> Self {
        // Whatever test has failed with the lock, there is a machine or there is none.
        MACHINE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(machine::create);
        Self::insert()
    }

    /// The same when nobody else needs preemption notifiers.
    pub(crate) fn load_alone() -> Self {
        drop(MACHINE.lock().unwrap_or_else(PoisonError::into_inner).take());
        Self::insert()
    }

    fn insert() -> Self {
        tool("insmod", &[file(&format!("{NAME}.ko"))]);
        Self(())
    }

    /// Tries to unload it.
    pub(crate) fn try_unload() -> Said {
        Said::of(Command::new("rmmod").arg(NAME))
    }

    /// Unloads it at once.
    #[track_caller]
    pub(crate) fn unload(self) {
        std::mem::forget(self);
        Self::try_unload().ok();
    }

    /// Checks that it is not unloaded now.
    #[track_caller]
    pub(crate) fn is_in_use(&self) {
        let said = Self::try_unload();
        assert!(!said.status.success() && said.err.contains("in use"), "{said}");
    }

    /// It has been unloaded.
    pub(crate) fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The test has failed, and something may hold it.
            let _ = Self::try_unload();
            return;
        }
        // A thread whose file another one has closed holds it a little longer than it lives.
        wait_until("nobody who uses the module", soon(), || users() == 0);
        tool("rmmod", &[NAME]);
    }
}
