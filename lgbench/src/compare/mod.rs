//! `lgbench compare`: what the command line says, and where the results go.

pub(crate) mod figures;
mod page;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use labstats::compare::{self, Comparison, Options, Statistic};
use labstats::verdict::Verdict;

use crate::files::{self, put};

/// What `compare` returns to the shell when `--fail-on` found its verdict.
pub const FOUND: u8 = 3;

/// `lgbench compare`.
#[derive(Args, Clone, Debug)]
pub struct CompareArgs {
    /// Results before: a file, or a folder of lgbench run. With --paper the only one
    pub old: PathBuf,
    /// Results after
    #[arg(required_unless_present = "paper")]
    pub new: Option<PathBuf>,
    /// Show the cost of a switch beside the report's Table 1 instead
    #[arg(long, conflicts_with_all = ["new", "fail_on", "svg", "html", "csv"])]
    pub paper: bool,
    /// Exit with status 3 when any pair has this verdict; may be given several times
    #[arg(long, value_name = "VERDICT", value_delimiter = ',')]
    pub fail_on: Vec<FailOn>,
    /// Largest shift that does not matter, in percent of the old value
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = percent)]
    pub margin: f64,
    /// Chance of believing any difference that is not there, over all pairs together
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    pub alpha: f64,
    /// The number that stands for a run
    #[arg(long, value_name = "NAME", default_value = "median")]
    pub statistic: StatisticName,
    /// Only metrics whose name begins so, such as stream. or switch.exit; may be given several times
    #[arg(long, value_name = "METRIC", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Compare results of an emulator, too, although their times mean nothing
    #[arg(long)]
    pub emulated: bool,
    /// Seed of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Print everything that was found as JSON instead of the table
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print a line for each pair as CSV instead of the table
    #[arg(long)]
    pub csv: bool,
    /// Write box plots and distribution functions of every pair into this folder
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
    /// Write tables and figures as one page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// A verdict to fail on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// A difference in the bad direction
    Slower,
    /// A difference in the good direction
    Faster,
    /// Any difference
    Different,
    /// Neither a difference nor its absence is shown
    Undecided,
}

impl FailOn {
    fn verdicts(self) -> &'static [Verdict] {
        match self {
            Self::Slower => &[Verdict::Slower],
            Self::Faster => &[Verdict::Faster],
            Self::Different => &[Verdict::Slower, Verdict::Faster, Verdict::Higher, Verdict::Lower],
            Self::Undecided => &[Verdict::Undecided],
        }
    }
}

/// [`Statistic`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatisticName {
    /// What a sample usually is
    Median,
    /// What all samples together cost
    Mean,
    /// What is left when nothing disturbs, as in the report's Table 1
    Min,
    /// What the worst hundredth exceeds
    P99,
}

impl From<StatisticName> for Statistic {
    fn from(name: StatisticName) -> Self {
        match name {
            StatisticName::Median => Self::Median,
            StatisticName::Mean => Self::Mean,
            StatisticName::Min => Self::Min,
            StatisticName::P99 => Self::P99,
        }
    }
}

/// `1%` or `0.5 %` as a share.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix('%').map(str::trim);
    let value = number.and_then(|n| n.parse::<f64>().ok()).filter(|v| v.is_finite() && *v >= 0.0);
    value.map(|v| v / 100.0).ok_or_else(|| "write a percentage, such as 1%".to_owned())
}

/// Compares, prints and writes; the status is [`FOUND`] when `--fail-on` found what it looks for.
///
/// # Errors
/// When results cannot be read or may not be compared, or an output cannot be written.
pub fn run(args: &CompareArgs) -> Result<ExitCode> {
    if args.paper {
        return paper(args);
    }
    let Some(new_path) = &args.new else { bail!("compare needs two files of results") };
    let (old, new) = (files::read(&args.old)?, files::read(new_path)?);
    let options = Options {
        alpha: args.alpha,
        margin: args.margin,
        statistic: args.statistic.into(),
        only: args.only.clone(),
        emulated: args.emulated,
        seed: args.seed,
    };
    let names = (args.old.display().to_string(), new_path.display().to_string());
    let comparison = compare::compare((&names.0, &old), (&names.1, &new), &options)?;
    print(args, &comparison)?;
    if args.svg.is_some() || args.html.is_some() {
        let figures = figures::all(&comparison, &old, &new);
        if let Some(folder) = &args.svg {
            let all: Vec<files::Named> =
                figures.iter().flat_map(|of_pair| of_pair.clone().into_iter()).collect();
            let written = files::write_figures(folder, &all)?;
            eprintln!("{} figures in {}", written.len(), folder.display());
        }
        if let Some(file) = &args.html {
            files::write(file, page::page(&comparison, &figures).as_bytes())?;
            eprintln!("page: {}", file.display());
        }
    }
    let found = args.fail_on.iter().any(|on| comparison.has(on.verdicts()));
    Ok(if found { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

fn print(args: &CompareArgs, comparison: &Comparison) -> Result<()> {
    let text = if args.json {
        let text = serde_json::to_string_pretty(comparison).context("cannot write JSON")?;
        text + "\n"
    } else if args.csv {
        compare::csv(comparison)
    } else {
        compare::table(comparison)
    };
    put(&text)
}

fn paper(args: &CompareArgs) -> Result<ExitCode> {
    let results = files::read(&args.old)?;
    let file = args.old.display();
    if results.environment.emulated && !args.emulated {
        bail!(
            "{file} was measured in an emulator and has no timing value; --emulated shows it all the same"
        );
    }
    let rows = compare::paper(&results);
    if rows.is_empty() {
        bail!("{file} has no switches of exp1, which Table 1 is about; run lgbench run exp1");
    }
    if args.json {
        put(&(serde_json::to_string_pretty(&rows).context("cannot write JSON")? + "\n"))?;
    } else {
        put(&compare::paper_table(&rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: CompareArgs,
    }

    #[test]
    fn percentages_say_what_they_are() {
        assert_eq!(percent("1%"), Ok(0.01));
        assert_eq!(percent(" 0.5 % "), Ok(0.005));
        for bad in ["1", "%", "-1%", "nan%", "inf%", "one%"] {
            assert!(percent(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_line_is_checked() {
        let parse = |line: &str| Line::try_parse_from(line.split(' '));
        let args = parse("x a b --fail-on slower,undecided --margin 2%").unwrap().args;
        assert_eq!(args.fail_on, [FailOn::Slower, FailOn::Undecided]);
        assert_eq!((args.margin, args.alpha), (0.02, 0.05));
        assert!(parse("x a").is_err(), "two files");
        assert!(parse("x --paper a").unwrap().args.new.is_none());
        assert!(parse("x --paper a b").is_err());
        assert!(parse("x a b --json --csv").is_err());
        assert!(parse("x a b --fail-on worse").is_err());
    }
}
