//! The thread that answers `GET /metrics`.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::MetricsAddress;

/// The content type of the text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Longest request head.
const MAX_HEAD: usize = 4096;
/// How long a client may take to ask, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to leave a listener alone that cannot accept (out of descriptors).
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// Answers until it is dropped, which removes its socket.
#[derive(Debug)]
pub struct MetricsServer {
    path: Option<PathBuf>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl MetricsServer {
    /// Listens at `address` and answers with what `metrics` says at the time.
    ///
    /// # Errors
    /// The socket cannot be made or its place is taken, or there is no thread to be had.
    pub fn start(
        address: &MetricsAddress,
        metrics: impl Fn() -> String + Send + 'static,
    ) -> io::Result<Self> {
        let (listener, path) = match address {
            MetricsAddress::Unix(path) => (Listener::Unix(bind(path)?), Some(path.clone())),
            MetricsAddress::Tcp(address) => (Listener::Tcp(TcpListener::bind(address)?), None),
        };
        listener.set_nonblocking()?;
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let thread = std::thread::Builder::new().name("metrics".into()).spawn({
            let wake = Arc::clone(&wake);
            move || run(&listener, &wake, &metrics)
        });
        let thread = thread.inspect_err(|_| remove(path.as_deref()))?;
        Ok(Self { path, wake, thread: Some(thread) })
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        remove(self.path.as_deref());
        let woken = rustix::io::write(&self.wake, &1_u64.to_ne_bytes()).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join(); // ended by a panic at worst, which has been printed
        }
    }
}

fn remove(path: Option<&Path>) {
    if let Some(path) = path {
        let _ = std::fs::remove_file(path); // gone already is as good
    }
}

/// A socket that a dead process left is replaced; one that answers, or another kind of file, is not.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let listener = match UnixListener::bind(path) {
        Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
            let is_socket = std::fs::symlink_metadata(path)?.file_type().is_socket();
            if !is_socket || UnixStream::connect(path).is_ok() {
                return Err(e);
            }
            std::fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        other => other?,
    };
    // Everybody who reaches it may look: there are only figures, and nothing can be changed.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

enum Client {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Listener {
    fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Unix(listener) => listener.set_nonblocking(true),
            Self::Tcp(listener) => listener.set_nonblocking(true),
        }
    }

    fn accept(&self) -> io::Result<Client> {
        Ok(match self {
            Self::Unix(listener) => Client::Unix(listener.accept()?.0),
            Self::Tcp(listener) => Client::Tcp(listener.accept()?.0),
        })
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(listener) => listener.as_fd(),
            Self::Tcp(listener) => listener.as_fd(),
        }
    }
}

impl Client {
    /// Every single read and write from now on ends by `end`.
    fn hurry(&self, end: Instant) -> io::Result<()> {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let left = Some(left);
        match self {
            Self::Unix(s) => s.set_read_timeout(left).and_then(|()| s.set_write_timeout(left)),
            Self::Tcp(s) => s.set_read_timeout(left).and_then(|()| s.set_write_timeout(left)),
        }
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buf),
            Self::Tcp(stream) => stream.read(buf),
        }
    }

    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(buf),
            Self::Tcp(stream) => stream.write(buf),
        }
    }
}

fn run(listener: &Listener, wake: &OwnedFd, metrics: &dyn Fn() -> String) {
    let mut pause = None;
    loop {
        let flags = if pause.is_none() { PollFlags::IN } else { PollFlags::empty() };
        let mut fds =
            [PollFd::new(wake, PollFlags::IN), PollFd::from_borrowed_fd(listener.as_fd(), flags)];
        // A signal ends it early, which costs one more round.
        let _ = poll(&mut fds, pause.take().as_ref());
        if !fds[0].revents().is_empty() {
            return;
        }
        match listener.accept() {
            // What becomes of one client is no concern of the next.
            Ok(mut client) => drop(answer(&mut client, metrics)),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => {
                tracing::warn!("metrics: cannot accept: {e}");
                pause = Some(PAUSE);
            }
        }
    }
}

fn answer(client: &mut Client, metrics: &dyn Fn() -> String) -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|w| w == b"\r\n\r\n") && !head.windows(2).any(|w| w == b"\n\n") {
        client.hurry(end)?;
        match client.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(n) => head.extend_from_slice(&chunk[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
        if head.len() > MAX_HEAD {
            return respond(client, end, Reply::refusal("431 Request Header Fields Too Large"));
        }
    }
    respond(client, end, reply(&head, metrics))
}

struct Reply {
    status: &'static str,
    kind: &'static str,
    body: String,
    headers_only: bool,
}

impl Reply {
    fn refusal(status: &'static str) -> Self {
        let body = format!("{status}: GET /metrics is all there is\n");
        Self { status, kind: "text/plain; charset=utf-8", body, headers_only: false }
    }
}

fn reply(head: &[u8], metrics: &dyn Fn() -> String) -> Reply {
    let head = String::from_utf8_lossy(head);
    let mut words = head.lines().next().unwrap_or("").split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let target = target.map(|t| t.split('?').next().unwrap_or(t));
    match (method, target, version) {
        (_, _, None) => Reply::refusal("400 Bad Request"),
        (_, _, Some(version)) if !version.starts_with("HTTP/1.") => {
            Reply::refusal("400 Bad Request")
        }
        (Some(method @ ("GET" | "HEAD")), Some("/metrics"), _) => Reply {
            status: "200 OK",
            kind: TEXT_FORMAT,
            body: metrics(),
            headers_only: method == "HEAD",
        },
        (Some("GET" | "HEAD"), _, _) => Reply::refusal("404 Not Found"),
        _ => Reply::refusal("405 Method Not Allowed"),
    }
}

fn respond(client: &mut Client, end: Instant, reply: Reply) -> io::Result<()> {
    let Reply { status, kind, body, headers_only } = reply;
    let length = body.len();
    let mut text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    if !headers_only {
        text.push_str(&body);
    }
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        client.hurry(end)?;
        match client.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => rest = &rest[n..],
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(dir: &Path) -> (MetricsServer, PathBuf) {
        let path = dir.join("m");
        let address = MetricsAddress::Unix(path.clone());
        (MetricsServer::start(&address, || "a 1\n".into()).unwrap(), path)
    }

    fn ask(path: &Path, request: &[u8]) -> String {
        let mut stream = UnixStream::connect(path).unwrap();
        // It may answer and close before it has read all of a request that is too long.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    #[test]
    fn answers_what_it_has_and_refuses_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let (server, path) = serve(dir.path());
        let said = ask(&path, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(said.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"));
        assert!(said.ends_with("Content-Length: 4\r\nConnection: close\r\n\r\na 1\n"), "{said}");
        assert!(ask(&path, b"HEAD /metrics HTTP/1.0\r\n\r\n").ends_with("\r\n\r\n"));
        for (request, status) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "404"),
            (b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
            (b"\x00\xff\n\n", "400"),
            (b"GET /metrics\r\n\r\n", "400"),
        ] {
            assert!(ask(&path, request).starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}");
        }
        // As long as its buffers: it reads all of it and has nothing left to reset the connection for.
        assert!(ask(&path, &[b'a'; 5 * 1024]).starts_with("HTTP/1.1 431 "));
        drop(server);
        assert!(!path.exists());
    }

    #[test]
    fn a_silent_client_does_not_keep_others_out() {
        let dir = tempfile::tempdir().unwrap();
        let (_server, path) = serve(dir.path());
        let _silent = UnixStream::connect(&path).unwrap();
        let begun = Instant::now();
        assert!(ask(&path, b"GET /metrics HTTP/1.1\r\n\r\n").contains("200 OK"));
        assert!(begun.elapsed() >= PATIENCE / 2, "the silent one was not even served first");
    }

    #[test]
    fn a_dead_socket_is_replaced_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(dir.path().join("m")).unwrap());
        let (_server, path) = serve(dir.path());
        let again = MetricsServer::start(&MetricsAddress::Unix(path), String::new);
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let file = dir.path().join("file");
        std::fs::write(&file, "mine").unwrap();
        assert!(MetricsServer::start(&MetricsAddress::Unix(file.clone()), String::new).is_err());
        assert_eq!(std::fs::read_to_string(file).unwrap(), "mine");
    }
}
