//! Time: the monotonic clock in nanoseconds and the time stamp counter in cycles.

use std::num::NonZeroU64;
use std::time::Duration;

use lgbench_payload::clock;
use rustix::thread::{clock_nanosleep_absolute, set_current_timer_slack};
use rustix::time::{ClockId, Timespec, clock_gettime};

const NS_PER_S: u64 = 1_000_000_000;

/// How many readings of both clocks a comparison takes; the one with the least in between counts.
const READINGS: usize = 16;

/// Longest sleep without a look at whether to stop.
const NAP: Duration = Duration::from_millis(20);

/// Before a deadline the kernel's timer is not trusted for this long: reading the clock is exact, waking
/// up an idle CPU is not.
const SPIN_NS: u64 = 60_000;

/// The time stamp counter now.
pub fn tsc() -> u64 {
    clock::fenced()
}

/// CLOCK_MONOTONIC now.
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // The clock begins at boot: never negative.
    now.tv_sec.unsigned_abs() * NS_PER_S + now.tv_nsec.unsigned_abs()
}

/// A moment of CLOCK_MONOTONIC as the kernel wants it.
pub fn timespec(ns: u64) -> Timespec {
    let part = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
    Timespec { tv_sec: part(ns / NS_PER_S), tv_nsec: part(ns % NS_PER_S) }
}

/// Sleeps until an absolute time, or until `stop` says so, which is asked at least once; false then. The
/// last few microseconds are spent reading the clock.
pub fn sleep_until(deadline_ns: u64, mut stop: impl FnMut() -> bool) -> bool {
    loop {
        if stop() {
            return false;
        }
        let now = monotonic_ns();
        if now + SPIN_NS >= deadline_ns {
            break;
        }
        let nap = now + u64::try_from(NAP.as_nanos()).unwrap_or(u64::MAX);
        // Interrupted or not: the loop looks at the clock.
        let _ =
            clock_nanosleep_absolute(ClockId::Monotonic, &timespec(nap.min(deadline_ns - SPIN_NS)));
    }
    while monotonic_ns() < deadline_ns {
        std::hint::spin_loop();
    }
    true
}

/// Lets the calling thread's timers end when they are to, not up to 50 us later.
pub fn be_punctual() {
    // Without it sleeping is less exact, which the recorded lateness tells.
    let _ = set_current_timer_slack(NonZeroU64::new(1));
}

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Nanoseconds of CLOCK_MONOTONIC.
    pub ns: u64,
    /// Cycles of the time stamp counter.
    pub tsc: u64,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        let readings = (0..READINGS).map(|_| {
            let before = tsc();
            let ns = monotonic_ns();
            let after = tsc();
            (after.saturating_sub(before), Self { ns, tsc: before.midpoint(after) })
        });
        let closest = readings.min_by_key(|(apart, _)| *apart);
        closest.map_or(Self { ns: monotonic_ns(), tsc: tsc() }, |(_, moment)| moment)
    }
}

/// What a cycle is worth, from two moments.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    from: Moment,
    ns_per_cycle: f64,
}

impl Scale {
    /// From two moments, the first first, not at once after each other.
    pub fn between(from: Moment, to: Moment) -> Self {
        let cycles = to.tsc.saturating_sub(from.tsc).max(1);
        Self { from, ns_per_cycle: to.ns.saturating_sub(from.ns) as f64 / cycles as f64 }
    }

    /// Measures for a while.
    pub fn measure(for_how_long: Duration) -> Self {
        let from = Moment::now();
        std::thread::sleep(for_how_long);
        Self::between(from, Moment::now())
    }

    /// Cycles as nanoseconds.
    pub fn ns(&self, cycles: u64) -> f64 {
        cycles as f64 * self.ns_per_cycle
    }

    /// Nanoseconds as cycles.
    pub fn cycles(&self, ns: u64) -> u64 {
        (ns as f64 / self.ns_per_cycle) as u64
    }

    /// CLOCK_MONOTONIC, in ns, when the counter stood at `tsc`.
    pub fn monotonic_at(&self, tsc: u64) -> f64 {
        self.from.ns as f64
            + tsc.wrapping_sub(self.from.tsc).cast_signed() as f64 * self.ns_per_cycle
    }

    /// Cycles in a second.
    pub fn hz(&self) -> u64 {
        (NS_PER_S as f64 / self.ns_per_cycle) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_both_ways() {
        let scale = Scale::between(Moment { ns: 1000, tsc: 500 }, Moment { ns: 2000, tsc: 3000 });
        assert_eq!((scale.ns(25), scale.cycles(100), scale.hz()), (10.0, 250, 2_500_000_000));
        assert_eq!((scale.monotonic_at(750), scale.monotonic_at(250)), (1100.0, 900.0));
    }

    #[test]
    fn never_wakes_early_and_stops_when_asked() {
        let deadline = monotonic_ns() + 3_000_000;
        assert!(sleep_until(deadline, || false));
        assert!(monotonic_ns() >= deadline);
        assert!(!sleep_until(monotonic_ns() + 60 * NS_PER_S, || true));
        assert!(!sleep_until(0, || true), "short waits one after the other can be stopped, too");
    }
}
