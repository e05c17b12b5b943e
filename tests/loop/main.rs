//! The disk as a block device: what the kernel says of it, and a real file system on it.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod device;
mod filesystem;
