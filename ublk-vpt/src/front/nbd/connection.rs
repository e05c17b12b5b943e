//! One client: the handshake, then its requests, until it goes. Runs on the client's own thread, so
//! that whatever a client does or leaves undone costs nobody else anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{SendFlags, send};
use vpt_model::Op;

use super::export::{Command, Export, Judgement};
use super::handshake::{Handshake, Turn, greeting};
use super::input::{Came, Input};
use super::link::{Link, Reply};
use super::wire::codes::NbdError;
use super::wire::reply;
use super::wire::request::Request;
use crate::engine::{Completion, IoRequest, now, rt};

/// How long a client may take to choose an export.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// What a request costs beside its data, bytes.
const OVERHEAD: u64 = 512;
/// Reads of what came in while the server was ending, for it to be refused and not be lost.
const LAST_READS: usize = 64;

/// A client's thread.
pub(super) struct Connection<'a> {
    pub(super) link: &'a Arc<Link>,
    pub(super) export: &'a Export,
    /// The server is ending: refuse what comes.
    pub(super) closing: &'a AtomicBool,
    /// Receive as SCHED_FIFO, as the engine runs.
    pub(super) fifo: bool,
}

impl Connection<'_> {
    /// Serves the client to its end. Why it ended, for the log.
    pub(super) fn serve(&self) -> String {
        let mut input = Input::new();
        let structured = match self.shake_hands(&mut input) {
            Ok(structured) => structured,
            Err(why) => return why,
        };
        if self.fifo {
            // A late receiver would stamp requests late.
            let _ = rt::be_fifo();
        }
        // From now on only the client's own writer waits for it, and as long as it must.
        let _ = set_socket_timeout(&self.link.socket, Timeout::Send, None);
        self.link.serving.store(true, Ordering::Release);
        let why = match self.receive(&mut input, structured) {
            Ok(why) => why.to_owned(),
            Err(e) => e.to_string(),
        };
        self.link.hold(false);
        self.link.drain();
        why
    }

    fn shake_hands(&self, input: &mut Input) -> Result<bool, String> {
        let deadline = Instant::now() + HANDSHAKE;
        self.say(&greeting())?;
        let mut handshake = Handshake::new(self.export);
        let mut out = Vec::new();
        loop {
            let (taken, turn) = handshake.step(input.bytes(), &mut out);
            input.take(taken);
            self.say(&out)?;
            out.clear();
            match turn {
                Turn::Next if Instant::now() < deadline => continue,
                Turn::Next => return Err("the handshake took too long".into()),
                Turn::Serve { structured } => return Ok(structured),
                Turn::End(why) => return Err(why.into()),
                Turn::More => {}
            }
            match input.fill_until(&self.link.socket, deadline) {
                Ok(Came::Bytes) => {}
                Ok(Came::End) => return Err("gone during the handshake".into()),
                Ok(Came::Late) => return Err("the handshake took too long".into()),
                Err(e) => return Err(e.to_string()),
            }
        }
    }

    /// During the handshake only; the socket has a time limit for that.
    fn say(&self, bytes: &[u8]) -> Result<(), String> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match send(&self.link.socket, rest, SendFlags::NOSIGNAL) {
                Ok(sent) => rest = &rest[sent..],
                Err(Errno::INTR) => {}
                Err(e) => return Err(e.to_string()),
            }
        }
        Ok(())
    }

    fn receive(&self, input: &mut Input, structured: bool) -> Result<&'static str, Errno> {
        let socket = &self.link.socket;
        let mut last_reads = 0;
        loop {
            while input.has(Request::BYTES) {
                let Some(request) = Request::parse(input.bytes()) else {
                    return Ok("no request of the protocol");
                };
                input.take(Request::BYTES);
                self.link.hold(input.has(Request::BYTES));
                if let Some(why) = self.request(&request, structured, input)? {
                    return Ok(why);
                }
            }
            self.link.flush();
            let came = if self.closing.load(Ordering::Acquire) {
                last_reads += 1;
                if last_reads > LAST_READS {
                    return Ok("the disk is ending");
                }
                input.fill_now(socket)?
            } else {
                input.fill(socket)?
            };
            match came {
                Came::Bytes => {}
                Came::Late => return Ok("the disk is ending"),
                Came::End => return Ok("hung up"),
            }
        }
    }

    /// One request. A reason: it was the last one.
    fn request(
        &self,
        request: &Request,
        structured: bool,
        input: &mut Input,
    ) -> Result<Option<&'static str>, Errno> {
        const HUNG_UP: &str = "hung up in the middle of a write";
        let socket = &self.link.socket;
        let cookie = request.cookie;
        let command = match self.export.judge(request, structured) {
            Judgement::Do(command) => command,
            Judgement::End => return Ok(Some("disconnected")),
            Judgement::Cut(why) => return Ok(Some(why)),
            Judgement::Refuse { error, why, dropped } => {
                if dropped > 0 {
                    self.link.flush(); // it may take its time
                    if !input.skip(socket, dropped as usize)? {
                        return Ok(Some(HUNG_UP));
                    }
                }
                return Ok(self.refuse(cookie, structured, error, why));
            }
        };
        let carries = matches!(command.op, Op::Read | Op::Write { .. });
        let charge = OVERHEAD + if carries { u64::from(command.len) } else { 0 };
        let mut buf = Vec::new();
        if carries {
            buf = self.link.engine.buffer(command.len as usize);
        }
        if matches!(command.op, Op::Write { .. }) {
            if !input.has(buf.len()) {
                self.link.flush();
            }
            // Only whole writes reach the disk.
            if !input.read(socket, &mut buf)? {
                return Ok(Some(HUNG_UP));
            }
        }
        if self.closing.load(Ordering::Acquire) {
            return Ok(self.refuse(cookie, structured, NbdError::Shutdown, "the disk is ending"));
        }
        if !self.link.enter(charge) {
            return Ok(Some("gone"));
        }
        self.submit(Order { cookie, command, structured, charge }, buf);
        Ok(None)
    }

    fn refuse(
        &self,
        cookie: u64,
        structured: bool,
        error: NbdError,
        why: &str,
    ) -> Option<&'static str> {
        if !self.link.enter(OVERHEAD) {
            return Some("gone");
        }
        self.link.answer(failure(cookie, structured, error, why, OVERHEAD));
        None
    }

    fn submit(&self, order: Order, buf: Vec<u8>) {
        let Command { op, offset, len, then_flush } = order.command;
        let link = Arc::clone(self.link);
        let completer = Box::new(move |done: Completion| match done.result {
            Ok(()) if then_flush => flush_then_answer(link, order),
            _ => link.answer(order.reply(done)),
        });
        let arrival = now();
        let len = u64::from(len);
        let request = IoRequest { op, offset, len, buf, arrival, completer };
        // Only this client waits for this thread.
        self.link.engine.submit_patiently(request);
    }
}

/// A request on its way through the engine.
#[derive(Clone, Copy)]
struct Order {
    cookie: u64,
    command: Command,
    structured: bool,
    charge: u64,
}

impl Order {
    fn reply(&self, done: Completion) -> Reply {
        let Self { cookie, command, structured, charge } = *self;
        match done.result {
            Err(e) => {
                let error = NbdError::of_errno(e.raw());
                failure(cookie, structured, error, &e.to_string(), charge)
            }
            Ok(()) if command.op == Op::Read => {
                let head = reply::data(cookie, structured, command.offset, command.len);
                Reply::new(head, done.buf, command.len as usize, charge)
            }
            // The data of a write goes back to the engine with the reply.
            Ok(()) => Reply::new(reply::done(cookie), done.buf, 0, charge),
        }
    }
}

fn failure(cookie: u64, structured: bool, error: NbdError, why: &str, charge: u64) -> Reply {
    let (head, len) = reply::error(cookie, structured, error, why);
    Reply::new(head, why.as_bytes().to_vec(), len, charge)
}

/// For an operation that has no FUA of its own.
fn flush_then_answer(link: Arc<Link>, order: Order) {
    let engine = link.engine.clone();
    engine.submit(IoRequest {
        op: Op::Flush,
        offset: 0,
        len: 0,
        buf: Vec::new(),
        arrival: now(),
        completer: Box::new(move |done: Completion| link.answer(order.reply(done))),
    });
}
