//! Sums, histograms and comparisons over the decisions of one replay.

use hdrhistogram::Histogram;
use vpt_model::units::{as_ms, nanos};
use vpt_model::{Instant, Op, Verdict};

use super::plot::{Plots, Thinned, Timeline};
use super::report::{Comparison, Deviation, PartTotal, PartTotals};
use super::trace::TraceRequest;
use crate::report::Distribution;

/// How many of the largest deviations are named.
const LARGEST: usize = 10;

/// A histogram of times with an exact mean and extremes; percentiles to three digits.
pub(super) struct Times {
    histogram: Histogram<u64>,
    sum_ns: u128,
    min_ns: u64,
    max_ns: u64,
}

impl Times {
    fn new() -> Result<Self, hdrhistogram::CreationError> {
        // Up to 584 years; grows as it is needed, so that the usual case stays in the cache.
        let mut histogram = Histogram::new(3)?;
        histogram.auto(true);
        Ok(Self { histogram, sum_ns: 0, min_ns: u64::MAX, max_ns: 0 })
    }

    fn add(&mut self, ns: u64) {
        // Beyond what a histogram can hold it counts in the last bucket.
        if self.histogram.record(ns).is_err() {
            self.histogram.saturating_record(ns);
        }
        self.sum_ns += u128::from(ns);
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
    }

    pub(super) fn distribution(&self) -> Distribution {
        let count = self.histogram.len();
        if count == 0 {
            return Distribution::default();
        }
        let at = |q| {
            let ns = self.histogram.value_at_quantile(q).clamp(self.min_ns, self.max_ns);
            ns as f64 / 1e6
        };
        Distribution {
            count,
            mean: self.sum_ns as f64 / count as f64 / 1e6,
            min: self.min_ns as f64 / 1e6,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.max_ns as f64 / 1e6,
        }
    }

    fn cdf(&self) -> Vec<(f64, f64)> {
        let total = self.histogram.len().max(1) as f64;
        let mut so_far = 0;
        let point = |v: hdrhistogram::iterators::IterationValue<u64>| {
            so_far += v.count_since_last_iteration();
            (v.value_iterated_to().min(self.max_ns) as f64 / 1e6, so_far as f64 / total)
        };
        self.histogram.iter_quantiles(10).map(point).collect()
    }
}

/// Sums of one kind of request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kind {
    pub(super) requests: u64,
    pub(super) bytes: u64,
}

#[derive(Default)]
struct Measured {
    requests: u64,
    measured_ns: u128,
    model_ns: u128,
    within: [u64; 4],
    /// (how far off, which), worst first.
    largest: Vec<(u64, Deviation)>,
}

/// Everything that is counted.
pub(super) struct Account {
    pub(super) reads: Kind,
    pub(super) writes: Kind,
    pub(super) flushes: Kind,
    pub(super) discards: Kind,
    pub(super) response: Times,
    pub(super) service: Times,
    pub(super) wait: Times,
    pub(super) end: Instant,
    /// Overhead, seek, rotation, transfer, head switch, settle, in nanoseconds.
    parts: [u128; 6],
    arm: u64,
    stroke: f64,
    contiguous: u64,
    measured: Measured,
    timeline: Timeline,
    by_stroke: Thinned,
}

impl Account {
    pub(super) fn new() -> Result<Self, hdrhistogram::CreationError> {
        Ok(Self {
            reads: Kind::default(),
            writes: Kind::default(),
            flushes: Kind::default(),
            discards: Kind::default(),
            response: Times::new()?,
            service: Times::new()?,
            wait: Times::new()?,
            end: Instant::ZERO,
            parts: [0; 6],
            arm: 0,
            stroke: 0.0,
            contiguous: 0,
            measured: Measured::default(),
            timeline: Timeline::default(),
            by_stroke: Thinned::default(),
        })
    }

    /// Counts one decision.
    pub(super) fn add(&mut self, request: &TraceRequest, v: &Verdict) {
        let kind = match request.op {
            Op::Read => &mut self.reads,
            Op::Write { .. } | Op::WriteZeroes => &mut self.writes,
            Op::Flush => &mut self.flushes,
            Op::Discard => &mut self.discards,
        };
        kind.requests += 1;
        kind.bytes += request.bytes();
        let (arrival, start, due) = (v.arrival.as_nanos(), v.start.as_nanos(), v.due.as_nanos());
        let response = due.saturating_sub(arrival);
        self.response.add(response);
        self.service.add(due.saturating_sub(start));
        self.wait.add(start.saturating_sub(arrival));
        self.end = self.end.max(v.due);
        let p = &v.parts;
        let parts = [p.overhead, p.seek, p.rotation, p.transfer, p.head_switch, p.settle];
        for (sum, part) in self.parts.iter_mut().zip(parts) {
            *sum += u128::from(nanos(part));
        }
        if request.op.moves_arm() {
            self.arm += 1;
            self.stroke += v.stroke;
            self.contiguous += u64::from(v.contiguous);
            self.by_stroke.add(|| (v.stroke, as_ms(p.service())));
        }
        self.timeline.add(arrival, response);
        if let Some(measured) = request.measured_ns() {
            self.measured.add(request, measured, response);
        }
    }

    pub(super) fn requests(&self) -> u64 {
        self.response.histogram.len()
    }

    pub(super) fn part_totals(&self) -> PartTotals {
        let all = self.parts.iter().sum::<u128>().max(1) as f64;
        let requests = self.requests().max(1) as f64;
        let [overhead, seek, rotation, transfer, head_switch, settle] = self.parts.map(|ns| {
            let ns = ns as f64;
            PartTotal { total_ms: ns / 1e6, mean_ms: ns / 1e6 / requests, share: ns / all }
        });
        PartTotals { overhead, seek, rotation, transfer, head_switch, settle }
    }

    pub(super) fn mean_stroke(&self) -> f64 {
        self.stroke / self.arm.max(1) as f64
    }

    pub(super) fn contiguous(&self) -> f64 {
        self.contiguous as f64 / self.arm.max(1) as f64
    }

    pub(super) fn comparison(&self) -> Option<Comparison> {
        let m = &self.measured;
        let n = m.requests as f64;
        let [within_1pct, within_2pct, within_5pct, within_10pct] = m.within.map(|w| w as f64 / n);
        (m.requests > 0).then(|| Comparison {
            requests: m.requests,
            measured_mean_ms: m.measured_ns as f64 / n / 1e6,
            model_mean_ms: m.model_ns as f64 / n / 1e6,
            within_1pct,
            within_2pct,
            within_5pct,
            within_10pct,
            largest: m.largest.iter().map(|(_, d)| *d).collect(),
        })
    }

    pub(super) fn into_plots(self) -> Plots {
        Plots {
            response_over_time: self.timeline.means(),
            rate_over_time: self.timeline.rates(),
            response_cdf: self.response.cdf(),
            service_by_stroke: self.by_stroke.into_points(),
        }
    }
}

impl Measured {
    fn add(&mut self, request: &TraceRequest, measured: u64, model: u64) {
        self.requests += 1;
        self.measured_ns += u128::from(measured);
        self.model_ns += u128::from(model);
        let off = measured.abs_diff(model);
        for (count, percent) in self.within.iter_mut().zip([1, 2, 5, 10]) {
            *count += u64::from(u128::from(off) * 100 <= u128::from(measured) * percent);
        }
        let full = self.largest.len() == LARGEST;
        if off == 0 || full && self.largest.last().is_some_and(|(least, _)| off <= *least) {
            return;
        }
        let deviation = Deviation {
            line: request.line,
            sector: request.sector,
            measured_ms: measured as f64 / 1e6,
            model_ms: model as f64 / 1e6,
        };
        let place = self.largest.partition_point(|(other, _)| *other >= off);
        self.largest.insert(place, (off, deviation));
        self.largest.truncate(LARGEST);
    }
}
