//! The seam between the daemon and what it runs: a device is opened from a [`DeviceConfig`] and then
//! asked through the [`Device`] trait. Front ends and engines are behind it; sockets and state files
//! are on this side.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use daemonkit::metrics::MetricsAddress;
use serde::{Deserialize, Serialize};

use crate::report::{StatsReport, TraceRecord};

/// How an image is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// The bytes of the disk, one after the other.
    #[default]
    Raw,
    /// QEMU's format: what was written, over a backing file.
    Qcow2,
}

/// What makes the device visible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Front {
    /// The best that works on this machine: ublk, else FUSE.
    #[default]
    Auto,
    /// A block device of the kernel's ublk driver.
    Ublk,
    /// One file in a FUSE file system.
    Fuse,
    /// A network block device, for machines and programs that speak NBD.
    Nbd,
    /// A Unix socket for a virtual machine's virtio disk.
    VhostUserBlk,
}

impl Front {
    /// The name people use for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ublk => "ublk",
            Self::Fuse => "fuse",
            Self::Nbd => "nbd",
            Self::VhostUserBlk => "vhost-user-blk",
        }
    }
}

/// Where the data is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Back {
    /// In the image.
    #[default]
    File,
    /// In memory; gone when the device ends.
    Mem,
    /// Nowhere: writes are forgotten, reads are zeroes.
    Null,
}

/// What moves the scale k.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// k follows the backing store all the time.
    #[default]
    Adapt,
    /// k follows the backing store for a while, then stays.
    CalibrateThenLock,
    /// k stays what it was set to.
    Fixed,
}

impl Mode {
    /// The name people use for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adapt => "adapt",
            Self::CalibrateThenLock => "calibrate-then-lock",
            Self::Fixed => "fixed",
        }
    }
}

/// Whether the engine's threads run under SCHED_FIFO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum RealTime {
    /// When it is allowed; a note says so when it is not.
    #[default]
    Auto,
    /// Always: fail when it is not allowed.
    On,
    /// Never.
    Off,
}

/// Whether the daemon gives up what it no longer needs, once its device works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Confine {
    /// As far as the kernel can; a note says what it cannot.
    #[default]
    Auto,
    /// All of it: fail where the kernel cannot.
    On,
    /// Not at all.
    Off,
}

/// Whether the engine spins just before a deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spin {
    /// For as long as wake-ups are late on this machine.
    #[default]
    Auto,
    /// Sleep only: less CPU, later completions.
    Off,
}

/// How the rotational latency is found, in the place of what the disk's file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LatencyChoice {
    /// Half a revolution, always.
    Half,
    /// Uniform in one revolution.
    Random,
    /// From the platter's angle.
    Phase,
}

/// The modelled disk as text, read once by the command so that the daemon sees the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskText {
    /// What the user called it: a name, or the file's name without its ending.
    pub name: String,
    /// For messages: the file's path, or `built in: NAME`.
    pub origin: String,
    /// The TOML itself.
    pub text: String,
}

/// Everything that decides what a device is. Paths are absolute; numbers have been checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeviceConfig {
    /// Number of the device; its names derive from it.
    pub id: u32,
    /// The image; nothing for memory and null back ends.
    pub image: Option<PathBuf>,
    /// How the image is written down.
    pub format: Format,
    /// Files, and directories with all that is below, that may be below a qcow2 image.
    #[serde(default)]
    pub allow_backing: Vec<PathBuf>,
    /// Where the data is.
    pub back: Back,
    /// Size of a memory or null back end, in bytes; nothing for a file, which has its own.
    pub size_bytes: Option<u64>,
    /// The modelled disk.
    pub disk: DiskText,
    /// Overrides the disk's rotational latency.
    pub latency: Option<LatencyChoice>,
    /// Overrides how many waiting requests the disk chooses from.
    pub ncq: Option<usize>,
    /// What makes it visible.
    pub front: Front,
    /// Where a front end with a socket listens; its own choice if not given.
    pub listen: Option<String>,
    /// The state directory's name for a socket of this device, for front ends that need one.
    pub socket: PathBuf,
    /// An existing empty directory for the FUSE file system. The front end mounts and unmounts it; if
    /// the daemon dies, the next command unmounts it.
    pub mount: PathBuf,
    /// Also attach a loop device with direct I/O to the file.
    pub loop_device: bool,
    /// What moves k; the disk file's choice if not given, and so for the next three.
    pub mode: Option<Mode>,
    /// k to begin with.
    pub k: Option<f64>,
    /// k never goes below this by itself.
    pub k_min: Option<f64>,
    /// k never goes above this by itself.
    pub k_max: Option<f64>,
    /// Most requests inside the device at one time.
    pub depth: u32,
    /// Hardware queues the front end offers; they share the one arm.
    pub queues: u32,
    /// Smallest unit that the block device takes, bytes: 512 or 4096.
    pub block_size: u32,
    /// A ublk device outlives a killed daemon, for `ublk recover`.
    pub recovery: bool,
    /// A ublk device that is its user's own, made without root's rights.
    pub unprivileged: bool,
    /// The ublk device is there already, without its daemon: take it over.
    pub recover: bool,
    /// Writes are refused.
    pub read_only: bool,
    /// For a random rotational latency, in the place of the disk file's.
    pub seed: Option<u64>,
    /// SCHED_FIFO or not.
    pub rt: RealTime,
    /// Spin or not.
    pub spin: Spin,
    /// A file that gets one line of JSON for every finished request.
    pub trace: Option<PathBuf>,
    /// Where Prometheus may ask for figures.
    #[serde(default)]
    pub metrics: Option<MetricsAddress>,
    /// Seccomp and Landlock.
    #[serde(default)]
    pub confine: Confine,
}

impl DeviceConfig {
    /// The path of the metrics' socket, if it has one.
    pub fn metrics_path(&self) -> Option<&Path> {
        match &self.metrics {
            Some(MetricsAddress::Unix(path)) => Some(path),
            Some(MetricsAddress::Tcp(_)) | None => None,
        }
    }
}

/// A change to a running device. Only what is given changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The scale.
    pub k: Option<f64>,
    /// What moves it.
    pub mode: Option<Mode>,
    /// Its lower bound.
    pub k_min: Option<f64>,
    /// Its upper bound.
    pub k_max: Option<f64>,
    /// Keys the command does not know; the device may.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other: BTreeMap<String, String>,
}

/// Why a change was refused; nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// The device has no such setting.
    #[error("no setting {key:?}; this device has: {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        key: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The value does not do.
    #[error("{key}: {reason}")]
    Refused {
        /// The setting.
        key: String,
        /// One line, saying what would do.
        reason: String,
    },
}

/// Why a device could not be opened, or ended by itself: one line for people, naming file or key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DeviceError(pub String);

/// One thread of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadInfo {
    /// What it does: `engine`, `queue 0`, ...
    pub role: String,
    /// Its kernel thread id.
    pub tid: u32,
}

/// What a live device is, for people and for cleaning up after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// The full name of the modelled disk.
    pub disk: String,
    /// `ublk`, `fuse`, `fuse-loop`, `nbd`, `vhost-user-blk`.
    pub front: String,
    /// The file that is served, or the socket or URI that clients connect to; empty if there is only
    /// a block device.
    pub file: PathBuf,
    /// The block device, if any.
    pub block_device: Option<PathBuf>,
    /// Where the file system is mounted; empty without one.
    pub mountpoint: PathBuf,
    /// Feature flags of the ublk driver for this device; 0 without it.
    pub ublk_flags: u64,
    /// Size of the device.
    pub size_bytes: u64,
    /// Smallest unit it takes, bytes.
    pub block_size: u32,
    /// Largest request it takes, bytes.
    pub max_request_bytes: u32,
    /// Its threads; those whose role begins with `queue` are listed as queues.
    pub threads: Vec<ThreadInfo>,
    /// What the user should know: one line each.
    pub notes: Vec<String>,
}

impl DeviceInfo {
    /// What a user opens: the block device if there is one, else the file.
    pub fn path(&self) -> &Path {
        self.block_device.as_deref().unwrap_or(&self.file)
    }
}

/// Why a device came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// [`Device::stop`] was called.
    Stopped,
    /// Somebody took it away from outside: unmounted its file system, deleted its block device.
    Withdrawn,
}

/// A running device. All methods may be called from any thread at any time.
pub trait Device: Send + Sync {
    /// What it is.
    fn info(&self) -> DeviceInfo;

    /// What it did so far; `with_epochs` includes the history of k.
    fn stats(&self, with_epochs: bool) -> StatsReport;

    /// Changes settings, all or none.
    ///
    /// # Errors
    /// The first setting that is unknown or does not do.
    fn set(&self, settings: &Settings) -> Result<(), SetError>;

    /// At most `max` of the last finished requests, oldest first.
    fn trace(&self, max: usize) -> Vec<TraceRecord>;

    /// What would break if it ended now, and what to do before: one line for people, to which `first` can
    /// be added: `/dev/loop0 is mounted on /mnt: unmount it`.
    fn in_use(&self) -> Option<String>;

    /// Ends it: completes what waits at once, detaches, unmounts. Returns when that has begun;
    /// harmless when called again.
    fn stop(&self);

    /// Returns when it has ended.
    ///
    /// # Errors
    /// It ended by a fault of its own.
    fn wait(&self) -> Result<ExitReason, DeviceError>;
}

/// Opens a device and makes it visible; what the daemon is started with.
pub type OpenDevice = fn(&DeviceConfig) -> Result<Box<dyn Device>, DeviceError>;
