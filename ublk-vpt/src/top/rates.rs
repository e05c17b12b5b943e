//! What happened between two reports of one device.

use serde::Serialize;

use crate::report::{Count, Distribution, StatsReport};

/// Shorter stretches give figures that say nothing.
const SHORTEST_SECONDS: f64 = 0.001;

/// What a device did in one interval. Means and shares are `None` when nothing finished in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Rates {
    /// Length of the interval by the device's own clock.
    pub(super) seconds: f64,
    pub(super) reads_per_second: f64,
    pub(super) writes_per_second: f64,
    /// Flushes and discards.
    pub(super) others_per_second: f64,
    /// Read and written, in 10^6 bytes.
    pub(super) mb_per_second: f64,
    /// Mean service time.
    pub(super) service_ms: Option<f64>,
    /// Mean of the model's time for the same requests.
    pub(super) model_ms: Option<f64>,
    /// Mean time from arrival to completion.
    pub(super) response_ms: Option<f64>,
    /// The part of it before service began.
    pub(super) wait_ms: Option<f64>,
    /// Share of the judged requests that the backing store made late, 0 to 1.
    pub(super) late_share: Option<f64>,
    /// Share of the timed requests within 1 % of the model, 0 to 1.
    pub(super) within_1pct: Option<f64>,
}

/// What happened from `a` to `b`; `None` if the counters were set back in between or no time passed.
pub(super) fn between(a: &StatsReport, b: &StatsReport) -> Option<Rates> {
    let seconds = b.uptime_seconds - a.uptime_seconds;
    if !seconds.is_finite() || seconds < SHORTEST_SECONDS {
        return None;
    }
    let read = done(a.read, b.read)?;
    let write = done(a.write, b.write)?;
    let flush = done(a.flush, b.flush)?;
    let discard = done(a.discard, b.discard)?;
    let service = sum_of(a.service_ms, b.service_ms)?;
    let model = sum_of(a.expected_ms, b.expected_ms)?;
    let response = sum_of(a.response_ms, b.response_ms)?;
    let per_second = |n: u64| n as f64 / seconds;
    Some(Rates {
        seconds,
        reads_per_second: per_second(read.requests),
        writes_per_second: per_second(write.requests),
        others_per_second: per_second(flush.requests + discard.requests),
        mb_per_second: per_second(read.bytes + write.bytes) / 1e6,
        service_ms: service.mean(),
        model_ms: model.mean(),
        response_ms: response.mean(),
        wait_ms: response
            .mean()
            .map(|mean| (mean - service.total / response.count as f64).max(0.0)),
        late_share: late_share(a, b),
        within_1pct: within(a, b),
    })
}

fn done(a: Count, b: Count) -> Option<Count> {
    Some(Count {
        requests: b.requests.checked_sub(a.requests)?,
        bytes: b.bytes.checked_sub(a.bytes)?,
        errors: b.errors.checked_sub(a.errors)?,
    })
}

/// The values that came to a distribution.
struct Sum {
    count: u64,
    total: f64,
}

impl Sum {
    fn mean(&self) -> Option<f64> {
        // The means are rounded, so a tiny total may come out below 0.
        (self.count > 0).then(|| (self.total / self.count as f64).max(0.0))
    }
}

fn sum_of(a: Distribution, b: Distribution) -> Option<Sum> {
    let count = b.count.checked_sub(a.count)?;
    Some(Sum { count, total: b.mean * b.count as f64 - a.mean * a.count as f64 })
}

/// A change of k's mode starts its counters anew while the others go on: then there is no share.
fn late_share(a: &StatsReport, b: &StatsReport) -> Option<f64> {
    let requests = b.scale.requests.checked_sub(a.scale.requests)?;
    let late = b.scale.late.checked_sub(a.scale.late)?;
    (requests > 0 && late <= requests).then(|| late as f64 / requests as f64)
}

fn within(a: &StatsReport, b: &StatsReport) -> Option<f64> {
    let timed = b.service_ms.count.checked_sub(a.service_ms.count).filter(|&n| n > 0)?;
    let hits = |r: &StatsReport| r.within_1pct * r.service_ms.count as f64;
    Some(((hits(b) - hits(a)) / timed as f64).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{report, with_load};
    use super::*;

    fn close(value: Option<f64>, wanted: f64) -> bool {
        value.is_some_and(|v| (v - wanted).abs() < 1e-6)
    }

    #[test]
    fn rates_and_interval_means_come_from_differences() {
        let a = with_load(report(0, 10.0), 100, 10.0);
        // 50 more in 2 s, which took 16 ms each: the mean over all 150 is 12 ms.
        let mut b = with_load(report(0, 12.0), 150, 12.0);
        b.write = Count { requests: 20, bytes: 2_000_000, errors: 0 };
        b.flush.requests = 3;
        b.discard.requests = 1;
        let r = between(&a, &b).unwrap();
        assert_eq!((r.seconds, r.reads_per_second, r.writes_per_second), (2.0, 25.0, 10.0));
        assert_eq!(r.others_per_second, 2.0);
        assert!((r.mb_per_second - (50.0 * 4096.0 + 2e6) / 2e6).abs() < 1e-9, "{r:?}");
        assert!(close(r.service_ms, 16.0) && close(r.model_ms, 16.0), "{r:?}");
        // `with_load` makes the response twice the service time.
        assert!(close(r.response_ms, 32.0) && close(r.wait_ms, 16.0), "{r:?}");
    }

    #[test]
    fn shares_are_those_of_the_interval() {
        let mut a = with_load(report(0, 1.0), 100, 10.0);
        let mut b = with_load(report(0, 2.0), 200, 10.0);
        (a.scale.requests, a.scale.late, a.within_1pct) = (100, 0, 1.0);
        (b.scale.requests, b.scale.late, b.within_1pct) = (200, 5, 0.99);
        let r = between(&a, &b).unwrap();
        assert!(close(r.late_share, 0.05) && close(r.within_1pct, 0.98), "{r:?}");
    }

    #[test]
    fn an_idle_interval_has_rates_of_zero_and_no_means() {
        let r =
            between(&with_load(report(0, 1.0), 100, 10.0), &with_load(report(0, 2.0), 100, 10.0));
        let r = r.unwrap();
        assert_eq!((r.reads_per_second, r.mb_per_second), (0.0, 0.0));
        let none =
            [r.service_ms, r.model_ms, r.response_ms, r.wait_ms, r.late_share, r.within_1pct];
        assert_eq!(none, [None; 6]);
    }

    #[test]
    fn counters_that_were_set_back_give_nothing() {
        let a = with_load(report(0, 9.0), 100, 10.0);
        assert_eq!(between(&a, &with_load(report(0, 10.0), 99, 10.0)), None);
        assert_eq!(between(&a, &a), None, "no time passed");
        let mut odd = a.clone();
        odd.uptime_seconds = f64::NAN;
        assert_eq!(between(&a, &odd), None);
        // Only k's own counters: the rest stays.
        let mut a2 = a.clone();
        a2.scale.requests = 100;
        let r = between(&a2, &with_load(report(0, 10.0), 110, 10.0)).unwrap();
        assert_eq!((r.late_share, r.reads_per_second), (None, 10.0));
    }
}
