//! The daemon's side of a control socket: one thread that answers lines with lines.
//!
//! ```text
//!   client --line--> [ poll(2): listener, wake-up, connections ] --Handler::line--> answer --> client
//! ```
//!
//! Whatever clients do costs the rest of the daemon nothing: a line has a largest size and a longest
//! time, there is a largest number of connections (the one that has been silent longest gives way to a
//! new one), and a client that does not read its answer is not answered again.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::{Mode, fchmod};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::connection::{Connection, Fate};
use crate::wait::timespec;

/// Clients that may wait to be accepted.
const BACKLOG: i32 = 64;

/// What a client may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest line in bytes, its end included.
    pub max_line: usize,
    /// Most connections at one time.
    pub max_connections: usize,
    /// Longest time for a whole line to come or an answer to be taken.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_line: 64 * 1024, max_connections: 16, patience: Duration::from_secs(5) }
    }
}

/// Who is on the other side, by the kernel's word (SO_PEERCRED).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Process id at the time of connecting.
    pub pid: u32,
    /// Effective user id at the time of connecting.
    pub uid: u32,
}

impl Peer {
    /// Whether it may change things here: root, or the user this process runs as.
    pub fn may_control(&self) -> bool {
        self.uid == 0 || self.uid == rustix::process::geteuid().as_raw()
    }
}

/// What to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// One line, without its end.
    pub line: String,
    /// Close the connection after it.
    pub close: bool,
}

impl Answer {
    /// An answer that expects more questions.
    pub fn more(line: String) -> Self {
        Self { line, close: false }
    }

    /// An answer that ends the conversation.
    pub fn last(line: String) -> Self {
        Self { line, close: true }
    }
}

/// What the service does with lines. Runs on the server's thread: it must not block for long.
pub trait Handler: Send {
    /// One line came, without its end; any bytes.
    fn line(&mut self, peer: &Peer, line: &[u8]) -> Answer;
    /// The line that tells a client that its request is refused, for this reason.
    fn refuse(&mut self, reason: &str) -> String;
}

/// A running server; [`Self::stop`] or dropping it ends it and removes the socket.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    wake: Arc<OwnedFd>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// Listens on a socket at `path`, usable by this user and root only (mode 0600), in the place of
    /// whatever socket a dead process left there.
    ///
    /// # Errors
    /// The socket cannot be made, or the thread. A socket's path has at most 108 bytes, those of its
    /// temporary name included, which is longer by two dots and the process id.
    pub fn start(path: &Path, limits: Limits, handler: impl Handler + 'static) -> io::Result<Self> {
        let listener = bind(path)?;
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let thread = std::thread::Builder::new().name("control".into()).spawn({
            let wake = Arc::clone(&wake);
            move || Loop { listener, wake, limits, connections: Vec::new() }.run(handler)
        })?;
        Ok(Self { path: path.to_owned(), wake, thread: Some(thread) })
    }

    /// Ends the thread after the answer it is at, and removes the socket.
    pub fn stop(self) {}
}

impl Drop for Server {
    fn drop(&mut self) {
        // New clients are to find no socket rather than one that nobody reads.
        let _ = std::fs::remove_file(&self.path);
        let woken = rustix::io::write(&self.wake, &1_u64.to_ne_bytes()).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            // Ended by a panic at worst, which has been printed.
            let _ = thread.join();
        }
    }
}

/// Binds under a temporary name and renames, so that a socket of a dead process is replaced in one step.
///
/// The mode is the socket's own before it has a name, which Linux keeps: under no name and at no moment
/// may others connect.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let temporary = crate::atomic::beside(path);
    let address = SocketAddrUnix::new(&temporary)?;
    let _ = std::fs::remove_file(&temporary); // left by a crash of a process with our id
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    net::bind(&socket, &address)?;
    net::listen(&socket, BACKLOG)?;
    if let Err(e) = std::fs::rename(&temporary, path) {
        // The reason that is told is the first one.
        let _ = std::fs::remove_file(&temporary);
        return Err(e);
    }
    Ok(socket.into())
}

struct Loop {
    listener: UnixListener,
    wake: Arc<OwnedFd>,
    limits: Limits,
    connections: Vec<Connection>,
}

impl Loop {
    fn run(mut self, mut handler: impl Handler) {
        // Set when accepting failed for want of descriptors: polling on would spin.
        let mut accept_again = Instant::now();
        loop {
            let now = Instant::now();
            let listening = now >= accept_again;
            let ready = match self.wait(now, listening) {
                Ok(ready) => ready,
                Err(e) => {
                    tracing::error!("control socket: poll failed, no longer answering: {e}");
                    return;
                }
            };
            if ready.woken {
                return;
            }
            let now = Instant::now();
            self.serve(now, &ready.connections, &mut handler);
            if ready.listener
                && let Err(e) = self.accept(now)
            {
                tracing::warn!("control socket: cannot accept: {e}");
                accept_again = now + Duration::from_millis(200);
            }
        }
    }

    fn wait(&self, now: Instant, listening: bool) -> io::Result<Ready> {
        let listen_flags = if listening { PollFlags::IN } else { PollFlags::empty() };
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.wake.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.listener.as_fd(), listen_flags),
        ];
        fds.extend(self.connections.iter().map(|c| {
            let flags = if c.wants_to_write() { PollFlags::OUT } else { PollFlags::IN };
            PollFd::from_borrowed_fd(c.stream.as_fd(), flags)
        }));
        let next = self.connections.iter().map(|c| c.deadline.saturating_duration_since(now)).min();
        let pause = (!listening).then_some(Duration::from_millis(200));
        let timeout = next.into_iter().chain(pause).min().map(timespec);
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let came = |fd: &PollFd<'_>| !fd.revents().is_empty();
        Ok(Ready {
            woken: came(&fds[0]),
            listener: came(&fds[1]),
            connections: fds[2..].iter().map(came).collect(),
        })
    }

    fn serve(&mut self, now: Instant, ready: &[bool], handler: &mut dyn Handler) {
        let limits = self.limits;
        let mut ready = ready.iter();
        self.connections.retain_mut(|connection| {
            let fate = match ready.next() {
                Some(true) if connection.wants_to_write() => connection.writable(),
                Some(true) => connection.readable(now, &limits, handler),
                _ => Fate::Keep,
            };
            if fate == Fate::Keep && now >= connection.deadline {
                connection.expire(&limits, handler);
                return false;
            }
            fate == Fate::Keep
        });
    }

    fn accept(&mut self, now: Instant) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                    ) =>
                {
                    continue;
                }
                Err(e) => return Err(e),
            };
            if self.connections.len() >= self.limits.max_connections {
                // Somebody who opens connections and is silent must not keep others out.
                let oldest = self.connections.iter().enumerate().min_by_key(|(_, c)| c.deadline);
                if let Some(index) = oldest.map(|(index, _)| index) {
                    self.connections.remove(index);
                }
            }
            // A client that is gone already is no reason to stop accepting.
            if let Ok(connection) = Connection::new(stream, now, &self.limits) {
                self.connections.push(connection);
            }
        }
    }
}

struct Ready {
    woken: bool,
    listener: bool,
    connections: Vec<bool>,
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn is_for_its_owner_and_in_the_place_of_a_dead_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sock");
        drop(UnixListener::bind(&path).unwrap());
        let _listener = bind(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{mode:o}");
        std::os::unix::net::UnixStream::connect(&path).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_path_has_room_for_the_temporary_name() {
        let dir = tempfile::tempdir().unwrap();
        let more = 2 + std::process::id().to_string().len();
        let room = 108 - more - dir.path().as_os_str().len() - 1;
        bind(&dir.path().join("x".repeat(room))).unwrap();
        assert!(bind(&dir.path().join("x".repeat(room + 1))).is_err());
        let first = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(first, 1, "something is left");
    }
}
