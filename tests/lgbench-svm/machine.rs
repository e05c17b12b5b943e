//! A virtual machine of KVM that never runs.
//!
//! When the first user of preemption notifiers comes, and when the last one has gone, the kernel changes
//! instructions of its scheduler. On a real machine nobody notices; an emulated processor now and then
//! runs what was there in between (xtask knows the Oops for the emulator's). A machine that is kept is a
//! user, so nothing is changed while there is one.

use e2e::tool;
use kvm_ioctls::{Kvm, VmFd};

/// One. Nobody loads modules there for a device that is not asked for.
pub(crate) fn create() -> VmFd {
    tool("modprobe", &["kvm_amd"]);
    Kvm::new().unwrap().create_vm().unwrap()
}
