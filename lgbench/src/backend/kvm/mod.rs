//! Virtual machines without an operating system: one vCPU each, run by a thread each.
//!
//! - [`boot`]: the state a guest begins in: privilege level 3, 64 bits, memory mapped one to one
//! - [`vm`]: a virtual machine with its memory
//! - [`guest`]: what its exits mean
//!
//! Privilege level 3 because a KVM that has no hardware below it (PVM) emulates level 0 and runs level 3
//! as it is; elsewhere it makes no difference to code that does nothing privileged.

pub mod boot;
mod guest;
mod vm;

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use kvm_ioctls::Kvm;
use lgbench_payload::abi::STATE_FAILED;

use self::vm::Machine;
use super::vcpu::runner::Outcome;
use super::vcpu::{self, Vcpu};
use super::{Backend, BackendError, GuestLog, Look, Placement, started};
use crate::memory::{GuestMemory, GuestSpec};

/// Guests on /dev/kvm.
#[derive(Debug)]
pub struct KvmBackend {
    kvm: Kvm,
    guests: Vec<Guest>,
}

#[derive(Debug)]
struct Guest {
    vcpu: Vcpu,
    memory: Arc<GuestMemory>,
}

impl KvmBackend {
    /// Opens /dev/kvm.
    ///
    /// # Errors
    /// There is none, it may not be used, or it is not what it should be.
    pub fn new() -> Result<Self, BackendError> {
        Ok(Self { kvm: vcpu::open()?, guests: Vec::new() })
    }

    fn guest(&self, guest: usize) -> Result<&Guest, BackendError> {
        started(&self.guests, guest)
    }

    /// Makes every thread leave its guest for good and waits for it.
    fn end(&mut self) -> Vec<(Arc<GuestMemory>, Option<String>, Option<Outcome>)> {
        for guest in &self.guests {
            guest.vcpu.ask_to_end();
        }
        let ended = |guest: Guest| {
            let (failure, outcome) = guest.vcpu.end();
            (guest.memory, failure, outcome)
        };
        std::mem::take(&mut self.guests).into_iter().map(ended).collect()
    }
}

impl Backend for KvmBackend {
    fn name(&self) -> &'static str {
        labstats::results::experiment::KVM
    }

    fn start(
        &mut self,
        specs: &[GuestSpec],
        placement: Placement,
        _: &dyn Fn() -> bool,
    ) -> Result<(), BackendError> {
        vcpu::prepare()?;
        // All machines first: making one takes long, and is not to disturb another that runs.
        let machines = (1..).zip(specs).map(|(number, spec)| Machine::new(&self.kvm, spec, number));
        for (machine, number) in machines.collect::<Result<Vec<_>, _>>()?.into_iter().zip(1..) {
            let memory = Arc::clone(&machine.memory);
            let vcpu = Vcpu::start(guest::Guest::new(machine), number, placement)?;
            self.guests.push(Guest { vcpu, memory });
        }
        Ok(())
    }

    fn threads(&self) -> Vec<u32> {
        self.guests.iter().map(|guest| guest.vcpu.number()).collect()
    }

    fn gate(&self, guest: usize, open: bool) -> Result<(), BackendError> {
        self.guest(guest)?.vcpu.gate(open)
    }

    fn look(&self, guest: usize) -> Result<Look, BackendError> {
        let looked_at = self.guest(guest)?;
        if let Some(why) = looked_at.vcpu.failure() {
            return Err(BackendError::Failed { guest: guest + 1, why });
        }
        let control = looked_at.memory.control();
        Ok(Look { state: control.state.load(Acquire), progress: control.progress.load(Relaxed) })
    }

    fn collect(&mut self) -> Result<Vec<GuestLog>, BackendError> {
        let mut logs = Vec::new();
        for (guest, (memory, failure, outcome)) in self.end().into_iter().enumerate() {
            let failed = |why: String| BackendError::Failed { guest: guest + 1, why };
            if let Some(why) = failure {
                return Err(failed(why));
            }
            let control = memory.control();
            if control.state.load(Acquire) == STATE_FAILED {
                return Err(failed("its payload gave up".into()));
            }
            let outcome = outcome.ok_or(BackendError::Stuck { guest: guest + 1 })?;
            logs.push(outcome.log(memory.records(), control.log_lost.load(Relaxed)));
        }
        Ok(logs)
    }
}

impl Drop for KvmBackend {
    fn drop(&mut self) {
        self.end();
    }
}
