//! By how much one set lies above another: Hodges and Lehmann's estimate and its interval (Annals of
//! Mathematical Statistics 34, 1963).
//!
//! The estimate is the median of all differences x - y. For two sets of a million values there are
//! 10^12 of them; they are never written down. The k-th smallest is found by halving the range of
//! possible values, and counting the differences below the middle takes one walk along both sorted
//! sets. Numbers of 64 bits leave 64 halvings at most, so the result is the exact difference.

use serde::Serialize;

use crate::describe::Sorted;
use crate::interval::{Interval, Method};
use crate::rank::{EXACT_UP_TO, u_distribution};
use crate::special::normal_quantile;

/// A shift and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Shift {
    /// Median of all differences.
    pub estimate: f64,
    /// Interval, when there are enough values for one.
    pub interval: Option<Interval>,
}

/// Estimates by how much `x` lies above `y`, with an interval at confidence `level`. It holds for
/// independent values. `None` when a set is empty.
pub fn hodges_lehmann(x: &Sorted, y: &Sorted, level: f64) -> Option<Shift> {
    let estimate = median_difference(x, y)?;
    Some(Shift { estimate, interval: interval(x, y, level) })
}

/// The estimate alone.
pub fn median_difference(x: &Sorted, y: &Sorted) -> Option<f64> {
    let differences = Differences::new(x, y)?;
    let all = differences.count();
    let low = differences.select((all - 1) / 2);
    if all % 2 == 1 {
        return Some(low);
    }
    let high = differences.next_after(low, all / 2);
    Some(low + (high - low) / 2.0)
}

/// The interval between two of the sorted differences whose ranks U's distribution gives.
fn interval(x: &Sorted, y: &Sorted, level: f64) -> Option<Interval> {
    let (n, m) = (x.values().len(), y.values().len());
    let alpha = (1.0 - level) / 2.0;
    // So many differences may be left out at each end.
    let (out, method) = if n + m <= EXACT_UP_TO {
        let mut below = 0.0;
        let shares = u_distribution(n, m);
        let out = shares
            .iter()
            .take_while(|share| {
                below += *share;
                below <= alpha
            })
            .count();
        (out as u64, Method::Exact)
    } else {
        let (n, m) = (n as f64, m as f64);
        let half = normal_quantile(1.0 - alpha) * (n * m * (n + m + 1.0) / 12.0).sqrt();
        ((n * m / 2.0 - half).floor().max(0.0) as u64, Method::Approximate)
    };
    let differences = Differences::new(x, y)?;
    let first = out.checked_sub(1)?;
    let last = differences.count().checked_sub(out)?;
    Some(Interval { low: differences.select(first), high: differences.select(last), method })
}

/// All differences x - y of two sorted sets, none of them empty.
struct Differences<'a> {
    x: &'a [f64],
    y: &'a [f64],
}

impl<'a> Differences<'a> {
    fn new(x: &'a Sorted, y: &'a Sorted) -> Option<Self> {
        let (x, y) = (x.values(), y.values());
        (!x.is_empty() && !y.is_empty()).then_some(Self { x, y })
    }

    fn count(&self) -> u64 {
        self.x.len() as u64 * self.y.len() as u64
    }

    /// How many differences are at most `limit`. Rounding keeps the order, so the walk never turns.
    fn at_most(&self, limit: f64) -> u64 {
        let mut count = 0;
        let mut from = 0;
        for &x in self.x {
            while from < self.y.len() && x - self.y[from] > limit {
                from += 1;
            }
            if from == self.y.len() {
                break;
            }
            count += (self.y.len() - from) as u64;
        }
        count
    }

    /// The difference with exactly `rank` others before it, `rank` below [`Self::count`].
    fn select(&self, rank: u64) -> f64 {
        let (last_x, last_y) = (self.x.len() - 1, self.y.len() - 1);
        let mut low = key(self.x[0] - self.y[last_y]);
        let mut high = key(self.x[last_x] - self.y[0]);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.at_most(value(middle)) > rank { high = middle } else { low = middle + 1 }
        }
        value(low)
    }

    /// The difference of rank `rank`, given the one before it.
    fn next_after(&self, before: f64, rank: u64) -> f64 {
        if self.at_most(before) > rank {
            return before;
        }
        let mut next = f64::INFINITY;
        let mut from = 0;
        for &x in self.x {
            while from < self.y.len() && x - self.y[from] > before {
                from += 1;
            }
            // The one just before is the smallest difference of this x above the limit.
            if let Some(y) = from.checked_sub(1).map(|at| self.y[at]) {
                next = next.min(x - y);
            }
        }
        next
    }
}

/// Numbers in the order of the values, negative zero just before zero.
fn key(v: f64) -> u64 {
    let bits = v.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn value(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn selection_equals_sorting_all_differences(
            x in prop::collection::vec(-40i32..40, 1..30),
            y in prop::collection::vec(-40i32..40, 1..30),
            third: bool,
        ) {
            let scale = if third { 3.0 } else { 1.0 };
            let sorted = |v: &[i32]| Sorted::new(v.iter().map(|&v| f64::from(v) / scale).collect());
            let (x, y) = (sorted(&x), sorted(&y));
            let mut all: Vec<f64> =
                x.values().iter().flat_map(|a| y.values().iter().map(move |b| a - b)).collect();
            all.sort_by(f64::total_cmp);
            let differences = Differences::new(&x, &y).unwrap();
            for (rank, expected) in all.iter().enumerate() {
                prop_assert_eq!(differences.select(rank as u64), *expected);
            }
            let n = all.len();
            let median = (all[(n - 1) / 2] + all[n / 2]) / 2.0;
            let found = median_difference(&x, &y).unwrap();
            prop_assert!((found - median).abs() < 1e-12);
        }

        #[test]
        fn keys_keep_order(a: f64, b: f64) {
            prop_assume!(a.is_finite() && b.is_finite());
            prop_assert_eq!(value(key(a)).to_bits(), a.to_bits());
            prop_assert_eq!(key(a).cmp(&key(b)), a.total_cmp(&b));
        }
    }

    #[test]
    fn too_few_values_have_no_interval() {
        let few = Sorted::new(vec![1.0, 2.0, 3.0]);
        let shift = hodges_lehmann(&few, &few, 0.95).unwrap();
        assert_eq!((shift.estimate, shift.interval), (0.0, None));
        assert!(hodges_lehmann(&few, &Sorted::new(vec![]), 0.95).is_none());
    }
}
