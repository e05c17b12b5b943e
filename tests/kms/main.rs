//! The card's screen on the screens of the kernel lab: what QEMU says a monitor would show is what was
//! published. `cargo xtask test --only kms`.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod pattern;
mod screens;
