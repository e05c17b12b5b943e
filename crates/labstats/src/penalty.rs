//! What a virtual machine costs a program that computes: the same work on the metal and in a virtual
//! machine, in rounds.
//!
//! A round has one run of each, close in time, so whatever the machine is at disturbs both; what is drawn
//! again for an interval is therefore whole rounds. The penalty is judged on medians: a run that another
//! program got in the way of says nothing about virtual machines. That of the means is told beside it.

use serde::Serialize;

use crate::bootstrap::{RESAMPLES, expanded_share};
use crate::compare::{Align, columns, number};
use crate::describe::{Description, Sorted, mean};
use crate::interval::{self, Interval, Method};
use crate::random::Random;
use crate::results::{Experiment, Results, experiment, metric};

/// Confidence of all intervals.
const LEVEL: f64 = 0.95;

/// Fewer rounds than this say nothing about a median: all of them lie on one side of it often enough.
pub const FEWEST_ROUNDS: usize = 6;

/// Seed of the draws.
const SEED: u64 = 1;

/// One row of the proposal's Table 2: single runs of a fluid dynamics code, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PaperRow {
    /// [`experiment::UNPINNED`] or [`experiment::PINNED`].
    pub scenario: &'static str,
    /// On the metal.
    pub metal_s: f64,
    /// In the virtual machine.
    pub vm_s: f64,
}

impl PaperRow {
    /// The penalty that follows, as a share.
    pub fn penalty(&self) -> f64 {
        self.vm_s / self.metal_s - 1.0
    }
}

/// "Runtime in seconds of CFD code for various configurations", 2010.
pub const TABLE_2: [PaperRow; 2] = [
    PaperRow { scenario: experiment::UNPINNED, metal_s: 1634.56, vm_s: 1678.88 },
    PaperRow { scenario: experiment::PINNED, metal_s: 1651.86, vm_s: 1652.68 },
];

/// Runtimes of one cell of the table, in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Runtimes {
    /// What ran it.
    pub backend: String,
    /// All of them in numbers.
    pub described: Description,
    /// 95 % interval of the mean.
    pub mean_interval: Option<Interval>,
}

/// How much longer something takes, as a share: 0.02 is 2 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Excess {
    /// The share.
    pub share: f64,
    /// Its 95 % interval; none from fewer than [`FEWEST_ROUNDS`].
    pub interval: Option<Interval>,
}

/// Whether there is a penalty at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// The interval lies above nothing.
    Slower,
    /// The interval lies below nothing.
    Faster,
    /// Nothing lies in the interval.
    NoDifference,
    /// There is no interval.
    TooFewRounds,
}

impl Finding {
    fn of(excess: Excess) -> Self {
        match excess.interval {
            None => Self::TooFewRounds,
            Some(interval) if interval.low > 0.0 => Self::Slower,
            Some(interval) if interval.high < 0.0 => Self::Faster,
            Some(_) => Self::NoDifference,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Slower => "slower in the VM",
            Self::Faster => "faster in the VM",
            Self::NoDifference => "no difference shown",
            Self::TooFewRounds => "too few runs to say",
        }
    }
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Penalty {
    /// [`experiment::UNPINNED`] or [`experiment::PINNED`].
    pub scenario: String,
    /// Rounds in which both have run.
    pub rounds: usize,
    /// On the metal.
    pub metal: Runtimes,
    /// In the virtual machine.
    pub vm: Runtimes,
    /// The penalty: median runtime by median runtime.
    pub of_medians: Excess,
    /// Mean by mean.
    pub of_means: Excess,
    /// Whether it differs from nothing.
    pub finding: Finding,
}

/// A row for every scenario and every backend that is a virtual machine; empty when there are none.
pub fn penalties(results: &Results) -> Vec<Penalty> {
    let of = |scenario: &str, metal: bool| {
        let ours: Vec<&Experiment> = results
            .experiments
            .iter()
            .filter(|one| one.name == experiment::PENALTY && one.scenario == scenario)
            .filter(|one| (one.backend == experiment::NATIVE) == metal)
            .collect();
        ours
    };
    let mut rows = Vec::new();
    for scenario in [experiment::UNPINNED, experiment::PINNED] {
        for metal in of(scenario, true) {
            let vms = of(scenario, false);
            rows.extend(vms.into_iter().filter_map(|vm| penalty(scenario, metal, vm)));
        }
    }
    rows
}

fn penalty(scenario: &str, metal: &Experiment, vm: &Experiment) -> Option<Penalty> {
    let (metal_s, vm_s) = (runtimes(metal), runtimes(vm));
    let pairs: Vec<(f64, f64)> = metal_s.iter().copied().zip(vm_s.iter().copied()).collect();
    let of_medians = excess(&pairs, |values| Sorted::new(values).quantile(0.5))?;
    Some(Penalty {
        scenario: scenario.to_owned(),
        rounds: pairs.len(),
        metal: described(metal, metal_s)?,
        vm: described(vm, vm_s)?,
        of_medians,
        of_means: excess(&pairs, |values| mean(&values))?,
        finding: Finding::of(of_medians),
    })
}

/// One for each run, in their order.
fn runtimes(one: &Experiment) -> Vec<f64> {
    let ours = one.series.iter().filter(|series| series.metric == metric::CFD_RUNTIME.name);
    ours.flat_map(|series| series.runs.iter().flat_map(|run| run.samples.iter().copied())).collect()
}

fn described(one: &Experiment, seconds: Vec<f64>) -> Option<Runtimes> {
    let mean_interval = interval::of_mean(&seconds, LEVEL);
    let described = Description::of(&Sorted::new(seconds))?;
    Some(Runtimes { backend: one.backend.clone(), described, mean_interval })
}

/// By how much the second of each pair is longer, by a statistic of all first and of all second ones.
fn excess(pairs: &[(f64, f64)], of: impl Fn(Vec<f64>) -> Option<f64>) -> Option<Excess> {
    let ratio = |drawn: &mut dyn Iterator<Item = (f64, f64)>| {
        let (metal, vm): (Vec<f64>, Vec<f64>) = drawn.unzip();
        Some(of(vm)? / of(metal)? - 1.0)
    };
    let share = ratio(&mut pairs.iter().copied()).filter(|share| share.is_finite())?;
    if pairs.len() < FEWEST_ROUNDS {
        return Some(Excess { share, interval: None });
    }
    let mut random = Random::new(SEED);
    let draws = (0..RESAMPLES)
        .filter_map(|_| ratio(&mut (0..pairs.len()).map(|_| pairs[random.below(pairs.len())])));
    let draws = Sorted::new(draws.collect());
    let left_out = expanded_share(pairs.len(), LEVEL);
    let (low, high) = (draws.quantile(left_out)?, draws.quantile(1.0 - left_out)?);
    Some(Excess { share, interval: Some(Interval { low, high, method: Method::Bootstrap }) })
}

/// A share in percent with its sign.
pub fn percent(share: f64) -> String {
    format!("{:+.2} %", 100.0 * share)
}

/// An interval of shares in percent.
pub fn percents(interval: Option<Interval>) -> String {
    interval
        .map_or_else(|| "-".to_owned(), |i| format!("{} to {}", percent(i.low), percent(i.high)))
}

/// Both tables for a terminal: the penalty, and the runtimes it comes from.
pub fn penalty_table(rows: &[Penalty]) -> String {
    let head =
        ["median runtime [s]", "metal", "VM", "backend", "rounds", "penalty", "95 % interval", ""];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    for row in rows {
        lines.push(vec![
            row.scenario.clone(),
            number(row.metal.described.median),
            number(row.vm.described.median),
            row.vm.backend.clone(),
            row.rounds.to_string(),
            percent(row.of_medians.share),
            percents(row.of_medians.interval),
            row.finding.words().to_owned(),
        ]);
        lines.push(vec![
            "  by means".to_owned(),
            number(row.metal.described.mean),
            number(row.vm.described.mean),
            String::new(),
            String::new(),
            percent(row.of_means.share),
            percents(row.of_means.interval),
        ]);
    }
    for paper in TABLE_2 {
        lines.push(vec![
            format!("{}, Table 2", paper.scenario),
            format!("{:.2}", paper.metal_s),
            format!("{:.2}", paper.vm_s),
            String::new(),
            "1".to_owned(),
            percent(paper.penalty()),
            percents(None),
        ]);
    }
    let mut text = columns(&lines, &[Align::Left]);
    text.push('\n');
    let head = ["runtimes [s]", "n", "mean", "95 % interval", "median", "sd", "min", "max"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    for row in rows {
        for cell in [&row.metal, &row.vm] {
            let d = &cell.described;
            let mut line = vec![format!("{}, {}", row.scenario, cell.backend), d.n.to_string()];
            let interval = cell.mean_interval;
            let interval = interval.map(|i| format!("{} to {}", number(i.low), number(i.high)));
            line.extend([number(d.mean), interval.unwrap_or_else(|| "-".to_owned())]);
            let sd = d.sd.map_or_else(|| "-".to_owned(), number);
            line.extend([number(d.median), sd, number(d.min), number(d.max)]);
            lines.push(line);
        }
    }
    text + &columns(&lines, &[Align::Left])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Environment, Run, Series};

    fn one(scenario: &str, backend: &str, seconds: &[f64]) -> Experiment {
        let mut one = Experiment::new(experiment::PENALTY, scenario, backend);
        let run = |s: &f64| Run { samples: vec![*s], ..Run::default() };
        let runs = seconds.iter().map(run).collect();
        one.series.push(Series { runs, ..Series::of(&metric::CFD_RUNTIME) });
        one
    }

    fn results(metal: &[f64], vm: &[f64]) -> Results {
        let mut results = Results::new("2026-01-31T12:00:00Z", Environment::default());
        results.experiments.push(one(experiment::PINNED, experiment::NATIVE, metal));
        results.experiments.push(one(experiment::PINNED, experiment::KVM, vm));
        results
    }

    /// Runtimes of a machine that gets slower by half from round to round, and is noisy.
    fn drifting(extra: f64, rounds: usize) -> Results {
        let mut random = Random::new(3);
        let mut cell = |extra: f64| -> Vec<f64> {
            let noise = |n: usize| 2.0 + n as f64 / rounds as f64 + 0.01 * random.normal();
            (0..rounds).map(noise).map(|s| s * (1.0 + extra)).collect()
        };
        let (metal, vm) = (cell(0.0), cell(extra));
        results(&metal, &vm)
    }

    #[test]
    fn table_2_is_what_the_proposal_says() {
        let shown = TABLE_2.map(|row| percent(row.penalty()));
        assert_eq!(shown, ["+2.71 %", "+0.05 %"]);
    }

    #[test]
    fn drift_that_hits_both_hides_no_penalty_and_makes_none() {
        let found = &penalties(&drifting(0.05, 20))[0];
        assert!((found.of_medians.share - 0.05).abs() < 0.01, "{found:?}");
        assert_eq!((found.finding, found.rounds), (Finding::Slower, 20));
        let none = &penalties(&drifting(0.0, 20))[0];
        assert_eq!(none.finding, Finding::NoDifference, "{none:?}");
        let faster = &penalties(&drifting(-0.05, 20))[0];
        assert_eq!(faster.finding, Finding::Faster);
    }

    #[test]
    fn one_disturbed_run_does_not_make_the_penalty() {
        let mut vm = vec![1.0; 9];
        vm[4] = 9.0;
        let found = &penalties(&results(&[1.0; 9], &vm))[0];
        assert_eq!((found.of_medians.share, found.finding), (0.0, Finding::NoDifference));
        assert!(found.of_means.share > 0.8);
        assert_eq!(found.vm.described.max, 9.0);
    }

    #[test]
    fn intervals_hold_the_truth_about_as_often_as_they_say() {
        let mut random = Random::new(9);
        let mut noisy = |n: usize| (0..n).map(|_| 1.0 + 0.02 * random.normal()).collect::<Vec<_>>();
        let holds = |_: &usize| {
            let pairs: Vec<(f64, f64)> = noisy(12).into_iter().zip(noisy(12)).collect();
            let found = excess(&pairs, |values| Sorted::new(values).quantile(0.5)).unwrap();
            found.interval.is_some_and(|i| i.low <= 0.0 && 0.0 <= i.high)
        };
        let held = (0..200).filter(holds).count();
        assert!((180..=200).contains(&held), "{held} of 200");
    }

    #[test]
    fn few_rounds_are_not_judged_and_rounds_that_are_not_whole_are_not_paired() {
        let found = &penalties(&results(&[1.0, 1.0], &[2.0, 2.0, 2.0]))[0];
        assert_eq!((found.rounds, found.finding), (2, Finding::TooFewRounds));
        assert_eq!((found.of_medians.share, found.vm.described.n), (1.0, 3));
        assert!(penalties(&results(&[1.0], &[])).is_empty());
        let text = penalty_table(&penalties(&results(&[1.0, 1.0], &[2.0, 2.0])));
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let has = |line: &str| text.lines().any(|l| words(l) == line);
        assert!(has("pinned 1.000 2.000 kvm 2 +100.00 % - too few runs to say"), "{text}");
        assert!(has("unpinned, Table 2 1634.56 1678.88 1 +2.71 % -"), "{text}");
        assert!(has("pinned, kvm 2 2.000 2.000 to 2.000 2.000 0 2.000 2.000"), "{text}");
    }

    #[test]
    fn every_virtual_machine_has_its_row() {
        let mut all = drifting(0.05, 8);
        all.experiments.push(one(experiment::PINNED, experiment::KVM_LINUX, &[3.0; 8]));
        all.experiments.push(one(experiment::UNPINNED, experiment::KVM, &[3.0; 8]));
        let backends: Vec<_> = penalties(&all).into_iter().map(|row| row.vm.backend).collect();
        assert_eq!(backends, [experiment::KVM, experiment::KVM_LINUX], "nothing to compare with");
    }
}
