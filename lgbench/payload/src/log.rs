//! Recording events: three words in memory and a count, nothing that leaves the guest.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::abi::Record;

/// The log of one payload, which is its only writer.
#[derive(Debug)]
pub struct Log<'a> {
    records: &'a mut [Record],
    count: usize,
    shown_count: &'a AtomicU64,
    shown_lost: &'a AtomicU64,
}

impl<'a> Log<'a> {
    /// An empty log in `records`, which shows the host how many there are and how many were lost.
    pub fn new(records: &'a mut [Record], count: &'a AtomicU64, lost: &'a AtomicU64) -> Self {
        Self { records, count: 0, shown_count: count, shown_lost: lost }
    }

    /// Records an event; one that does not fit is counted as lost.
    #[inline(always)]
    pub fn push(&mut self, start: u64, end: u64, tag: u64) {
        match self.records.get_mut(self.count) {
            Some(record) => {
                *record = Record { start, end, tag };
                self.count += 1;
                // The host may look at any time: it must not see the count before the record.
                self.shown_count.store(self.count as u64, Ordering::Release);
            }
            None => {
                let lost = self.shown_lost.load(Ordering::Relaxed);
                self.shown_lost.store(lost + 1, Ordering::Relaxed);
            }
        }
    }

    /// Forgets the records from `count` on.
    pub fn rewind(&mut self, count: usize) {
        self.count = self.count.min(count);
        self.shown_count.store(self.count as u64, Ordering::Release);
    }

    /// Records in it.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_it_keeps_and_what_it_loses() {
        let (count, lost) = (AtomicU64::new(0), AtomicU64::new(0));
        let mut records = [Record::default(); 2];
        let mut log = Log::new(&mut records, &count, &lost);
        for n in 0..5 {
            log.push(n, n + 1, 7);
        }
        assert_eq!((count.load(Ordering::Relaxed), lost.load(Ordering::Relaxed)), (2, 3));
        log.rewind(1);
        log.push(9, 10, 8);
        assert_eq!(log.len(), 2);
        assert_eq!(records[1], Record { start: 9, end: 10, tag: 8 });
    }
}
