//! One client of the control socket: bytes in, lines out, within limits.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use crate::server::{Answer, Handler, Limits, Peer};

/// Whether a connection is still wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Keep,
    Close,
}

/// A connected client.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: UnixStream,
    peer: Peer,
    input: Vec<u8>,
    output: VecDeque<u8>,
    /// When it is closed if nothing whole has come (or gone) by then.
    pub(crate) deadline: Instant,
    closing: bool,
}

impl Connection {
    pub(crate) fn new(stream: UnixStream, now: Instant, limits: &Limits) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let credentials = rustix::net::sockopt::socket_peercred(&stream)?;
        let peer = Peer {
            pid: credentials.pid.as_raw_nonzero().get().unsigned_abs(),
            uid: credentials.uid.as_raw(),
        };
        Ok(Self {
            stream,
            peer,
            input: Vec::new(),
            output: VecDeque::new(),
            deadline: now + limits.patience,
            closing: false,
        })
    }

    pub(crate) fn wants_to_write(&self) -> bool {
        !self.output.is_empty()
    }

    /// Takes what has come and answers every whole line.
    pub(crate) fn readable(
        &mut self,
        now: Instant,
        limits: &Limits,
        handler: &mut dyn Handler,
    ) -> Fate {
        // A client that sends without reading its answers gets no more of them.
        if self.closing || self.wants_to_write() {
            return Fate::Keep;
        }
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => return Fate::Close,
            Ok(n) => self.input.extend_from_slice(&chunk[..n]),
            Err(e) if is_transient(&e) => return Fate::Keep,
            Err(_) => return Fate::Close,
        }
        while let Some(end) = self.input.iter().position(|&b| b == b'\n') {
            let line: Vec<u8> = self.input.drain(..=end).collect();
            let answer = if line.len() > limits.max_line {
                Answer::last(handler.refuse(&too_long(limits)))
            } else {
                handler.line(&self.peer, &line[..end])
            };
            self.deadline = now + limits.patience;
            self.say(answer);
            if self.closing {
                return self.writable();
            }
        }
        if self.input.len() > limits.max_line {
            self.say(Answer::last(handler.refuse(&too_long(limits))));
        }
        self.writable()
    }

    /// Its time is over: the reason is told if it had begun to say something.
    pub(crate) fn expire(&mut self, limits: &Limits, handler: &mut dyn Handler) {
        if !self.input.is_empty() && !self.closing {
            let reason = format!("no whole line within {} s", limits.patience.as_secs_f64());
            self.say(Answer::last(handler.refuse(&reason)));
            self.writable();
        }
    }

    /// Sends as much as the client takes now.
    pub(crate) fn writable(&mut self) -> Fate {
        while !self.output.is_empty() {
            let (front, _) = self.output.as_slices();
            match self.stream.write(front) {
                Ok(0) => return Fate::Close,
                Ok(n) => drop(self.output.drain(..n)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if is_transient(&e) => return Fate::Keep,
                Err(_) => return Fate::Close,
            }
        }
        if self.closing { Fate::Close } else { Fate::Keep }
    }

    fn say(&mut self, answer: Answer) {
        self.output.extend(answer.line.as_bytes());
        self.output.push_back(b'\n');
        self.closing |= answer.close;
    }
}

fn too_long(limits: &Limits) -> String {
    format!("line longer than {} bytes", limits.max_line)
}

fn is_transient(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
