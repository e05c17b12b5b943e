//! Intervals for samples that depend on each other within their run: whole runs are drawn again.
//!
//! Drawing single samples would treat a run of a thousand samples that all share one page layout as a
//! thousand experiments. Drawing runs keeps whatever dependence there is inside them (the cluster
//! bootstrap: Davison and Hinkley, Bootstrap Methods and their Application, 3.8).
//!
//! Intervals are percentile intervals, expanded for small numbers of runs: the percentiles are those at
//! which a t interval of as many values would stand (Hesterberg, American Statistician 69, 2015). BCa is
//! not used: its acceleration comes from leaving out one run at a time, which for a median of few runs
//! takes two or three values only.

use crate::describe::{Sorted, between, place, sum};
use crate::interval::{Interval, Method};
use crate::random::Random;
use crate::special::{normal_tail, t_critical};

/// How often runs are drawn again.
pub const RESAMPLES: usize = 2000;

/// More runs than this are drawn in groups of neighbours: independent runs in groups are independent
/// groups, and an interval from a thousand of them is as good.
const GROUPS: usize = 1000;

/// Samples by run, prepared so that a quantile of any combination of runs is found without touching
/// all samples.
#[derive(Clone, Debug)]
pub struct Runs {
    /// All samples in ascending order, each with its run.
    merged: Vec<(f64, u32)>,
    /// For every `spacing`th place in `merged`, how many samples of each run stand before it.
    before: Vec<u32>,
    spacing: usize,
    counts: Vec<usize>,
    sums: Vec<f64>,
}

/// Intervals found together, from the same draws.
#[derive(Clone, Debug, PartialEq)]
pub struct Intervals {
    /// Of the mean of all samples.
    pub mean: Interval,
    /// Of each quantile that was asked for, in that order.
    pub quantiles: Vec<Interval>,
}

impl Runs {
    /// Prepares `runs`; those without samples are left out. All samples must be finite.
    pub fn new(runs: &[&[f64]]) -> Self {
        let runs: Vec<&[f64]> = runs.iter().copied().filter(|run| !run.is_empty()).collect();
        let groups = runs.len().min(GROUPS);
        let mut counts = vec![0; groups];
        let mut sums = vec![0.0; groups];
        let mut merged: Vec<(f64, u32)> = Vec::with_capacity(runs.iter().map(|r| r.len()).sum());
        for (n, run) in runs.iter().enumerate() {
            let group = n * groups / runs.len();
            merged.extend(run.iter().map(|&v| (v, group as u32)));
            counts[group] += run.len();
            sums[group] += sum(run.iter().copied());
        }
        merged.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        // As many counters as samples at most.
        let spacing = groups.max(256);
        let mut before = Vec::new();
        let mut so_far = vec![0u32; groups];
        for (n, &(_, run)) in merged.iter().enumerate() {
            if n % spacing == 0 {
                before.extend_from_slice(&so_far);
            }
            so_far[run as usize] += 1;
        }
        Self { merged, before, spacing, counts, sums }
    }

    /// All samples, sorted.
    pub fn sorted(&self) -> Sorted {
        Sorted::new(self.merged.iter().map(|&(v, _)| v).collect())
    }

    /// Mean of the samples when run n is there `times[n]` times.
    fn mean(&self, times: &[u32]) -> f64 {
        let total: f64 = times.iter().zip(&self.sums).map(|(&t, s)| f64::from(t) * s).sum();
        let count: f64 =
            times.iter().zip(&self.counts).map(|(&t, &c)| f64::from(t) * c as f64).sum();
        total / count
    }

    /// Quantile `q` (type 7) of the samples when run n is there `times[n]` times, not all of them 0.
    fn quantile(&self, times: &[u32], q: f64) -> f64 {
        let total: usize = times.iter().zip(&self.counts).map(|(&t, &c)| t as usize * c).sum();
        let place = place(total, q);
        let width = times.len();
        let before = |block: usize| -> usize {
            let counts = &self.before[block * width..(block + 1) * width];
            counts.iter().zip(times).map(|(&c, &t)| c as usize * t as usize).sum()
        };
        // The last block that begins at or before the place.
        let (mut low, mut high) = (0, self.before.len() / width);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if before(middle) <= place.index { low = middle } else { high = middle }
        }
        let mut passed = before(low);
        let mut first = None;
        for &(value, run) in &self.merged[low * self.spacing..] {
            passed += times[run as usize] as usize;
            if first.is_none() && passed > place.index {
                first = Some(value);
            }
            if let Some(first) = first
                && (passed > place.index + 1 || place.fraction == 0.0)
            {
                return between(first, value, place.fraction);
            }
        }
        first.unwrap_or(f64::NAN)
    }

    /// Intervals at confidence `level` (0.95) of the mean and of `quantiles`, from [`RESAMPLES`] draws
    /// that depend on `seed` alone. `None` for fewer than two runs: one run says nothing about the next.
    pub fn intervals(&self, quantiles: &[f64], level: f64, seed: u64) -> Option<Intervals> {
        let runs = self.counts.len();
        if runs < 2 {
            return None;
        }
        let mut random = Random::new(seed);
        let mut times = vec![0u32; runs];
        let mut drawn: Vec<Vec<f64>> =
            (0..=quantiles.len()).map(|_| Vec::with_capacity(RESAMPLES)).collect();
        for _ in 0..RESAMPLES {
            times.fill(0);
            for _ in 0..runs {
                times[random.below(runs)] += 1;
            }
            drawn[0].push(self.mean(&times));
            for (values, &q) in drawn[1..].iter_mut().zip(quantiles) {
                values.push(self.quantile(&times, q));
            }
        }
        let share = expanded_share(runs, level);
        let mut intervals = drawn.into_iter().map(|values| {
            let sorted = Sorted::new(values);
            let at = |q| sorted.quantile(q).unwrap_or(f64::NAN);
            Interval { low: at(share), high: at(1.0 - share), method: Method::Bootstrap }
        });
        Some(Intervals { mean: intervals.next()?, quantiles: intervals.collect() })
    }
}

/// The share of draws to leave out on each side for `runs` runs, by Hesterberg's expansion.
pub(crate) fn expanded_share(runs: usize, level: f64) -> f64 {
    let n = runs as f64;
    normal_tail((n / (n - 1.0)).sqrt() * t_critical(1.0 - level, n - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_runs_widen_the_interval() {
        assert!((expanded_share(1_000_000, 0.95) - 0.025).abs() < 1e-5);
        assert!(expanded_share(10, 0.95) < 0.01);
        assert!(expanded_share(2, 0.95) < 1e-9);
    }

    #[test]
    fn many_runs_are_drawn_in_groups() {
        let mut random = Random::new(2);
        let runs: Vec<[f64; 2]> = (0..5000).map(|_| [random.normal(), random.normal()]).collect();
        let slices: Vec<&[f64]> = runs.iter().map(|run| &run[..]).collect();
        let prepared = Runs::new(&slices);
        assert_eq!(prepared.counts.len(), GROUPS);
        assert!(prepared.counts.iter().all(|&n| n == 10));
        // Standard error of the mean of 10,000 values: 0.01.
        let found = prepared.intervals(&[], 0.95, 1).unwrap().mean;
        let width = found.high - found.low;
        assert!((width / (2.0 * 1.96 * 0.01) - 1.0).abs() < 0.15, "{found:?}");
    }

    #[test]
    fn one_run_gives_no_interval_and_a_seed_always_the_same() {
        let run = [1.0, 2.0, 3.0];
        assert_eq!(Runs::new(&[&run, &[]]).intervals(&[0.5], 0.95, 1), None);
        let two = Runs::new(&[&run, &[4.0, 5.0]]);
        assert_eq!(two.intervals(&[0.5], 0.95, 1), two.intervals(&[0.5], 0.95, 1));
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_the_runs_laid_together(
            runs in prop::collection::vec(prop::collection::vec(-50i32..50, 1..600), 2..7),
            times in prop::collection::vec(0u32..4, 7),
            q in 0.0..=1.0f64,
        ) {
            let runs: Vec<Vec<f64>> =
                runs.iter().map(|run| run.iter().map(|&v| f64::from(v) / 3.0).collect()).collect();
            let times = &times[..runs.len()];
            prop_assume!(times.iter().any(|&t| t > 0));
            let slices: Vec<&[f64]> = runs.iter().map(Vec::as_slice).collect();
            let prepared = Runs::new(&slices);
            let mut all = Vec::new();
            for (run, &t) in runs.iter().zip(times) {
                (0..t).for_each(|_| all.extend_from_slice(run));
            }
            let mean = crate::describe::mean(&all).unwrap();
            prop_assert!((prepared.mean(times) - mean).abs() < 1e-9);
            let expected = Sorted::new(all).quantile(q).unwrap();
            prop_assert_eq!(prepared.quantile(times, q), expected);
        }
    }
}
