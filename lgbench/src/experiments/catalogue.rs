//! Which experiments there are, and what each is made of.

use std::time::Duration;

use labstats::results::experiment as names;
use lgbench_payload::abi::Payload;

use super::sizes::Lengths;
use crate::controller::{Mode, Phase};

/// One experiment under one scenario: what `lgbench run` makes a number of runs of.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Its name in results.
    pub name: &'static str,
    /// Its scenario in results.
    pub scenario: &'static str,
    /// What each guest runs.
    pub guests: Vec<Payload>,
    /// Which part of the run is measured how; for the slices, one each.
    pub phases: Vec<Phase>,
    /// For each phase the value of what is varied, if something is.
    pub x: Option<Vec<f64>>,
    /// Runs.
    pub runs: u32,
    /// Which guests' samples are kept; all where none are named.
    pub of_guest: Option<usize>,
}

/// What `lgbench run` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As typed.
    pub typed: &'static str,
    /// The name in results.
    pub name: &'static str,
    /// Its scenarios.
    pub scenarios: &'static [&'static str],
    /// For the list.
    pub about: &'static str,
    /// Whether `all` includes it; figures that share a measurement are made once.
    pub in_all: bool,
}

const fn entry(
    typed: &'static str,
    name: &'static str,
    scenarios: &'static [&'static str],
    about: &'static str,
) -> Entry {
    Entry { typed, name, scenarios, about, in_all: true }
}

/// Every experiment.
pub const ENTRIES: &[Entry] = &[
    entry(
        "exp1",
        names::EXP1,
        &[names::IDLE_IDLE, names::BUSY_IDLE],
        "the cost of a switch (Experiment 1, Table 1)",
    ),
    entry("fig3", names::FIG3, &[names::ONE_GUEST], "STREAM in one guest"),
    entry("fig4", names::FIG4, &[names::TWO_GUESTS], "STREAM in two guests that nobody holds"),
    entry("fig5", names::FIG5, &[names::ONE_SHOT], "STREAM: guest 1 held for a while, then alone"),
    entry("fig6", names::FIG6, &[names::ALTERNATE], "STREAM under slices of several lengths"),
    Entry {
        in_all: false,
        ..entry("fig7", names::FIG6, &[names::ALTERNATE], "the same measurement as fig6")
    },
    entry(
        "fig8",
        names::FIG8,
        &[names::ONE_GUEST, names::TWO_GUESTS, names::ONE_SHOT],
        "allocate, touch, free",
    ),
    entry("dhrystone", names::DHRYSTONE, &[names::ONE_SHOT], "Dhrystone: guest 1 held, then alone"),
    entry(
        "gap",
        names::GAP,
        &[names::ONE_GUEST, names::TWO_GUESTS, names::ALTERNATE],
        "the longest time a guest does not run",
    ),
];

/// Why there is nothing to run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// No such experiment.
    #[error("there is no experiment {typed:?}; there are: all, {}", listed(ENTRIES.iter().map(|entry| entry.typed)))]
    Experiment {
        /// What was typed.
        typed: String,
    },
    /// No such scenario.
    #[error("{typed} has no scenario {scenario:?}; it has: {}", listed(.there.iter().copied()))]
    Scenario {
        /// The experiment.
        typed: String,
        /// What was typed.
        scenario: String,
        /// What there is.
        there: Vec<&'static str>,
    },
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// An experiment, or `all`.
    pub experiment: String,
    /// One scenario only.
    pub scenario: Option<String>,
    /// A number of runs other than the usual one.
    pub runs: Option<u32>,
    /// Slices other than the usual ones.
    pub slices: Option<Vec<Duration>>,
}

/// The plans that a wish means.
///
/// # Errors
/// See [`CatalogueError`].
pub fn plans(wish: &Wish, lengths: &Lengths) -> Result<Vec<Plan>, CatalogueError> {
    let typed = wish.experiment.as_str();
    let chosen: Vec<&Entry> = match typed {
        "all" => ENTRIES.iter().filter(|entry| entry.in_all).collect(),
        _ => ENTRIES.iter().filter(|entry| entry.typed == typed).collect(),
    };
    if chosen.is_empty() {
        return Err(CatalogueError::Experiment { typed: typed.to_owned() });
    }
    let wanted = |scenario: &str| wish.scenario.as_deref().is_none_or(|wanted| wanted == scenario);
    let mut plans = Vec::new();
    for entry in &chosen {
        for scenario in entry.scenarios.iter().filter(|scenario| wanted(scenario)) {
            plans.push(plan(entry.name, scenario, wish, lengths));
        }
    }
    if plans.is_empty() {
        return Err(CatalogueError::Scenario {
            typed: typed.to_owned(),
            scenario: wish.scenario.clone().unwrap_or_default(),
            there: chosen.iter().flat_map(|entry| entry.scenarios).copied().collect(),
        });
    }
    Ok(plans)
}

fn plan(name: &'static str, scenario: &'static str, wish: &Wish, lengths: &Lengths) -> Plan {
    let payload = match name {
        names::FIG8 => Payload::Stress,
        names::DHRYSTONE => Payload::Dhrystone,
        names::GAP => Payload::Gap,
        _ => Payload::Stream,
    };
    let guests = match scenario {
        names::IDLE_IDLE => vec![Payload::Idle; 2],
        names::BUSY_IDLE => vec![Payload::Factorial, Payload::Idle],
        names::ONE_GUEST => vec![payload],
        _ => vec![payload; 2],
    };
    let off = |length| Phase { mode: Mode::Off, length };
    let mut x = None;
    let phases = match scenario {
        names::ONE_SHOT => {
            let once = Mode::Once { first: 1, after: lengths.held };
            let length = lengths.held + lengths.alone;
            vec![off(lengths.shared), Phase { mode: once, length }]
        }
        names::ALTERNATE if name == names::GAP => {
            let mode = Mode::Alternate { interval: lengths.gap_slice };
            vec![Phase { mode, length: lengths.flat }]
        }
        names::ALTERNATE => {
            let slices = wish.slices.as_ref().unwrap_or(&lengths.slices);
            x = Some(slices.iter().map(|slice| slice.as_secs_f64() * 1e3).collect());
            let phase = |slice: &Duration| Phase {
                mode: Mode::Alternate { interval: *slice },
                length: lengths.each_slice.max(*slice * 8),
            };
            slices.iter().map(phase).collect()
        }
        names::IDLE_IDLE | names::BUSY_IDLE => vec![off(lengths.switching)],
        _ => vec![off(lengths.flat)],
    };
    let usual_runs = match name {
        names::EXP1 => lengths.runs_switching,
        names::FIG5 => lengths.runs_one_shot,
        _ => lengths.runs,
    };
    Plan {
        name,
        scenario,
        guests,
        phases,
        x,
        runs: wish.runs.unwrap_or(usual_runs),
        // The report's figures show guest 1, which is the one that is held first.
        of_guest: (scenario == names::ONE_SHOT).then_some(0),
    }
}

impl Plan {
    /// Whether guests have to be held for it.
    pub fn is_gated(&self) -> bool {
        self.phases.iter().any(|phase| phase.mode.is_gated())
    }

    /// Whether its guests show when they run, so that switches between them can be seen.
    pub fn shows_switches(&self) -> bool {
        let shows = |payload: &Payload| {
            matches!(payload, Payload::Idle | Payload::Gap | Payload::Factorial)
        };
        self.guests.len() > 1 && self.guests.iter().all(shows)
    }

    /// How long one run measures.
    pub fn length(&self) -> Duration {
        self.phases.iter().map(|phase| phase.length).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(experiment: &str) -> Wish {
        Wish { experiment: experiment.into(), scenario: None, runs: None, slices: None }
    }

    #[test]
    fn all_is_every_experiment_once() {
        let plans = plans(&wish("all"), &Lengths::quick()).unwrap();
        let mut seen = std::collections::HashSet::new();
        assert!(plans.iter().all(|plan| seen.insert((plan.name, plan.scenario))));
        assert_eq!(plans.len(), 13);
        assert!(plans.iter().all(|plan| plan.x.is_none() == (plan.name != names::FIG6)));
    }

    #[test]
    fn wishes_are_kept() {
        let slices = Some(vec![Duration::from_millis(2), Duration::from_secs(2)]);
        let wish = Wish { runs: Some(7), slices, ..wish("fig7") };
        let plans = plans(&wish, &Lengths::quick()).unwrap();
        assert_eq!(
            (plans[0].name, plans[0].runs, &plans[0].x),
            ("fig6", 7, &Some(vec![2.0, 2000.0]))
        );
        assert_eq!(plans[0].phases[1].length, Duration::from_secs(16));
    }

    #[test]
    fn what_is_not_there_is_listed() {
        let error = plans(&wish("fig9"), &Lengths::quick()).unwrap_err().to_string();
        assert!(error.starts_with("there is no experiment \"fig9\"; there are: all, exp1, fig3"));
        let wish = Wish { scenario: Some("fast".into()), ..wish("exp1") };
        let error = plans(&wish, &Lengths::quick()).unwrap_err().to_string();
        assert_eq!(error, "exp1 has no scenario \"fast\"; it has: idle-idle, busy-idle");
    }
}
