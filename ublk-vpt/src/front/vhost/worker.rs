//! The queues' threads: each serves one ring at a time, for as long as the device lives.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use vpt_model::Op;

use super::blk::{Action, Config, Request, Segment, Status, gather, identity};
use super::ring::{Done, Ring, Taken};
use crate::engine::{Completion, EngineHandle, IoRequest, now, rt};

/// After so many requests in a row a guest is told of those that were done at once.
const ROUND: u32 = 16;

/// What the device's threads share.
pub(super) struct Shared {
    pub(super) engine: EngineHandle,
    pub(super) config: Config,
    /// Number of the device, for its name in the guest.
    pub(super) id: u32,
    pub(super) room: Room,
    pub(super) queues: Vec<Mailbox>,
    /// The end: nothing is waited for any more.
    pub(super) closing: AtomicBool,
}

impl Shared {
    pub(super) fn new(
        engine: EngineHandle,
        config: Config,
        id: u32,
        depth: u32,
    ) -> std::io::Result<Self> {
        let queues = (0..config.queues).map(|_| Mailbox::new()).collect::<Result<_, _>>()?;
        let room = Room::new(depth);
        Ok(Self { engine, config, id, room, queues, closing: AtomicBool::new(false) })
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    fn leave(&self) {
        let mut waiting = self.room.leave();
        while waiting != 0 {
            if let Some(queue) = self.queues.get(waiting.trailing_zeros() as usize) {
                queue.wake();
            }
            waiting &= waiting - 1;
        }
    }
}

/// How many requests may be inside the engine at one time, all queues together.
pub(super) struct Room {
    most: u32,
    inside: AtomicU32,
    /// One bit for each queue that waits for room.
    waiting: AtomicU32,
}

impl Room {
    fn new(most: u32) -> Self {
        Self { most: most.max(1), inside: AtomicU32::new(0), waiting: AtomicU32::new(0) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inside.load(Ordering::SeqCst) == 0
    }

    /// False: there is none, and the queue will be woken when there is.
    fn enter(&self, queue: u32) -> bool {
        if self.try_enter() {
            return true;
        }
        self.waiting.fetch_or(1 << queue, Ordering::SeqCst);
        // One may have left before it could see us waiting.
        self.try_enter()
    }

    fn try_enter(&self) -> bool {
        let more = |inside: u32| (inside < self.most).then_some(inside + 1);
        self.inside.try_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
    }

    /// Returns the queues that wait.
    fn leave(&self) -> u32 {
        self.inside.fetch_sub(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return 0;
        }
        self.waiting.swap(0, Ordering::SeqCst)
    }
}

/// How a queue's thread is given its ring.
pub(super) struct Mailbox {
    wake: OwnedFd,
    ring: Mutex<Option<Arc<Ring>>>,
}

impl Mailbox {
    fn new() -> std::io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { wake, ring: Mutex::new(None) })
    }

    /// Serve this one from now on, or none.
    pub(super) fn put(&self, ring: Option<Arc<Ring>>) {
        *self.ring.lock().unwrap_or_else(PoisonError::into_inner) = ring;
        self.wake();
    }

    /// Look again.
    pub(super) fn wake(&self) {
        // Fails only when the counter is full, and then it is readable anyway.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    fn get(&self) -> Option<Arc<Ring>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Starts the thread of each queue.
pub(super) fn start(shared: &Arc<Shared>, fifo: bool) -> std::io::Result<Vec<JoinHandle<()>>> {
    let mut threads = Vec::new();
    for index in 0..u32::from(shared.config.queues) {
        let worker = Worker { shared: shared.clone(), index };
        let thread = std::thread::Builder::new().name(format!("queue-{index}")).spawn(move || {
            if fifo {
                // A late receiver would stamp requests late.
                let _ = rt::be_fifo();
            }
            rt::no_timer_slack();
            worker.run();
        });
        match thread {
            Ok(thread) => threads.push(thread),
            Err(e) => {
                end(shared, threads);
                return Err(e);
            }
        }
    }
    Ok(threads)
}

/// Ends them.
pub(super) fn end(shared: &Shared, threads: Vec<JoinHandle<()>>) {
    shared.closing.store(true, Ordering::Release);
    shared.queues.iter().for_each(Mailbox::wake);
    for thread in threads {
        let _ = thread.join(); // a panic there was reported by its own message
    }
}

struct Worker {
    shared: Arc<Shared>,
    index: u32,
}

impl Worker {
    fn run(&self) {
        let Some(mailbox) = self.shared.queues.get(self.index as usize) else { return };
        while !self.shared.is_closing() {
            let ring = mailbox.get();
            if let Some(ring) = &ring {
                self.serve(ring);
            }
            let kick = ring.as_ref().map(|ring| ring.kick());
            let wake = PollFd::new(&mailbox.wake, PollFlags::IN);
            let mut news = vec![wake];
            news.extend(kick.as_deref().map(|kick| PollFd::new(kick, PollFlags::IN)));
            if poll(&mut news, None).is_err() {
                continue; // a signal: look again
            }
            let ready: Vec<bool> = news.iter().map(|fd| !fd.revents().is_empty()).collect();
            if ready.first() == Some(&true) {
                drain(&mailbox.wake);
            }
            if let (Some(true), Some(kick)) = (ready.get(1), kick) {
                drain_kick(&kick);
            }
        }
    }

    /// Takes all that is there.
    fn serve(&self, ring: &Arc<Ring>) {
        loop {
            if !ring.begin() {
                return;
            }
            let mut count = 0;
            let full = loop {
                if count == ROUND {
                    break false;
                }
                if !self.shared.room.enter(self.index) {
                    break true;
                }
                let Some(taken) = ring.take() else {
                    self.shared.leave();
                    break false;
                };
                count += 1;
                self.execute(ring, taken);
            };
            // Without room the rest waits until we are woken.
            if ring.end() || full {
                return;
            }
        }
    }

    fn execute(&self, ring: &Arc<Ring>, taken: Taken) {
        let Taken { head, request, mem } = taken;
        let at_once = |status, data| {
            ring.give_back(&Done { head, status, data });
            self.shared.leave();
        };
        let Some(Request { action, data, status }) = request else { return at_once(None, None) };
        let (op, offset, len) = match action {
            Action::Io { op, offset, len } => (op, offset, len),
            Action::Identify => {
                let name = identity(self.shared.id);
                let room = data.iter().map(|s| s.bytes as usize).sum::<usize>();
                let name = name.get(..room.min(name.len())).unwrap_or_default();
                return at_once(Some((status, Status::Ok)), Some((name, &data[..])));
            }
            Action::Refuse(why) => return at_once(Some((status, why)), None),
        };
        let mut buf = Vec::new();
        if matches!(op, Op::Read | Op::Write { .. }) {
            buf = self.shared.engine.buffer(len as usize); // limited by the largest request
        }
        if matches!(op, Op::Write { .. }) && gather(mem.as_ref(), &data, &mut buf).is_err() {
            self.shared.engine.recycle(buf);
            return at_once(Some((status, Status::IoError)), None);
        }
        let back = Back { shared: self.shared.clone(), ring: ring.clone(), head, op, data, status };
        self.shared.engine.submit(IoRequest {
            op,
            offset,
            len,
            buf,
            arrival: now(),
            completer: Box::new(move |done| back.complete(done)),
        });
    }
}

/// The way back of a request that is with the engine.
struct Back {
    shared: Arc<Shared>,
    ring: Arc<Ring>,
    head: u16,
    op: Op,
    data: Vec<Segment>,
    status: vm_memory::GuestAddress,
}

impl Back {
    fn complete(self, done: Completion) {
        let status = if done.result.is_ok() { Status::Ok } else { Status::IoError };
        let read = self.op == Op::Read && done.result.is_ok();
        self.ring.give_back(&Done {
            head: self.head,
            status: Some((self.status, status)),
            data: read.then_some((&done.buf[..], &self.data[..])),
        });
        self.shared.engine.recycle(done.buf);
        self.shared.leave();
    }
}

fn drain(wake: &impl AsFd) {
    let _ = rustix::io::read(wake, &mut [0u8; 8]); // empty again is as good
}

fn drain_kick(mut kick: &File) {
    // It is the other side's: it may be anything, so what it says does not matter.
    let _ = kick.read(&mut [0u8; 8]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_no_room_is_woken_by_the_next_to_leave() {
        let room = Room::new(2);
        assert!(room.enter(0) && room.enter(1));
        assert!(!room.enter(5));
        assert!(!room.enter(31));
        assert_eq!(room.leave(), 1 << 5 | 1 << 31);
        assert_eq!(room.leave(), 0);
        assert!(room.is_empty());
    }
}
