//! The disk as a block device, `/dev/ublkbN`, of the kernel's ublk driver.
//!
//! ```text
//!   file system, fio ──> /dev/ublkbN ──> ublk_drv ──io_uring──> queue (engine's thread) ──> engine
//!                                            ^                    answers go back the same way
//!   add, start, stop, delete ── control ─────'  (a thread of its own: each may take a while)
//! ```
//! A spindle is serial, so there is one hardware queue, and the engine's own thread serves it: what it
//! finds done is answered without another thread being woken. All of libublk is used below here.
//!
//! What the kernel does, and what follows:
//! - START_DEV looks for partitions, reading through us: until it has returned, nothing is delayed.
//! - STOP_DEV waits for every request inside: they are hurried before it is asked for.
//! - A feature flag that the driver does not know is dropped without a word: flags are read back.

mod control;
mod features;
mod params;
mod queue;
mod ring;
mod steady;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;

use self::control::Control;
use super::{OnEnd, Place, Served, loopdev};
use crate::engine::{Body, EngineHandle};

pub use control::{KernelDevice, KernelState, PATIENCE, is_surely_absent};
pub use features::{Feature, driver_features, flag_names};

/// Largest request, bytes: what ublk servers usually take.
pub const MAX_REQUEST: u32 = 512 << 10;
/// How long the queue may take to be set up or taken down.
const QUEUE_PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no ublk device. Each is one line: what, where, what to do.
#[derive(Clone, Debug, Error)]
pub enum UblkError {
    /// No driver.
    #[error(
        "ublk: no /dev/ublk-control: load the driver with `modprobe ublk_drv` (Linux 6.0 or later), \
         or use --front fuse"
    )]
    NoDriver,
    /// The driver may not be used.
    #[error("ublk: /dev/ublk-control: {0}: run as root, or see --unprivileged")]
    NotAllowed(String),
    /// The driver did not answer.
    #[error(
        "ublk device {id}: the kernel has not answered {command} within {} s: see `dmesg`; the \
         device may be stuck until a reboot", PATIENCE.as_secs()
    )]
    Silent {
        /// The device.
        id: u32,
        /// What it was asked for.
        command: &'static str,
    },
    /// The driver refused.
    #[error("ublk device {id}: {command}: {reason}")]
    Refused {
        /// The device.
        id: u32,
        /// What it was asked for.
        command: &'static str,
        /// The kernel's error, and what to do.
        reason: String,
    },
    /// The driver lacks something that was asked for.
    #[error(
        "{option}: this kernel's ublk driver does not know {flag} (see `ublk features`): {remedy}"
    )]
    Lacks {
        /// The option.
        option: &'static str,
        /// The driver's name for it.
        flag: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The queue could not be served.
    #[error("ublk device {id}: its queue cannot be served: {reason}")]
    Queue {
        /// The device.
        id: u32,
        /// Why.
        reason: String,
    },
}

/// What to make.
#[derive(Clone, Debug)]
pub struct UblkOptions {
    /// Number: /dev/ublkbN.
    pub id: u32,
    /// Size of the disk in bytes, whole blocks.
    pub bytes: u64,
    /// Logical block, bytes: 512 or 4096.
    pub block_size: u32,
    /// Requests that may be inside at once.
    pub depth: u32,
    /// No writing.
    pub read_only: bool,
    /// It outlives a killed daemon, and its requests are then issued again.
    pub recovery: bool,
    /// It belongs to the user who makes it.
    pub unprivileged: bool,
    /// It is there already, without its daemon.
    pub recover: bool,
}

/// A device that the driver knows and nobody can use yet. Dropping it deletes it.
pub struct UblkDevice {
    options: UblkOptions,
    control: Control,
    flags: u64,
    closing: Arc<AtomicBool>,
}

/// What the engine's thread has to say about the queue it serves.
struct QueueReports {
    ready: Receiver<Result<(), String>>,
    over: Receiver<()>,
}

impl UblkDevice {
    /// Asks the driver for the device, or to take it over.
    ///
    /// # Errors
    /// See [`UblkError`]; then the driver has no new device.
    pub fn add(options: &UblkOptions) -> Result<Self, UblkError> {
        control::driver_is_there()?;
        let control = Control::start(options.id);
        let info =
            if options.recover { control.recover(options)? } else { control.add(options)? };
        Ok(Self {
            options: options.clone(),
            control,
            flags: info.flags,
            closing: Arc::new(AtomicBool::new(false)),
        })
    }

    /// What the engine's thread is to run, and how it will tell about it. `on_end` is called if the
    /// queue ends without having been closed.
    fn body(&self, on_end: OnEnd) -> Result<(Body, QueueReports), UblkError> {
        let (tell_ready, ready) = sync_channel(1);
        let (tell_over, over) = sync_channel(1);
        let device = self.control.device()?;
        let closing = Arc::clone(&self.closing);
        let body: Body = Box::new(move |engine, serve| {
            // Nobody may be left to listen to what is told here.
            let ended = queue::serve(&device, engine, serve, || drop(tell_ready.send(Ok(()))));
            drop(device); // the driver waits for its last user
            if let Err(reason) = &ended {
                let _ = tell_ready.try_send(Err(reason.clone()));
            }
            let _ = tell_over.send(());
            if !closing.load(Ordering::Acquire) {
                // Elsewhere: whoever is told closes, and that is not to be done on this thread.
                let _ = std::thread::Builder::new().spawn(move || on_end(ended));
            }
        });
        Ok((body, QueueReports { ready, over }))
    }

    /// The engine's part of it, to be given to the engine's start, and the rest of the way.
    ///
    /// # Errors
    /// See [`UblkError`].
    pub fn split(self, on_end: OnEnd) -> Result<(Body, Starting), UblkError> {
        let (body, reports) = self.body(on_end)?;
        Ok((body, Starting { device: self, reports }))
    }
}

/// A device whose queue is about to be served by an engine.
pub struct Starting {
    device: UblkDevice,
    reports: QueueReports,
}

impl Starting {
    /// Starts the device: `/dev/ublkbN` is there when this returns. The engine must not delay anything
    /// until then, and does from then on.
    ///
    /// # Errors
    /// See [`UblkError`]; then the device is deleted, or quiesced as it was.
    pub fn finish(self, engine: &EngineHandle) -> Result<UblkFront, UblkError> {
        let id = self.device.options.id;
        let queue = |reason: String| UblkError::Queue { id, reason };
        match self.reports.ready.recv_timeout(QUEUE_PATIENCE) {
            Ok(ready) => ready.map_err(queue)?,
            Err(_) => return Err(queue("its thread does not answer".into())),
        }
        let front = UblkFront { device: self.device, over: Mutex::new(Some(self.reports.over)) };
        if let Err(e) = front.device.control.start_device() {
            engine.expedite();
            front.close();
            return Err(e);
        }
        engine.begin_delays();
        Ok(front)
    }
}

/// A live block device.
pub struct UblkFront {
    device: UblkDevice,
    /// Until it is closed.
    over: Mutex<Option<Receiver<()>>>,
}

impl UblkFront {
    /// The block device.
    pub fn block_device(&self) -> PathBuf {
        block_device(self.device.options.id)
    }
}

/// Whether there is a driver, and this user may give it commands.
pub fn may_be_asked() -> bool {
    control::driver_is_there().is_ok()
}

/// The block device of a number.
pub fn block_device(id: u32) -> PathBuf {
    PathBuf::from(format!("/dev/ublkb{id}"))
}

impl Served for UblkFront {
    fn place(&self) -> Place {
        Place {
            front: "ublk",
            block_device: Some(self.block_device()),
            max_request_bytes: MAX_REQUEST,
            ublk_flags: self.device.flags,
            engine_receives: true,
            ..Place::default()
        }
    }

    fn in_use(&self) -> Option<String> {
        let device = self.block_device();
        loopdev::user_of(&device).map(|user| format!("{} is {user}: unmount it", device.display()))
    }

    /// Stops the device, waits for its queue to be given up, and deletes it.
    fn close(&self) {
        let Some(over) = self.over.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        self.device.closing.store(true, Ordering::Release);
        if let Err(e) = self.device.control.stop_device() {
            tracing::error!("{e}");
        }
        if over.recv_timeout(QUEUE_PATIENCE) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("ublk device {}: its queue is not given up", self.device.options.id);
        }
        if let Err(e) = self.device.control.delete_device() {
            tracing::error!("{e}");
        }
    }
}
