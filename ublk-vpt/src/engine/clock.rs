//! The one clock of the daemon.

use rustix::time::{ClockId, clock_gettime};
use vpt_model::Instant;

/// CLOCK_MONOTONIC: not moved by setting the time of day, and what the kernel's timers run on.
pub fn now() -> Instant {
    let t = clock_gettime(ClockId::Monotonic);
    // The kernel keeps both fields non-negative for this clock.
    Instant::from_nanos(t.tv_sec.unsigned_abs() * 1_000_000_000 + t.tv_nsec.unsigned_abs())
}
