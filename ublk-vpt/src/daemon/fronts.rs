//! Choosing and opening the front end that a device's settings ask for.

use std::path::PathBuf;

use super::device::{DeviceConfig, DeviceError, Front};
use super::loop_helper;
use super::release;
use crate::engine::{Body, EngineHandle};
use crate::front::nbd::{Listen, NbdFront, NbdOptions};
use crate::front::ublk::{self, Starting, UblkDevice, UblkOptions};
use crate::front::vhost::{VhostFront, VhostOptions};
use crate::front::{Access, FuseFront, FuseOptions, OnEnd, Place, Served, loopdev};

/// Largest request that FUSE passes on whole.
const FUSE_MAX_REQUEST: u32 = 1 << 20;

/// What a front end is opened with.
pub(super) struct Opening<'a> {
    /// The device's settings; the front end in them has been chosen.
    pub(super) config: &'a DeviceConfig,
    /// Size of the disk.
    pub(super) bytes: u64,
    /// Who may use it.
    pub(super) access: Access,
    /// Where requests go.
    pub(super) engine: EngineHandle,
    /// Whether receiving threads should be SCHED_FIFO, as the engine's is.
    pub(super) fifo: bool,
    /// Told when it ends by itself.
    pub(super) on_end: OnEnd,
}

/// A ublk device comes in two halves: what the engine's thread runs, and the rest, for
/// [`Starting::finish`] once that thread runs it.
pub(super) fn ublk_device(
    config: &DeviceConfig,
    bytes: u64,
    on_end: OnEnd,
) -> Result<(Body, Starting), DeviceError> {
    let options = UblkOptions {
        id: config.id,
        bytes,
        block_size: config.block_size,
        depth: config.depth,
        read_only: config.read_only,
        recovery: config.recovery,
        unprivileged: config.unprivileged,
        recover: config.recover,
    };
    UblkDevice::add(&options)
        .and_then(|device| device.split(on_end))
        .map_err(|e| DeviceError(e.to_string()))
}

/// The front end that `auto` means on this machine; any other is itself. A loop device is asked for
/// where ublk is not wanted.
pub fn chosen(front: Front, loop_device: bool) -> Front {
    match front {
        Front::Auto if !loop_device && ublk::may_be_asked() => Front::Ublk,
        Front::Auto => Front::Fuse,
        other => other,
    }
}

/// Refuses what the chosen front end cannot do, before anything is opened.
pub(super) fn check(config: &DeviceConfig) -> Result<(), DeviceError> {
    let front = config.front;
    let refuse = |what: &str, why: &str| {
        Err(DeviceError(format!("{what}: {why}; the front end is {}", front.name())))
    };
    if config.loop_device && front != Front::Fuse {
        return refuse("--loop", "a loop device needs a file: use --front fuse, or leave it out");
    }
    if config.queues != 1 && matches!(front, Front::Fuse | Front::Ublk) {
        let why = "a spindle is serial and this has one queue: leave it out";
        return refuse(&format!("--queues {}", config.queues), why);
    }
    if config.listen.is_some() && !matches!(front, Front::Nbd | Front::VhostUserBlk) {
        return refuse("--listen", "only nbd and vhost-user-blk listen");
    }
    if front == Front::Nbd {
        if config.queues != 1 {
            let why = "each connection is a queue of its own: leave it out";
            return refuse(&format!("--queues {}", config.queues), why);
        }
        nbd_listen(config)?;
    }
    if config.block_size != 512 && front == Front::Fuse {
        let what = format!("--block-size {}", config.block_size);
        return refuse(&what, "a file has no blocks: leave it out");
    }
    for (given, what) in [(config.recovery, "--recovery"), (config.unprivileged, "--unprivileged")]
    {
        if given && front != Front::Ublk {
            return refuse(what, "only ublk devices can be that");
        }
    }
    Ok(())
}

/// Opens any other: from now on there are requests.
pub(super) fn open(opening: Opening<'_>) -> Result<Box<dyn Served>, DeviceError> {
    match opening.config.front {
        Front::Fuse => fuse(opening),
        Front::Nbd => nbd(opening),
        Front::VhostUserBlk => vhost_user_blk(opening),
        other => Err(DeviceError(format!("--front {}: is not there yet", other.name()))),
    }
}

fn vhost_user_blk(opening: Opening<'_>) -> Result<Box<dyn Served>, DeviceError> {
    let Opening { config, bytes, access, engine, fifo, on_end } = opening;
    let options = VhostOptions {
        socket: config.listen.as_ref().map_or_else(|| config.socket.clone(), PathBuf::from),
        access,
        id: config.id,
        bytes,
        block_size: config.block_size,
        queues: config.queues,
        depth: config.depth,
        read_only: config.read_only,
        fifo,
    };
    let front = VhostFront::listen(options, engine, on_end);
    Ok(Box::new(front.map_err(|e| DeviceError(e.to_string()))?))
}

/// A FUSE file, with or without a loop device.
struct Fuse {
    front: FuseFront,
    block_device: Option<PathBuf>,
}

fn fuse(opening: Opening<'_>) -> Result<Box<dyn Served>, DeviceError> {
    let Opening { config, bytes, access, engine, fifo, on_end } = opening;
    let options = FuseOptions {
        mountpoint: config.mount.clone(),
        bytes,
        read_only: config.read_only,
        access,
        name: format!("vpt{}", config.id),
        fifo,
        depth: config.depth,
    };
    let front = FuseFront::mount(&options, engine, |ended| {
        on_end(ended.map_err(|e| format!("the FUSE session broke off ({e})")));
    })
    .map_err(|e| DeviceError(e.to_string()))?;
    let block_device = if config.loop_device {
        match loop_helper::attach(&front.file(), config.read_only) {
            Ok(device) => Some(device),
            Err(e) => {
                let _ = FuseFront::unmount(front.mountpoint()); // the loop device is what failed
                return Err(DeviceError(format!("--loop: {e}")));
            }
        }
    } else {
        None
    };
    let file = front.file();
    let on_loop = block_device.as_deref().map(|device| (device, file.as_path()));
    match release::start(front.mountpoint(), on_loop) {
        Ok(()) => Ok(Box::new(Fuse { front, block_device })),
        Err(e) => {
            if let Some((device, file)) = on_loop {
                let _ = loop_helper::detach(device, file); // the helper is what failed
            }
            let _ = FuseFront::unmount(front.mountpoint());
            Err(DeviceError(format!("the helper that unmounts cannot be started: {e}")))
        }
    }
}

impl Served for Fuse {
    fn place(&self) -> Place {
        Place {
            front: if self.block_device.is_some() { "fuse-loop" } else { "fuse" },
            file: self.front.file(),
            block_device: self.block_device.clone(),
            mountpoint: self.front.mountpoint().to_owned(),
            max_request_bytes: FUSE_MAX_REQUEST,
            ..Place::default()
        }
    }

    fn in_use(&self) -> Option<String> {
        let device = self.block_device.as_ref()?;
        loopdev::user_of(device).map(|user| format!("{} is {user}: unmount it", device.display()))
    }

    /// Detaches and unmounts, in the order of the layers.
    fn close(&self) {
        if let Some(device) = &self.block_device {
            let detach = || loop_helper::detach(device, &self.front.file());
            if let Err(e) = release::detach(device).unwrap_or_else(detach) {
                tracing::error!("{} is not detached: {e}", device.display());
            }
        }
        let mountpoint = self.front.mountpoint();
        let unmount = || FuseFront::unmount(mountpoint).map_err(|e| e.to_string());
        if let Err(e) = release::unmount().unwrap_or_else(unmount) {
            tracing::error!("{} is not unmounted: {e}", mountpoint.display());
        }
    }
}

/// Where clients are to connect.
fn nbd_listen(config: &DeviceConfig) -> Result<Listen, DeviceError> {
    match &config.listen {
        Some(text) => Listen::parse(text).map_err(DeviceError),
        None => Ok(Listen::by_default(config.id)),
    }
}

fn nbd(opening: Opening<'_>) -> Result<Box<dyn Served>, DeviceError> {
    let Opening { config, bytes, access, engine, fifo, on_end } = opening;
    let options = NbdOptions {
        listen: nbd_listen(config)?,
        access,
        name: format!("vpt{}", config.id),
        description: format!("lab disk {}", config.disk.name),
        bytes,
        block_bytes: config.block_size,
        read_only: config.read_only,
        fifo,
        depth: config.depth,
    };
    let front = NbdFront::open(&options, engine, on_end).map_err(|e| DeviceError(e.to_string()))?;
    Ok(Box::new(front))
}
