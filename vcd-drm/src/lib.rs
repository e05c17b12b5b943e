//! What plays a PCI graphics card that is not there.
//!
//! - [`shim`]: the card as the kernel module `vgpu` shows it to its daemon: registers, pixels, DMA,
//!   interrupts
//! - [`screen`]: what the card shows, for everybody who looks at it
//! - [`sink`]: those who look: a monitor, browsers, VNC viewers, files
//!
//! Two programs in `examples/` use it: `answer` is the smallest card, `testcard` the one that the
//! driver in `vgpu-kmod/testdrv` is for.

pub mod commands;
pub mod daemon;
pub mod demo;
pub mod play;
pub mod screen;
pub mod shim;
pub mod sink;
pub mod trace;
