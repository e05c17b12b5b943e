//! One series, old and new.

use serde::Serialize;

use super::{Key, Options};
use crate::bootstrap::Runs;
use crate::correlation::autocorrelation;
use crate::describe::{Description, Sorted, mean};
use crate::interval::{self, Interval};
use crate::rank::{cliffs_delta, mann_whitney, smallest_p};
use crate::results::{Run, Series};
use crate::shift::{hodges_lehmann, median_difference};
use crate::verdict::Verdict;

/// The number that stands for a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Statistic {
    /// What a sample usually is.
    #[default]
    Median,
    /// What all samples together cost.
    Mean,
    /// What is left when nothing disturbs, as the report's Table 1 has it.
    Min,
    /// What the worst hundredth exceeds.
    P99,
}

impl Statistic {
    /// Of one run; `None` without samples.
    pub fn of(self, run: &Run) -> Option<f64> {
        let sorted = || Sorted::new(run.samples.clone());
        match self {
            Self::Median => sorted().quantile(0.5),
            Self::Mean => mean(&run.samples),
            Self::Min => run.samples.iter().copied().min_by(f64::total_cmp),
            Self::P99 => sorted().quantile(0.99),
        }
    }

    /// Of every run that has samples.
    pub fn of_runs(self, series: &Series) -> Vec<f64> {
        series.runs.iter().filter_map(|run| self.of(run)).collect()
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Median => "median",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::P99 => "p99",
        }
    }
}

/// One side of a pair.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// Runs that have samples.
    pub runs: usize,
    /// All samples together.
    pub samples: Description,
    /// Interval of the mean over all samples.
    pub mean_interval: Option<Interval>,
    /// Interval of the median.
    pub median_interval: Option<Interval>,
    /// Interval of the 99th percentile.
    pub p99_interval: Option<Interval>,
    /// The statistic of each run: what is judged.
    pub per_run: Vec<f64>,
    /// Mean over the runs of the correlation of a sample with the next.
    pub lag1: Option<f64>,
    /// As many independent samples would tell the mean of one run as well; sum over the runs.
    pub effective_n: Option<f64>,
    /// Samples lost, over all runs.
    pub lost: u64,
    /// Samples discarded, over all runs.
    pub discarded: u64,
    /// Deadlines missed, of how many.
    pub missed_deadlines: (u64, u64),
    /// Time stolen by the hypervisor below, where that is known.
    pub steal_ns: Option<u64>,
    /// Runs in which real-time tasks were stopped.
    pub throttled_runs: usize,
}

/// One series, old and new, and what follows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// What was measured.
    #[serde(flatten)]
    pub key: Key,
    /// Before.
    pub old: Side,
    /// After.
    pub new: Side,
    /// By how much runs of new lie above runs of old (Hodges and Lehmann), in the metric's unit.
    pub shift: f64,
    /// Its interval at confidence 1 - alpha.
    pub shift_interval: Option<Interval>,
    /// The shift as a share of the median run of old; absent when that is 0.
    pub relative: Option<f64>,
    /// The largest shift that does not matter, in the metric's unit.
    pub margin: f64,
    /// Mann and Whitney's p over runs; absent when a side has a single run.
    pub p: Option<f64>,
    /// Whether it is exact.
    pub p_exact: bool,
    /// The same after Holm's correction for all pairs of the comparison.
    pub p_holm: f64,
    /// Cliff's delta over runs: 1 when every run of new lies above every run of old.
    pub delta: f64,
    /// Cliff's delta over all samples.
    pub samples_delta: f64,
    /// Median of all differences between a sample of new and one of old.
    pub samples_shift: f64,
    /// What this amounts to.
    pub verdict: Verdict,
    /// Why it is undecided, or what else must be known.
    pub note: String,
}

impl Side {
    /// `None` without samples. The second value is all samples, sorted.
    fn of(series: &Series, options: &Options) -> Option<(Self, Sorted)> {
        let slices: Vec<&[f64]> =
            series.runs.iter().map(|r| r.samples.as_slice()).filter(|s| !s.is_empty()).collect();
        let prepared = Runs::new(&slices);
        let sorted = prepared.sorted();
        let samples = Description::of(&sorted)?;
        let level = 1.0 - options.alpha;
        // Runs of one sample each are independent samples, for which there are closed forms.
        let intervals = if slices.iter().all(|run| run.len() == 1) {
            [
                interval::of_mean(sorted.values(), level),
                interval::of_quantile(&sorted, 0.5, level),
                interval::of_quantile(&sorted, 0.99, level),
            ]
        } else {
            match prepared.intervals(&[0.5, 0.99], level, options.seed) {
                Some(found) => [
                    Some(found.mean),
                    found.quantiles.first().copied(),
                    found.quantiles.get(1).copied(),
                ],
                None => [None; 3],
            }
        };
        let [mean_interval, median_interval, p99_interval] = intervals;
        let correlations: Vec<_> = slices.iter().filter_map(|run| autocorrelation(run)).collect();
        let lags: Vec<f64> = correlations.iter().map(|c| c.lag1).collect();
        let total = |of: fn(&Run) -> u64| series.runs.iter().map(of).fold(0, u64::saturating_add);
        let side = Self {
            runs: slices.len(),
            samples,
            mean_interval,
            median_interval,
            p99_interval,
            per_run: options.statistic.of_runs(series),
            lag1: mean(&lags),
            effective_n: (!correlations.is_empty())
                .then(|| correlations.iter().map(|c| c.effective_n).sum()),
            lost: total(|run| run.lost),
            discarded: total(|run| run.discarded),
            missed_deadlines: (total(|run| run.missed_deadlines), total(|run| run.deadlines)),
            steal_ns: series.runs.iter().filter_map(|run| run.steal_ns).reduce(u64::saturating_add),
            throttled_runs: series.runs.iter().filter(|run| run.throttled).count(),
        };
        Some((side, sorted))
    }
}

impl Pair {
    /// Compares two series that have samples; the verdict is given by [`Pair::judge`].
    pub(super) fn of(key: Key, old: &Series, new: &Series, options: &Options) -> Option<Self> {
        let (old, old_samples) = Side::of(old, options)?;
        let (new, new_samples) = Side::of(new, options)?;
        let (x, y) = (Sorted::new(new.per_run.clone()), Sorted::new(old.per_run.clone()));
        let shift = hodges_lehmann(&x, &y, 1.0 - options.alpha)?;
        let test = mann_whitney(&x, &y)?;
        let base = y.quantile(0.5)?;
        let single = old.runs < 2 || new.runs < 2;
        Some(Self {
            key,
            shift: shift.estimate,
            shift_interval: shift.interval,
            relative: (base != 0.0).then(|| shift.estimate / base.abs()),
            margin: options.margin * base.abs(),
            p: (!single).then_some(test.p),
            p_exact: test.exact,
            p_holm: 1.0,
            delta: cliffs_delta(&x, &y)?,
            samples_delta: cliffs_delta(&new_samples, &old_samples)?,
            samples_shift: median_difference(&new_samples, &old_samples)?,
            verdict: Verdict::Undecided,
            note: String::new(),
            old,
            new,
        })
    }

    /// Decides, given p corrected for a `family` of pairs.
    pub(super) fn judge(&mut self, p_holm: f64, family: usize, options: &Options) {
        let alpha = options.alpha;
        self.p_holm = p_holm;
        self.verdict = Verdict::of(
            self.shift,
            self.shift_interval,
            p_holm,
            alpha,
            self.margin,
            self.key.better,
        );
        if self.verdict != Verdict::Undecided {
            return;
        }
        // Holm's correction makes the strongest of a family pass alpha / family.
        let needed = alpha / family as f64;
        let (n, m) = (self.old.runs, self.new.runs);
        self.note = if n < 2 || m < 2 {
            "one run says nothing about the next: repeat with --runs".to_owned()
        } else if smallest_p(n, m) > needed {
            let runs = (n.min(m) + 1..1000).find(|&r| smallest_p(r, r) <= needed);
            let runs = runs.map_or_else(|| "far more".to_owned(), |r| r.to_string());
            format!("too few runs to show any difference: {runs} on each side could")
        } else {
            match self.shift_interval {
                Some(i) if i.low <= 0.0 && i.high >= 0.0 => {
                    "wider than the margin and including 0: more runs would tell".to_owned()
                }
                _ => "not certain among so many comparisons: more runs, or --only".to_owned(),
            }
        };
    }
}
