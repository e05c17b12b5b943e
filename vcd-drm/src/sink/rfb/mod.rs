//! The picture in VNC viewers: a small server of the RFB protocol, versions 3.3 to 3.8, only for looking.
//!
//! ```text
//!   viewer ──bytes──> session (pure): handshake, what the viewer wants ──┐
//!      ^                                                                v
//!      '──bytes── encode (pure): Raw or ZRLE <── region still to be told <── screen::Viewer
//! ```
//!
//! - [`session`]: what viewers say, and the answers; [`auth`]: the password
//! - [`pixel`]: pixels as viewers want them; [`encode`]: rectangles of them
//! - `viewer`: one viewer, a thread for each; `server`: all of them
//! - [`rehearse`]: the pure part alone, for tests and fuzzing
//!
//! An update is made when the viewer has asked for one and has taken all of the last one: a slow viewer
//! gets fewer of them, with all changes merged. Of a viewer there is one rectangle and one message in
//! memory, whatever it sends or does not take.

pub mod auth;
pub mod encode;
pub mod pixel;
mod rehearse;
mod server;
pub mod session;
#[cfg(test)]
mod tests;
mod viewer;

use std::net::SocketAddr;

pub use self::rehearse::rehearse;
pub use self::server::Server;
use super::Secret;

/// Where viewers connect, and what they have to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address and port; 0 is any free port.
    pub address: SocketAddr,
    /// What viewers have to know; the protocol takes its first eight characters. Required beyond
    /// loopback.
    pub password: Option<Secret>,
    /// What viewers show as the title of their window.
    pub name: String,
}

impl Settings {
    /// Without a password.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, password: None, name: "vcd".into() }
    }
}
