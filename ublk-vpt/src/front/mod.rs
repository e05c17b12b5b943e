//! Front ends: how requests reach the engine. Each is a thin adapter.

mod fuse;
pub mod loopdev;
mod mountpoint;

pub use fuse::{Access, FUSE_FILE, FuseError, FuseFront, FuseOptions};
