//! What experiments leave: kept after each of them, shown in the end.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use labstats::results::Results;

use crate::experiments::suite::Outcome;
use crate::files::{self, OLD_RESULTS, RESULTS};
use crate::report;

/// Exit code of a run that was interrupted and kept what there is.
pub(super) const INTERRUPTED: u8 = 130;

/// A folder for results.
#[derive(Debug)]
pub(super) struct Kept<'a> {
    folder: &'a Path,
    /// Whether those of an earlier run have another name by now.
    aside: bool,
}

impl<'a> Kept<'a> {
    /// Makes the folder: before an hour of measuring, not after it.
    pub(super) fn within(folder: &'a Path) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(Self { folder, aside: false })
    }

    /// Keeps what there is, so that hours of measuring do not depend on the last minute.
    pub(super) fn take(&mut self, results: &Results) {
        if let Err(error) = self.keep(results) {
            eprintln!("lgbench: {error:#}");
        }
    }

    /// Keeps and shows all there is, in words that `shown` finds, and with the report.
    pub(super) fn end<E: std::error::Error + Send + Sync + 'static>(
        mut self,
        outcome: Outcome<E>,
        shown: impl FnOnce(&Results) -> Result<String>,
    ) -> Result<ExitCode> {
        let Outcome { results, failure, interrupted } = outcome;
        if !has_samples(&results) {
            return match failure {
                Some(failure) => Err(failure.into()),
                None if interrupted => {
                    eprintln!("lgbench: interrupted before anything was measured; nothing is kept");
                    Ok(ExitCode::from(INTERRUPTED))
                }
                None => {
                    bail!("no guest has recorded a sample; runs were too short (--length, --quick)")
                }
            };
        }
        self.keep(&results)?;
        files::put(&shown(&results)?)?;
        eprintln!("results: {}", self.folder.join(RESULTS).display());
        let page = report::write(&results, self.folder).context("cannot write the report")?;
        eprintln!("report: {}", page.display());
        match failure {
            Some(failure) => {
                Err(anyhow::Error::new(failure).context("ended early; what there was is kept"))
            }
            None if interrupted => {
                eprintln!("lgbench: interrupted; what there was is kept and marked incomplete");
                Ok(ExitCode::from(INTERRUPTED))
            }
            None => Ok(ExitCode::SUCCESS),
        }
    }

    /// Writes results, if they have samples. Those of an earlier run get another name first.
    fn keep(&mut self, results: &Results) -> Result<()> {
        if !has_samples(results) {
            return Ok(());
        }
        let text = results.to_json().context("cannot keep the results")?;
        let (path, old) = (self.folder.join(RESULTS), self.folder.join(OLD_RESULTS));
        if !self.aside && path.exists() {
            std::fs::rename(&path, &old)
                .with_context(|| format!("cannot rename {} to {OLD_RESULTS}", path.display()))?;
            eprintln!("results that were there: {}", old.display());
        }
        self.aside = true;
        files::write(&path, text.as_bytes())
    }
}

fn has_samples(results: &Results) -> bool {
    results.experiments.iter().flat_map(|one| &one.series).any(|series| !series.is_empty())
}
