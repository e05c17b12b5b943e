//! The picture on a page, in any number of browsers: a canvas, fed over a WebSocket.
//!
//! ```text
//!   browser ──GET /──────> server: access (pure) ──> page/ (in the program)
//!      ^ '──GET /screen──> viewer, a task for each: frame, wait for its acknowledgement, next frame
//!      '───── frames ──────── message (pure) <── region still to be told <── screen::Viewer
//! ```
//!
//! - [`access`]: who may look
//! - [`message`]: what goes over the WebSocket
//! - `page`: the page's files
//! - `listener`: connections, how many and for how long
//! - `server`: the thread with everything in it; `viewer`: one page
//!
//! The page acknowledges a frame when it has drawn it, and only then gets the next, with all changes
//! since: a slow viewer gets fewer frames, and none waits for it in a queue.

pub mod access;
mod listener;
pub mod message;
mod page;
mod server;
#[cfg(test)]
mod tests;
mod viewer;

use std::net::SocketAddr;

pub use self::server::Server;
use super::Secret;

/// Where browsers connect, and what they have to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address and port; 0 is any free port.
    pub address: SocketAddr,
    /// What the page's address has to have as `?token=`. Required beyond loopback.
    pub token: Option<Secret>,
}

impl Settings {
    /// Without a token.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, token: None }
    }
}
