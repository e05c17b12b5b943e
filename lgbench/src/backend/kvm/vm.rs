//! A virtual machine: memory, one vCPU in the state in which a guest begins.
#![allow(unsafe_code, reason = "giving memory to a guest")]

use std::io;
use std::sync::Arc;

use kvm_bindings::{KVM_MAX_CPUID_ENTRIES, kvm_userspace_memory_region};
use kvm_ioctls::{Cap, Kvm, VcpuFd, VmFd};
use lgbench_payload::abi::FLAVOUR_GUEST;

use super::boot;
use crate::backend::BackendError;
use crate::backend::vcpu::TSS_PAGES;
use crate::backend::vcpu::file::share_clock;
use crate::memory::{GuestMemory, GuestSpec};

/// A machine that has not run yet. Fields are dropped in this order: memory last.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) vcpu: VcpuFd,
    /// Kept for as long as its vCPU.
    #[allow(dead_code)]
    vm: VmFd,
    pub(super) memory: Arc<GuestMemory>,
}

impl Machine {
    /// A machine that is about to run `spec`.
    pub(super) fn new(kvm: &Kvm, spec: &GuestSpec, guest: usize) -> Result<Self, BackendError> {
        let refused = |what| {
            move |error: kvm_ioctls::Error| BackendError::Kvm {
                what,
                guest,
                source: io::Error::from_raw_os_error(error.errno()),
            }
        };
        let memory = Arc::new(GuestMemory::new(spec, FLAVOUR_GUEST)?);
        boot::write_tables(&memory);
        let vm = kvm.create_vm().map_err(refused("create"))?;
        if kvm.check_extension(Cap::SetTssAddr) {
            vm.set_tss_address(TSS_PAGES).map_err(refused("reserve three pages for"))?;
        }
        let region = kvm_userspace_memory_region {
            slot: 0,
            flags: 0,
            guest_phys_addr: 0,
            memory_size: memory.len(),
            userspace_addr: memory.host_address(),
        };
        // SAFETY: the region is the mapping that `memory` owns, which outlives the machine.
        unsafe { vm.set_user_memory_region(region) }.map_err(refused("give memory to"))?;
        let vcpu = vm.create_vcpu(0).map_err(refused("create the vCPU of"))?;
        let features = kvm.get_supported_cpuid(KVM_MAX_CPUID_ENTRIES);
        let features = features.map_err(refused("tell the CPU's features to"))?;
        vcpu.set_cpuid2(&features).map_err(refused("set the CPU's features for"))?;
        let mut system = vcpu.get_sregs().map_err(refused("read the state of"))?;
        boot::set_system_registers(&mut system);
        vcpu.set_sregs(&system).map_err(refused("set the state of"))?;
        vcpu.set_regs(&boot::registers()).map_err(refused("set the registers of"))?;
        share_clock(&vcpu);
        Ok(Self { vcpu, vm, memory })
    }
}
