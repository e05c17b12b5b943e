//! `lgbench report`: results as one HTML page and figures, after the report's Table 1 and Figures 3 to 8,
//! the proposal's Table 2, and the clocks of its section 4.2.

mod figures;
mod page;
mod penalty;
mod profile;
mod skew;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use labstats::results::Results;

use crate::files;

pub use figures::figures;

/// `lgbench report`.
#[derive(Args, Clone, Debug)]
pub struct ReportArgs {
    /// Results: a file, or a folder of lgbench run
    #[arg(default_value = "lgbench-results")]
    pub results: PathBuf,
    /// Where page and figures go [default: beside the results]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// The page's file.
pub const PAGE: &str = "report.html";

/// Writes the page and the figures, and says where.
///
/// # Errors
/// When results cannot be read, or an output cannot be written.
pub fn run(args: &ReportArgs) -> Result<ExitCode> {
    let results = files::read(&args.results)?;
    let beside = if args.results.is_dir() {
        args.results.as_path()
    } else {
        args.results.parent().unwrap_or_else(|| Path::new(""))
    };
    let folder = args.out.as_deref().unwrap_or(beside);
    let page = write(&results, folder)?;
    files::put(&format!("{}\n", page.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes page and figures into `folder`; tells the page's file. Works on what there is: an interrupted
/// run gives a shorter page.
///
/// # Errors
/// When an output cannot be written.
pub fn write(results: &Results, folder: &Path) -> Result<PathBuf> {
    // A file beside the current folder has the empty path for its folder.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let all = figures(results);
    let named: Vec<files::Named> = all.iter().map(|captioned| captioned.named.clone()).collect();
    files::write_figures(folder, &named)?;
    let page_file = folder.join(PAGE);
    files::write(&page_file, page::page(results, &all).as_bytes())?;
    Ok(page_file)
}
