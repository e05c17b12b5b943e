//! Two sets of results against each other.
//!
//! ```text
//!   old, new --environment--> warnings
//!            --matching-----> series with the same experiment, scenario, backend, metric, guest and x
//!            --pair---------> summaries, shift, p, delta of each       } judged on one value per run
//!            --Holm---------> p over all pairs --verdict--> same, faster, slower, undecided
//! ```
//!
//! A pair is judged on one number per run (the median of its samples unless chosen otherwise), because
//! only runs are independent of each other; how many samples a run has changes how well that number is
//! known and never how many of them count.

mod csv;
mod environment;
mod matching;
mod pair;
mod paper;
mod table;

use serde::Serialize;

use crate::multiple::holm;
use crate::results::Results;
use crate::verdict::Verdict;

pub use csv::csv;
pub use environment::mismatches;
pub use matching::{Key, Refusal};
pub use pair::{Pair, Side, Statistic};
pub use paper::{CAVEATS, CORRECTION, Measured, PaperRow, TABLE_1, paper, paper_table};
pub(crate) use table::{Align, columns};
pub use table::{number, percentage, summary, table};

/// How to compare.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Options {
    /// Chance of believing any difference that is not there, over all pairs together.
    pub alpha: f64,
    /// Largest shift that does not matter, as a share of the old value.
    pub margin: f64,
    /// The number that stands for a run.
    pub statistic: Statistic,
    /// Only metrics whose name begins with one of these; all when empty.
    pub only: Vec<String>,
    /// Whether results of an emulator may be compared. Their times mean nothing.
    pub emulated: bool,
    /// Seed of the bootstrap.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            alpha: 0.05,
            margin: 0.01,
            statistic: Statistic::Median,
            only: Vec::new(),
            emulated: false,
            seed: 1,
        }
    }
}

/// Why two files cannot be compared at all.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CompareError {
    /// An emulator's results, without leave.
    #[error(
        "{file} was measured in an emulator and has no timing value; --emulated compares it all the same"
    )]
    Emulated {
        /// Which.
        file: String,
    },
    /// Nothing is in both.
    #[error("{old} and {new} have nothing in common: {reason}")]
    NothingInCommon {
        /// The one file.
        old: String,
        /// The other.
        new: String,
        /// What each has, or why what matches was refused.
        reason: String,
    },
    /// A setting that is no sensible number.
    #[error("{what} must be {must}, not {value}")]
    Option {
        /// The setting.
        what: &'static str,
        /// What it must be.
        must: &'static str,
        /// What it is.
        value: f64,
    },
}

/// Which file, from when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Source {
    /// The file, as the caller named it.
    pub file: String,
    /// When it was measured.
    pub started: String,
    /// Version of the program that measured.
    pub tool: String,
}

/// Everything a comparison found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What `new` is compared with.
    pub old: Source,
    /// What is judged.
    pub new: Source,
    /// How it was compared.
    pub options: Options,
    /// What makes the verdicts less certain: machines that differ, marks of experiments.
    pub warnings: Vec<String>,
    /// What stands in both files and may not be compared, or in one only.
    pub refused: Vec<Refusal>,
    /// What was compared.
    pub pairs: Vec<Pair>,
}

impl Comparison {
    /// Whether a pair has one of these verdicts.
    pub fn has(&self, verdicts: &[Verdict]) -> bool {
        self.pairs.iter().any(|pair| verdicts.contains(&pair.verdict))
    }
}

/// Compares `new` with `old`; the names of the files are for messages.
///
/// # Errors
/// When nothing can be compared, see [`CompareError`].
pub fn compare(
    (old_file, old): (&str, &Results),
    (new_file, new): (&str, &Results),
    options: &Options,
) -> Result<Comparison, CompareError> {
    check(options)?;
    for (file, results) in [(old_file, old), (new_file, new)] {
        if results.environment.emulated && !options.emulated {
            return Err(CompareError::Emulated { file: file.to_owned() });
        }
    }
    let matched = matching::matched(old, new, &options.only);
    if matched.pairs.is_empty() {
        return Err(CompareError::NothingInCommon {
            old: old_file.to_owned(),
            new: new_file.to_owned(),
            reason: matched.why_nothing(old, new),
        });
    }
    let mut warnings = mismatches(&old.environment, &new.environment);
    warnings.extend(matched.marks(old, new));
    let mut pairs: Vec<Pair> = matched
        .pairs
        .iter()
        .filter_map(|(key, old, new)| Pair::of(key.clone(), old, new, options))
        .collect();
    let p: Vec<f64> = pairs.iter().map(|pair| pair.p.unwrap_or(1.0)).collect();
    let family = pairs.len();
    for (pair, p) in pairs.iter_mut().zip(holm(&p)) {
        pair.judge(p, family, options);
    }
    let source = |file: &str, results: &Results| Source {
        file: file.to_owned(),
        started: results.started.clone(),
        tool: results.tool.clone(),
    };
    Ok(Comparison {
        old: source(old_file, old),
        new: source(new_file, new),
        options: options.clone(),
        warnings,
        refused: matched.refused,
        pairs,
    })
}

fn check(options: &Options) -> Result<(), CompareError> {
    let error = |what, must, value| Err(CompareError::Option { what, must, value });
    if !(options.alpha > 0.0 && options.alpha < 1.0) {
        return error("alpha", "above 0 and below 1", options.alpha);
    }
    if !(options.margin >= 0.0 && options.margin.is_finite()) {
        return error("the margin", "0 or a positive number", options.margin);
    }
    Ok(())
}
