//! What a guest is to run, how much memory it needs for that, and memory.

#[cfg(target_arch = "x86_64")]
mod shared;

use std::io;

use lgbench_payload::abi::{self, LARGE_PAGE, Payload, Record};

#[cfg(target_arch = "x86_64")]
pub use shared::GuestMemory;

/// Most bytes of a guest: below 4 GiB a machine has other things than memory.
pub const MAX_BYTES: u64 = 3 << 30;

/// What a guest is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestSpec {
    /// The payload.
    pub payload: Payload,
    /// How many of what the payload says.
    pub elements: u64,
    /// Cycles that count as a gap.
    pub threshold: u64,
    /// Nanoseconds between ticks.
    pub tick_ns: u64,
    /// Records that the log has room for.
    pub log_capacity: u64,
    /// Bytes of heap.
    pub heap_bytes: u64,
}

impl GuestSpec {
    fn heap_start(&self) -> u64 {
        let log = self.log_capacity.saturating_mul(size_of::<Record>() as u64);
        whole_pages(abi::LOG.saturating_add(log))
    }

    /// Bytes of memory that the guest needs.
    pub fn memory_bytes(&self) -> u64 {
        whole_pages(self.heap_start().saturating_add(self.heap_bytes))
    }
}

/// Rounded up to large pages; what is too much for that is too much for a guest, too.
fn whole_pages(bytes: u64) -> u64 {
    bytes.checked_next_multiple_of(LARGE_PAGE).unwrap_or(u64::MAX)
}

/// Why there is no memory.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// More than a guest can have.
    #[error("a guest of {needed_mib} MiB is too large: at most {} MiB; make it smaller (--array, --size)", MAX_BYTES >> 20)]
    TooLarge {
        /// What it would need.
        needed_mib: u64,
    },
    /// The kernel says no.
    #[error(
        "cannot get {mib} MiB of memory for a guest; end other programs, or make it smaller (--array, --size)"
    )]
    Refused {
        /// How much.
        mib: u64,
        /// Why.
        source: io::Error,
    },
}
