//! lgbench's files for kernels, lgbench/lguest/kernel, in a module without a hypervisor, on stock
//! Debian kernels in the kernel lab: `cargo xtask test --only lgbench-kmod`. All tests of this program
//! share one boot, one after the other; each loads the module and unloads it.
//!
//! - [`module`]: the module, and what the kernel says of it
//! - [`guests`]: processes that are guests
//! - [`backend`]: `lgbench run` on them
//!
//! Times are the emulator's: what is asserted is who runs, in which order, and how often. They run in the
//! order of their names, so `verdict`, on what the kernel's checkers have to say, comes last.
//!
//! VGPU_LONG=1 makes the rounds of stress and reloading many, VGPU_LONG=0.1 a tenth of that.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod backend;
mod guests;
mod leaving;
#[path = "../lgbench-svm/machine.rs"]
mod machine;
mod module;
mod refusals;
mod samples;
mod stress;
#[path = "../lgbench/support.rs"]
mod support;
mod turns;
mod unloading;
mod verdict;
