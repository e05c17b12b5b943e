//! What is asked of the host's kernel.
//!
//! - [`cpu`]: which CPUs there are for us, and staying on one
//! - [`policy`]: real-time scheduling
//! - [`time`]: the monotonic clock, sleeping to an absolute time, and what a TSC cycle is worth

pub mod cpu;
pub mod policy;
pub mod time;
