//! Confidence intervals in closed form, for values that are independent: one value per run.

use serde::Serialize;

use crate::describe::{Sorted, deviation, mean};
use crate::special::{binomial_quantile, t_critical};

/// From where to where, and how that was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Where it comes from.
    pub method: Method,
}

/// How an interval was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Student's t: independent values, and enough of them for their mean to be nearly normal.
    T,
    /// Two of the sorted values, by the binomial distribution: independent values, nothing else.
    OrderStatistics,
    /// Whole runs drawn again with replacement: independent runs.
    Bootstrap,
    /// Differences between two sorted sets, by the exact distribution of Mann and Whitney's U.
    Exact,
    /// The same by U's normal approximation, for many values.
    Approximate,
}

/// Interval for the mean at confidence `level` (0.95), by Student's t. `None` for fewer than two values.
pub fn of_mean(values: &[f64], level: f64) -> Option<Interval> {
    let (mean, deviation) = (mean(values)?, deviation(values)?);
    let n = values.len() as f64;
    let half = t_critical(1.0 - level, n - 1.0) * deviation / n.sqrt();
    Some(Interval { low: mean - half, high: mean + half, method: Method::T })
}

/// Interval for the quantile `q` at confidence `level` or slightly more, between two of the values:
/// Conover, Practical Nonparametric Statistics, 3.2. `None` when there are too few values for one:
/// 6 for the median and 368 for the 99th percentile at 0.95.
pub fn of_quantile(samples: &Sorted, q: f64, level: f64) -> Option<Interval> {
    let values = samples.values();
    let n = values.len() as u64;
    let alpha = (1.0 - level) / 2.0;
    let low = binomial_quantile(alpha, n, q).checked_sub(1)?;
    let high = binomial_quantile(1.0 - alpha, n, q);
    Some(Interval {
        low: *values.get(low as usize)?,
        high: *values.get(high as usize)?,
        method: Method::OrderStatistics,
    })
}
