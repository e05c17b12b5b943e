//! Virtual machines without an operating system: one vCPU each, run by a thread each.
//!
//! - [`boot`]: the state a guest begins in: privilege level 3, 64 bits, memory mapped one to one
//! - [`vm`]: a virtual machine with its memory
//! - [`kick`]: making a thread leave its guest
//! - [`runner`]: the thread
//! - [`skew`]: how far the guest's clock is from the host's
//!
//! Privilege level 3 because a KVM that has no hardware below it (PVM) emulates level 0 and runs level 3
//! as it is; elsewhere it makes no difference to code that does nothing privileged.

pub mod boot;
mod kick;
mod runner;
mod skew;
mod vm;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use kvm_ioctls::{Cap, Kvm};
use lgbench_payload::abi::STATE_FAILED;

use self::runner::{Outcome, Shared, Started};
use self::vm::Machine;
use super::{Backend, BackendError, GuestLog, Look, PATIENCE, Placement};
use crate::memory::GuestSpec;

/// The version of the interface that has been the only one since 2007.
const API_VERSION: i32 = 12;

/// Guests on /dev/kvm.
#[derive(Debug)]
pub struct KvmBackend {
    kvm: Kvm,
    guests: Vec<Guest>,
}

#[derive(Debug)]
struct Guest {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Outcome>>,
    /// The thread's number in the kernel.
    number: u32,
}

impl KvmBackend {
    /// Opens /dev/kvm.
    ///
    /// # Errors
    /// There is none, it may not be used, or it is not what it should be.
    pub fn new() -> Result<Self, BackendError> {
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
            let what =
                format!("/dev/kvm speaks version {} of its interface", kvm.get_api_version());
            return Err(refused(what, "take a kernel that speaks version 12", None));
        }
        if !kvm.check_extension(Cap::ImmediateExit) || !kvm.check_extension(Cap::UserMemory) {
            let what = "/dev/kvm is too old: it has no immediate exit".into();
            return Err(refused(what, "take Linux 4.13 or later", None));
        }
        Ok(Self { kvm, guests: Vec::new() })
    }

    fn guest(&self, guest: usize) -> Result<&Guest, BackendError> {
        let none = || BackendError::Failed { guest: guest + 1, why: "it was never started".into() };
        self.guests.get(guest).ok_or_else(none)
    }

    /// Makes every thread leave its guest for good and waits for it.
    fn end(&mut self) -> Vec<(Arc<Shared>, Option<Outcome>)> {
        for guest in &self.guests {
            guest.shared.gate.end();
            guest.kick();
        }
        let ended = |guest: Guest| {
            // A guest that cannot be made to leave would be waited for for ever.
            let out = guest.shared.gate.wait_until_out(PATIENCE);
            let outcome = guest.thread.filter(|_| out).and_then(|thread| thread.join().ok());
            (guest.shared, outcome)
        };
        std::mem::take(&mut self.guests).into_iter().map(ended).collect()
    }
}

impl Guest {
    fn kick(&self) {
        self.shared.exit.raise();
        if let Some(thread) = &self.thread {
            kick::signal(thread);
        }
    }
}

impl Backend for KvmBackend {
    fn name(&self) -> &'static str {
        labstats::results::experiment::KVM
    }

    fn start(&mut self, specs: &[GuestSpec], placement: Placement) -> Result<(), BackendError> {
        kick::install().map_err(|source| BackendError::Host {
            what: "prepare signals for",
            guest: 1,
            source,
        })?;
        // All machines first: making one takes long, and is not to disturb another that runs.
        let machines = (1..).zip(specs).map(|(number, spec)| Machine::new(&self.kvm, spec, number));
        for (machine, number) in machines.collect::<Result<Vec<_>, _>>()?.into_iter().zip(1..) {
            let Started { shared, thread, number } = runner::start(machine, number, placement)?;
            self.guests.push(Guest { shared, thread: Some(thread), number });
        }
        Ok(())
    }

    fn threads(&self) -> Vec<u32> {
        self.guests.iter().map(|guest| guest.number).collect()
    }

    fn gate(&self, guest: usize, open: bool) -> Result<(), BackendError> {
        let held = self.guest(guest)?;
        if open {
            held.shared.gate.open();
            return Ok(());
        }
        held.shared.gate.take_turn();
        held.kick();
        match held.shared.gate.wait_until_out(PATIENCE) {
            true => Ok(()),
            false => Err(BackendError::Stuck { guest: guest + 1 }),
        }
    }

    fn look(&self, guest: usize) -> Result<Look, BackendError> {
        let shared = &self.guest(guest)?.shared;
        if let Some(why) = shared.failure() {
            return Err(BackendError::Failed { guest: guest + 1, why });
        }
        Ok(shared.look())
    }

    fn collect(&mut self) -> Result<Vec<GuestLog>, BackendError> {
        let mut logs = Vec::new();
        for (guest, (shared, outcome)) in self.end().into_iter().enumerate() {
            let failed = |why: String| BackendError::Failed { guest: guest + 1, why };
            if let Some(why) = shared.failure() {
                return Err(failed(why));
            }
            if shared.look().state == STATE_FAILED {
                return Err(failed("its payload gave up".into()));
            }
            let outcome = outcome.ok_or(BackendError::Stuck { guest: guest + 1 })?;
            logs.push(outcome.log(&shared));
        }
        Ok(logs)
    }
}

impl Drop for KvmBackend {
    fn drop(&mut self) {
        self.end();
    }
}
