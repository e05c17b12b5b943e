//! What clients of a control socket can and cannot do to it.

#![allow(clippy::unwrap_used)] // a test may end by a panic

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use daemonkit::client::{CallError, call};
use daemonkit::server::{Answer, Handler, Limits, Peer, Server};

const LIMIT: Duration = Duration::from_secs(20);
/// A server's patience that is to end; enough for a client that does say something.
const SHORT: Duration = Duration::from_secs(1);

/// Answers each line with its length, closes after an empty one.
struct Lengths;

impl Handler for Lengths {
    fn line(&mut self, peer: &Peer, line: &[u8]) -> Answer {
        assert!(peer.may_control());
        assert_eq!(peer.pid, std::process::id());
        if line.is_empty() {
            return Answer::last("bye".into());
        }
        if line == b"long answer" {
            return Answer::more("x".repeat(3_000_000));
        }
        Answer::more(line.len().to_string())
    }

    fn refuse(&mut self, reason: &str) -> String {
        format!("refused: {reason}")
    }
}

struct Fixture {
    server: Option<Server>,
    path: PathBuf,
    _dir: tempfile::TempDir,
}

fn server(patience: Duration) -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let limits = Limits { max_line: 1000, max_connections: 4, patience };
    let server = Server::start(&path, limits, Lengths).unwrap();
    Fixture { server: Some(server), path, _dir: dir }
}

fn everything_said(mut stream: UnixStream) -> String {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut text = String::new();
    // A reset after the last line is as good as an end.
    let _ = stream.read_to_string(&mut text);
    text
}

#[test]
fn answers_lines_one_after_the_other() {
    let fixture = server(LIMIT);
    let mode = std::fs::metadata(&fixture.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut stream = UnixStream::connect(&fixture.path).unwrap();
    stream.write_all(b"abc\nde").unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    stream.write_all(b"fgh\n\nnever read\n").unwrap();
    reader.read_to_string(&mut line).unwrap_or_default();
    assert_eq!(line, "3\n5\nbye\n");
}

#[test]
fn a_long_answer_arrives_whole() {
    let fixture = server(LIMIT);
    let answer = call(&fixture.path, "long answer", LIMIT, 4_000_000).unwrap();
    assert_eq!(answer.len(), 3_000_000);
    let short = call(&fixture.path, "long answer", LIMIT, 1_000_000);
    assert!(matches!(short, Err(CallError::TooLong(1_000_000))), "{short:?}");
}

#[test]
fn a_line_without_end_is_refused_at_its_limit() {
    let fixture = server(LIMIT);
    let mut stream = UnixStream::connect(&fixture.path).unwrap();
    // The server may close before all of it is sent.
    let _ = stream.write_all(&[b'x'; 5000]);
    assert_eq!(everything_said(stream), "refused: line longer than 1000 bytes\n");
    assert_eq!(call(&fixture.path, "four", LIMIT, 100).unwrap(), "4");
}

#[test]
fn half_a_line_and_silence_is_refused_after_the_time() {
    let fixture = server(SHORT);
    let mut stream = UnixStream::connect(&fixture.path).unwrap();
    stream.write_all(b"half").unwrap();
    assert_eq!(everything_said(stream), "refused: no whole line within 1 s\n");
    let silent = UnixStream::connect(&fixture.path).unwrap();
    assert_eq!(everything_said(silent), "");
}

#[test]
fn silent_connections_keep_nobody_out() {
    let fixture = server(LIMIT);
    let silent: Vec<_> = (0..100).map(|_| UnixStream::connect(&fixture.path).unwrap()).collect();
    assert_eq!(call(&fixture.path, "four", LIMIT, 100).unwrap(), "4");
    drop(silent);
    assert_eq!(call(&fixture.path, "four", LIMIT, 100).unwrap(), "4");
}

#[test]
fn a_client_that_never_reads_is_dropped() {
    let fixture = server(SHORT);
    let mut stream = UnixStream::connect(&fixture.path).unwrap();
    stream.write_all(b"long answer\n").unwrap();
    // Its end comes although it took nothing: what follows is a closed connection.
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    while stream.write_all(b"x\n").is_ok() {
        std::thread::yield_now();
    }
    assert_eq!(call(&fixture.path, "four", LIMIT, 100).unwrap(), "4");
}

#[test]
fn says_clearly_when_nobody_answers() {
    let mut fixture = server(LIMIT);
    drop(fixture.server.take());
    assert!(!fixture.path.exists());
    let gone = call(&fixture.path, "x", LIMIT, 100);
    assert!(matches!(gone, Err(CallError::Absent(_))), "{gone:?}");

    // A listener that accepts nobody, as of a stopped process.
    let _deaf = std::os::unix::net::UnixListener::bind(&fixture.path).unwrap();
    let silent = call(&fixture.path, "x", Duration::from_millis(20), 100);
    assert!(matches!(silent, Err(CallError::Silent(_))), "{silent:?}");
}
