//! The model's prediction: the same requests by `ublk replay`, once for each policy.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::guest::DEPTH;
use super::kinds::Policy;
use super::records::{Travel, records};
use super::{read, write};
use crate::run::{self, Interrupt};

/// What the model says of one policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Predicted {
    /// Which.
    pub policy: Policy,
    /// How the arm moves.
    #[serde(flatten)]
    pub travel: Travel,
}

/// Replays fio's iolog, as many requests under way as fio had, under every policy.
pub fn all(
    ublk: &Path,
    disk: &str,
    iolog: &Path,
    folder: &Path,
    interrupt: &Interrupt,
) -> Result<Vec<Predicted>> {
    let (model, parts) = (folder.join("policy.toml"), folder.join("parts.jsonl"));
    let one = |policy: Policy| -> Result<Predicted> {
        write(&model, policy.applied(disk, DEPTH))?;
        let mut replay = Command::new(ublk);
        replay.arg("replay").arg(iolog).arg("--disk").arg(&model);
        replay.args(["--capacity", "1G", "--depth", &DEPTH.to_string(), "--json"]);
        replay.arg("--requests").arg(&parts);
        run::output(&mut replay, Duration::from_secs(120), interrupt)?;
        let travel = Travel::of(&records(&read(&parts)?)?)
            .with_context(|| format!("ublk replay under {}", policy.name()))?;
        Ok(Predicted { policy, travel })
    };
    Policy::ALL.into_iter().map(one).collect()
}
