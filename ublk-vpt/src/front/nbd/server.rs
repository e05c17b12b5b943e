//! The clients of one disk: accepting them, knowing them, ending with them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with, sockopt};

use super::connection::Connection;
use super::export::Export;
use super::link::Link;
use crate::engine::EngineHandle;
use crate::front::OnEnd;

/// Most clients at one time. Each may hold 32 MiB of data.
pub(super) const MOST_CLIENTS: usize = 128;
/// Room for a thread's calls; its buffers are elsewhere.
const STACK_BYTES: usize = 256 * 1024;
/// How long accepting pauses when there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the end waits for clients to take their last answers, and then for their threads.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
const LAST_THREADS: Duration = Duration::from_secs(2);
/// How long a client may be silent before the kernel asks whether it is still there; between two such
/// questions; how many; and how long something may stay unacknowledged.
const IDLE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;
const UNACKNOWLEDGED_MS: u32 = 60_000;
/// How long a client in its handshake may leave an answer untaken.
const SEND_PATIENCE: Duration = Duration::from_secs(10);

/// What all clients share.
pub(super) struct Shared {
    pub(super) export: Export,
    pub(super) engine: EngineHandle,
    /// Most requests of one client inside the disk.
    pub(super) depth: u32,
    pub(super) fifo: bool,
    pub(super) closing: AtomicBool,
    /// By number; a number is free again when its client is gone.
    clients: Mutex<Vec<Option<Arc<Link>>>>,
    left: Condvar,
}

impl Shared {
    pub(super) fn new(export: Export, engine: EngineHandle, depth: u32, fifo: bool) -> Self {
        Self {
            export,
            engine,
            depth,
            fifo,
            closing: AtomicBool::new(false),
            clients: Mutex::new(Vec::new()),
            left: Condvar::new(),
        }
    }

    fn clients(&self) -> MutexGuard<'_, Vec<Option<Arc<Link>>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Vec<Arc<Link>> {
        self.clients().iter().flatten().cloned().collect()
    }

    /// Clients that have the disk and have not hung up.
    pub(super) fn connected(&self) -> usize {
        self.all().iter().filter(|link| link.is_in_use()).count()
    }

    /// A number for a new client; none: there are too many.
    fn admit(&self, link: &Arc<Link>) -> Option<usize> {
        let mut clients = self.clients();
        if self.closing.load(Ordering::Acquire) {
            return None;
        }
        let number = clients.iter().position(Option::is_none).unwrap_or(clients.len());
        if number >= MOST_CLIENTS {
            return None;
        }
        if number == clients.len() {
            clients.push(None);
        }
        clients[number] = Some(Arc::clone(link));
        Some(number)
    }

    fn dismiss(&self, number: usize) {
        if let Some(place) = self.clients().get_mut(number) {
            *place = None;
        }
        self.left.notify_all();
    }

    fn wait_for_all_to_leave(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let mut clients = self.clients();
        while clients.iter().any(Option::is_some) {
            let rest = end.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return false;
            }
            let waited = self.left.wait_timeout(clients, rest);
            clients = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// A running server.
pub(super) struct Server {
    pub(super) shared: Arc<Shared>,
    wake: Arc<OwnedFd>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    /// Starts accepting. `on_end` is called if that breaks off.
    pub(super) fn start(sockets: Vec<OwnedFd>, shared: Shared, on_end: OnEnd) -> io::Result<Self> {
        let shared = Arc::new(shared);
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        for socket in &sockets {
            // One that was there a moment ago may be gone when it is accepted.
            rustix::io::ioctl_fionbio(socket, true)?;
        }
        let acceptor = std::thread::Builder::new().name("nbd".into()).spawn({
            let (shared, wake) = (Arc::clone(&shared), Arc::clone(&wake));
            move || {
                if let Err(e) = accept_all(&sockets, &wake, &shared) {
                    on_end(Err(format!("the NBD server broke off ({e})")));
                }
            }
        })?;
        Ok(Self { shared, wake, acceptor: Mutex::new(Some(acceptor)) })
    }

    /// No more clients; those there get their answers and are disconnected.
    pub(super) fn close(&self) {
        let acceptor = self.acceptor.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(acceptor) = acceptor else { return };
        self.shared.closing.store(true, Ordering::Release);
        // Fails only when the counter is full, and then it is readable anyway.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        let _ = acceptor.join(); // a panic there was reported by its own message
        self.shared.all().iter().for_each(|link| link.stop_receiving());
        if self.shared.wait_for_all_to_leave(LAST_ANSWERS) {
            return;
        }
        let stuck = self.shared.all();
        tracing::info!("clients that do not take their answers are cut off: {}", stuck.len());
        stuck.iter().for_each(|link| link.cut());
        self.shared.wait_for_all_to_leave(LAST_THREADS);
    }
}

fn accept_all(sockets: &[OwnedFd], wake: &OwnedFd, shared: &Arc<Shared>) -> io::Result<()> {
    let mut accept_again = Instant::now();
    loop {
        let pause = accept_again.saturating_duration_since(Instant::now());
        let wanted = if pause.is_zero() { PollFlags::IN } else { PollFlags::empty() };
        let mut fds = vec![PollFd::from_borrowed_fd(wake.as_fd(), PollFlags::IN)];
        fds.extend(sockets.iter().map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), wanted)));
        let timeout = Timespec { tv_sec: 0, tv_nsec: pause.subsec_nanos().into() };
        match poll(&mut fds, (!pause.is_zero()).then_some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        if !fds[0].revents().is_empty() {
            return Ok(());
        }
        let ready: Vec<bool> = fds[1..].iter().map(|fd| !fd.revents().is_empty()).collect();
        for (socket, _) in sockets.iter().zip(ready).filter(|(_, ready)| *ready) {
            match accept_with(socket, SocketFlags::CLOEXEC) {
                Ok(client) => admit(client, shared),
                Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => {}
                Err(e) => {
                    tracing::info!("a client cannot be accepted: {}", io::Error::from(e));
                    accept_again = Instant::now() + PAUSE;
                }
            }
        }
    }
}

/// Starts a client's threads, or hangs up.
fn admit(socket: OwnedFd, shared: &Arc<Shared>) {
    prepare(&socket);
    let link = Arc::new(Link::new(socket, shared.engine.clone(), shared.depth));
    let Some(number) = shared.admit(&link) else {
        tracing::info!("a client is turned away: {MOST_CLIENTS} are connected already");
        return;
    };
    let thread = |name: String| std::thread::Builder::new().name(name).stack_size(STACK_BYTES);
    let started = thread(format!("queue-{number}")).spawn({
        let shared = Arc::clone(shared);
        move || {
            let leaving = Leaving { shared: &shared, number };
            let Shared { export, closing, fifo, .. } = &*shared;
            let writer = thread(format!("nbd-out-{number}")).spawn({
                let (link, fifo) = (Arc::clone(&link), *fifo);
                move || {
                    if fifo {
                        let _ = crate::engine::rt::be_fifo();
                    }
                    link.write();
                }
            });
            match writer {
                Ok(writer) => {
                    let ending = Ending(&link);
                    let connection = Connection { link: &link, export, closing, fifo: *fifo };
                    let why = connection.serve();
                    tracing::debug!("client {number} is gone: {why}");
                    drop(ending);
                    let _ = writer.join(); // a panic there was reported by its own message
                }
                Err(e) => tracing::info!("client {number} has no thread: {e}"),
            }
            drop(leaving);
        }
    });
    if let Err(e) = started {
        tracing::info!("client {number} has no thread: {e}");
        shared.dismiss(number);
    }
}

/// Frees a client's number however its thread ends.
struct Leaving<'a> {
    shared: &'a Shared,
    number: usize,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.shared.dismiss(self.number);
    }
}

/// Ends a client's writer however its receiver ends.
struct Ending<'a>(&'a Link);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Small answers go at once, and a client that has vanished is noticed. Where an option is not for this
/// kind of socket, nothing is missing.
fn prepare(socket: &OwnedFd) {
    let _ = sockopt::set_socket_timeout(socket, sockopt::Timeout::Send, Some(SEND_PATIENCE));
    let _ = sockopt::set_tcp_nodelay(socket, true);
    let _ = sockopt::set_socket_keepalive(socket, true);
    let _ = sockopt::set_tcp_keepidle(socket, IDLE);
    let _ = sockopt::set_tcp_keepintvl(socket, INTERVAL);
    let _ = sockopt::set_tcp_keepcnt(socket, PROBES);
    let _ = sockopt::set_tcp_user_timeout(socket, UNACKNOWLEDGED_MS);
}
