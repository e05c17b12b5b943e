//! The disk as a block device: what the kernel says of it, and a real file system on it.

mod device;
mod filesystem;
