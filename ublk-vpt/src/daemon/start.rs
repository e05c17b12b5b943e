//! What the command tells the daemon, and what the daemon tells the command.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::device::DeviceConfig;

/// Sent to the daemon's standard input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StartRequest {
    /// The wanted number, or the lowest free one.
    pub id: Option<u32>,
    /// The wanted mount point, or the device's own.
    pub mount: Option<PathBuf>,
    /// The rest; its `id` and `mount` are filled in by the daemon.
    pub device: DeviceConfig,
}

/// What the daemon says when the device works; `ublk add --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Announcement {
    /// Device number.
    pub id: u32,
    /// `fuse`, `fuse-loop`.
    pub front: String,
    /// The file or block device to open.
    pub device: PathBuf,
    /// The modelled disk's name.
    pub disk: String,
    /// The image, if there is one.
    pub image: Option<PathBuf>,
    /// The daemon's process.
    pub pid: u32,
    /// Size in bytes.
    pub size_bytes: u64,
    /// The scale to begin with.
    pub k: f64,
    /// What moves it.
    pub mode: String,
    /// What the user should know.
    pub notes: Vec<String>,
}
