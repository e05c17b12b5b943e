//! The volatile write cache: which sectors are dirty, and which flush waits for which of them.

use std::collections::{BTreeMap, VecDeque};

use crate::request::RequestId;
use crate::units::{Instant, SECTOR_BYTES};

/// Sectors written back in one go, so that a long dirty run does not keep a read waiting for it all.
const DESTAGE_SECTORS: u64 = 1024;

/// Dirty sectors as disjoint runs: first sector to length.
#[derive(Clone, Debug, Default)]
struct Dirty(BTreeMap<u64, u64>);

impl Dirty {
    /// Adds a run, merging what it touches. Returns how many sectors are newly dirty.
    fn insert(&mut self, start: u64, len: u64) -> u64 {
        if len == 0 {
            return 0; // an empty run would never be written back, and a flush would wait for it
        }
        let (mut first, mut end, mut had) = (start, start + len, 0);
        let touching: Vec<u64> = self
            .0
            .range(..=end)
            .rev()
            .take_while(|&(&s, &l)| s + l >= start)
            .map(|(&s, _)| s)
            .collect();
        for s in touching {
            let l = self.0.remove(&s).unwrap_or(0);
            first = first.min(s);
            end = end.max(s + l);
            had += l;
        }
        self.0.insert(first, end - first);
        end - first - had
    }

    /// Where the dirty run that holds this sector ends.
    fn run_end(&self, sector: u64) -> Option<u64> {
        let (&s, &l) = self.0.range(..=sector).next_back()?;
        (s + l > sector).then_some(s + l)
    }

    /// How many of these sectors are dirty.
    fn overlap(&self, start: u64, len: u64) -> u64 {
        let end = start + len;
        let runs = self.0.range(..end).rev().map(|(&s, &l)| (s, s + l));
        runs.take_while(|&(_, e)| e > start).map(|(s, e)| e.min(end) - s.max(start)).sum()
    }

    /// Takes up to a chunk from the run nearest to `head`.
    fn take_nearest(&mut self, head: u64) -> Option<(u64, u64)> {
        let above = self.0.range(head..).next().map(|(&s, &l)| (s, l));
        let below = self.0.range(..head).next_back().map(|(&s, &l)| (s, l));
        let (start, len) = match (above, below) {
            (Some(a), Some(b)) => {
                if a.0 - head <= head - b.0 {
                    a
                } else {
                    b
                }
            }
            (a, b) => a.or(b)?,
        };
        self.0.remove(&start);
        if len > DESTAGE_SECTORS {
            self.0.insert(start + DESTAGE_SECTORS, len - DESTAGE_SECTORS);
        }
        Some((start, len.min(DESTAGE_SECTORS)))
    }
}

/// Dirty data that one flush waits for.
#[derive(Clone, Debug)]
struct Barrier {
    dirty: Dirty,
    flush: RequestId,
    arrival: Instant,
}

/// The cache's books; it knows no times but the flushes' arrivals.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    capacity: u64,
    used: u64,
    /// Written since the last flush.
    open: Dirty,
    /// What earlier flushes wait for, oldest first.
    barriers: VecDeque<Barrier>,
    /// The run being written back: still held until it is on the medium.
    leaving: Option<(u64, u64)>,
    /// When data last came in.
    pub(crate) last_write: Instant,
}

impl Cache {
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            capacity: (bytes / SECTOR_BYTES).max(1),
            used: 0,
            open: Dirty::default(),
            barriers: VecDeque::new(),
            leaving: None,
            last_write: Instant::ZERO,
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.used == 0
    }

    /// Whether it could ever hold this many sectors.
    pub(crate) fn could_hold(&self, len: u64) -> bool {
        len <= self.capacity
    }

    /// Whether it can take a write now. What it replaces needs no new room, unless a flush waits for it.
    pub(crate) fn has_room(&self, start: u64, len: u64) -> bool {
        self.used + len - self.open.overlap(start, len) <= self.capacity
    }

    pub(crate) fn write(&mut self, at: Instant, start: u64, len: u64) {
        self.used += self.open.insert(start, len);
        self.last_write = self.last_write.max(at);
    }

    /// Whether a read of these sectors needs no arm.
    pub(crate) fn hits(&self, start: u64, len: u64) -> bool {
        let (mut at, end) = (start, start + len);
        while at < end {
            let dirty = self.barriers.iter().map(|b| &b.dirty).chain([&self.open]);
            let leaving =
                self.leaving.filter(|&(s, l)| (s..s + l).contains(&at)).map(|(s, l)| s + l);
            match dirty.filter_map(|d| d.run_end(at)).chain(leaving).max() {
                Some(held) => at = held,
                None => return false,
            }
        }
        true
    }

    /// A flush arrived: what is dirty now is what it waits for. False: nothing is, it is done.
    pub(crate) fn flush(&mut self, flush: RequestId, arrival: Instant) -> bool {
        if self.used == 0 {
            return false;
        }
        self.barriers.push_back(Barrier { dirty: std::mem::take(&mut self.open), flush, arrival });
        true
    }

    /// When the oldest waiting flush arrived.
    pub(crate) fn oldest_flush(&self) -> Option<Instant> {
        self.barriers.front().map(|b| b.arrival)
    }

    /// Takes the next run to write back, the oldest flush's first, nearest to the head among those.
    pub(crate) fn destage(&mut self, head: u64) -> Option<(u64, u64)> {
        let oldest = self.barriers.iter_mut().find_map(|b| b.dirty.take_nearest(head));
        self.leaving = oldest.or_else(|| self.open.take_nearest(head));
        self.leaving
    }

    /// The run taken last is on the medium. Its room is free; flushes that waited for nothing else are
    /// returned.
    pub(crate) fn destaged(&mut self) -> Vec<(RequestId, Instant)> {
        self.used -= self.leaving.take().map_or(0, |(_, len)| len);
        let mut done = Vec::new();
        while let Some(b) = self.barriers.pop_front_if(|b| b.dirty.0.is_empty()) {
            done.push((b.flush, b.arrival));
        }
        done
    }
}
