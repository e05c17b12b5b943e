//! The disk as a network block device: for the kernel's NBD driver, virtual machines, and programs that
//! speak NBD, on this machine or another.
//!
//! ```text
//!   client ──socket──> server ──> connection (a thread for each: queue-N) ──> engine
//!      ^                            handshake, then export.judge of each request  │
//!      '───────────────────────── link: replies, from whichever thread completes <┘
//! ```
//!
//! - [`wire`]: the protocol's bytes; [`handshake`], [`export`]: its sense. Pure.
//! - `input`, `link`: one connection's bytes in and replies out; `connection`: one client
//! - `listen`: where; `server`: all clients
//! - [`rehearse`]: the pure part alone, for tests and fuzzing
//!
//! The protocol is fixed newstyle with structured replies, without TLS. A client has as many requests
//! inside as the disk's depth, and at most 32 MiB of data with them; one that is slow, silent or
//! nonsensical costs the others nothing.

mod connection;
pub mod export;
pub mod handshake;
mod input;
mod link;
mod listen;
mod rehearse;
mod server;
pub mod wire;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use thiserror::Error;

use self::export::Export;
pub use self::listen::Listen;
use self::listen::{Address, Bound};
pub use self::rehearse::{Rehearsal, rehearse};
use self::server::{Server, Shared};
use super::{Access, OnEnd, Place, Served};
use crate::engine::EngineHandle;

/// How long the kernel may take, on a busy machine, to tell that a client has hung up.
const GOING: Duration = Duration::from_millis(300);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Why a disk cannot be served.
#[derive(Debug, Error)]
pub enum NbdServeError {
    /// It cannot listen there.
    #[error("{0}")]
    Listen(String),
    /// No event descriptor or thread.
    #[error("the NBD server cannot start ({0})")]
    Start(#[from] std::io::Error),
}

/// What to serve, and where.
#[derive(Clone, Debug)]
pub struct NbdOptions {
    /// Where clients connect.
    pub listen: Listen,
    /// For a Unix socket: who may.
    pub access: Access,
    /// Name of the export, such as `vpt0`.
    pub name: String,
    /// One line for people: what the disk is.
    pub description: String,
    /// Size of the disk in bytes.
    pub bytes: u64,
    /// Smallest unit, bytes.
    pub block_bytes: u32,
    /// No writing.
    pub read_only: bool,
    /// Receive as SCHED_FIFO, as the engine runs.
    pub fifo: bool,
    /// Most requests of one client inside the disk at once.
    pub depth: u32,
}

/// A disk that is served. It ends by [`Served::close`] or with the process, not with this value.
pub struct NbdFront {
    server: Server,
    address: Address,
    uri: String,
    notes: Vec<String>,
}

impl NbdFront {
    /// Listens, and starts receiving. `on_end` is called when it breaks off by itself.
    ///
    /// # Errors
    /// See [`NbdServeError`]; then nothing listens.
    pub fn open(
        options: &NbdOptions,
        engine: EngineHandle,
        on_end: OnEnd,
    ) -> Result<Self, NbdServeError> {
        let bound = options.listen.bind(options.access).map_err(NbdServeError::Listen)?;
        let Bound { sockets, address, notes } = bound;
        let block_bytes = options.block_bytes.max(1);
        let export = Export {
            name: options.name.clone(),
            description: options.description.clone(),
            bytes: options.bytes - options.bytes % u64::from(block_bytes),
            block_bytes,
            read_only: options.read_only,
        };
        let uri = address.uri(&export.name);
        let shared = Shared::new(export, engine, options.depth, options.fifo);
        let server = Server::start(sockets, shared, on_end).inspect_err(|_| address.remove())?;
        Ok(Self { server, address, uri, notes })
    }
}

impl Address {
    /// Removes what a Unix socket leaves: its file, and not what has come into its place.
    fn remove(&self) {
        if let Self::Unix(path) = self
            && crate::sockets::is_stale(path)
        {
            let _ = std::fs::remove_file(path); // gone already is as good
        }
    }
}

impl Served for NbdFront {
    fn place(&self) -> Place {
        Place {
            front: "nbd",
            file: PathBuf::from(&self.uri),
            max_request_bytes: export::LONGEST_DATA,
            notes: self.notes.clone(),
            ..Place::default()
        }
    }

    fn in_use(&self) -> Option<String> {
        // One that has just ended may be on its way out: `fio ...; ublk del` is to work.
        let end = Instant::now() + GOING;
        while self.server.shared.connected() > 0 && Instant::now() < end {
            std::thread::sleep(LOOK);
        }
        match self.server.shared.connected() {
            0 => None,
            1 => Some("1 client is connected: disconnect it".into()),
            count => Some(format!("{count} clients are connected: disconnect them")),
        }
    }

    fn close(&self) {
        self.server.close();
        self.address.remove();
    }
}
