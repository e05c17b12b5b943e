//! What a virtual machine costs a program that computes (the proposal's Table 2): a fixed amount of
//! fluid dynamics on the metal and in a virtual machine, on any CPU and kept to one.
//!
//! One round has one run of each of the four. Their order is random, and turned round in the next round,
//! so that a machine that gets slower or faster on the way favours none of them.

use std::time::Duration;

use labstats::random::Random;
use labstats::results::{
    Environment, Experiment, Parameter, Results, Run, Series, experiment, metric,
};
use lgbench_payload::abi::Payload;
use lgbench_payload::cfd;

use super::suite::{Kind, Options, Outcome};
use crate::backend::Placement;
use crate::controller::Interrupted;
use crate::controller::mailbox::Mailbox;
use crate::memory::GuestSpec;
use crate::session::{self, Conditions, SessionError};

/// Parameter of the results: cells along each edge of the box.
pub const EDGE: &str = "cells_per_edge";
/// Parameter of the results: steps of time.
pub const STEPS: &str = "steps";
/// Parameter of the results: of the flow after the last step.
pub const CHECKSUM: &str = "checksum";

/// What each run has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Cells along each edge of the box.
    pub edge: u64,
    /// Steps of time.
    pub steps: u64,
}

impl Task {
    /// The guest that does it.
    pub fn spec(self) -> GuestSpec {
        GuestSpec {
            payload: Payload::Cfd,
            elements: self.edge,
            threshold: 0,
            tick_ns: 0,
            log_capacity: self.steps,
            heap_bytes: cfd::bytes(self.edge),
        }
    }
}

/// One of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    pinned: bool,
    kind: Kind,
}

impl Cell {
    fn scenario(self) -> &'static str {
        if self.pinned { experiment::PINNED } else { experiment::UNPINNED }
    }
}

/// How and where.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// What runs the virtual machines.
    pub vm: Kind,
    /// What they need to know.
    pub options: &'a Options,
    /// Where a guest is that is kept to one CPU.
    pub placement: Placement,
    /// What each run has to do.
    pub task: Task,
    /// How many rounds.
    pub rounds: u32,
    /// How long a guest may get nowhere.
    pub patience: Duration,
    /// Whether the user wants to stop.
    pub interrupted: &'a dyn Interrupted,
}

/// Why it ended early.
#[derive(Debug, thiserror::Error)]
pub enum PenaltyError {
    /// A run has failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Times of different work cannot be compared.
    #[error(
        "{scenario} on {backend} computed something else: checksum {found}, where it was {expected} before"
    )]
    Differs {
        /// Pinned or not.
        scenario: &'static str,
        /// On what.
        backend: &'static str,
        /// What it got.
        found: String,
        /// What the first run got.
        expected: String,
    },
    /// Fewer records than steps.
    #[error("{scenario} on {backend} recorded {found} of {steps} steps")]
    Short {
        /// Pinned or not.
        scenario: &'static str,
        /// On what.
        backend: &'static str,
        /// How many.
        found: usize,
        /// How many there should be.
        steps: u64,
    },
}

/// Runs all rounds; `told` hears what is being done, `keep` gets what there is after each round.
pub fn run(
    setting: &Setting<'_>,
    started: &str,
    environment: Environment,
    mut told: impl FnMut(&str),
    mut keep: impl FnMut(&Results),
) -> Outcome<PenaltyError> {
    let cells = cells(setting.vm);
    let mut results = Results::new(started, environment);
    results.experiments = cells.iter().map(|cell| begin(*cell, setting)).collect();
    let mut random = Random::new(seed(started));
    let mut order: Vec<usize> = Vec::new();
    let mut failure = None;
    'rounds: for round in 1..=setting.rounds {
        order = next_order(order, round, cells.len(), &mut random);
        for &at in &order {
            if setting.interrupted.is_raised() {
                break 'rounds;
            }
            let cell = cells[at];
            match once(cell, setting, &mut results.experiments) {
                Ok(Some(seconds)) => told(&format!(
                    "round {round} of {}: {:<8} {:<7} {seconds:.4} s",
                    setting.rounds,
                    cell.scenario(),
                    cell.kind.name(),
                )),
                Ok(None) => break 'rounds,
                Err(error) => {
                    failure = Some(error);
                    break 'rounds;
                }
            }
        }
        if round < setting.rounds {
            keep(&results);
        }
    }
    for one in &mut results.experiments {
        let runs: usize = one.series.iter().map(|series| series.runs.len()).sum();
        one.complete = runs == setting.rounds as usize;
        one.mark(&results.environment);
    }
    let interrupted = failure.is_none() && setting.interrupted.is_raised();
    Outcome { results, failure, interrupted }
}

/// The four, as the table has them.
fn cells(vm: Kind) -> [Cell; 4] {
    let cell = |pinned, kind| Cell { pinned, kind };
    [cell(false, Kind::Native), cell(false, vm), cell(true, Kind::Native), cell(true, vm)]
}

/// In odd rounds a new order; in even ones that of the round before, from its end.
fn next_order(before: Vec<usize>, round: u32, cells: usize, random: &mut Random) -> Vec<usize> {
    if round.is_multiple_of(2) {
        return before.into_iter().rev().collect();
    }
    let mut order: Vec<usize> = (0..cells).collect();
    for last in (1..cells).rev() {
        order.swap(last, random.below(last + 1));
    }
    order
}

/// Another order each time it is done, and one that can be done again.
fn seed(started: &str) -> u64 {
    started.bytes().fold(0, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

fn begin(cell: Cell, setting: &Setting<'_>) -> Experiment {
    let mut one = Experiment::new(experiment::PENALTY, cell.scenario(), cell.kind.name());
    let mut parameter = |name: &str, value: u64| {
        one.parameters.insert(name.to_owned(), Parameter::Number(value as f64));
    };
    parameter(EDGE, setting.task.edge);
    parameter(STEPS, setting.task.steps);
    if cell.kind == Kind::KvmLinux {
        one.parameters.extend(setting.options.linux.parameters());
    }
    one.series.push(Series { guest: Some(1), ..Series::of(&metric::CFD_RUNTIME) });
    one
}

/// One run, kept with those there are; its runtime. `None` when the user has stopped it.
fn once(
    cell: Cell,
    setting: &Setting<'_>,
    all: &mut [Experiment],
) -> Result<Option<f64>, PenaltyError> {
    let (scenario, backend) = (cell.scenario(), cell.kind.name());
    let guest_cpu = setting.placement.guest_cpu.filter(|_| cell.pinned);
    let Task { steps, .. } = setting.task;
    let conditions = Conditions {
        placement: Placement { guest_cpu, ..setting.placement },
        patience: setting.patience,
        mailbox: &Mailbox::default(),
        interrupted: setting.interrupted,
        tracepoints: false,
    };
    let mut machine = cell.kind.make(setting.options).map_err(SessionError::from)?;
    let work = session::work(machine.as_mut(), &setting.task.spec(), steps, conditions)?;
    let Some(work) = work else { return Ok(None) };
    let done =
        work.log.records.get(..steps as usize).and_then(|done| Some((done.first()?, done.last()?)));
    let Some((first, last)) = done else {
        let found = work.log.records.len();
        return Err(PenaltyError::Short { scenario, backend, found, steps });
    };
    let found = format!("{:016x}", last.tag);
    let text = Parameter::Text(found.clone());
    let known = all.iter().find_map(|one| one.parameters.get(CHECKSUM));
    if let Some(Parameter::Text(expected)) = known.filter(|known| **known != text) {
        let expected = expected.clone();
        return Err(PenaltyError::Differs { scenario, backend, found, expected });
    }
    let seconds = work.scale.ns(last.end.saturating_sub(first.start)) / 1e9;
    let ours = |one: &&mut Experiment| one.scenario == scenario && one.backend == backend;
    if let Some(one) = all.iter_mut().find(ours) {
        one.parameters.insert(CHECKSUM.to_owned(), text);
        if let Some(clocksource) = work.log.clocksource {
            one.parameters.insert("guest_clocksource".to_owned(), Parameter::Text(clocksource));
        }
        let run = Run { samples: vec![seconds], steal_ns: work.steal_ns, ..Run::default() };
        one.series.iter_mut().for_each(|series| series.runs.push(run.clone()));
    }
    Ok(Some(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_has_all_and_every_second_turns_the_order_round() {
        let mut random = Random::new(seed("2026-01-31T12:00:00Z"));
        let mut order = Vec::new();
        let mut firsts = std::collections::HashSet::new();
        for round in 1..=40 {
            let before: Vec<usize> = order.iter().rev().copied().collect();
            order = next_order(order, round, 4, &mut random);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3]);
            assert!(round % 2 == 1 || order == before, "round {round}");
            firsts.insert(order[0]);
        }
        assert_eq!(firsts.len(), 4, "each is first at some time");
    }

    #[test]
    fn a_task_fits_its_guest() {
        let spec = Task { edge: 32, steps: 500 }.spec();
        assert_eq!(spec.heap_bytes, 2 * 19 * 8 * 32 * 32 * 32);
        assert!(spec.memory_bytes() < 32 << 20);
    }

    #[test]
    fn the_four_are_two_scenarios_on_two_backends() {
        let all = cells(Kind::Kvm).map(|cell| (cell.scenario(), cell.kind.name()));
        let expected =
            [("unpinned", "native"), ("unpinned", "kvm"), ("pinned", "native"), ("pinned", "kvm")];
        assert_eq!(all, expected);
    }
}
