//! Front ends: how requests reach the engine. Each is a thin adapter: it turns what its users ask for
//! into [`crate::engine::IoRequest`]s, and their completions into answers.
//!
//! | front end | what its users see |
//! | --- | --- |
//! | [`ublk`] | a block device of the kernel's ublk driver |
//! | [`FuseFront`] | one file in a FUSE file system; with [`loopdev`], a block device on it |
//! | [`nbd::NbdFront`] | a network block device, at a TCP port or a Unix socket |
//! | [`vhost::VhostFront`] | a socket that is the disk of a virtual machine |

mod fuse;
pub mod loopdev;
mod mountpoint;
pub mod nbd;
pub mod ublk;
pub mod vhost;

use std::path::PathBuf;

pub use fuse::{Access, FUSE_FILE, FuseError, FuseFront, FuseOptions};

/// Called once when a front end has ended without being closed: taken away from outside, or by a fault,
/// which is told in one line.
pub type OnEnd = Box<dyn FnOnce(Result<(), String>) + Send>;

/// A front end that serves. It ends by [`Served::close`] or with the process, not by being dropped.
pub trait Served: Send + Sync {
    /// What users see, and where.
    fn place(&self) -> Place;

    /// What would break if it ended now, and what to do before: one line for people, to which `first` can
    /// be added: `/dev/loop0 is mounted on /mnt: unmount it`.
    fn in_use(&self) -> Option<String> {
        None
    }

    /// Takes it away from its users, who get errors from then on. Called after the engine was told not
    /// to delay anything more; harmless when called again, or when it has ended by itself.
    fn close(&self);
}

/// Where a front end can be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its name: `fuse`, `nbd`, ...
    pub front: &'static str,
    /// The file to open, or the socket or URI to connect to; empty if there is only a block device.
    pub file: PathBuf,
    /// The block device, if there is one.
    pub block_device: Option<PathBuf>,
    /// Where a file system is mounted; empty without one.
    pub mountpoint: PathBuf,
    /// Largest request that is passed on whole, bytes.
    pub max_request_bytes: u32,
    /// Feature flags of the ublk driver; 0 without it.
    pub ublk_flags: u64,
    /// The engine's own thread receives requests.
    pub engine_receives: bool,
    /// What the user should know: one line each.
    pub notes: Vec<String>,
}
