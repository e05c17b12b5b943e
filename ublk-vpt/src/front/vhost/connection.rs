//! Accepting connections, one at a time, and what is between two of them.

use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use vhost::vhost_user::{BackendReqHandler, Error};

use super::session::Session;
use super::socket::Listener;
use super::worker::Shared;
use crate::engine::rt;

/// How often it is looked whether the last requests of a connection that is gone are done.
const LOOK: Duration = Duration::from_millis(1);

/// Who is connected.
struct Client {
    stream: UnixStream,
    session: Arc<Mutex<Session>>,
    pid: Option<i32>,
    thread: Option<JoinHandle<()>>,
}

/// What acceptor and owner share.
pub(super) struct Door {
    shared: Arc<Shared>,
    listener: Listener,
    wake: OwnedFd,
    client: Mutex<Option<Client>>,
}

impl Door {
    pub(super) fn new(shared: Arc<Shared>, listener: Listener) -> std::io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC)?;
        Ok(Self { shared, listener, wake, client: Mutex::new(None) })
    }

    pub(super) fn listener(&self) -> &Listener {
        &self.listener
    }

    fn client(&self) -> std::sync::MutexGuard<'_, Option<Client>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process whose guest has the disk, if there is one.
    pub(super) fn user(&self) -> Option<String> {
        let client = self.client();
        let client = client.as_ref().filter(|client| !is_gone(&client.stream))?;
        let (session, pid) = (client.session.clone(), client.pid);
        // A session that is busy has rings: it waits for their end.
        let at_work = session.try_lock().map_or(true, |session| session.has_rings());
        at_work.then(|| named(pid))
    }

    /// Accepts until the end. The error is of the listening socket.
    pub(super) fn run(self: &Arc<Self>, fifo: bool) -> Result<(), String> {
        if fifo {
            // So that no busy program can stop the connection's thread, which inherits this, while it
            // has the lock of a ring.
            let _ = rt::be_fifo();
        }
        let result = loop {
            let mut news = [
                PollFd::new(&self.wake, PollFlags::IN),
                PollFd::new(&self.listener.socket, PollFlags::IN),
            ];
            if let Err(e) = poll(&mut news, None)
                && e != rustix::io::Errno::INTR
            {
                break Err(e.to_string());
            }
            if self.shared.is_closing() {
                break Ok(());
            }
            match self.listener.socket.accept() {
                Ok((stream, _)) => self.admit(stream),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(e) => {
                    tracing::warn!("a connection is lost: {e}");
                    std::thread::sleep(Duration::from_millis(100)); // too many open files, say
                }
            }
        };
        self.end_client();
        result
    }

    /// Ends the connection and the accepting.
    pub(super) fn close(&self) {
        self.shared.closing.store(true, Ordering::Release);
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        if let Some(client) = self.client().as_ref() {
            let _ = client.stream.shutdown(Shutdown::Both);
        }
        self.listener.remove();
    }

    fn admit(self: &Arc<Self>, stream: UnixStream) {
        let pid = peer(&stream);
        let holder = self.client().as_ref().filter(|c| !is_gone(&c.stream)).map(|c| named(c.pid));
        if let Some(holder) = holder {
            tracing::warn!("{} is turned away: {holder}", named_only(pid));
            return;
        }
        self.end_client();
        if let Err(e) = self.begin(stream, pid) {
            tracing::error!("{} is turned away: {e}", named_only(pid));
        }
    }

    fn begin(self: &Arc<Self>, stream: UnixStream, pid: Option<i32>) -> std::io::Result<()> {
        stream.set_nonblocking(false)?;
        let session = Arc::new(Mutex::new(Session::new(self.shared.clone())));
        let mut client =
            Client { stream: stream.try_clone()?, session: session.clone(), pid, thread: None };
        let shared = self.shared.clone();
        let thread = std::thread::Builder::new().name("vhost-user".into());
        // The lock, so that an end that comes now finds a stream to shut down.
        let mut place = self.client();
        client.thread = Some(thread.spawn(move || converse(&shared, stream, session, pid))?);
        if self.shared.is_closing() {
            let _ = client.stream.shutdown(Shutdown::Both);
        }
        *place = Some(client);
        Ok(())
    }

    /// Ends the last client, if it has not gone, and waits for its thread.
    fn end_client(&self) {
        let Some(client) = self.client().take() else { return };
        // Fails when it is gone.
        let _ = client.stream.shutdown(Shutdown::Both);
        if let Some(thread) = client.thread {
            let _ = thread.join(); // a panic there was reported by its own message
        }
    }
}

/// Answers one client until it goes. Returns when nothing of it is inside the engine any more: a write
/// that is late must not come after what the next client writes.
fn converse(
    shared: &Arc<Shared>,
    stream: UnixStream,
    session: Arc<Mutex<Session>>,
    pid: Option<i32>,
) {
    tracing::info!("{} is connected", named_only(pid));
    let end = End { shared, session: &session, stream: stream.try_clone() };
    let mut handler = BackendReqHandler::from_stream(stream, session.clone());
    let why = loop {
        match handler.handle_request() {
            Ok(()) | Err(Error::SocketRetry(_)) => {}
            Err(e) => break e,
        }
    };
    match why {
        Error::Disconnected | Error::SocketBroken(_) => {
            tracing::info!("{} is gone", named_only(pid));
        }
        _ if shared.is_closing() => {}
        other => tracing::warn!("{} is cut off: {other}", named_only(pid)),
    }
    drop(end);
}

/// The end of a client, also of one whose thread panics.
struct End<'a> {
    shared: &'a Shared,
    session: &'a Mutex<Session>,
    stream: std::io::Result<UnixStream>,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).close();
        // There are other descriptors of it: closing ours would not end it.
        if let Ok(stream) = &self.stream {
            let _ = stream.shutdown(Shutdown::Both);
        }
        while !self.shared.room.is_empty() && !self.shared.is_closing() {
            std::thread::sleep(LOOK);
        }
    }
}

fn is_gone(stream: &UnixStream) -> bool {
    let wanted = PollFlags::RDHUP;
    let mut one = [PollFd::from_borrowed_fd(stream.as_fd(), wanted)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    poll(&mut one, Some(&at_once)).is_ok() && one.iter().any(|fd| fd.revents().intersects(gone))
}

fn peer(stream: &UnixStream) -> Option<i32> {
    let credentials = rustix::net::sockopt::socket_peercred(stream).ok()?;
    Some(credentials.pid.as_raw_nonzero().get())
}

fn named_only(pid: Option<i32>) -> String {
    pid.map_or("a client".into(), |pid| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        format!("process {pid} ({})", name.trim())
    })
}

fn named(pid: Option<i32>) -> String {
    format!("{} has it as a disk", named_only(pid))
}
