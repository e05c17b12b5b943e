//! The module vgpu on a stock Debian kernel, in the kernel lab: `cargo xtask test --only vgpu-kmod`. All
//! tests of this program share one boot, one after the other; each loads the modules and unloads them.
//!
//! They run in the order of their names, so `wild`, the fuzzers, comes last: the kernel's record of memory
//! types does not survive all that they do to their mappings.
//!
//! VGPU_LONG=1 makes the rounds of stress, killing, reloading and fuzzing many, VGPU_LONG=0.1 a tenth of that.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod base_card;
mod config_space;
mod daemon;
mod driver;
mod killed;
mod lspci;
mod minimal;
mod reload;
mod rights;
mod rules;
mod semesters;
mod shim;
mod stress;
mod uio;
mod vcd;
mod wild;
