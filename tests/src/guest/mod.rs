//! A small virtual machine: Debian's kernel, a busybox and a script, under QEMU's own processor (TCG).

mod archive;
mod kernel;
mod machine;

pub use kernel::Kernel;
pub use machine::{Guest, Machine};
