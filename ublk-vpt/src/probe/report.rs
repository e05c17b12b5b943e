//! What a probe found. Serialises to one JSON object; times are milliseconds, distances fractions of the
//! largest one, unless the name says otherwise.

use serde::{Deserialize, Serialize};

use super::fit::Fit;
use super::measure::{FailedRead, SequentialRate};
use crate::report::Distribution;

/// Requests over one distance, or over distances close to each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Their mean distance.
    pub stroke: f64,
    /// How many.
    pub n: usize,
    /// 10th percentile.
    pub p10_ms: f64,
    /// 25th percentile.
    pub p25_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 75th percentile.
    pub p75_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// Mean.
    pub mean_ms: f64,
}

/// Uniformly random requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RandomReport {
    /// Under way at once.
    pub depth: usize,
    /// From the first request's start to the last one's end.
    pub seconds: f64,
    /// Completed requests per second.
    pub iops: f64,
    /// Time of one request, in milliseconds.
    pub latency_ms: Distribution,
    /// Every request's time above depth 1, where there is no distance to pair it with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latencies_ms: Vec<f64>,
}

/// The same moves out of the page cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CachedReport {
    /// (stroke, milliseconds).
    pub samples: Vec<(f64, f64)>,
    /// By distance.
    pub buckets: Vec<Bucket>,
    /// Median time.
    pub p50_ms: f64,
    /// How many times as long the median is when it is not cached.
    pub uncached_ratio: f64,
}

/// Measured against expected, request by request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    /// The model's name.
    pub name: String,
    /// Requests compared: every one with a distance.
    pub requests: usize,
    /// Mean measured.
    pub mean_ms: f64,
    /// Mean of what the model expects for the same distances.
    pub expected_ms: f64,
    /// What the model expects of uniformly random requests, in closed form.
    pub closed_form_ms: Option<f64>,
    /// Share of requests at most 1 % off, 0 to 1.
    pub within_1pct: f64,
    /// Share at most 2 % off.
    pub within_2pct: f64,
    /// Measured minus expected, in microseconds; negative is too early.
    pub deviation_us: Distribution,
    /// The model's curve, to be drawn: (stroke, milliseconds).
    pub curve: Vec<(f64, f64)>,
}

/// Everything a probe found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// What was measured.
    pub target: String,
    /// `regular file` or `block device`.
    pub kind: String,
    /// Its size.
    pub size_bytes: u64,
    /// Bytes per request.
    pub block_bytes: u64,
    /// Whether reads went past the page cache.
    pub direct: bool,
    /// What the offsets were drawn with.
    pub seed: u64,
    /// How long it took.
    pub seconds: f64,
    /// Reads made, those that only placed the arm included.
    pub reads: u64,
    /// Reads that failed.
    pub errors: u64,
    /// The first of them.
    pub failed: Vec<FailedRead>,
    /// Why it ended before all requests were made.
    pub interrupted: Option<String>,
    /// Revolutions per minute, if they were given.
    pub rpm: Option<f64>,
    /// (stroke, milliseconds) in the order measured: moves, then random requests.
    pub samples: Vec<(f64, f64)>,
    /// The samples by distance.
    pub buckets: Vec<Bucket>,
    /// Linear and two-piece fit.
    pub fit: Option<Fit>,
    /// Uniformly random requests.
    pub random: Option<RandomReport>,
    /// Sequential reads.
    pub sequential: Vec<SequentialRate>,
    /// Out of the page cache.
    pub cached: Option<CachedReport>,
    /// Against a model.
    pub model: Option<ModelReport>,
    /// What a reader of the figures should know.
    pub notes: Vec<String>,
}

impl ProbeReport {
    /// One JSON object on one line.
    ///
    /// # Errors
    /// None in practice: every field has a JSON form.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Rate of sequential reads over all places, in 10^6 bytes per second.
    pub fn mb_per_s(&self) -> Option<f64> {
        // Equal bytes at each place: the harmonic mean is bytes over time.
        let slowness: f64 = self.sequential.iter().map(|r| 1.0 / r.mb_per_s).sum();
        (slowness > 0.0).then(|| self.sequential.len() as f64 / slowness)
    }
}

/// Value below which the share `q` of `sorted` lies, interpolated; 0 for nothing.
pub(super) fn percentile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = q.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Percentiles of `values`.
pub(super) fn distribution(mut values: Vec<f64>) -> Distribution {
    values.sort_by(f64::total_cmp);
    let at = |q| percentile(&values, q);
    Distribution {
        count: values.len() as u64,
        mean: mean(&values),
        min: at(0.0),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        max: at(1.0),
    }
}

/// Median time of samples.
pub(super) fn median_ms(samples: &[(f64, f64)]) -> f64 {
    let mut ms: Vec<f64> = samples.iter().map(|s| s.1).collect();
    ms.sort_by(f64::total_cmp);
    percentile(&ms, 0.5)
}

/// Samples that share a stroke (moves of planned distances) become one bucket each.
pub(super) fn by_distance(samples: &[(f64, f64)]) -> Vec<Bucket> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    sorted.chunk_by(|a, b| a.0 == b.0).map(bucket).collect()
}

/// Samples of any stroke, in `n` buckets of equal width; empty ones are left out.
pub(super) fn by_width(samples: &[(f64, f64)], n: usize) -> Vec<Bucket> {
    let n = n.max(1);
    let slot = |u: f64| ((u * n as f64) as usize).min(n - 1);
    let mut sorted = samples.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    sorted.chunk_by(|a, b| slot(a.0) == slot(b.0)).map(bucket).collect()
}

fn bucket(samples: &[(f64, f64)]) -> Bucket {
    let mut ms: Vec<f64> = samples.iter().map(|s| s.1).collect();
    ms.sort_by(f64::total_cmp);
    Bucket {
        stroke: samples.iter().map(|s| s.0).sum::<f64>() / samples.len().max(1) as f64,
        n: ms.len(),
        p10_ms: percentile(&ms, 0.1),
        p25_ms: percentile(&ms, 0.25),
        p50_ms: percentile(&ms, 0.5),
        p75_ms: percentile(&ms, 0.75),
        p90_ms: percentile(&ms, 0.9),
        mean_ms: mean(&ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate() {
        let d = distribution((1..=101).rev().map(f64::from).collect());
        assert_eq!(
            (d.count, d.mean, d.min, d.p50, d.p90, d.max),
            (101, 51.0, 1.0, 51.0, 91.0, 101.0)
        );
        assert_eq!(percentile(&[1.0, 2.0], 0.25), 1.25);
        assert_eq!(distribution(Vec::new()), Distribution::default());
    }

    #[test]
    fn buckets_hold_every_sample_once() {
        let samples: Vec<_> = (0..100).map(|i| (f64::from(i % 4) / 3.0, f64::from(i))).collect();
        let exact = by_distance(&samples);
        assert_eq!(exact.iter().map(|b| b.n).collect::<Vec<_>>(), [25; 4]);
        assert_eq!((exact[3].stroke, exact[3].p50_ms), (1.0, 51.0));
        let wide = by_width(&samples, 2);
        assert_eq!(wide.iter().map(|b| b.n).collect::<Vec<_>>(), [50, 50]);
        assert!(wide[0].stroke < 0.5 && wide[1].stroke > 0.5);
    }

    #[test]
    fn three_rates_become_bytes_over_time() {
        let rate = |mb_per_s| SequentialRate { at: 0.0, mb_per_s };
        let sequential = vec![rate(10.0), rate(20.0)];
        let report = ProbeReport { sequential, ..ProbeReport::default() };
        assert!((report.mb_per_s().unwrap() - 40.0 / 3.0).abs() < 1e-9);
        assert_eq!(ProbeReport::default().mb_per_s(), None);
    }
}
