//! The asking side of a control socket.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::wait;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No socket there, or nobody listens on it.
    #[error("nobody listens on {0}")]
    Absent(String),
    /// The socket is another user's.
    #[error("no permission for {0}: it belongs to another user")]
    Denied(String),
    /// Nothing came within the time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    Silent(Duration),
    /// The other side closed the connection without a whole line.
    #[error("the connection was closed before a whole answer came")]
    Closed,
    /// The answer is longer than it may be.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// Anything else.
    #[error("control socket")]
    Io(#[from] io::Error),
}

/// Sends `line` to the socket at `path` and returns the line that comes back, both without their end.
///
/// `patience` covers everything: connecting, sending, waiting.
///
/// # Errors
/// See [`CallError`].
pub fn call(
    path: &Path,
    line: &str,
    patience: Duration,
    max_answer: usize,
) -> Result<String, CallError> {
    let end = Instant::now() + patience;
    let silent = || CallError::Silent(patience);
    let mut stream = connect(path, end)?.ok_or_else(silent)?;
    let mut text = line.as_bytes().to_vec();
    text.push(b'\n');
    let mut rest = &text[..];
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(n) => rest = &rest[n..],
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                if !wait::until(&stream, PollFlags::OUT, end)? {
                    return Err(silent());
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // It closed on us, perhaps with a reason that is still to be read.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => break,
            Err(e) => return Err(e.into()),
        }
    }
    let mut answer = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return Err(CallError::Closed),
            Ok(n) => {
                let searched = answer.len();
                answer.extend_from_slice(&chunk[..n]);
                if let Some(at) = answer[searched..].iter().position(|&b| b == b'\n') {
                    answer.truncate(searched + at);
                    return String::from_utf8(answer)
                        .map_err(|e| CallError::Io(io::Error::other(e)));
                }
                if answer.len() > max_answer {
                    return Err(CallError::TooLong(max_answer));
                }
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                if !wait::until(&stream, PollFlags::IN, end)? {
                    return Err(silent());
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return Err(CallError::Closed),
            Err(e) => return Err(e.into()),
        }
    }
}

/// A non-blocking connection, or nothing if the listener's queue stayed full until `end`.
fn connect(path: &Path, end: Instant) -> Result<Option<UnixStream>, CallError> {
    let name = || path.display().to_string();
    let address = SocketAddrUnix::new(path).map_err(io::Error::from)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .map_err(io::Error::from)?;
    loop {
        match rustix::net::connect(&socket, &address) {
            Ok(()) => return Ok(Some(UnixStream::from(socket))),
            Err(Errno::INTR) => {}
            // A stopped daemon accepts nobody: its queue fills, and poll does not tell when it empties.
            Err(Errno::AGAIN) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(Errno::AGAIN) => return Ok(None),
            Err(Errno::NOENT | Errno::CONNREFUSED) => return Err(CallError::Absent(name())),
            Err(Errno::ACCESS | Errno::PERM) => return Err(CallError::Denied(name())),
            Err(errno) => return Err(io::Error::from(errno).into()),
        }
    }
}
