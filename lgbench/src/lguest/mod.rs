//! Guests whose switches the kernel itself measures and controls, by lguest/kernel/lgbench.c.
//!
//! - [`device`]: /dev/lgbench, which that file makes
//! - [`thread`]: a thread as a guest, without a hypervisor

mod abi;
pub mod device;
pub mod thread;
