//! All viewers: a thread that accepts, and one for each viewer.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::epoll::EventFlags;

use super::Settings;
use super::viewer::Connection;
use crate::screen::{Bell, Screen, Watch};
use crate::sink::counts::Counts;
use crate::sink::listen::listen;
use crate::sink::{Error, Report, Sink};

/// Viewers at one time.
const MOST_VIEWERS: u64 = 16;
/// After a failure to accept, for want of descriptors above all.
const PAUSE: Duration = Duration::from_millis(200);

const LISTENER: u64 = 0;
const STOP: u64 = 1;

/// What all threads of the server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) screen: Screen,
    pub(super) counts: Arc<Counts>,
    /// Rings once, for all.
    pub(super) stop: Bell,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens, and lets viewers in.
    ///
    /// # Errors
    /// It may not or cannot listen there; no thread.
    pub fn start(settings: &Settings, screen: &Screen) -> Result<Self, Error> {
        let what = "a password";
        let listener = listen("rfb", settings.address, settings.password.is_some(), what)?;
        let failed = Error::start("rfb");
        let address = listener.local_addr().map_err(&failed)?;
        let shared = Arc::new(Shared {
            settings: settings.clone(),
            screen: screen.clone(),
            counts: Arc::default(),
            stop: Bell::new().map_err(&failed)?,
            threads: Mutex::default(),
        });
        let watch = Watch::new().map_err(&failed)?;
        watch.add(&listener, LISTENER, EventFlags::IN).map_err(&failed)?;
        watch.add(&shared.stop, STOP, EventFlags::IN).map_err(&failed)?;
        let acceptor = std::thread::Builder::new().name("rfb".into()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                if let Err(error) = accept_all(&listener, &watch, &shared) {
                    shared.counts.set_broken(Some(format!("no more viewers: {error}")));
                }
            }
        });
        Ok(Self { address, shared, acceptor: Some(acceptor.map_err(&failed)?) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Sink for Server {
    fn kind(&self) -> &'static str {
        "rfb"
    }

    fn place(&self) -> String {
        format!("vnc://{}", self.address)
    }

    fn report(&self) -> Report {
        self.shared.counts.report()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.ring();
        // A panic of any of them was reported by its own message.
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        let mut threads = self.shared.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn accept_all(listener: &TcpListener, watch: &Watch, shared: &Arc<Shared>) -> io::Result<()> {
    loop {
        if watch.wait(None)?.by(STOP) {
            return Ok(());
        }
        match listener.accept() {
            Ok((socket, peer)) => admit(socket, peer, shared),
            Err(error) if is_of_no_account(&error) => {}
            Err(error) => {
                tracing::info!("rfb: a viewer cannot be accepted: {error}");
                std::thread::sleep(PAUSE);
            }
        }
    }
}

fn is_of_no_account(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
    [WouldBlock, Interrupted, ConnectionAborted].contains(&error.kind())
}

fn admit(socket: TcpStream, peer: SocketAddr, shared: &Arc<Shared>) {
    let mut threads = shared.threads.lock().unwrap_or_else(PoisonError::into_inner);
    threads.retain(|thread| !thread.is_finished());
    let Some(admitted) = shared.counts.admit(MOST_VIEWERS) else {
        tracing::info!("rfb: {peer} is turned away: {MOST_VIEWERS} viewers are there already");
        return;
    };
    let number = admitted.number;
    let thread = std::thread::Builder::new().name(format!("rfb-{number}")).spawn({
        let shared = Arc::clone(shared);
        move || {
            tracing::info!("rfb: viewer {number} from {peer}");
            let ended = Connection::open(socket, &shared).and_then(Connection::serve);
            drop(admitted);
            match ended {
                Ok(()) => tracing::info!("rfb: viewer {number} has gone"),
                Err(why) => tracing::info!("rfb: viewer {number} is disconnected: {why}"),
            }
        }
    });
    match thread {
        Ok(thread) => threads.push(thread),
        Err(error) => tracing::info!("rfb: {peer} is turned away: no thread ({error})"),
    }
}
