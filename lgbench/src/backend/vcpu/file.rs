//! What a vCPU's file needs beside what kvm-ioctls has: itself as one that can be borrowed, and its clock.
#![allow(unsafe_code, reason = "a borrowed descriptor, and one call that kvm-ioctls does not have")]

use std::os::fd::{AsRawFd, BorrowedFd};

use kvm_bindings::{KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, kvm_device_attr};
use kvm_ioctls::VcpuFd;
use vmm_sys_util::ioctl::ioctl_with_ref;
use vmm_sys_util::ioctl_iow_nr;

ioctl_iow_nr!(KVM_SET_DEVICE_ATTR, kvm_bindings::KVMIO, 0xe1, kvm_device_attr);

/// The vCPU's file.
pub(in crate::backend) fn file(vcpu: &VcpuFd) -> BorrowedFd<'_> {
    // SAFETY: the descriptor is the vCPU's own and open for as long as it is borrowed.
    unsafe { BorrowedFd::borrow_raw(vcpu.as_raw_fd()) }
}

/// Lets the guest read the host's time stamp counter as it is. Where that cannot be set the clocks are
/// compared when the guest starts, so a failure costs exactness and nothing else.
pub(in crate::backend) fn share_clock(vcpu: &VcpuFd) {
    let offset = 0_u64;
    let attribute = kvm_device_attr {
        group: KVM_VCPU_TSC_CTRL,
        attr: u64::from(KVM_VCPU_TSC_OFFSET),
        addr: (&raw const offset).expose_provenance() as u64,
        flags: 0,
    };
    // SAFETY: the call reads the structure and the eight bytes it names, both of which outlive it.
    let _ = unsafe { ioctl_with_ref(&vcpu.as_raw_fd(), KVM_SET_DEVICE_ATTR(), &attribute) };
}
