//! Commands to the driver. Each can take long, and some kernels never answer one, so they are given by a
//! thread of their own and waited for with a limit.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::time::{Duration, Instant};

use libublk::ctrl::{UblkCtrl, UblkCtrlBuilder};
use libublk::io::UblkDev;
use libublk::{UblkFlags, sys};
use serde::{Deserialize, Serialize};

use super::steady::steadily;
use super::{MAX_REQUEST, UblkError, UblkOptions, params};

/// How long the driver may take for a command.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long those who have a deleted device open may take to close it.
const CLOSING_PATIENCE: Duration = Duration::from_secs(2);
/// The name under which libublk keeps our devices.
const TARGET: &str = "vpt";
const CONTROL: &str = "/dev/ublk-control";

/// Where the driver has a device in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum KernelState {
    /// Not started yet, or stopped.
    Dead,
    /// Served.
    Live,
    /// Its daemon is gone; requests wait for the next one.
    Quiesced,
    /// Its daemon is gone; requests fail.
    FailIo,
    /// Something newer than this program.
    Unknown,
}

impl KernelState {
    fn from_raw(state: u16) -> Self {
        match u32::from(state) {
            sys::UBLK_S_DEV_DEAD => Self::Dead,
            sys::UBLK_S_DEV_LIVE => Self::Live,
            sys::UBLK_S_DEV_QUIESCED => Self::Quiesced,
            sys::UBLK_S_DEV_FAIL_IO => Self::FailIo,
            _ => Self::Unknown,
        }
    }
}

/// What the driver says about a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelDevice {
    /// Where it is in its life.
    pub state: KernelState,
    /// Its feature flags.
    pub flags: u64,
    /// The process that served it last.
    pub pid: i32,
    /// Requests that may be inside.
    pub depth: u16,
    /// Whose it is.
    pub owner_uid: u32,
    /// Whose group's it is.
    pub owner_gid: u32,
}

impl KernelDevice {
    fn of(info: &sys::ublksrv_ctrl_dev_info) -> Self {
        Self {
            state: KernelState::from_raw(info.state),
            flags: info.flags,
            pid: info.ublksrv_pid,
            depth: info.queue_depth,
            owner_uid: info.owner_uid,
            owner_gid: info.owner_gid,
        }
    }

    /// Asks the driver about device `id`; `None` if it has none of that number. For processes that may
    /// be ended if there is no answer.
    ///
    /// # Errors
    /// See [`UblkError`].
    pub fn query(id: u32) -> Result<Option<Self>, UblkError> {
        driver_is_there()?;
        match open(id, UblkFlags::empty()) {
            Ok(ctrl) => Ok(Some(Self::of(&ctrl.dev_info()))),
            Err(e) if errno(&e) == libc::ENODEV => Ok(None),
            Err(e) => Err(refused(id, "GET_DEV_INFO", &e)),
        }
    }

    /// Stops and deletes device `id`, if there is one: requests that wait in it fail. For processes that
    /// may be ended if there is no answer.
    ///
    /// # Errors
    /// See [`UblkError`].
    pub fn delete(id: u32) -> Result<bool, UblkError> {
        let ctrl = match open(id, UblkFlags::empty()) {
            Ok(ctrl) => ctrl,
            Err(e) if errno(&e) == libc::ENODEV => return Ok(false),
            Err(e) => return Err(refused(id, "GET_DEV_INFO", &e)),
        };
        stop(&ctrl).map_err(|e| refused(id, "STOP_DEV", &e))?;
        delete(&ctrl).map_err(|e| refused(id, "DEL_DEV", &e))?;
        Ok(true)
    }

    /// As [`Self::query`], for processes that go on whether the driver answers or not.
    ///
    /// # Errors
    /// See [`UblkError`].
    pub fn query_patiently(id: u32) -> Result<Option<Self>, UblkError> {
        if is_surely_absent(id) {
            return Ok(None);
        }
        patiently(id, "GET_DEV_INFO", move || Self::query(id))
    }

    /// As [`Self::delete`], for processes that go on whether the driver answers or not.
    ///
    /// # Errors
    /// See [`UblkError`].
    pub fn delete_patiently(id: u32) -> Result<(), UblkError> {
        patiently(id, "DEL_DEV", move || Self::delete(id).map(drop))
    }
}

/// Whether sysfs says that there is no device of this number: then nobody needs to be asked. (The driver
/// keeps the number of a deleted device that somebody still has open: there is nothing to undo about it.)
pub fn is_surely_absent(id: u32) -> bool {
    Path::new("/sys/class/block").exists() && !is_shown(id)
}

/// Whether sysfs shows a device of this number.
fn is_shown(id: u32) -> bool {
    Path::new("/sys/class/ublk-char").join(format!("ublkc{id}")).exists()
}

fn patiently<T: Send + 'static>(
    id: u32,
    command: &'static str,
    f: impl FnOnce() -> Result<T, UblkError> + Send + 'static,
) -> Result<T, UblkError> {
    let (tell, told) = sync_channel(1);
    // Without the thread the answer is that of a silent driver.
    let _ = std::thread::Builder::new().spawn(move || tell.send(f()));
    told.recv_timeout(PATIENCE).unwrap_or(Err(UblkError::Silent { id, command }))
}

/// Whether the driver can be asked at all.
pub(super) fn driver_is_there() -> Result<(), UblkError> {
    match OpenOptions::new().read(true).write(true).open(CONTROL) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(UblkError::NoDriver),
        Err(e) => Err(UblkError::NotAllowed(e.to_string())),
    }
}

type Job = Box<dyn FnOnce(&mut Held) + Send>;

/// What the thread keeps: both belong to it, the one because libublk keeps its ring by thread.
#[derive(Default)]
struct Held {
    ctrl: Option<UblkCtrl>,
    device: Option<Arc<UblkDev>>,
}

/// The thread. It ends, and deletes a device that was added, when this is dropped.
pub(super) struct Control {
    id: u32,
    jobs: Sender<Job>,
}

impl Control {
    pub(super) fn start(id: u32) -> Self {
        let (jobs, todo) = channel::<Job>();
        // Without the thread every command is answered like by a silent driver.
        let _ = std::thread::Builder::new().name("ublk-control".into()).spawn(move || {
            let mut held = Held::default();
            for job in todo {
                job(&mut held);
            }
            drop(held.device.take());
        });
        Self { id, jobs }
    }

    fn ask<T: Send + 'static>(
        &self,
        command: &'static str,
        f: impl FnOnce(&mut Held) -> Result<T, libublk::UblkError> + Send + 'static,
    ) -> Result<T, UblkError> {
        let id = self.id;
        let (tell, told) = sync_channel(1);
        // Nobody listens any more if it took too long.
        let job: Job = Box::new(move |held| drop(tell.send(f(held))));
        self.jobs.send(job).map_err(|_| UblkError::Silent { id, command })?;
        let answer = told.recv_timeout(PATIENCE).map_err(|_| UblkError::Silent { id, command })?;
        answer.map_err(|e| refused(id, command, &e))
    }

    /// Adds the device; says what the driver made of it.
    pub(super) fn add(&self, options: &UblkOptions) -> Result<KernelDevice, UblkError> {
        let wanted = wanted_flags(options);
        let (id, depth) = (options.id, options.depth as u16); // at most 1024
        let info = self.ask("ADD_DEV", move |held| {
            // Looked at first: where the driver refuses the number because it is another's, libublk
            // deletes that device, thinking that it is the one it has failed to make.
            if is_shown(id) {
                return Err(libublk::UblkError::UringIOError(-libc::EEXIST));
            }
            let mut is_tried = false;
            let ctrl = steadily(|| {
                if is_tried && is_shown(id) {
                    // Made by the attempt whose end nobody has waited for.
                    delete(&open(id, UblkFlags::empty())?)?;
                }
                is_tried = true;
                UblkCtrlBuilder::default()
                    .name(TARGET)
                    .id(id as i32) // at most 9999
                    .nr_queues(1)
                    .depth(depth)
                    .io_buf_bytes(MAX_REQUEST)
                    .ctrl_flags(wanted)
                    .dev_flags(UblkFlags::UBLK_DEV_F_ADD_DEV)
                    .build()
            })?;
            let info = KernelDevice::of(&ctrl.dev_info());
            held.ctrl = Some(ctrl);
            Ok(info)
        })?;
        // Whatever fails from here on: dropping `self` deletes the device again.
        check_flags(options, info.flags)?;
        self.open_device(options)?;
        Ok(info)
    }

    /// Takes a quiesced device over.
    pub(super) fn recover(&self, options: &UblkOptions) -> Result<KernelDevice, UblkError> {
        let id = options.id;
        let info = self.ask("START_USER_RECOVERY", move |held| {
            let ctrl = open(id, UblkFlags::UBLK_DEV_F_RECOVER_DEV)?;
            match steadily(|| ctrl.start_user_recover()) {
                // Begun already, by a daemon that was killed before it had taken the queue over: the
                // driver is waiting for the rest.
                Err(e) if errno(&e) == libc::EINVAL && is_quiesced(&ctrl) => {}
                other => drop(other?),
            }
            steadily(|| ctrl.read_dev_info())?;
            let info = KernelDevice::of(&ctrl.dev_info());
            held.ctrl = Some(ctrl);
            Ok(info)
        })?;
        if u32::from(info.depth) != options.depth {
            let reason = format!("its queue depth is {}, not {}", info.depth, options.depth);
            return Err(UblkError::Queue { id, reason });
        }
        self.open_device(options)?;
        Ok(info)
    }

    /// Opens the device's channel to its server.
    fn open_device(&self, options: &UblkOptions) -> Result<(), UblkError> {
        let options = options.clone();
        self.ask("opening /dev/ublkc", move |held| {
            let ctrl = held.ctrl.as_ref().ok_or(libublk::UblkError::InvalidVal)?;
            let set = |dev: &mut UblkDev| {
                dev.tgt.dev_size = options.bytes;
                dev.tgt.params = params::params(&options, dev.dev_info.max_io_buf_bytes);
                Ok(())
            };
            held.device = Some(Arc::new(UblkDev::new(TARGET.into(), set, ctrl)?));
            Ok(())
        })
    }

    /// The device, for the thread that serves its queue.
    pub(super) fn device(&self) -> Result<Arc<UblkDev>, UblkError> {
        self.ask("opening /dev/ublkc", |held| {
            held.device.clone().ok_or(libublk::UblkError::InvalidVal)
        })
    }

    /// Makes the block device. The driver looks for partitions before it answers.
    pub(super) fn start_device(&self) -> Result<(), UblkError> {
        self.ask("START_DEV", |held| match (&held.ctrl, &held.device) {
            (Some(ctrl), Some(device)) => {
                let mut is_tried = false;
                steadily(|| {
                    if is_tried && state(ctrl)? == KernelState::Live {
                        return Ok(());
                    }
                    is_tried = true;
                    ctrl.start_dev(device).map(drop)
                })
            }
            _ => Err(libublk::UblkError::InvalidVal),
        })
    }

    /// Takes the block device away; its requests must be able to finish meanwhile.
    pub(super) fn stop_device(&self) -> Result<(), UblkError> {
        self.ask("STOP_DEV", |held| held.ctrl.as_ref().map_or(Ok(()), stop))
    }

    /// Deletes what is left, once the queue is given up.
    pub(super) fn delete_device(&self) -> Result<(), UblkError> {
        self.ask("DEL_DEV", |held| {
            drop(held.device.take()); // the driver waits for its last user
            held.ctrl.take().map_or(Ok(()), |ctrl| delete(&ctrl))
        })
    }
}

fn wanted_flags(options: &UblkOptions) -> u64 {
    let mut flags = 0;
    if options.recovery {
        flags |= sys::UBLK_F_USER_RECOVERY | sys::UBLK_F_USER_RECOVERY_REISSUE;
    }
    if options.unprivileged {
        flags |= sys::UBLK_F_UNPRIVILEGED_DEV;
    }
    u64::from(flags)
}

/// Whether the driver gave what was asked for; it is silent about what it does not know.
fn check_flags(options: &UblkOptions, given: u64) -> Result<(), UblkError> {
    let lacks = |flag: u32| given & u64::from(flag) == 0;
    if options.recovery
        && (lacks(sys::UBLK_F_USER_RECOVERY) || lacks(sys::UBLK_F_USER_RECOVERY_REISSUE))
    {
        return Err(UblkError::Lacks {
            option: "--recovery",
            flag: "USER_RECOVERY_REISSUE",
            remedy: "leave it out, or boot Linux 6.1 or later",
        });
    }
    if options.unprivileged && lacks(sys::UBLK_F_UNPRIVILEGED_DEV) {
        return Err(UblkError::Lacks {
            option: "--unprivileged",
            flag: "UNPRIVILEGED_DEV",
            remedy: "leave it out and run as root, or boot Linux 6.3 or later",
        });
    }
    Ok(())
}

fn open(id: u32, dev_flags: UblkFlags) -> Result<UblkCtrl, libublk::UblkError> {
    let id = id as i32; // at most 9999
    steadily(|| UblkCtrl::new(Some(TARGET.into()), id, 0, 0, 0, 0, 0, dev_flags))
}

fn state(ctrl: &UblkCtrl) -> Result<KernelState, libublk::UblkError> {
    ctrl.read_dev_info()?;
    Ok(KernelDevice::of(&ctrl.dev_info()).state)
}

fn is_quiesced(ctrl: &UblkCtrl) -> bool {
    steadily(|| state(ctrl)).is_ok_and(|state| state == KernelState::Quiesced)
}

fn stop(ctrl: &UblkCtrl) -> Result<(), libublk::UblkError> {
    // Not libublk's stop_dev, which also removes a file that is our record.
    gone_is_fine(steadily(|| ctrl.kill_dev()))
}

/// Deletes it. The driver keeps its number, and nothing else, for as long as somebody has the block
/// device open; that is waited for, but it may be a program that never closes it.
fn delete(ctrl: &UblkCtrl) -> Result<(), libublk::UblkError> {
    match steadily(|| ctrl.del_dev_async()) {
        // It is deleted. That is about a file in /run/ublksrvd, which libublk thinks is its own.
        Err(libublk::UblkError::IOError(_)) => {}
        // Before Linux 6.9 one can only wait.
        Err(e) if errno(&e) == libc::EOPNOTSUPP => {
            return gone_is_fine(steadily(|| ctrl.del_dev()));
        }
        other => gone_is_fine(other)?,
    }
    let end = Instant::now() + CLOSING_PATIENCE;
    while steadily(|| ctrl.read_dev_info()).is_ok() {
        if Instant::now() >= end {
            tracing::info!(
                "/dev/ublkb{} is still open somewhere: its number is free again when it is closed",
                ctrl.dev_info().dev_id
            );
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Another program may have done it before us.
fn gone_is_fine(result: Result<i32, libublk::UblkError>) -> Result<(), libublk::UblkError> {
    match result {
        Err(e) if matches!(errno(&e), libc::ENODEV | libc::ENOENT) => Ok(()),
        other => other.map(drop),
    }
}

/// The positive number in an error of libublk.
pub(super) fn errno(e: &libublk::UblkError) -> i32 {
    match e {
        libublk::UblkError::UringIOError(raw) | libublk::UblkError::OtherError(raw) => -raw,
        libublk::UblkError::IOError(e) => e.raw_os_error().unwrap_or(libc::EIO),
        libublk::UblkError::InvalidVal => libc::EINVAL,
        _ => libc::EIO,
    }
}

fn refused(id: u32, command: &'static str, e: &libublk::UblkError) -> UblkError {
    let raw = errno(e);
    let said = io::Error::from_raw_os_error(raw);
    let hint = match (command, raw) {
        ("ADD_DEV", libc::EEXIST) => ": another program has that number: take another -n",
        ("ADD_DEV", libc::EPERM | libc::EACCES) => ": run as root, or see --unprivileged",
        ("ADD_DEV", libc::ENOSPC | libc::EMFILE) => {
            ": too many ublk devices: see the parameter ublks_max of the module ublk_drv"
        }
        ("START_USER_RECOVERY", libc::EBUSY) => ": its daemon still lives",
        ("START_USER_RECOVERY", libc::ENODEV) => ": there is no such device",
        ("opening /dev/ublkc", libc::EACCES) => ": is /dev managed by devtmpfs or udev here?",
        _ => "",
    };
    UblkError::Refused { id, command, reason: format!("{said}{hint}") }
}
