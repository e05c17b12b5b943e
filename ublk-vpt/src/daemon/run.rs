//! The daemon's life.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use daemonkit::logging::{self, Shape};
use daemonkit::ready::{self, Readiness};
use daemonkit::server::{Limits, Server};
use daemonkit::signals::StopSignals;
use rustix::fs::OFlags;

use super::device::{Device, DeviceConfig, ExitReason, Front, OpenDevice};
use super::start::{Announcement, StartRequest};
use super::{fronts, ublk_helper};
use crate::control::{ControlHandler, StopCause};
use crate::state::{Claim, LifeState, Record, StateDir, Undo};

/// Environment variable with the log filter.
const LOG_VARIABLE: &str = "UBLK_LOG";
/// What is logged without it. The FUSE library warns of what is normal here: that a file has no
/// extended attributes, and that there is nothing left to unmount once that has been done.
const LOG_FOREGROUND: &str = "warn,fuser=error";
const LOG_BACKGROUND: &str = "info,fuser=error";
/// The FUSE library's complaint when a mount ends: the kernel lets the file be released in the
/// background, and has no more use for the answer once the connection is cut.
const NORMAL: &[&str] = &["Failed to send FUSE reply: No such file or directory (os error 2)"];
/// Longest start request.
const MAX_REQUEST_BYTES: u64 = 16 << 20;

/// What the daemon needs from its surroundings.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Where it writes itself down.
    pub state: StateDir,
    /// Opens the device.
    pub open_device: OpenDevice,
    /// Undoes what dead ones left.
    pub undo: Undo,
    /// The same for the daemon's end.
    pub undo_at_end: Undo,
}

/// Runs as the background process that [`super::spawn`] started: request on standard input, readiness
/// on standard output. Returns when the device has ended.
///
/// # Errors
/// One line; the parent has been told too.
pub fn run_background(surroundings: &Surroundings) -> Result<(), String> {
    let mut readiness = Readiness::from_stdout().map_err(|e| format!("standard output: {e}"))?;
    // A session of its own: the terminal's Ctrl-C and hang-up are not meant for the device.
    let begun = match rustix::process::setsid() {
        Ok(_) => read_request(),
        Err(e) => Err(format!("cannot leave the terminal's session: {e}")),
    };
    let result = begun.and_then(|request| {
        run(surroundings, request, &mut readiness, |claim| to_log(&claim.file("log")), |_| Ok(()))
    });
    if let Err(reason) = &result {
        readiness.failed(reason);
    }
    result
}

/// Runs in the terminal until a signal or `ublk del` ends it; `announce` is called once it works.
///
/// # Errors
/// One line.
pub fn run_foreground(
    surroundings: &Surroundings,
    request: StartRequest,
    announce: impl FnOnce(&Announcement) -> io::Result<()>,
) -> Result<(), String> {
    let mut readiness = Readiness::foreground();
    let (level, shape) = if logging::goes_to_journal() {
        (LOG_BACKGROUND, Shape::Journal)
    } else {
        (LOG_FOREGROUND, Shape::Text)
    };
    logging::init(LOG_VARIABLE, level, shape, NORMAL);
    run(surroundings, request, &mut readiness, |_| Ok(()), announce)
}

fn read_request() -> Result<StartRequest, String> {
    let mut bytes = Vec::new();
    io::stdin()
        .take(MAX_REQUEST_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("standard input: {e}"))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| format!("this command is started by `ublk add`, not by hand ({e})"))
}

/// From here on everything that is printed goes to the device's log.
fn to_log(path: &Path) -> Result<(), String> {
    let tell = |e: io::Error| format!("{}: {e}", path.display());
    let log = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        // The log, not what a link of its name leads to.
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .map_err(tell)?;
    let null = File::open("/dev/null").map_err(|e| format!("/dev/null: {e}"))?;
    rustix::stdio::dup2_stdin(&null)
        .and_then(|()| rustix::stdio::dup2_stdout(&log))
        .and_then(|()| rustix::stdio::dup2_stderr(&log))
        .map_err(|e| tell(e.into()))?;
    logging::init(LOG_VARIABLE, LOG_BACKGROUND, Shape::Text, NORMAL);
    Ok(())
}

fn run(
    surroundings: &Surroundings,
    request: StartRequest,
    readiness: &mut Readiness,
    claimed: impl FnOnce(&Claim) -> Result<(), String>,
    announce: impl FnOnce(&Announcement) -> io::Result<()>,
) -> Result<(), String> {
    // First of all: from now on a signal no longer leaves anything behind.
    let (stop, stops) = mpsc::channel();
    let signals = StopSignals::install({
        let stop = stop.clone();
        // No receiver means that the end has begun.
        move |name| drop(stop.send(StopCause::Signal(name)))
    })
    .map_err(|e| format!("cannot handle signals: {e}"))?;
    let state = &surroundings.state;
    // The ublk driver's numbers are everybody's. It keeps that of a deleted device that is still open,
    // and is asked about those it does not show.
    let is_ublk = fronts::chosen(request.device.front, request.device.loop_device) == Front::Ublk;
    let elsewhere = |id| if is_ublk { ublk_helper::has_number(id) } else { Ok(false) };
    let claim = match request.id {
        Some(id) if request.device.recover => state.claim_waiting(id, &surroundings.undo),
        wanted => state.claim(wanted, &surroundings.undo, elsewhere),
    };
    let claim = claim.map_err(|e| e.to_string())?;
    let result = claimed(&claim).and_then(|()| {
        let mut config = request.device;
        config.id = claim.id();
        config.front = fronts::chosen(config.front, config.loop_device);
        if config.front == Front::Fuse {
            config.mount = claim.mount_dir(request.mount.as_deref())?;
        } else if let Some(mount) = &request.mount {
            let (mount, front) = (mount.display(), config.front.name());
            return Err(format!("--mount {mount}: nothing is mounted by the front end {front}"));
        }
        config.socket = claim.file("client");
        let open = Opening { surroundings, claim: &claim, config: &config };
        open.serve(readiness, (stop, stops), announce)
    });
    if let Err(reason) = &result {
        tracing::error!("{reason}");
    }
    ready::stopping();
    let id = claim.id();
    if let Err(problem) = claim.release(&surroundings.undo_at_end) {
        tracing::error!("device {id} is not cleared away: {problem}; the next command tries again");
    }
    drop(signals);
    result
}

struct Opening<'a> {
    surroundings: &'a Surroundings,
    claim: &'a Claim,
    config: &'a DeviceConfig,
}

impl Opening<'_> {
    fn serve(
        &self,
        readiness: &mut Readiness,
        (stop, stops): (Sender<StopCause>, Receiver<StopCause>),
        announce: impl FnOnce(&Announcement) -> io::Result<()>,
    ) -> Result<(), String> {
        // Written before anything is mounted, so that a kill at any later moment can be undone. A device
        // that is taken over has its record.
        if !self.config.recover {
            self.write(&Record::starting(self.config))?;
        }
        let device: Arc<dyn Device> =
            (self.surroundings.open_device)(self.config).map_err(|e| e.to_string())?.into();
        let stopper = spawn_stopper(Arc::clone(&device), stops);
        let served = self.announce_and_wait(&device, readiness, stop, announce);
        if served.is_err() {
            // Failed on the way to being served: it must not outlive this.
            device.stop();
            if let Err(e) = device.wait() {
                tracing::error!("while ending: {e}");
            }
        }
        drop(stopper);
        served
    }

    fn announce_and_wait(
        &self,
        device: &Arc<dyn Device>,
        readiness: &mut Readiness,
        stop: Sender<StopCause>,
        announce: impl FnOnce(&Announcement) -> io::Result<()>,
    ) -> Result<(), String> {
        let info = device.info();
        // What is to be undone now; LIVE only when it answers.
        self.write(&Record::open(self.config, &info, LifeState::Starting))?;
        let socket = self.claim.file("sock");
        let handler = ControlHandler::new(
            self.config.id,
            self.config.disk.clone(),
            Arc::clone(device),
            stop.clone(),
        );
        let server = Server::start(&socket, Limits::default(), handler)
            .map_err(|e| format!("control socket {}: {e}", socket.display()))?;
        self.write(&Record::open(self.config, &info, LifeState::Live))?;
        if let Err(e) = self.claim.recovered() {
            tracing::warn!("the old record stays ({e})");
        }
        for note in &info.notes {
            tracing::info!("{note}");
        }
        let scale = device.stats(false).scale;
        let about = Announcement {
            id: self.config.id,
            front: info.front.clone(),
            device: info.path().to_owned(),
            disk: info.disk.clone(),
            image: self.config.image.clone(),
            pid: std::process::id(),
            size_bytes: info.size_bytes,
            k: scale.k,
            mode: scale.mode,
            notes: info.notes.clone(),
        };
        let status = format!("disk {}: {}", about.id, about.device.display());
        let told = serde_json::to_value(&about)
            .map_err(io::Error::from)
            .and_then(|value| readiness.ready(&value, &status))
            .and_then(|()| announce(&about));
        if told.is_err() {
            // No receiver: somebody else was first to end it.
            let _ = stop.send(StopCause::ParentGone);
        }
        tracing::info!("{status}: live");
        let reason = device.wait().map_err(|e| format!("device {}: {e}", about.id))?;
        match reason {
            ExitReason::Stopped => tracing::info!("{status}: stopped"),
            ExitReason::Withdrawn => tracing::info!("{status}: taken away from outside"),
        }
        server.stop();
        Ok(())
    }

    fn write(&self, record: &Record) -> Result<(), String> {
        let path = self.claim.file("json");
        record.write(&path).map_err(|e| format!("{}: {e}", path.display()))
    }
}

/// Ends the device when somebody asks. Its own thread, as ending may take a while and neither the
/// control socket nor the signals wait.
fn spawn_stopper(
    device: Arc<dyn Device>,
    stops: Receiver<StopCause>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        for cause in stops {
            tracing::info!(?cause, "asked to stop");
            device.stop();
        }
    })
}
