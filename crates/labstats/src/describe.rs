//! Samples in numbers: count, extremes, quartiles, mean, spread, outliers.

use serde::Serialize;

/// Finite values in ascending order.
#[derive(Clone, Debug, PartialEq)]
pub struct Sorted(Vec<f64>);

impl Sorted {
    /// Sorts `values`; those that are not finite are left out.
    pub fn new(mut values: Vec<f64>) -> Self {
        values.retain(|v| v.is_finite());
        values.sort_unstable_by(f64::total_cmp);
        Self(values)
    }

    /// The values.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// The value that a share `q` (0 to 1) of the distribution lies below: Hyndman and Fan's type 7
    /// (American Statistician 50, 1996), linear between the two nearest samples, as numpy, R and
    /// spreadsheets have it. `None` without values.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        let place = place(self.0.len(), q);
        let low = self.0[place.index];
        Some(between(low, self.0[(place.index + 1).min(last)], place.fraction))
    }
}

/// Where a quantile lies among n sorted values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuantilePlace {
    /// The value at or below it, counted from 0.
    pub(crate) index: usize,
    /// How far it is on the way to the next value.
    pub(crate) fraction: f64,
}

/// The place of quantile `q` among `n` > 0 values, by type 7.
pub(crate) fn place(n: usize, q: f64) -> QuantilePlace {
    let h = (n - 1) as f64 * q.clamp(0.0, 1.0);
    let index = (h.floor() as usize).min(n - 1);
    QuantilePlace { index, fraction: h - index as f64 }
}

/// Linear interpolation that is exact at both ends and never leaves them.
pub(crate) fn between(low: f64, high: f64, fraction: f64) -> f64 {
    if fraction <= 0.0 || low == high { low } else { low + (high - low) * fraction }
}

/// The mean; `None` without values. Summed with Neumaier's correction, so that a million samples cost no
/// digits.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| sum(values.iter().copied()) / values.len() as f64)
}

/// Sum with Neumaier's correction (ZAMM 54, 1974).
pub(crate) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut correction) = (0.0f64, 0.0f64);
    for v in values {
        let next = sum + v;
        correction += if sum.abs() >= v.abs() { (sum - next) + v } else { (v - next) + sum };
        sum = next;
    }
    sum + correction
}

/// Standard deviation with n - 1 below the line; `None` for fewer than two values.
pub fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares = sum(values.iter().map(|v| (v - mean) * (v - mean)));
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// Samples in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Description {
    /// How many.
    pub n: usize,
    /// Smallest.
    pub min: f64,
    /// First quartile; all quantiles by type 7, see [`Sorted::quantile`].
    pub q1: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub q3: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation with n - 1; absent for one sample.
    pub sd: Option<f64>,
    /// Outliers, which all other numbers include.
    pub outliers: Outliers,
}

/// How many samples lie far from the others. They are counted, never dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outliers {
    /// More than 1.5 interquartile ranges outside the quartiles (Tukey's fences).
    pub tukey: usize,
    /// More than 3 of them outside.
    pub tukey_far: usize,
    /// Modified z score above 3.5 (Iglewicz and Hoaglin, 1993).
    pub mad: usize,
}

impl Description {
    /// Describes samples; `None` without any.
    pub fn of(samples: &Sorted) -> Option<Self> {
        let values = samples.values();
        Some(Self {
            n: values.len(),
            min: *values.first()?,
            q1: samples.quantile(0.25)?,
            median: samples.quantile(0.5)?,
            q3: samples.quantile(0.75)?,
            p99: samples.quantile(0.99)?,
            max: *values.last()?,
            mean: mean(values)?,
            sd: deviation(values),
            outliers: outliers(samples),
        })
    }
}

/// Median of the distances from the median, not scaled; 0 without values.
pub fn median_deviation(samples: &Sorted) -> f64 {
    let Some(median) = samples.quantile(0.5) else { return 0.0 };
    let distances = samples.values().iter().map(|v| (v - median).abs()).collect();
    Sorted::new(distances).quantile(0.5).unwrap_or(0.0)
}

/// Counts outliers. Where more than half of the samples are equal the median deviation is 0 and would
/// make an outlier of every other sample; the mean deviation stands in for it, as Iglewicz and Hoaglin
/// do, with the factor that makes it a standard deviation for normal samples.
fn outliers(samples: &Sorted) -> Outliers {
    let values = samples.values();
    let (Some(q1), Some(median), Some(q3)) =
        (samples.quantile(0.25), samples.quantile(0.5), samples.quantile(0.75))
    else {
        return Outliers::default();
    };
    let outside = |low: f64, high: f64| {
        values.partition_point(|&v| v < low) + values.len() - values.partition_point(|&v| v <= high)
    };
    let fence = |ranges: f64| outside(q1 - ranges * (q3 - q1), q3 + ranges * (q3 - q1));
    let middle = median_deviation(samples);
    let spread = if middle > 0.0 {
        middle / MAD_NORMAL
    } else {
        (std::f64::consts::PI / 2.0).sqrt() * mean_distance(values, median)
    };
    let mad = if spread > 0.0 { outside(median - 3.5 * spread, median + 3.5 * spread) } else { 0 };
    Outliers { tukey: fence(1.5), tukey_far: fence(3.0), mad }
}

/// Median deviation of the standard normal distribution.
const MAD_NORMAL: f64 = 0.674_489_750_196_081_7;

fn mean_distance(values: &[f64], from: f64) -> f64 {
    sum(values.iter().map(|v| (v - from).abs())) / values.len().max(1) as f64
}
