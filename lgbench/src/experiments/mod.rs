//! The report's experiments.
//!
//! - [`catalogue`]: which there are, and what they are made of
//! - [`sizes`]: how large arrays are, how long runs take
//! - [`collect`]: from a run to series of samples
//! - [`suite`]: running them
//! - [`penalty`]: what a virtual machine costs a program that computes
//! - [`skew`]: the clock of a Linux guest beside its host's
//! - [`probe`]: what measuring itself costs

pub mod catalogue;
pub mod collect;
pub mod penalty;
pub mod probe;
pub mod sizes;
#[cfg(target_arch = "x86_64")]
pub mod skew;
pub mod suite;
