//! One connection's way out: replies from whatever thread completes, at most so many requests inside.
//!
//! ```text
//!   receiver ──enter──> engine ──answer──> queue ──> sendmsg, without waiting, on the completing thread
//!      ^                                     '─ socket full ─> the connection's own writer, which waits
//!      '──── room: a request has left when its reply is with the kernel
//! ```
//!
//! Whoever adds a reply sends what is queued, unless somebody is sending already: that one takes it
//! along. The timekeeper completes for all clients, so it must wait for none: what a socket does not
//! take at once is left to the writer, and so is what others add all the time.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rustix::net::{SendAncillaryBuffer, SendFlags, Shutdown, sendmsg, shutdown};

use super::wire::reply::Head;
use crate::engine::EngineHandle;

/// Data of one connection's requests, bytes; one larger request may be inside alone.
const MOST_BYTES: u64 = 32 << 20;
/// Replies for one call of sendmsg.
const BATCH: usize = 32;
/// How often a thread sends what others have added meanwhile.
const ROUNDS: usize = 4;
/// Replies that the receiver collects before it sends, while there are more requests to take.
const HELD: usize = 8;

thread_local! {
    /// The connection whose receiver this thread is, while it has more requests to take.
    static HOLDING: Cell<usize> = const { Cell::new(0) };
}

/// A reply on its way.
#[derive(Debug)]
pub(super) struct Reply {
    head: Head,
    /// Data of a read, or the text of an error.
    data: Vec<u8>,
    /// Bytes of `data` that belong to it.
    len: usize,
    /// Bytes that are with the kernel already.
    sent: usize,
    /// What its request was charged for.
    charge: u64,
}

impl Reply {
    /// A head and the first `len` bytes of `data`, for a request that was charged with `charge` bytes.
    pub(super) fn new(head: Head, data: Vec<u8>, len: usize, charge: u64) -> Self {
        let len = len.min(data.len());
        Self { head, data, len, sent: 0, charge }
    }

    fn bytes(&self) -> usize {
        self.head.bytes().len() + self.len
    }

    /// What is still to be sent.
    fn rest(&self) -> [&[u8]; 2] {
        let head = self.head.bytes();
        let in_head = self.sent.min(head.len());
        [&head[in_head..], &self.data[self.sent - in_head..self.len]]
    }
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Nobody,
    /// A thread that completes.
    Passing,
    /// The connection's own.
    Writer,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Reply>,
    sender: Sender,
    /// Requests between the receiver and the kernel's socket.
    inside: u32,
    inside_bytes: u64,
    /// Somebody waits for room.
    awaited: bool,
    /// Nothing can be sent any more.
    broken: bool,
    /// The receiver has ended, and so shall the writer.
    over: bool,
}

/// See the module.
pub(super) struct Link {
    pub(super) socket: OwnedFd,
    pub(super) engine: EngineHandle,
    /// Most requests inside.
    depth: u32,
    state: Mutex<State>,
    /// A request has left.
    room: Condvar,
    /// There is work for the writer.
    work: Condvar,
    /// The client has the disk.
    pub(super) serving: AtomicBool,
}

enum Sent {
    All,
    Part,
    Broken,
}

impl Link {
    pub(super) fn new(socket: OwnedFd, engine: EngineHandle, depth: u32) -> Self {
        let state = State {
            queue: VecDeque::new(),
            sender: Sender::Nobody,
            inside: 0,
            inside_bytes: 0,
            awaited: false,
            broken: false,
            over: false,
        };
        Self {
            socket,
            engine,
            depth: depth.max(1),
            state: Mutex::new(state),
            room: Condvar::new(),
            work: Condvar::new(),
            serving: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request in, once there is room for it. False: the connection is broken.
    pub(super) fn enter(&self, charge: u64) -> bool {
        let mut state = self.lock();
        loop {
            if state.broken {
                return false;
            }
            let fits = state.inside_bytes == 0 || state.inside_bytes + charge <= MOST_BYTES;
            if state.inside < self.depth && fits {
                state.inside += 1;
                state.inside_bytes += charge;
                return true;
            }
            if state.sender == Sender::Nobody && !state.queue.is_empty() {
                // What is held back would never make room.
                state = self.send_queued(state);
            } else {
                state = self.wait_for_room(state);
            }
        }
    }

    fn wait_for_room<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.awaited = true;
        self.room.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has left, or none ever will. Telling nobody would still be a system call.
    fn tell_room(&self, state: &mut State) {
        if std::mem::take(&mut state.awaited) {
            self.room.notify_all();
        }
    }

    /// Queues a reply and sends, except from the receiver while it has more to take.
    pub(super) fn answer(&self, reply: Reply) {
        let mut state = self.lock();
        if state.broken {
            state.inside -= 1;
            state.inside_bytes -= reply.charge;
            self.tell_room(&mut state);
            return;
        }
        state.queue.push_back(reply);
        let is_held = HOLDING.get() == self.key() && state.queue.len() < HELD;
        if !is_held {
            drop(self.send_queued(state));
        }
    }

    /// From now on the receiver's own answers may wait for the next ones.
    pub(super) fn hold(&self, hold: bool) {
        HOLDING.set(if hold { self.key() } else { 0 });
    }

    /// Sends what was held back.
    pub(super) fn flush(&self) {
        drop(self.send_queued(self.lock()));
    }

    fn key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Sends what is queued without waiting for the client.
    fn send_queued<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if state.sender != Sender::Nobody || state.broken || state.queue.is_empty() {
            return state;
        }
        state.sender = Sender::Passing;
        for _ in 0..ROUNDS {
            let sent;
            (state, sent) = self.send_batch(state, SendFlags::DONTWAIT);
            match sent {
                Sent::All if state.queue.is_empty() => {
                    state.sender = Sender::Nobody;
                    return state;
                }
                Sent::All => {}
                Sent::Part => break,
                Sent::Broken => return state,
            }
        }
        state.sender = Sender::Writer;
        self.work.notify_one();
        state
    }

    /// Sends the first replies of the queue; the lock is released while the kernel has them.
    fn send_batch<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        how: SendFlags,
    ) -> (MutexGuard<'a, State>, Sent) {
        let count = state.queue.len().min(BATCH);
        let mut batch: VecDeque<Reply> = if count == state.queue.len() {
            std::mem::take(&mut state.queue)
        } else {
            state.queue.drain(..count).collect()
        };
        drop(state);
        let mut slices = [IoSlice::new(&[]); 2 * BATCH];
        let rests = batch.iter().flat_map(Reply::rest);
        let mut used = 0;
        for (slice, rest) in slices.iter_mut().zip(rests) {
            *slice = IoSlice::new(rest);
            used += 1;
        }
        let mut none = SendAncillaryBuffer::default();
        let flags = how | SendFlags::NOSIGNAL;
        let result = loop {
            match sendmsg(&self.socket, &slices[..used], &mut none, flags) {
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break Ok(0),
                result => break result,
            }
        };
        let mut left = *result.as_ref().unwrap_or(&0);
        let (mut gone, mut gone_bytes) = (0, 0);
        while let Some(first) = batch.front_mut() {
            let rest = first.bytes() - first.sent;
            if left < rest {
                first.sent += left;
                break;
            }
            left -= rest;
            gone += 1;
            gone_bytes += first.charge;
            if let Some(reply) = batch.pop_front() {
                self.engine.recycle(reply.data);
            }
        }
        let mut state = self.lock();
        state.inside -= gone;
        state.inside_bytes -= gone_bytes;
        let sent = match result {
            Ok(_) if batch.is_empty() => Sent::All,
            Ok(_) => Sent::Part,
            Err(e) => {
                tracing::debug!("a client is gone: {e}");
                Sent::Broken
            }
        };
        // Nobody but the sender takes from the queue, so these are still the first.
        if state.queue.is_empty() {
            state.queue = batch;
        } else {
            batch.into_iter().rev().for_each(|reply| state.queue.push_front(reply));
        }
        if matches!(sent, Sent::Broken) {
            state.sender = Sender::Nobody;
            self.break_off(&mut state);
        }
        self.tell_room(&mut state);
        (state, sent)
    }

    /// The connection's writer: waits for the client, so that nobody else has to.
    pub(super) fn write(&self) {
        let mut state = self.lock();
        loop {
            if state.sender == Sender::Writer && !state.broken {
                let sent;
                (state, sent) = self.send_batch(state, SendFlags::empty());
                if matches!(sent, Sent::All) && state.queue.is_empty() {
                    state.sender = Sender::Nobody;
                }
                continue;
            }
            if state.over {
                return;
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until every request that entered has been answered, or cannot be.
    pub(super) fn drain(&self) {
        let mut state = self.send_queued(self.lock());
        while state.inside > 0 && !state.broken {
            state = self.wait_for_room(state);
        }
    }

    /// Ends the writer.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.over = true;
        self.break_off(&mut state);
    }

    /// No more requests from this client: the receiver sees the end of the connection.
    pub(super) fn stop_receiving(&self) {
        // It is gone already at worst.
        let _ = shutdown(&self.socket, Shutdown::Read);
    }

    /// Drops the client, whatever it still waits for.
    pub(super) fn cut(&self) {
        self.break_off(&mut self.lock());
    }

    fn break_off(&self, state: &mut State) {
        state.broken = true;
        for reply in state.queue.drain(..) {
            state.inside -= 1;
            state.inside_bytes -= reply.charge;
        }
        // Ends the waiting of receiver and writer; gone already at worst.
        let _ = shutdown(&self.socket, Shutdown::Both);
        self.tell_room(state);
        self.work.notify_all();
    }

    /// Whether the client has the disk and has not hung up.
    pub(super) fn is_in_use(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        if !self.serving.load(Ordering::Acquire) {
            return false;
        }
        let mut fds = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::RDHUP)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        // Not known: then it is.
        !poll(&mut fds, Some(&now)).is_ok_and(|count| count > 0)
    }
}
