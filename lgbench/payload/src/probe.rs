//! What recording costs: looks at the clock alone, and the same number of looks each with a record.

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::clock;
use crate::log::Log;

/// Tag of a record about looks alone.
pub const TAG_LOOKS: u64 = 0;
/// Tag of a record about looks that were recorded.
pub const TAG_RECORDED: u64 = 1;

/// Takes turns with both, `events` events each. Never ends.
pub fn run(log: &mut Log<'_>, events: u64, progress: &AtomicU64) -> ! {
    let mut turns = 0;
    loop {
        let start = clock::fenced();
        for _ in 0..events {
            black_box(clock::now());
        }
        let end = clock::fenced();
        log.push(start, end, TAG_LOOKS);
        let kept = log.len();
        let start = clock::fenced();
        for event in 0..events {
            let now = clock::now();
            log.push(now, now, event);
        }
        let end = clock::fenced();
        log.rewind(kept);
        log.push(start, end, TAG_RECORDED);
        turns += 1;
        progress.store(turns, Ordering::Relaxed);
    }
}
