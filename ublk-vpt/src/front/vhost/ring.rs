//! One started queue: taking requests from its ring and giving them back, under one lock.
//!
//! Requests are taken by the queue's own thread and given back by whichever thread found them done.
//! From the moment the ring is closed nothing of the guest's is touched any more.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use virtio_bindings::virtio_ring::VRING_AVAIL_F_NO_INTERRUPT;
use virtio_queue::{Queue, QueueOwnedT, QueueT};
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use super::blk::{Chain, Limits, Request, Segment, Status, scatter};
use super::inflight::QueueLog;

/// How often a wait for requests under way looks whether it shall go on.
const LOOK: Duration = Duration::from_millis(20);

thread_local! {
    /// The queue whose requests this thread is taking just now.
    static TAKING: Cell<Option<u32>> = const { Cell::new(None) };
}

/// What a ring is started with.
pub(super) struct Start {
    /// Number of the queue.
    pub(super) index: u32,
    /// Size, addresses and indices set.
    pub(super) queue: Queue,
    pub(super) mem: Arc<GuestMemoryMmap>,
    pub(super) log: Option<QueueLog>,
    /// Taken by a predecessor and to be done again.
    pub(super) again: Vec<u16>,
    pub(super) kick: File,
    pub(super) call: Option<File>,
    pub(super) enabled: bool,
    pub(super) limits: Limits,
}

/// See the module.
pub(super) struct Ring {
    index: u32,
    state: Mutex<State>,
    given_back: Condvar,
}

struct State {
    queue: Queue,
    mem: Arc<GuestMemoryMmap>,
    log: Option<QueueLog>,
    again: VecDeque<u16>,
    kick: Arc<File>,
    call: Option<File>,
    limits: Limits,
    enabled: bool,
    /// Nothing more is taken.
    stopping: bool,
    /// Nothing more is given back, either.
    closed: bool,
    /// The guest broke the rules of rings.
    broken: bool,
    in_flight: u32,
    /// Given back by the taking thread itself, which tells the guest at its end.
    untold: bool,
}

/// A request taken from the ring. It must be given back.
pub(super) struct Taken {
    /// The descriptor by which the guest knows it.
    pub(super) head: u16,
    /// What it asks; `None` for a chain without room for a status.
    pub(super) request: Option<Request>,
    /// The memory it was read from.
    pub(super) mem: Arc<GuestMemoryMmap>,
}

/// A request on its way back.
pub(super) struct Done<'a> {
    pub(super) head: u16,
    /// Where the status goes, and what it is.
    pub(super) status: Option<(GuestAddress, Status)>,
    /// What goes where.
    pub(super) data: Option<(&'a [u8], &'a [Segment])>,
}

impl Ring {
    pub(super) fn new(start: Start) -> Self {
        Self {
            index: start.index,
            state: Mutex::new(State {
                queue: start.queue,
                mem: start.mem,
                log: start.log,
                again: start.again.into(),
                kick: Arc::new(start.kick),
                call: start.call,
                limits: start.limits,
                enabled: start.enabled,
                stopping: false,
                closed: false,
                broken: false,
                in_flight: 0,
                untold: false,
            }),
            given_back: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere must not stop the disk: each step leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Becomes readable when the guest has something for us.
    pub(super) fn kick(&self) -> Arc<File> {
        self.lock().kick.clone()
    }

    pub(super) fn set_kick(&self, kick: File) {
        self.lock().kick = Arc::new(kick);
    }

    pub(super) fn set_call(&self, call: Option<File>) {
        self.lock().call = call;
    }

    pub(super) fn set_enabled(&self, enabled: bool) {
        self.lock().enabled = enabled;
    }

    /// The guest's memory has changed while the ring runs.
    pub(super) fn set_memory(&self, mem: Arc<GuestMemoryMmap>) {
        let mut state = self.lock();
        if !state.queue.is_valid(mem.as_ref()) {
            state.break_off(self.index, "it is no longer in the guest's memory");
        }
        state.mem = mem;
    }

    /// Nothing more is taken; waits until everything taken was given back, or `until` says true.
    /// Returns the index of the next one to take.
    pub(super) fn stop(&self, until: impl Fn() -> bool) -> u16 {
        let mut state = self.lock();
        state.stopping = true;
        while state.in_flight > 0 && !until() {
            let waited = self.given_back.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.closed = true;
        // Those that were to be done again come first for whoever goes on.
        state.queue.next_avail().wrapping_sub(state.again.len() as u16)
    }

    /// At once.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.stopping = true;
        state.closed = true;
    }

    /// Begins a round of taking: the guest need not tell us of more. False: nothing may be taken.
    pub(super) fn begin(&self) -> bool {
        let mut state = self.lock();
        if !state.serves() {
            return false;
        }
        TAKING.set(Some(self.index));
        let State { queue, mem, .. } = &mut *state;
        let quiet = queue.disable_notification(mem.as_ref());
        state.unless(self.index, quiet).is_some()
    }

    /// The next request, if there is one.
    pub(super) fn take(&self) -> Option<Taken> {
        let mut state = self.lock();
        if !state.serves() {
            return None;
        }
        let State { queue, mem, again, log, limits, in_flight, .. } = &mut *state;
        let (head, size) = match again.pop_front() {
            Some(head) => (Ok(Some(head)), queue.size()),
            None => {
                let size = queue.size();
                let next = queue.iter(mem.as_ref()).map(|mut i| i.next().map(|c| c.head_index()));
                if let (Ok(Some(head)), Some(log)) = (&next, log) {
                    log.taken(*head);
                }
                (next, size)
            }
        };
        let table = GuestAddress(queue.desc_table());
        let (mem, limits) = (mem.clone(), *limits);
        if matches!(head, Ok(Some(_))) {
            *in_flight += 1;
        }
        let head = state.unless(self.index, head)??;
        let request = Chain::walk(mem.as_ref(), table, size, head)
            .and_then(|chain| Request::parse(mem.as_ref(), chain, &limits))
            .inspect_err(|e| tracing::warn!("queue {}: {e}", self.index))
            .ok();
        Some(Taken { head, request, mem })
    }

    /// Ends a round: tells the guest of what was given back meanwhile, and asks to be told of more.
    /// False: there is more already.
    pub(super) fn end(&self) -> bool {
        TAKING.set(None);
        let mut state = self.lock();
        if std::mem::take(&mut state.untold) && !state.closed {
            state.tell(self.index);
        }
        if !state.serves() {
            return true;
        }
        let State { queue, mem, .. } = &mut *state;
        let more = queue.enable_notification(mem.as_ref());
        state.unless(self.index, more) != Some(true)
    }

    /// Gives one back.
    pub(super) fn give_back(&self, done: &Done<'_>) {
        let mut state = self.lock();
        state.in_flight = state.in_flight.saturating_sub(1);
        if !state.closed && !state.broken {
            let finished = state.finish(done);
            if state.unless(self.index, finished).is_some() {
                if TAKING.get() == Some(self.index) {
                    state.untold = true;
                } else {
                    state.tell(self.index);
                }
            }
        }
        if state.in_flight == 0 && state.stopping {
            self.given_back.notify_all();
        }
    }
}

impl State {
    fn serves(&self) -> bool {
        self.enabled && !self.stopping && !self.broken
    }

    fn finish(&mut self, done: &Done<'_>) -> Result<(), virtio_queue::Error> {
        let mem = self.mem.as_ref();
        let mut written = 0;
        if let Some((at, mut status)) = done.status {
            if let Some((data, to)) = done.data {
                match scatter(mem, data, to) {
                    Ok(()) => written = data.len() as u32, // limited by the largest request
                    Err(_) => status = Status::IoError,
                }
            }
            if mem.write_obj(status.byte(), at).is_ok() {
                written += 1;
            }
        }
        if let Some(log) = &mut self.log {
            log.giving_back(done.head);
        }
        self.queue.add_used(mem, done.head, written)?;
        let used = self.queue.next_used();
        if let Some(log) = &mut self.log {
            log.given_back(done.head, used);
        }
        Ok(())
    }

    /// Interrupts the guest, if it wants that now.
    fn tell(&mut self, index: u32) {
        let mem = self.mem.as_ref();
        let wanted = if self.queue.event_idx_enabled() {
            self.queue.needs_notification(mem)
        } else {
            // Here the guest says it by a flag, the first field of its ring.
            let flags = mem.read_obj::<u16>(GuestAddress(self.queue.avail_ring()));
            flags
                .map(|flags| u32::from(u16::from_le(flags)) & VRING_AVAIL_F_NO_INTERRUPT == 0)
                .map_err(virtio_queue::Error::GuestMemory)
        };
        if self.unless(index, wanted) == Some(true)
            && let Some(mut call) = self.call.as_ref()
        {
            // Fails only when the counter is full, and then the guest has an interrupt to see anyway.
            let _ = call.write(&1u64.to_ne_bytes());
        }
    }

    /// The value, or the end of this ring.
    fn unless<T>(&mut self, index: u32, result: Result<T, virtio_queue::Error>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(e) => {
                self.break_off(index, &e.to_string());
                None
            }
        }
    }

    fn break_off(&mut self, index: u32, why: &str) {
        if !self.broken {
            tracing::warn!("queue {index} is served no more until the guest resets it: {why}");
        }
        self.broken = true;
    }
}
