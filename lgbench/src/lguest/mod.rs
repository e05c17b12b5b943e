//! Guests whose switches the kernel itself measures and controls, by lguest/kernel/lgbench.c.
//!
//! - [`device`]: /dev/lgbench, which that file makes

mod abi;
pub mod device;
