//! A virtual machine: memory, one vCPU in the state in which a guest begins.
#![allow(
    unsafe_code,
    reason = "giving memory to a guest, and one call that kvm-ioctls does not have"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;

use kvm_bindings::{
    KVM_MAX_CPUID_ENTRIES, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, kvm_device_attr,
    kvm_userspace_memory_region,
};
use kvm_ioctls::{Cap, Kvm, VcpuFd, VmFd};
use lgbench_payload::abi::FLAVOUR_GUEST;
use vmm_sys_util::ioctl::ioctl_with_ref;
use vmm_sys_util::ioctl_iow_nr;

use super::boot;
use crate::backend::BackendError;
use crate::memory::{GuestMemory, GuestSpec};

ioctl_iow_nr!(KVM_SET_DEVICE_ATTR, kvm_bindings::KVMIO, 0xe1, kvm_device_attr);

/// Three pages below the end of 32 bits that older Intel processors need for themselves; guests'
/// memory ends far below.
const TSS_PAGES: usize = 0xfffb_d000;

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

    /// The vCPU's file.
    pub(super) fn file(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is the vCPU's own and open for as long as it is borrowed.
        unsafe { BorrowedFd::borrow_raw(self.vcpu.as_raw_fd()) }
    }
}

/// Lets the guest read the host's time stamp counter as it is. Where that cannot be set the clocks are
/// compared when the guest starts, so a failure costs exactness and nothing else.
fn share_clock(vcpu: &VcpuFd) {
    let offset = 0_u64;
    let attribute = kvm_device_attr {
        group: KVM_VCPU_TSC_CTRL,
        attr: u64::from(KVM_VCPU_TSC_OFFSET),
        addr: (&raw const offset).addr() as u64,
        flags: 0,
    };
    // SAFETY: the call reads the structure and the eight bytes it names, both of which outlive it.
    let _ = unsafe { ioctl_with_ref(&vcpu.as_raw_fd(), KVM_SET_DEVICE_ATTR(), &attribute) };
}
