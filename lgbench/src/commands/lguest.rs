//! `lgbench lguest`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;

use super::cli::{LguestArgs, LguestCommand, TreeArgs};
use super::interrupt::Interrupt;
use super::kept::INTERRUPTED;
use crate::controller::Interrupted;
use crate::files::put;
use crate::patch::actions::{self, Condition, Outcome};
use crate::patch::error::PatchError;
use crate::patch::pieces;
use crate::patch::tree::Tree;

pub(super) fn run(args: &LguestArgs) -> Result<ExitCode> {
    let done = match &args.command {
        LguestCommand::Config => return put(pieces::CONFIG).map(|()| ExitCode::SUCCESS),
        LguestCommand::Apply(tree) => with_tree(tree, &actions::apply),
        LguestCommand::Check(tree) => with_tree(tree, &actions::check),
        LguestCommand::Revert(revert) => {
            // It ends as soon as it may.
            let _interrupt = Interrupt::install()?;
            let root = &revert.tree.kernel;
            let outcome = actions::revert(root, revert.force);
            outcome
                .map_err(Into::into)
                .and_then(|outcome| tell(root, None, &outcome, revert.tree.json))
        }
    };
    match done {
        Err(error) if matches!(error.downcast_ref(), Some(PatchError::Interrupted)) => {
            eprintln!("lgbench: {error:#}");
            Ok(ExitCode::from(INTERRUPTED))
        }
        done => done.map(|()| ExitCode::SUCCESS),
    }
}

/// Apply or check.
type Action = dyn Fn(&Tree, &dyn Fn() -> bool) -> Result<Outcome, PatchError>;

fn with_tree(args: &TreeArgs, action: &Action) -> Result<()> {
    let interrupt = Interrupt::install()?;
    let tree = Tree::open(&args.kernel)?;
    let outcome = action(&tree, &|| interrupt.is_raised())?;
    tell(&args.kernel, Some(&tree), &outcome, args.json)
}

fn tell(root: &Path, tree: Option<&Tree>, outcome: &Outcome, as_json: bool) -> Result<()> {
    if as_json {
        let all = json!({
            "kernel": root.to_string_lossy(),
            "version": tree.map(|tree| tree.version.to_string()),
            "condition": outcome.condition,
            "changed": outcome.changed,
            "mended": outcome.mended,
            "hooks": outcome.hooks,
        });
        let text = serde_json::to_string_pretty(&all).context("cannot write JSON")?;
        return put(&(text + "\n"));
    }
    let mut text = root.display().to_string();
    if let Some(tree) = tree {
        text.push_str(&format!(": Linux {}", tree.version));
    }
    text.push_str(match (outcome.condition, outcome.changed) {
        (Condition::Fits, _) => ": the hooks fit; nothing was changed\n",
        (Condition::Applied, true) => ": lguest has the hooks now\n",
        (Condition::Applied, false) => ": lguest has the hooks, unchanged since they were put in\n",
        (Condition::Reverted, _) => ": as it was before the hooks\n",
    });
    if outcome.mended {
        text.push_str("an apply or a revert had been interrupted; that is mended\n");
    }
    text.extend(outcome.hooks.iter().map(|hook| format!("  {hook}\n")));
    put(&text)
}
