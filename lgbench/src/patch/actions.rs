//! Apply, check, revert.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use serde::Serialize;

use super::error::{Doing, Finding, PatchError};
use super::hooks::Placed;
use super::journal::{self, Entry, Journal, State};
use super::pieces::PIECES;
use super::plan;
use super::tree::{self, Tree};

/// How a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Without the patch, which would apply.
    Fits,
    /// With the patch.
    Applied,
    /// Without the patch.
    Reverted,
}

/// What was done, or found.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// How the tree is now.
    pub condition: Condition,
    /// Whether it was otherwise before.
    pub changed: bool,
    /// Whether something that was interrupted was undone first.
    pub mended: bool,
    /// Where the hooks are, or would be.
    pub hooks: Vec<Placed>,
}

/// Patches a tree; one that is patched already stays as it is.
///
/// # Errors
/// Why it could not; the tree is as it was.
pub fn apply(tree: &Tree, interrupted: &dyn Fn() -> bool) -> Result<Outcome, PatchError> {
    let _lock = lock(&tree.root)?;
    let mut mended = journal::has_draft(&tree.root);
    if let Some(journal) = Journal::read(&tree.root)? {
        let states = Files::of(&journal)?;
        if states.all(State::Patched) {
            same_version(tree, &journal)?;
            let hooks = journal.hooks().to_vec();
            return Ok(Outcome {
                condition: Condition::Applied,
                changed: false,
                mended: false,
                hooks,
            });
        }
        states.refuse_edits()?;
        journal.undo()?;
        mended = true;
    }
    let plan = plan::make(tree, interrupted)?;
    journal::commit(tree, &plan)?;
    Ok(Outcome { condition: Condition::Applied, changed: true, mended, hooks: plan.hooks })
}

/// Whether the patch would apply, or is whole.
///
/// # Errors
/// Why it would not, or what is not whole.
pub fn check(tree: &Tree, interrupted: &dyn Fn() -> bool) -> Result<Outcome, PatchError> {
    let _lock = lock(&tree.root)?;
    let (condition, hooks) = match Journal::read(&tree.root)? {
        None => (Condition::Fits, plan::make(tree, interrupted)?.hooks),
        Some(journal) => {
            let states = Files::of(&journal)?;
            if !states.all(State::Patched) {
                states.refuse_edits()?;
                let what = "an apply or a revert was interrupted; apply or revert again";
                return Err(PatchError::Refused(format!("{}: {what}", tree.root.display())));
            }
            same_version(tree, &journal)?;
            (Condition::Applied, journal.hooks().to_vec())
        }
    };
    Ok(Outcome { condition, changed: false, mended: false, hooks })
}

/// Puts a tree back to what it was. `force`: later edits are lost.
///
/// # Errors
/// When there is nothing to put back, when files were edited, and when they cannot be moved.
pub fn revert(root: &Path, force: bool) -> Result<Outcome, PatchError> {
    let _lock = lock(root)?;
    let draft = journal::has_draft(root);
    match Journal::read(root)? {
        Some(journal) => {
            let states = Files::of(&journal)?;
            if !force {
                states.refuse_edits()?;
            }
            journal.undo()?;
            let (condition, mended) = (Condition::Reverted, !states.all(State::Patched));
            Ok(Outcome { condition, changed: true, mended, hooks: Vec::new() })
        }
        None if draft => {
            journal::clear(root)?;
            let condition = Condition::Reverted;
            Ok(Outcome { condition, changed: false, mended: true, hooks: Vec::new() })
        }
        None => {
            let what = "lgbench has not patched this tree, so there is nothing to revert";
            Err(PatchError::Refused(format!("{}: {what}", root.display())))
        }
    }
}

/// The files of a journal, and what they are.
struct Files(Vec<(Entry, State)>);

impl Files {
    fn of(journal: &Journal) -> Result<Self, PatchError> {
        let states = journal.files().iter().map(|entry| Ok((entry.clone(), journal.state(entry)?)));
        Ok(Self(states.collect::<Result<_, PatchError>>()?))
    }

    fn all(&self, state: State) -> bool {
        self.0.iter().all(|(_, one)| *one == state)
    }

    /// One line for each file that is neither as it was nor as it was made.
    fn refuse_edits(&self) -> Result<(), PatchError> {
        let edited = self.0.iter().filter_map(|(entry, state)| {
            let what = match state {
                State::Original | State::Patched => return None,
                State::Edited => "it was edited after lgbench had patched it",
                State::Missing => "it was removed after lgbench had patched it",
            };
            let help = "lgbench lguest revert --force restores it as it was before";
            Some(Finding::in_file(&entry.file, format!("{what}; {help}")))
        });
        let edited: Vec<Finding> = edited.collect();
        if edited.is_empty() { Ok(()) } else { Err(PatchError::Shape(edited)) }
    }
}

/// A tree patched by another version of lgbench has another /dev/lgbench.
fn same_version(tree: &Tree, journal: &Journal) -> Result<(), PatchError> {
    for piece in PIECES {
        if journal.patched(piece.file)? != piece.text.as_bytes() {
            return Err(PatchError::Refused(format!(
                "{}: patched by another lgbench, {}; revert it, then apply again",
                tree.root.display(),
                journal.version()
            )));
        }
    }
    Ok(())
}

/// One at a time; nothing is written for it.
fn lock(root: &Path) -> Result<File, PatchError> {
    tree::is_folder(root)?;
    let folder = File::open(root).doing("open", root)?;
    flock(&folder, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
        rustix::io::Errno::WOULDBLOCK => {
            let what = "another lgbench is at work on this tree";
            PatchError::Refused(format!("{}: {what}", root.display()))
        }
        error => PatchError::Io { doing: "lock", path: root.to_owned(), source: error.into() },
    })?;
    Ok(folder)
}
