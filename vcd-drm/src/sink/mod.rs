//! Where the card's screen can be looked at. Each sink has threads of its own and takes the picture at
//! its own pace; none can hold up the card or another sink.
//!
//! | module | where the picture is |
//! | --- | --- |
//! | [`kms`] | on the machine's screen |
//! | [`browser`] | on a page, in any number of browsers |
//! | [`rfb`] | in VNC viewers |
//! | [`png`] | in a file |
//! | [`none`] | nowhere |
//!
//! [`secret`] and `listen` are about who may look; [`counts`] is what all of them tell of themselves.
//!
//! ```no_run
//! use vcd_drm::screen::Screen;
//! use vcd_drm::sink::{Settings, browser};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (publisher, screen) = Screen::new()?;
//! let settings = Settings::Browser(browser::Settings::at("127.0.0.1:8000".parse()?));
//! let sink = settings.start(&screen)?;
//! println!("look at {}", sink.place());
//! # drop(publisher);
//! # Ok(())
//! # }
//! ```

pub mod browser;
pub mod counts;
pub mod kms;
mod listen;
pub mod none;
pub mod png;
pub mod rfb;
pub mod secret;

use std::io;
use std::net::SocketAddr;

pub use self::counts::Report;
pub use self::secret::Secret;
use crate::screen::Screen;

/// A place where the picture is. Dropping it ends it, and waits for its threads.
pub trait Sink: Send {
    /// What kind it is, in one word.
    fn kind(&self) -> &'static str;

    /// Where to look, for people: an address, a path.
    fn place(&self) -> String;

    /// What it has done so far.
    fn report(&self) -> Report;
}

/// Which sink, and how it is to be.
#[derive(Clone, Debug)]
pub enum Settings {
    /// Nowhere.
    None,
    /// A file.
    Png(png::Settings),
    /// VNC viewers.
    Rfb(rfb::Settings),
    /// Browsers.
    Browser(browser::Settings),
    /// The machine's screen.
    Kms(kms::Settings),
}

impl Settings {
    /// Starts it.
    ///
    /// # Errors
    /// See [`Error`]; then nothing of it is there.
    pub fn start(&self, screen: &Screen) -> Result<Box<dyn Sink>, Error> {
        Ok(match self {
            Self::None => Box::new(none::Nowhere),
            Self::Png(settings) => Box::new(png::File::start(settings, screen)?),
            Self::Rfb(settings) => Box::new(rfb::Server::start(settings, screen)?),
            Self::Browser(settings) => Box::new(browser::Server::start(settings, screen)?),
            Self::Kms(settings) => Box::new(kms::Monitor::start(settings, screen)?),
        })
    }
}

/// Why a sink cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Other machines could look, and nothing would keep them out.
    #[error(
        "{kind} at {address}: other machines could connect; beyond loopback {what} is required"
    )]
    Unguarded {
        /// Which sink.
        kind: &'static str,
        /// Where.
        address: SocketAddr,
        /// What it wants.
        what: &'static str,
    },
    /// A password or token that is none.
    #[error(transparent)]
    Secret(#[from] secret::SecretError),
    /// It cannot listen there.
    #[error("{kind} cannot listen at {address}{hint}")]
    Listen {
        /// Which sink.
        kind: &'static str,
        /// Where.
        address: SocketAddr,
        /// What to do.
        hint: &'static str,
        /// Why.
        source: io::Error,
    },
    /// No thread, no event descriptor.
    #[error("{kind} cannot be started")]
    Start {
        /// Which sink.
        kind: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {path}")]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The machine's screen cannot be used.
    #[error(transparent)]
    Kms(#[from] kms::Error),
}

impl Error {
    fn start(kind: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Start { kind, source }
    }
}
