//! What sinks tell of themselves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What a sink has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Who looks now.
    pub viewers: u64,
    /// Who has looked since the beginning.
    pub viewers_ever: u64,
    /// Frames that were handed over, to all viewers together.
    pub frames: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Why it does no longer work, if so.
    pub broken: Option<String>,
}

/// The figures while it goes on.
#[derive(Debug, Default)]
pub(super) struct Counts {
    viewers: AtomicU64,
    viewers_ever: AtomicU64,
    frames: AtomicU64,
    bytes: AtomicU64,
    broken: Mutex<Option<String>>,
}

impl Counts {
    /// One more viewer, if there are fewer than so many; counted until the value is dropped.
    pub(super) fn admit(self: &std::sync::Arc<Self>, most: u64) -> Option<Admitted> {
        let order = Ordering::Relaxed;
        let more = |viewers: u64| (viewers < most).then_some(viewers + 1);
        self.viewers.fetch_update(order, order, more).ok()?;
        let number = self.viewers_ever.fetch_add(1, order) + 1;
        Some(Admitted { counts: std::sync::Arc::clone(self), number })
    }

    pub(super) fn frame(&self, bytes: usize) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.bytes(bytes);
    }

    pub(super) fn bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn set_broken(&self, why: Option<String>) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    pub(super) fn report(&self) -> Report {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Report {
            viewers: read(&self.viewers),
            viewers_ever: read(&self.viewers_ever),
            frames: read(&self.frames),
            bytes: read(&self.bytes),
            broken: self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

/// A viewer that is counted.
#[derive(Debug)]
pub(super) struct Admitted {
    counts: std::sync::Arc<Counts>,
    /// From 1, in the order of coming.
    pub(super) number: u64,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.counts.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_are_limited_and_counted_until_they_go() {
        let counts = std::sync::Arc::new(Counts::default());
        let first = counts.admit(2).expect("room");
        let second = counts.admit(2).expect("room");
        assert!(counts.admit(2).is_none());
        assert_eq!((first.number, second.number), (1, 2));
        drop(first);
        assert_eq!(counts.admit(2).expect("room").number, 3);
        assert_eq!((counts.report().viewers, counts.report().viewers_ever), (1, 3));
    }
}
