//! What backends on /dev/kvm share: a thread for each guest, in and out of KVM_RUN as its gate allows.
//!
//! - [`file`]: its file and its clock
//! - [`kick`]: making a thread leave its guest
//! - [`runner`]: the thread
//! - [`skew`]: how far the guest's clock is from the host's

pub(super) mod file;
mod kick;
pub(super) mod runner;
pub(super) mod skew;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use kvm_ioctls::{Cap, Kvm};

use self::runner::{Inside, Outcome, Shared};
use super::{BackendError, PATIENCE, Placement};

/// The version of the interface that has been the only one since 2007.
const API_VERSION: i32 = 12;

/// Three pages below the end of 32 bits that older Intel processors need for themselves; guests'
/// memory ends far below.
pub(super) const TSS_PAGES: usize = 0xfffb_d000;

/// Opens /dev/kvm.
///
/// # Errors
/// There is none, it may not be used, or it is not what it should be.
pub(super) fn open() -> Result<Kvm, BackendError> {
    let refused = |what: String, advice, source| BackendError::NoKvm { what, advice, source };
    let kvm = Kvm::new().map_err(|error| {
        let error = io::Error::from_raw_os_error(error.errno());
        let advice = match error.kind() {
            io::ErrorKind::NotFound => "load the module kvm_intel or kvm_amd",
            io::ErrorKind::PermissionDenied => "run as root, or join the group kvm",
            _ => "see dmesg",
        };
        refused("cannot open /dev/kvm".into(), advice, Some(error))
    })?;
    if kvm.get_api_version() != API_VERSION {
        let what = format!("/dev/kvm speaks version {} of its interface", kvm.get_api_version());
        return Err(refused(what, "take a kernel that speaks version 12", None));
    }
    if !kvm.check_extension(Cap::ImmediateExit) || !kvm.check_extension(Cap::UserMemory) {
        let what = "/dev/kvm is too old: it has no immediate exit".into();
        return Err(refused(what, "take Linux 4.13 or later", None));
    }
    Ok(kvm)
}

/// Has to be called before the first guest starts.
///
/// # Errors
/// The signal that makes threads leave their guests cannot be prepared.
pub(super) fn prepare() -> Result<(), BackendError> {
    kick::install().map_err(|source| BackendError::Host {
        what: "prepare signals for",
        guest: 1,
        source,
    })
}

/// A guest's thread, from outside.
#[derive(Debug)]
pub(super) struct Vcpu {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Outcome>>,
    /// Whose it is, from 1.
    guest: usize,
    /// The thread's number in the kernel.
    number: u32,
}

impl Vcpu {
    /// Starts a guest (from 1), free to run.
    ///
    /// # Errors
    /// See [`BackendError`].
    pub(super) fn start(
        inside: impl Inside,
        guest: usize,
        placement: Placement,
    ) -> Result<Self, BackendError> {
        runner::start(inside, guest, placement)
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Why the guest cannot go on, if so.
    pub(super) fn failure(&self) -> Option<String> {
        self.shared.failure()
    }

    /// Lets the guest run or not.
    ///
    /// # Errors
    /// It should not, and does not leave.
    pub(super) fn gate(&self, open: bool) -> Result<(), BackendError> {
        if open {
            self.shared.gate.open();
            return Ok(());
        }
        self.shared.gate.take_turn();
        self.kick();
        match self.shared.gate.wait_until_out(PATIENCE) {
            true => Ok(()),
            false => Err(BackendError::Stuck { guest: self.guest }),
        }
    }

    /// Asks the guest to leave for good.
    pub(super) fn ask_to_end(&self) {
        self.shared.gate.end();
        self.kick();
    }

    /// Waits for that; then why it could not go on, and what it leaves.
    pub(super) fn end(self) -> (Option<String>, Option<Outcome>) {
        // A guest that cannot be made to leave would be waited for for ever.
        let out = self.shared.gate.wait_until_out(PATIENCE);
        let outcome = self.thread.filter(|_| out).and_then(|thread| thread.join().ok());
        (self.shared.failure(), outcome)
    }

    fn kick(&self) {
        self.shared.exit.raise();
        if let Some(thread) = &self.thread {
            kick::signal(thread);
        }
    }
}
