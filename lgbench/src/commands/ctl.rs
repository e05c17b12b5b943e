//! `lgbench ctl`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use daemonkit::client::{CallError, call};

use super::cli::CtlArgs;
use super::control::{MAX_LINE, PATIENCE, REFUSAL, usual_path};
use crate::files::put;

pub(super) fn run(args: &CtlArgs) -> Result<ExitCode> {
    let path = args.control.clone().unwrap_or_else(usual_path);
    let answer = match call(&path, &args.words.join(" "), PATIENCE, MAX_LINE) {
        Err(CallError::Absent(_)) => bail!(
            "no experiment is running (nobody listens on {}); start one with lgbench run",
            path.display()
        ),
        answer => answer.with_context(|| format!("cannot ask {}", path.display()))?,
    };
    if let Some(why) = answer.strip_prefix(REFUSAL) {
        bail!("{why}");
    }
    put(&format!("{answer}\n"))?;
    Ok(ExitCode::SUCCESS)
}
