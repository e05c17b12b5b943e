//! The disk of a virtual machine: a Unix socket that speaks vhost-user-blk.
//!
//! ```text
//!   QEMU  --messages-->  connection.rs  --->  session.rs     where memory and rings are
//!     |                                          | starts, stops
//!   guest --kick-->  worker.rs  queue-N          v
//!     |                 |   take  --------->  ring.rs  <---  give back, on the engine's thread
//!     |                 v                        |                   ^
//!     |     engine: submit(IoRequest)  --------- | ----------------- +
//!     +<---------------- call -------------------+
//! ```
//!
//! One client at a time; it may go and come again, be killed, or stay while this daemon is replaced:
//! what was under way then is kept by the client ([`inflight`]) and done again. The guest's memory is
//! only reached through the maps that `vm-memory` checks. What a chain of descriptors asks is read in
//! [`blk`], which knows nothing of sockets and threads.

pub mod blk;
mod connection;
mod inflight;
mod memory;
mod ring;
mod session;
mod socket;
mod worker;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use thiserror::Error;

use self::blk::{Config, LARGEST_REQUEST};
use self::connection::Door;
use self::socket::Listener;
use self::worker::Shared;
use super::{Access, OnEnd, Place, Served};
use crate::engine::EngineHandle;

/// Why there is no vhost-user-blk disk.
#[derive(Debug, Error)]
pub enum VhostError {
    /// The socket cannot be had.
    #[error("socket {path}: {why}")]
    Socket {
        /// Its name.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
    /// No thread or event descriptor.
    #[error("vhost-user-blk: a thread cannot be started ({0}): too many?")]
    Start(#[from] std::io::Error),
}

/// What to serve, and where.
#[derive(Clone, Debug)]
pub struct VhostOptions {
    /// The socket's name.
    pub socket: PathBuf,
    /// Who may connect.
    pub access: Access,
    /// Number of the device, for its name in the guest.
    pub id: u32,
    /// Size of the disk in bytes; what is no whole block at its end is not served.
    pub bytes: u64,
    /// Logical block size.
    pub block_size: u32,
    /// Most queues a guest may use: 1 to 32.
    pub queues: u32,
    /// Most requests inside the engine at one time.
    pub depth: u32,
    /// No writing.
    pub read_only: bool,
    /// Receive as SCHED_FIFO, as the engine runs.
    pub fifo: bool,
}

/// A disk that listens.
pub struct VhostFront {
    door: Arc<Door>,
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    options: VhostOptions,
}

impl VhostFront {
    /// Takes the socket's name and begins to listen.
    ///
    /// # Errors
    /// See [`VhostError`]; then nothing is left.
    pub fn listen(
        options: VhostOptions,
        engine: EngineHandle,
        on_end: OnEnd,
    ) -> Result<Self, VhostError> {
        let block = u64::from(options.block_size);
        let config = Config {
            bytes: options.bytes / block * block,
            block_size: options.block_size,
            queues: options.queues.clamp(1, 32) as u16,
            read_only: options.read_only,
        };
        let shared = Arc::new(Shared::new(engine, config, options.id, options.depth)?);
        let socket = options.socket.clone();
        let listener = Listener::bind(&socket, options.access)
            .map_err(|why| VhostError::Socket { path: socket, why })?;
        let door = Arc::new(Door::new(shared.clone(), listener)?);
        let mut threads = worker::start(&shared, options.fifo).inspect_err(|_| door.close())?;
        let (acceptor, fifo) = (door.clone(), options.fifo);
        let closing = shared.clone();
        let accepting = std::thread::Builder::new().name("vhost-accept".into()).spawn(move || {
            let ended = acceptor.run(fifo);
            if !closing.is_closing() {
                on_end(ended.map_err(|e| format!("the vhost-user socket broke ({e})")));
            }
        });
        match accepting {
            Ok(thread) => threads.push(thread),
            Err(e) => {
                door.close();
                worker::end(&shared, threads);
                return Err(e.into());
            }
        }
        Ok(Self { door, shared, threads: Mutex::new(threads), options })
    }

    /// What a user has to say to QEMU.
    fn arguments(&self) -> String {
        let VhostOptions { id, queues, .. } = &self.options;
        format!(
            "QEMU: -chardev socket,id=vpt{id},path={},reconnect=1 \
             -device vhost-user-blk-pci,chardev=vpt{id},num-queues={queues} \
             and guest memory from -object memory-backend-memfd,share=on (see docs/qemu.md)",
            self.door.listener().path().display()
        )
    }
}

impl Served for VhostFront {
    fn place(&self) -> Place {
        Place {
            front: "vhost-user-blk",
            file: self.door.listener().path().to_owned(),
            max_request_bytes: LARGEST_REQUEST,
            notes: vec![self.arguments()],
            ..Place::default()
        }
    }

    fn in_use(&self) -> Option<String> {
        self.door.user()
    }

    fn close(&self) {
        self.door.close();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        worker::end(&self.shared, threads);
    }
}
