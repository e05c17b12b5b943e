//! What is written down about a device: for `list`, and for cleaning up after a dead daemon.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::daemon::device::{DeviceConfig, DeviceInfo, Front};
use crate::mounts::Mount;

/// The version of the record's shape.
const VERSION: u32 = 2;

/// The ending of a record's name while a daemon takes its device over: libublk would read a record
/// under its own name, and write it back in several steps.
pub(super) const SET_ASIDE: &str = "kept";

/// Where a device is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LifeState {
    /// Its daemon is opening it.
    Starting,
    /// It works.
    Live,
    /// Its daemon is gone and it waits for the next one. Never written down: the ublk driver knows.
    Quiesced,
    /// Its daemon is gone. Never written down: it is found by the lock.
    Dead,
}

impl LifeState {
    /// As `list` prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "STARTING",
            Self::Live => "LIVE",
            Self::Quiesced => "QUIESCED",
            Self::Dead => "DEAD",
        }
    }
}

/// The part that a ublk kernel device has too, under the names it has there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevInfo {
    /// Device number.
    pub dev_id: u32,
    /// Queues.
    pub nr_hw_queues: u32,
    /// Depth of each.
    pub queue_depth: u32,
    /// Largest request, bytes.
    pub max_io_buf_bytes: u32,
    /// The daemon's process.
    pub ublksrv_pid: u32,
    /// Kernel feature flags; 0 without the ublk driver.
    pub flags: u64,
    /// Where it is in its life.
    pub state: LifeState,
    /// Whose it is.
    pub owner_uid: u32,
    /// Whose group's it is.
    pub owner_gid: u32,
}

/// What is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Always `vpt`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The modelled disk's name.
    pub disk: String,
    /// The image, if there is one.
    pub image: Option<PathBuf>,
    /// How it is visible.
    pub front: String,
    /// The file or block device to open; empty while it starts.
    pub path: PathBuf,
    /// Size in bytes; 0 while it starts.
    pub size_bytes: u64,
    /// Smallest unit, bytes.
    pub block_size: u32,
    /// Writes are refused.
    pub read_only: bool,
}

/// One queue and its thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Number of the queue.
    pub qid: u32,
    /// Its thread.
    pub tid: u32,
}

/// What has to be undone when the daemon can no longer do it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleanup {
    /// Where it is, or is about to be, mounted.
    pub mount: PathBuf,
    /// What is mounted there, once it is.
    pub mounted: Option<Mount>,
    /// The served file, once it is there.
    pub file: Option<PathBuf>,
    /// The loop device on it, once it is attached.
    pub loop_device: Option<PathBuf>,
    /// The ublk driver has, or is about to have, a device of this number for us.
    pub ublk: bool,
    /// A Unix socket that clients connect to: it is, or is about to be, made.
    #[serde(default)]
    pub socket: Option<PathBuf>,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this shape.
    pub version: u32,
    /// The part in common with ublk kernel devices.
    pub dev_info: DevInfo,
    /// What is served.
    pub target: Target,
    /// Its queues.
    pub queues: Vec<Queue>,
    /// What to undo.
    pub cleanup: Cleanup,
    /// What its user should know.
    pub notes: Vec<String>,
    /// All that decided what it is, for a daemon that goes on with it.
    pub config: DeviceConfig,
    /// Processes that began to go on with it since this was written, and may have got as far as having
    /// the driver know them.
    pub successors: Vec<u32>,
}

/// A record that is there but of no use.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct RecordError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

impl Record {
    /// Before anything is opened or mounted.
    pub fn starting(config: &DeviceConfig) -> Self {
        Self {
            version: VERSION,
            dev_info: DevInfo {
                dev_id: config.id,
                nr_hw_queues: config.queues,
                queue_depth: config.depth,
                max_io_buf_bytes: 0,
                ublksrv_pid: std::process::id(),
                flags: 0,
                state: LifeState::Starting,
                owner_uid: rustix::process::geteuid().as_raw(),
                owner_gid: rustix::process::getegid().as_raw(),
            },
            target: Target {
                kind: "vpt".into(),
                disk: config.disk.name.clone(),
                image: config.image.clone(),
                front: String::new(),
                path: PathBuf::new(),
                size_bytes: 0,
                block_size: config.block_size,
                read_only: config.read_only,
            },
            queues: Vec::new(),
            cleanup: Cleanup {
                mount: config.mount.clone(),
                ublk: config.front == Front::Ublk,
                socket: config
                    .listen
                    .as_deref()
                    .filter(|at| config.front == Front::VhostUserBlk || at.contains('/'))
                    .map(PathBuf::from),
                ..Cleanup::default()
            },
            notes: Vec::new(),
            config: config.clone(),
            successors: Vec::new(),
        }
    }

    /// Once it is open: all there is to know, in this state.
    pub fn open(config: &DeviceConfig, info: &DeviceInfo, state: LifeState) -> Self {
        let mut record = Self::starting(config);
        record.dev_info.state = state;
        record.dev_info.max_io_buf_bytes = info.max_request_bytes;
        record.dev_info.flags = info.ublk_flags;
        record.target.front.clone_from(&info.front);
        record.target.path = info.path().to_owned();
        record.target.size_bytes = info.size_bytes;
        record.target.block_size = info.block_size;
        record.queues = info
            .threads
            .iter()
            .filter(|t| t.role.starts_with("queue"))
            .zip(0..)
            .map(|(thread, qid)| Queue { qid, tid: thread.tid })
            .collect();
        if config.front == Front::Fuse {
            record.cleanup.mounted = crate::mounts::mount_at(&config.mount);
            record.cleanup.file = Some(info.file.clone());
            record.cleanup.loop_device.clone_from(&info.block_device);
        }
        record.notes.clone_from(&info.notes);
        record
    }

    /// Writes it in one step.
    ///
    /// # Errors
    /// Whatever writing gave.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        daemonkit::atomic::write(path, &text, 0o644)
    }

    /// Whether a file is the record of another ublk server: they keep theirs in the same place, under the
    /// same names.
    pub fn is_foreign(path: &Path) -> bool {
        let Ok(bytes) = fs::read(path) else { return false };
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        value.get("dev_info").is_some() && value.get("version").is_none()
    }

    /// Whether the device may outlive its daemon.
    pub fn is_recoverable(&self) -> bool {
        self.config.front == Front::Ublk && self.config.recovery
    }

    /// Reads one; `None` if there is none. While a daemon takes a device over, its record is under
    /// another name: see [`super::Claim::for_recovery`].
    ///
    /// # Errors
    /// It is there but not readable, or not a record of this version.
    pub fn read(path: &Path) -> Result<Option<Self>, RecordError> {
        let refuse = |reason: String| RecordError { path: path.to_owned(), reason };
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                match fs::read(path.with_extension(SET_ASIDE)) {
                    Ok(bytes) => bytes,
                    Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                    Err(e) => return Err(refuse(e.to_string())),
                }
            }
            Err(e) => return Err(refuse(e.to_string())),
        };
        let record: Self = serde_json::from_slice(&bytes)
            .map_err(|e| refuse(format!("not a device's record: {e}")))?;
        if record.version != VERSION {
            let found = record.version;
            return Err(refuse(format!("record of version {found}; this ublk reads {VERSION}")));
        }
        Ok(Some(record))
    }
}
