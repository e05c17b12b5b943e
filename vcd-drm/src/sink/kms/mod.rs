//! The picture on the machine's own screen, by kernel mode setting (KMS).
//!
//! ```text
//!   thread `kms`:  screen::Viewer ---> layout (pure) ---> present: buffers, flips ---> DRM device
//!                                                         console: text or graphics -> /dev/tty0
//!   supervisor, a process of its own: waits for our end, and then for the console's sake says "text"
//! ```
//!
//! - [`layout`]: which of the monitor's modes, and where in it
//! - `card`: the DRM device and what is attached to it
//! - `pipe`: setting the mode and showing a buffer, atomic or not
//! - `present`: from a picture that begins to its end
//! - [`console`]: the text console makes way, and comes back
//! - [`supervisor`]: also when the daemon is killed
//!
//! The device is open only while there is a picture, for whoever has it open shuts others out, the text
//! console among them. Frames are paced here, at the monitor's rate: some drivers report every flip at
//! once.

mod card;
pub mod console;
pub mod layout;
mod pipe;
mod present;
pub mod supervisor;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::epoll::EventFlags;

use self::card::Card;
use self::console::Console;
use self::present::Ended;
use self::supervisor::Supervisor;
use super::counts::Counts;
use super::{Report, Sink};
use crate::screen::{Bell, Screen, State, Viewer, Watch};

/// Before the next try, after the screen could not be used.
const AGAIN: Duration = Duration::from_secs(5);

const BELL: u64 = 0;
const STOP: u64 = 1;
const CARD: u64 = 2;

/// Which screen.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The DRM device, such as `/dev/dri/card0`.
    pub device: PathBuf,
    /// The connector's name, such as `HDMI-A-1`; without one, the first with a monitor.
    pub connector: Option<String>,
    /// The console that makes way, mostly `/dev/tty0`; without one, none does.
    pub console: Option<PathBuf>,
}

impl Settings {
    /// The first monitor of a device, and the console that is shown.
    pub fn at(device: impl Into<PathBuf>) -> Self {
        Self { device: device.into(), connector: None, console: Some("/dev/tty0".into()) }
    }
}

/// Why the machine's screen cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The device cannot be opened.
    #[error("cannot open {path}: {cause}{hint}", hint = open_hint(cause))]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Somebody else is master of the device.
    #[error(
        "{0} is in use: another program, such as a desktop, shows its picture there; end it, or \
         look at the card in a browser or a VNC viewer"
    )]
    Busy(PathBuf),
    /// Nothing is attached.
    #[error("no monitor is attached to {0}")]
    NoMonitor(PathBuf),
    /// No such connector, or nothing attached to it.
    #[error("{path} has no monitor at {connector}; there are: {there}")]
    NoConnector {
        /// The device.
        path: PathBuf,
        /// What was asked for.
        connector: String,
        /// What it has.
        there: String,
    },
    /// The console cannot be opened.
    #[error("cannot use the console {path}: {cause}")]
    Console {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Nobody would bring the console back.
    #[error("no supervisor for the console: {0}")]
    Supervisor(String),
    /// The device refused something.
    #[error("the screen's driver refused to {what}: {cause}")]
    Call {
        /// What.
        what: &'static str,
        /// Why.
        cause: io::Error,
    },
    /// No thread, no event descriptor.
    #[error("kms cannot be started")]
    Start(#[from] io::Error),
}

impl Error {
    fn call(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |cause| Self::Call { what, cause }
    }
}

fn open_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; this machine has no such screen (ls /dev/dri)",
        io::ErrorKind::PermissionDenied => "; be root, or of the group video",
        _ => "",
    }
}

/// The sink.
#[derive(Debug)]
pub struct Monitor {
    settings: Settings,
    counts: Arc<Counts>,
    stop: Bell,
    thread: Option<JoinHandle<()>>,
}

impl Monitor {
    /// Looks whether the screen can be had, and shows the picture when there is one.
    ///
    /// With a console, the program has to call [`supervisor::run_if_asked`] before anything else.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn start(settings: &Settings, screen: &Screen) -> Result<Self, Error> {
        Card::open(&settings.device)?.output(&settings.device, settings.connector.as_deref())?;
        let console = settings.console.clone().map(Console::open).transpose()?;
        let supervisor = match &settings.console {
            Some(path) => Some(Supervisor::start(path).map_err(Error::Supervisor)?),
            None => None,
        };
        let (watch, stop) = (Watch::new()?, Bell::new()?);
        watch.bell(screen, BELL)?;
        watch.add(&stop, STOP, EventFlags::IN)?;
        let counts = Arc::new(Counts::default());
        let mut thread = Thread {
            settings: settings.clone(),
            console,
            supervisor,
            watch,
            viewer: screen.viewer(),
            counts: Arc::clone(&counts),
        };
        let named = std::thread::Builder::new().name("kms".into());
        let thread = named.spawn(move || thread.run())?;
        Ok(Self { settings: settings.clone(), counts, stop, thread: Some(thread) })
    }
}

impl Sink for Monitor {
    fn kind(&self) -> &'static str {
        "kms"
    }

    fn place(&self) -> String {
        self.settings.device.display().to_string()
    }

    fn report(&self) -> Report {
        self.counts.report()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic was reported by its own message
        }
    }
}

struct Thread {
    settings: Settings,
    console: Option<Console>,
    supervisor: Option<Supervisor>,
    watch: Watch,
    viewer: Viewer,
    counts: Arc<Counts>,
}

impl Thread {
    fn run(&mut self) {
        loop {
            let shows = self.viewer.take().state != State::Off;
            let ended = if shows { self.graphics() } else { Ok(Ended::Off) };
            let pause = match ended {
                Ok(Ended::Stop) => return,
                Ok(Ended::Resized) => continue,
                Ok(Ended::Off) => None,
                Err(error) => {
                    tracing::warn!("kms: {error}");
                    self.counts.set_broken(Some(error.to_string()));
                    Some(AGAIN)
                }
            };
            match self.watch.wait(pause) {
                Ok(woken) if !woken.by(STOP) => {}
                _ => return,
            }
        }
    }

    /// From entering graphics mode to leaving it.
    fn graphics(&mut self) -> Result<Ended, Error> {
        let card = Card::open(&self.settings.device)?;
        self.watch.add(&card, CARD, EventFlags::IN)?;
        let entered = self.enter();
        let ended = entered.and_then(|()| {
            loop {
                let output =
                    card.output(&self.settings.device, self.settings.connector.as_deref())?;
                let ended =
                    present::present(&card, &output, &mut self.viewer, &self.watch, &self.counts)?;
                if ended != Ended::Resized {
                    break Ok(ended);
                }
            }
        });
        // The console can draw only when nobody has the device.
        drop(card);
        self.leave();
        ended
    }

    fn enter(&mut self) -> Result<(), Error> {
        let Some(console) = &self.console else { return Ok(()) };
        // Before the console makes way: there is no moment at which nobody would bring it back.
        if let Some(supervisor) = &mut self.supervisor {
            supervisor.graphics();
        }
        console.graphics()
    }

    fn leave(&mut self) {
        let Some(console) = &self.console else { return };
        if let Err(error) = console.text() {
            tracing::warn!("kms: {error}");
        }
        if let Some(supervisor) = &mut self.supervisor {
            supervisor.text();
        }
    }
}
