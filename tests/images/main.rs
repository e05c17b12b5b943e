//! Masters and clones: that QEMU's own tools accept them, that data stays what it was, and that an image
//! reaches nothing that was not allowed.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod clones;
mod faults;
mod gate;
mod locks;
mod malformed;
mod support;
