//! What is under way, written down in memory that the other side keeps: a daemon that takes over after
//! this one was killed finds there which requests were taken and not yet given back.
//!
//! The layout is that of the vhost-user standard for split rings. Each queue has a header and a state
//! for each descriptor:
//!
//! ```text
//!   0 features u64   8 version u16   10 desc_num u16   12 last_batch_head u16   14 used_idx u16
//!   16 + 16 * i: inflight u8, padding, next u16 at 6, counter u64 at 8
//! ```
//!
//! The order of the steps makes it right at every moment of death: a request is marked before it is
//! begun; before the used ring's index moves, `last_batch_head` names it; afterwards its mark goes, and
//! `used_idx` follows. Where `used_idx` differs from the ring's own, death came between the last two.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap, GuestRegionMmap};

use super::memory;

const HEADER_BYTES: u64 = 16;
const STATE_BYTES: u64 = 16;
const ALIGNMENT: u64 = 64;
const VERSION_AT: u64 = 8;
const SIZE_AT: u64 = 10;
const LAST_HEAD_AT: u64 = 12;
const USED_AT: u64 = 14;
const COUNTER_AT: u64 = 8;
const VERSION: u16 = 1;

/// Bytes for one queue.
fn queue_bytes(size: u16) -> u64 {
    (HEADER_BYTES + STATE_BYTES * u64::from(size)).next_multiple_of(ALIGNMENT)
}

/// Makes the file for `queues` queues of `size` descriptors.
pub(super) fn create(queues: u16, size: u16) -> std::io::Result<(File, u64)> {
    let bytes = queue_bytes(size) * u64::from(queues);
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = File::from(memfd_create("vhost-inflight", flags)?);
    file.set_len(bytes)?;
    // The other side has a hand on it, too: it must not become shorter under our mapping.
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok((file, bytes))
}

/// The whole file, mapped.
#[derive(Clone)]
pub(super) struct Inflight {
    mapped: Arc<GuestMemoryMmap>,
    queues: u16,
    size: u16,
}

impl Inflight {
    /// Maps what the other side has kept.
    pub(super) fn map(
        file: File,
        offset: u64,
        bytes: u64,
        queues: u16,
        size: u16,
    ) -> Result<Self, String> {
        if size == 0 || bytes < queue_bytes(size) * u64::from(queues) {
            return Err(format!("{bytes} bytes do not hold {queues} queues of {size}"));
        }
        let region = memory::map(file, offset, bytes)?;
        let mapped = GuestRegionMmap::new(region, GuestAddress(0))
            .and_then(|region| GuestMemoryMmap::from_regions(vec![region]).ok())
            .ok_or("it cannot be mapped")?;
        Ok(Self { mapped: Arc::new(mapped), queues, size })
    }

    /// One queue's part; `None` if the file has none for it.
    pub(super) fn queue(&self, index: u16, size: u16) -> Option<QueueLog> {
        (index < self.queues && size <= self.size).then(|| QueueLog {
            mapped: self.mapped.clone(),
            base: queue_bytes(self.size) * u64::from(index),
            size,
            counter: 0,
        })
    }
}

/// One queue's part of it. Where the file cannot be written, which a mapped one always can, nothing is
/// noted; requests do not fail for that.
pub(super) struct QueueLog {
    mapped: Arc<GuestMemoryMmap>,
    base: u64,
    size: u16,
    /// Grows with every request, for their order.
    counter: u64,
}

impl QueueLog {
    /// What a predecessor had taken and not given back, oldest first, and the index of the next one to
    /// take; `None` after a fresh start. `used` is the used ring's index.
    pub(super) fn recover(&mut self, used: u16) -> Option<(Vec<u16>, u16)> {
        if self.get::<u16>(VERSION_AT) != VERSION {
            self.put(SIZE_AT, self.size);
            self.put(USED_AT, used);
            self.put(VERSION_AT, VERSION);
            return None;
        }
        if self.get::<u16>(USED_AT) != used {
            // Given back, and died before saying so here.
            self.mark(self.get(LAST_HEAD_AT), 0);
            self.put(USED_AT, used);
        }
        let mut taken: Vec<(u64, u16)> = (0..self.size)
            .filter(|&head| self.get::<u8>(self.state(head)) != 0)
            .map(|head| (self.get(self.state(head) + COUNTER_AT), head))
            .collect();
        taken.sort_unstable();
        self.counter = taken.last().map_or(0, |&(counter, _)| counter.wrapping_add(1));
        let next = used.wrapping_add(taken.len() as u16); // at most as many as descriptors
        Some((taken.into_iter().map(|(_, head)| head).collect(), next))
    }

    /// Taken from the ring.
    pub(super) fn taken(&mut self, head: u16) {
        if head < self.size {
            self.put(self.state(head) + COUNTER_AT, self.counter);
            self.counter = self.counter.wrapping_add(1);
            self.mark(head, 1);
        }
    }

    /// About to be put into the used ring.
    pub(super) fn giving_back(&mut self, head: u16) {
        self.put(LAST_HEAD_AT, head);
    }

    /// In the used ring, whose index now is `used`.
    pub(super) fn given_back(&mut self, head: u16, used: u16) {
        self.mark(head, 0);
        self.put(USED_AT, used);
    }

    fn state(&self, head: u16) -> u64 {
        HEADER_BYTES + STATE_BYTES * u64::from(head)
    }

    fn mark(&self, head: u16, value: u8) {
        if head < self.size {
            self.put(self.state(head), value);
        }
    }

    fn get<T: vm_memory::AtomicAccess + Default>(&self, at: u64) -> T {
        let at = GuestAddress(self.base + at);
        self.mapped.load(at, Ordering::SeqCst).unwrap_or_default()
    }

    fn put<T: vm_memory::AtomicAccess>(&self, at: u64, value: T) {
        // Never fails: it was checked to be inside when it was mapped.
        let _ = self.mapped.store(value, GuestAddress(self.base + at), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(file: &File, bytes: u64) -> QueueLog {
        let inflight = Inflight::map(file.try_clone().unwrap(), 0, bytes, 2, 8).unwrap();
        inflight.queue(1, 8).unwrap()
    }

    #[test]
    fn a_successor_finds_what_was_taken_in_its_order() {
        let (file, bytes) = create(2, 8).unwrap();
        let mut log = open(&file, bytes);
        assert_eq!(log.recover(65534), None);
        for head in [5, 2, 7, 0] {
            log.taken(head);
        }
        log.giving_back(2);
        log.given_back(2, 65535);
        assert_eq!(open(&file, bytes).recover(65535), Some((vec![5, 7, 0], 2)));
        // And its own come after those.
        let mut log = open(&file, bytes);
        log.recover(65535);
        log.taken(1);
        assert_eq!(open(&file, bytes).recover(65535), Some((vec![5, 7, 0, 1], 3)));
    }

    #[test]
    fn one_given_back_just_before_death_is_not_done_again() {
        let (file, bytes) = create(2, 8).unwrap();
        let mut log = open(&file, bytes);
        log.recover(0);
        log.taken(3);
        log.taken(4);
        log.giving_back(4);
        // The used ring has it; `given_back` never came.
        assert_eq!(open(&file, bytes).recover(1), Some((vec![3], 2)));
        assert_eq!(open(&file, bytes).recover(1), Some((vec![3], 2)));
        // The other way round: it died before the used ring's index moved.
        let mut log = open(&file, bytes);
        log.recover(1);
        log.giving_back(3);
        assert_eq!(open(&file, bytes).recover(1), Some((vec![3], 2)));
    }

    #[test]
    fn what_somebody_else_wrote_there_does_no_harm() {
        let (file, bytes) = create(2, 8).unwrap();
        let log = open(&file, bytes);
        log.put(VERSION_AT, VERSION);
        log.put(LAST_HEAD_AT, 60000u16);
        log.put(USED_AT, 77u16);
        log.put(log.state(7), 255u8);
        log.put(log.state(7) + COUNTER_AT, u64::MAX);
        let mut log = open(&file, bytes);
        assert_eq!(log.recover(9), Some((vec![7], 10)));
        log.taken(60000);
        log.giving_back(60000);
        log.given_back(60000, 3);
    }

    #[test]
    fn a_file_too_small_is_refused() {
        let (file, bytes) = create(2, 8).unwrap();
        let map = |bytes, queues, size| {
            Inflight::map(file.try_clone().unwrap(), 0, bytes, queues, size).is_ok()
        };
        assert!(map(bytes, 2, 8));
        assert!(!map(bytes, 3, 8));
        assert!(!map(bytes, 2, 16));
        assert!(!map(bytes * 2, 2, 8), "beyond the end of the file");
        assert!(!map(bytes, 2, 0));
    }
}
