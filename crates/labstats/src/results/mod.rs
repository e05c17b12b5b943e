//! The results of benchmark runs and the JSON they are kept in.
//!
//! ```text
//!   Results ── environment            the machine, and what may disturb it
//!      └─ experiments[]               one name, scenario and backend
//!            └─ series[]              one metric of one guest at one value of the parameter x
//!                  └─ runs[]          one start of the guests: the unit that is independent
//!                        └─ samples[]
//! ```
//!
//! The format has a version; a reader knows exactly one and refuses the others. Keys that it does not
//! know are refused too, so a key that is added or changes its meaning makes a new version.
//! `docs/lgbench-results.md` describes every key for people, `docs/lgbench-results.schema.json` for
//! programs.
//!
//! ```
//! use labstats::results::{Environment, Experiment, Results, Run, Series, experiment, metric};
//!
//! let mut results = Results::new("2026-01-31T12:00:00Z", Environment::default());
//! let mut idle = Experiment::new(experiment::EXP1, "idle-idle", "kvm");
//! idle.complete = true;
//! idle.series.push(Series {
//!     runs: vec![Run { samples: vec![74_120.0, 75_034.0], ..Run::default() }],
//!     ..Series::of(&metric::SWITCH_GUEST_TO_GUEST)
//! });
//! results.experiments.push(idle);
//! let text = results.to_json()?;
//! let back = Results::from_json("idle.json", text.as_bytes())?;
//! assert_eq!(back, results);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod environment;
pub mod experiment;
mod marks;
pub mod metric;
mod number;
mod read;
mod time;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use environment::{Cache, Environment, Kvm};
pub use marks::{MISSED_DEADLINES_PERCENT, distinct_marks};
pub use metric::{Better, Metric};
pub use read::ReadError;
pub use time::{is_rfc3339, rfc3339};
pub use write::WriteError;

/// What the key `schema` says in every file of this format.
pub const SCHEMA: &str = "lgbench-results";

/// The version of the format that this code reads and writes.
pub const VERSION: u32 = 1;

/// Everything that one call of the benchmark measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: String,
    /// [`VERSION`].
    pub version: u32,
    /// Version of the program that measured.
    pub tool: String,
    /// When measuring began, as RFC 3339 writes it: `2026-01-31T12:00:00Z`.
    pub started: String,
    /// The machine.
    pub environment: Environment,
    /// What was measured; each (name, scenario, backend) once.
    pub experiments: Vec<Experiment>,
}

impl Results {
    /// Results without any experiment yet, written by this version of the toolbox.
    pub fn new(started: impl Into<String>, environment: Environment) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            version: VERSION,
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            started: started.into(),
            environment,
            experiments: Vec::new(),
        }
    }
}

/// One experiment: which, with which guests, on which backend.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// One of [`experiment`]'s names, or any other.
    pub name: String,
    /// What the guests do, such as `idle-idle`, `one-guest`, `one-shot`.
    pub scenario: String,
    /// What ran them: `native`, `kvm`, `kvm-linux`, `lguest`.
    pub backend: String,
    /// Settings that all its series share: array size, length of a run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Parameter>,
    /// What [`Series::x`] is, when the experiment varies something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<Variable>,
    /// Whether all runs that were asked for are there. False after an interruption.
    pub complete: bool,
    /// What a reader must know before believing a number: `emulated: no timing value`,
    /// `missed deadlines 1.4 %`. [`Experiment::mark`] finds the usual ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
    /// What was measured; each (metric, guest, x) once.
    pub series: Vec<Series>,
}

impl Experiment {
    /// An experiment without series, not complete.
    pub fn new(
        name: impl Into<String>,
        scenario: impl Into<String>,
        backend: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            scenario: scenario.into(),
            backend: backend.into(),
            ..Self::default()
        }
    }

    /// The text of a parameter that is one.
    pub fn text(&self, parameter: &str) -> Option<&str> {
        match self.parameters.get(parameter) {
            Some(Parameter::Text(text)) => Some(text),
            _ => None,
        }
    }
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Parameter {
    /// On or off.
    Flag(bool),
    /// A quantity; its unit is in its name, such as `array_bytes`.
    Number(#[serde(with = "number::one")] f64),
    /// Anything else.
    Text(String),
}

/// What an experiment varies from series to series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Such as `slice`.
    pub name: String,
    /// Such as `ms`.
    pub unit: String,
}

/// Values of one metric, taken under the same conditions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// One of [`metric`]'s names, or any other.
    pub metric: String,
    /// Unit of the samples, such as `ns` or `MB/s`.
    pub unit: String,
    /// Which direction is good.
    pub better: Better,
    /// The guest that measured, from 1; none when the value belongs to no single guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<u32>,
    /// Value of what the experiment varies, in the unit of [`Experiment::x`].
    #[serde(default, skip_serializing_if = "Option::is_none", with = "number::maybe")]
    pub x: Option<f64>,
    /// The runs, in the order in which they were made.
    pub runs: Vec<Run>,
}

impl Series {
    /// A series of a known metric, without runs.
    pub fn of(metric: &Metric) -> Self {
        Self {
            metric: metric.name.to_owned(),
            unit: metric.unit.to_owned(),
            better: metric.better,
            guest: None,
            x: None,
            runs: Vec::new(),
        }
    }

    /// Number of samples of all runs together.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|run| run.samples.len()).sum()
    }

    /// Whether no run has a sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One run: what was seen between one start of the guests and their end. Samples within a run depend
/// on each other; runs do not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The values in the order in which they were taken. All are finite.
    #[serde(with = "number::many")]
    pub samples: Vec<f64>,
    /// When each sample was taken, in ns since the run began; as long as [`Run::samples`], or absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ns: Option<Vec<u64>>,
    /// Gates that opened or closed during the run, where they were few enough to be kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// Samples that were taken and could not be kept, because a log was full for instance.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u64,
    /// Samples left out on purpose: warming up, or taken while something was known to be wrong.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub discarded: u64,
    /// Deadlines that the controller set itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub deadlines: u64,
    /// Those it met too late to give the guest its slice.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missed_deadlines: u64,
    /// Time in ns that the hypervisor below took from the guests' CPU; absent where it is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steal_ns: Option<u64>,
    /// Whether the kernel stopped real-time tasks during the run (`sched_rt_runtime_us`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub throttled: bool,
}

/// A gate at one moment of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// ns since the run began.
    pub at_ns: u64,
    /// The guest, from 1.
    pub guest: u32,
    /// Whether it may run from now on.
    pub open: bool,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}
