//! The gap detector: looks at the clock all the time; when it could not, it was not running.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::clock;
use crate::log::Log;

/// Records every time between two looks that is longer than `threshold` cycles: from the last look
/// before to the first look after. Never ends.
pub fn run(log: &mut Log<'_>, threshold: u64, progress: &AtomicU64) -> ! {
    let mut last = clock::now();
    let mut looks = 0;
    loop {
        let now = clock::now();
        if now.wrapping_sub(last) > threshold {
            log.push(last, now, looks);
        }
        last = now;
        looks += 1;
        progress.store(looks, Ordering::Relaxed);
    }
}
