//! A slower, less reliable store around another: what a crowded file server does to a lab, on demand.
//!
//! Its delay and faults can be changed while it runs (`ublk set`), which is how the adaptation of k is
//! tried and tested on the real path.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use vpt_model::units::from_ms;
use vpt_model::{Instant, Op};

use super::{BackDone, BackOp, Backend, Started, Tag, Writer};
use crate::engine::{Errno, now};

/// What is wrong with the store.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Milliseconds that every read and write takes at least.
    pub delay_ms: f64,
    /// Every n-th read or write fails with EIO; 0: none.
    pub fail_every: u64,
}

impl Faults {
    /// With one of them changed; `None` if `key` is none of them.
    ///
    /// # Errors
    /// One line: which values would do.
    pub fn changed(mut self, key: &str, value: &str) -> Option<Result<Self, String>> {
        Some(match key {
            "backing_delay_ms" => match value.parse::<f64>() {
                Ok(ms) if ms.is_finite() && (0.0..=10_000.0).contains(&ms) => {
                    self.delay_ms = ms;
                    Ok(self)
                }
                _ => Err(format!("backing_delay_ms={value}: give milliseconds from 0 to 10000")),
            },
            "backing_fail_every" => match value.parse::<u64>() {
                Ok(n) => {
                    self.fail_every = n;
                    Ok(self)
                }
                Err(_) => {
                    Err(format!("backing_fail_every={value}: give a whole number, 0 for none"))
                }
            },
            _ => return None,
        })
    }
}

/// Wraps a store.
pub struct SlowBackend {
    inner: Box<dyn Backend>,
    faults: Faults,
    /// Reads and writes so far.
    count: u64,
    /// When each pending operation was started.
    started: HashMap<Tag, Begun>,
    /// Finished below, waiting for their time.
    held: BinaryHeap<Reverse<(Instant, Tag)>>,
    finished: HashMap<Tag, BackDone>,
    below: Vec<BackDone>,
}

/// What is remembered of an operation under way.
struct Begun {
    at: Instant,
    fail: bool,
    slow: bool,
}

impl SlowBackend {
    /// As it is, until told otherwise.
    pub fn new(inner: Box<dyn Backend>, faults: Faults) -> Self {
        Self {
            inner,
            faults,
            count: 0,
            started: HashMap::new(),
            held: BinaryHeap::new(),
            finished: HashMap::new(),
            below: Vec::new(),
        }
    }

    /// The store below is done: hold the result until the delay has passed.
    fn hold(&mut self, mut done: BackDone) {
        let Some(begun) = self.started.remove(&done.tag) else { return };
        if begun.fail {
            done.result = Err(Errno::EIO);
        }
        let due = if begun.slow { begun.at + from_ms(self.faults.delay_ms) } else { begun.at };
        done.at = Some(due.max(done.at.unwrap_or_else(now)));
        self.held.push(Reverse((due, done.tag)));
        self.finished.insert(done.tag, done);
    }
}

impl Backend for SlowBackend {
    fn capacity(&self) -> u64 {
        self.inner.capacity()
    }

    fn start(&mut self, op: BackOp, buf: Vec<u8>) -> Started {
        let slow = matches!(op.op, Op::Read | Op::Write { .. } | Op::WriteZeroes);
        self.count += u64::from(slow);
        let every = self.faults.fail_every;
        let fail = slow && every > 0 && self.count.is_multiple_of(every);
        if !fail && (!slow || self.faults.delay_ms == 0.0) {
            return self.inner.start(op, buf); // nothing to do to it
        }
        self.started.insert(op.tag, Begun { at: now(), fail, slow });
        if let Started::Done(done) = self.inner.start(op, buf) {
            self.hold(done);
        }
        Started::Pending
    }

    fn reap(&mut self, done: &mut Vec<BackDone>) {
        let mut below = std::mem::take(&mut self.below);
        self.inner.reap(&mut below);
        for finished in below.drain(..) {
            if self.started.contains_key(&finished.tag) {
                self.hold(finished);
            } else {
                done.push(finished); // was passed through
            }
        }
        self.below = below;
        if self.held.is_empty() {
            return;
        }
        let at = now();
        while let Some(&Reverse((due, tag))) = self.held.peek() {
            if due > at {
                break;
            }
            self.held.pop();
            done.extend(self.finished.remove(&tag));
        }
    }

    fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inner.ready_fd()
    }

    fn acknowledge(&mut self) {
        self.inner.acknowledge();
    }

    fn next_event(&self) -> Option<Instant> {
        let mine = self.held.peek().map(|r| r.0.0);
        mine.into_iter().chain(self.inner.next_event()).min()
    }

    fn close(&mut self) {
        self.inner.close();
    }

    fn writer(&self) -> Option<Arc<dyn Writer>> {
        self.inner.writer() // what is written by it comes here as any other write
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match self.faults.changed(key, value) {
            Some(changed) => self.faults = changed?,
            None => return self.inner.set(key, value),
        }
        Ok(())
    }
}
