//! Runs as a benchmark makes them: each has an offset of its own, its samples follow each other, and now
//! and then one is far out.

#![allow(dead_code, reason = "each of its users takes a part of it")]

use labstats::compare::Statistic;
use labstats::describe::Sorted;
use labstats::random::Random;
use labstats::rank::mann_whitney;
use labstats::results::{Better, Run, Series, metric};
use labstats::shift::hodges_lehmann;
use labstats::verdict::Verdict;

/// One kind of benchmark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bench {
    pub(crate) runs: usize,
    pub(crate) samples: usize,
    /// Standard deviation from run to run, as a share of the value.
    pub(crate) between: f64,
    /// Standard deviation within a run.
    pub(crate) within: f64,
    /// Correlation of a sample with the next.
    pub(crate) lag1: f64,
}

/// Chance of a sample to be an outlier, which takes three times as long.
const OUTLIER: f64 = 0.01;

/// Runs around `center` ns.
pub(crate) fn series(bench: &Bench, center: f64, random: &mut Random) -> Series {
    let runs = (0..bench.runs).map(|_| {
        let offset = bench.between * random.normal();
        let mut state = random.normal();
        let samples = (0..bench.samples).map(|_| {
            let fresh = (1.0 - bench.lag1 * bench.lag1).sqrt();
            state = bench.lag1 * state + fresh * random.normal();
            let far = if random.uniform() < OUTLIER { 3.0 } else { 1.0 };
            center * (offset + bench.within * state).exp() * far
        });
        Run { samples: samples.collect(), ..Run::default() }
    });
    Series { runs: runs.collect(), ..Series::of(&metric::SWITCH_GUEST_TO_GUEST) }
}

/// The verdict of `compare` for a single pair, without the descriptions that take its time.
pub(crate) fn verdict(old: &Series, new: &Series, alpha: f64, margin: f64) -> Verdict {
    let x = Sorted::new(Statistic::Median.of_runs(new));
    let y = Sorted::new(Statistic::Median.of_runs(old));
    judge(&x, &y, alpha, margin)
}

fn judge(x: &Sorted, y: &Sorted, alpha: f64, margin: f64) -> Verdict {
    let shift = hodges_lehmann(x, y, 1.0 - alpha).expect("runs");
    let p = mann_whitney(x, y).expect("runs").p;
    let margin = margin * y.quantile(0.5).expect("runs").abs();
    Verdict::of(shift.estimate, shift.interval, p, alpha, margin, Better::Lower)
}

/// What someone would say who takes every sample for an experiment of its own.
pub(crate) fn naive_verdict(old: &Series, new: &Series, alpha: f64) -> Verdict {
    let all = |s: &Series| Sorted::new(s.runs.iter().flat_map(|r| r.samples.clone()).collect());
    judge(&all(new), &all(old), alpha, 0.0)
}

/// Shares of verdicts over many pairs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shares {
    pub(crate) same: f64,
    pub(crate) faster: f64,
    pub(crate) slower: f64,
    pub(crate) undecided: f64,
}

/// Judges `pairs` pairs in which new takes `effect` (a share) longer.
pub(crate) fn shares(bench: &Bench, effect: f64, margin: f64, pairs: usize, seed: u64) -> Shares {
    let mut random = Random::new(seed);
    let mut shares = Shares::default();
    let one = 1.0 / pairs as f64;
    for _ in 0..pairs {
        let old = series(bench, 75_000.0, &mut random);
        let new = series(bench, 75_000.0 * (1.0 + effect), &mut random);
        match verdict(&old, &new, 0.05, margin) {
            Verdict::Same => shares.same += one,
            Verdict::Faster => shares.faster += one,
            Verdict::Slower => shares.slower += one,
            _ => shares.undecided += one,
        }
    }
    shares
}
