//! Counters and distributions of finished requests.

use std::collections::VecDeque;

use hdrhistogram::Histogram;
use vpt_model::Op;

use crate::report::{
    Count, Distribution, Histogram as Buckets, Histograms, StatsReport, TraceRecord,
};

/// Longest time a histogram resolves; longer ones count as this.
const LONGEST_NS: u64 = 1_000_000_000_000;
/// Finished requests kept for `ublk stats --trace`.
const KEPT: usize = 8_192;

/// A distribution of times in nanoseconds, to about 1 %.
#[derive(Clone)]
struct Times {
    histogram: Histogram<u64>,
    sum: u128,
}

impl Times {
    fn new() -> Self {
        let histogram = Histogram::new_with_max(LONGEST_NS, 2)
            .expect("constant bounds that the crate documents as valid");
        Self { histogram, sum: 0 }
    }

    fn add(&mut self, ns: u64) {
        self.histogram.saturating_record(ns);
        self.sum += u128::from(ns);
    }

    /// How many values are not above each bound; bounds rise.
    fn buckets(&self, bounds_ns: &[u64]) -> Buckets {
        let mut buckets = Vec::with_capacity(bounds_ns.len());
        let mut below = 0;
        let mut values = self.histogram.iter_recorded().peekable();
        for &bound in bounds_ns {
            while let Some(value) = values.next_if(|v| {
                // A bucket of the histogram counts where the middle of it is.
                self.histogram.median_equivalent(v.value_iterated_to()) <= bound
            }) {
                below += value.count_at_value();
            }
            buckets.push((bound as f64 / 1e9, below));
        }
        Buckets { buckets, sum_seconds: self.sum as f64 / 1e9, count: self.histogram.len() }
    }

    /// In units of `unit_ns` nanoseconds.
    fn report(&self, unit_ns: f64) -> Distribution {
        let h = &self.histogram;
        if h.is_empty() {
            return Distribution::default();
        }
        let at = |q: f64| h.value_at_quantile(q) as f64 / unit_ns;
        Distribution {
            count: h.len(),
            mean: self.sum as f64 / h.len() as f64 / unit_ns,
            min: h.min() as f64 / unit_ns,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: h.max() as f64 / unit_ns,
        }
    }
}

/// Upper bounds of what takes a disk's time, nanoseconds.
const SERVICE_BOUNDS_NS: [u64; 15] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    10_000_000_000,
];
/// Upper bounds of lateness, nanoseconds.
const LATENESS_BOUNDS_NS: [u64; 14] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
];

/// Everything counted since the device went live.
#[derive(Clone)]
pub(crate) struct Stats {
    read: Count,
    write: Count,
    flush: Count,
    discard: Count,
    service: Times,
    expected: Times,
    response: Times,
    backing: Times,
    backing_late: Times,
    timer_late: Times,
    timed: u64,
    within_1pct: u64,
    within_2pct: u64,
}

impl Stats {
    pub(crate) fn new() -> Self {
        let times = Times::new;
        Self {
            read: Count::default(),
            write: Count::default(),
            flush: Count::default(),
            discard: Count::default(),
            service: times(),
            expected: times(),
            response: times(),
            backing: times(),
            backing_late: times(),
            timer_late: times(),
            timed: 0,
            within_1pct: 0,
            within_2pct: 0,
        }
    }

    /// Counts a request that never got as far as the disk.
    pub(crate) fn refused(&mut self, op: Op) {
        let count = self.count(op);
        count.requests += 1;
        count.errors += 1;
    }

    pub(crate) fn add(&mut self, op: Op, bytes: u64, r: &TraceRecord) {
        let count = self.count(op);
        count.requests += 1;
        if r.errno == 0 {
            count.bytes += bytes;
        } else {
            count.errors += 1;
        }
        self.response.add(r.done_ns.saturating_sub(r.arrival_ns));
        self.backing.add(r.backing_done_ns.saturating_sub(r.arrival_ns));
        let ready = r.due_ns.max(r.backing_done_ns);
        self.timer_late.add(r.done_ns.saturating_sub(ready));
        if r.backing_done_ns > r.due_ns {
            self.backing_late.add(r.backing_done_ns - r.due_ns);
        }
        let expected = r.due_ns.saturating_sub(r.start_ns);
        if expected > 0 {
            self.timed += 1;
            self.expected.add(expected);
            self.service.add(r.done_ns.saturating_sub(r.start_ns));
            let off = r.done_ns.abs_diff(r.due_ns);
            self.within_1pct += u64::from(off * 100 <= expected);
            self.within_2pct += u64::from(off * 50 <= expected);
        }
    }

    fn count(&mut self, op: Op) -> &mut Count {
        match op {
            Op::Read => &mut self.read,
            Op::Write { .. } => &mut self.write,
            Op::Flush => &mut self.flush,
            Op::Discard | Op::WriteZeroes => &mut self.discard,
        }
    }

    /// The distributions by fixed bounds.
    pub(crate) fn histograms(&self) -> Histograms {
        Histograms {
            response: self.response.buckets(&SERVICE_BOUNDS_NS),
            service: self.service.buckets(&SERVICE_BOUNDS_NS),
            backing: self.backing.buckets(&SERVICE_BOUNDS_NS),
            backing_late: self.backing_late.buckets(&LATENESS_BOUNDS_NS),
            timer_late: self.timer_late.buckets(&LATENESS_BOUNDS_NS),
        }
    }

    /// Fills in what is known here.
    pub(crate) fn report(&self, into: &mut StatsReport) {
        const MS: f64 = 1e6;
        const US: f64 = 1e3;
        into.read = self.read;
        into.write = self.write;
        into.flush = self.flush;
        into.discard = self.discard;
        into.service_ms = self.service.report(MS);
        into.expected_ms = self.expected.report(MS);
        into.response_ms = self.response.report(MS);
        into.backing_ms = self.backing.report(MS);
        into.backing_late_us = self.backing_late.report(US);
        into.timer_late_us = self.timer_late.report(US);
        let share = |n: u64| if self.timed == 0 { 1.0 } else { n as f64 / self.timed as f64 };
        into.within_1pct = share(self.within_1pct);
        into.within_2pct = share(self.within_2pct);
    }
}

/// The last finished requests.
pub(crate) struct Recent(VecDeque<TraceRecord>);

impl Recent {
    pub(crate) fn new() -> Self {
        Self(VecDeque::with_capacity(KEPT))
    }

    pub(crate) fn add(&mut self, record: TraceRecord) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(record);
    }

    /// The newest `max`, oldest first.
    pub(crate) fn last(&self, max: usize) -> Vec<TraceRecord> {
        self.0.iter().skip(self.0.len().saturating_sub(max)).copied().collect()
    }
}
