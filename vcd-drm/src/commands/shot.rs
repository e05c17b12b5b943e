//! `vcd shot`.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::cli::{ShotArgs, WhichArgs};
use crate::daemon::Request;
use crate::daemon::control::{self, MAX_ANSWER};

/// How long a running card may take to answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

pub(super) fn run(args: &ShotArgs) -> Result<()> {
    let answer = ask(&args.which, Request::Shot)?;
    let bytes = answer.as_str().and_then(control::from_hex).context("the answer is no picture")?;
    let mode = 0o644;
    daemonkit::atomic::write(&args.file, &bytes, mode)
        .with_context(|| args.file.display().to_string())
}

/// Asks a running card.
pub(super) fn ask(which: &WhichArgs, request: Request) -> Result<Value> {
    let socket = which.socket.clone().unwrap_or_else(|| control::socket(which.number));
    let line = serde_json::to_string(&request).context("the request")?;
    let answer = daemonkit::client::call(&socket, &line, PATIENCE, MAX_ANSWER)
        .context("is there a card? `vcd run` plays one")?;
    let mut answer: Value = serde_json::from_str(&answer).context("the card's answer")?;
    if let Some(reason) = answer.get("error").and_then(Value::as_str) {
        bail!("the card says: {reason}");
    }
    Ok(answer["ok"].take())
}
