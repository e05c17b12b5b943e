//! What this machine is, and what will disturb a measurement on it.
//!
//! - [`proc`]: numbers and texts out of /proc and /sys
//! - [`cpuid`]: what the processor says of itself and of the hypervisor below it
//! - [`look`]: all of it, as results record it
//! - [`advice`]: what of it disturbs, and what to do about it

pub mod advice;
pub mod cpuid;
pub mod look;
pub mod proc;

pub use look::look;
