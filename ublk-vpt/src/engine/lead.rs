//! How long before a deadline to wake and spin: as long as wake-ups really cost here, no longer.

use std::time::Duration;

/// Share of wake-ups that should come before the deadline.
const ON_TIME: f64 = 0.999;
/// Step of the estimate after a wake-up, in nanoseconds.
const STEP: f64 = 20_000.0;
/// Added to the estimate: for the work between waking and spinning, and because the wake-ups beyond the
/// estimate are mostly beyond it by less than this.
const MARGIN: f64 = 60_000.0;
const SHORTEST: f64 = 40_000.0;
const LONGEST: f64 = 350_000.0;

/// Follows a high percentile of the wake-up cost by stochastic approximation (Robbins and Monro):
/// up by 0.999 of a step when a wake-up cost more than the estimate, down by 0.001 when not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lead {
    cost: f64,
}

impl Lead {
    pub(crate) fn new() -> Self {
        Self { cost: 120_000.0 }
    }

    pub(crate) fn get(self) -> Duration {
        Duration::from_nanos((self.cost + MARGIN).clamp(SHORTEST, LONGEST) as u64)
    }

    /// A sleep ended this much after the instant it was set for.
    pub(crate) fn woke(&mut self, overshoot: Duration) {
        let over = overshoot.as_nanos() as f64 > self.cost;
        let step = if over { ON_TIME } else { ON_TIME - 1.0 } * STEP;
        self.cost = (self.cost + step).clamp(0.0, LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settles_above_what_nearly_all_wake_ups_cost() {
        let mut lead = Lead::new();
        for i in 0..20_000u64 {
            lead.woke(Duration::from_micros(20 + i % 50));
        }
        let us = lead.get().as_secs_f64() * 1e6;
        assert!((110.0..180.0).contains(&us), "{us}");
    }

    #[test]
    fn stays_within_bounds_when_wake_ups_are_awful() {
        let mut lead = Lead::new();
        for _ in 0..10_000 {
            lead.woke(Duration::from_millis(20));
        }
        assert_eq!(lead.get(), Duration::from_micros(350));
    }
}
