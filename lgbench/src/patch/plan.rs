//! What the files of a tree become, in memory.

use super::error::{Finding, PatchError};
use super::hooks::{self, CORE, Placed, USER};
use super::makefile::{self, MAKEFILE};
use super::pieces::PIECES;
use super::source::Source;
use super::spatch;
use super::tree::Tree;

/// A file's new content.
#[derive(Clone, Debug)]
pub struct Change {
    /// Within the tree.
    pub file: &'static str,
    /// What it has; none where the tree has no such file.
    pub was: Option<Vec<u8>>,
    /// What it gets.
    pub bytes: Vec<u8>,
}

/// All changes, and where the hooks are after them.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Files in the order in which they are to be changed: what others need first.
    pub changes: Vec<Change>,
    /// Where the hooks are then.
    pub hooks: Vec<Placed>,
}

/// Makes it; nothing is written in the tree.
///
/// # Errors
/// Everything that is not as the hooks need it; when spatch cannot be used; Ctrl-C.
pub fn make(tree: &Tree, interrupted: &dyn Fn() -> bool) -> Result<Plan, PatchError> {
    let core = tree.read(CORE)?;
    let user = tree.read(USER)?;
    let old_makefile = tree.read(MAKEFILE)?;
    let originals = [Source::new(CORE, &core), Source::new(USER, &user)];
    let mut findings: Vec<Finding> = originals.iter().flat_map(hooks::obstacles).collect();
    let makefile = match std::str::from_utf8(&old_makefile) {
        Ok(text) => makefile::with_objects(text),
        Err(_) => Err(Finding::in_file(MAKEFILE, "it is not a text in UTF-8")),
    };
    findings.extend(makefile.as_ref().err().cloned());
    for piece in PIECES {
        if tree.path(piece.file).symlink_metadata().is_ok() {
            let what = "it is here, and lgbench has not put it here; take it away first";
            findings.push(Finding::in_file(piece.file, what));
        }
    }
    let (Ok(makefile), []) = (makefile, &findings[..]) else {
        return Err(PatchError::Shape(findings));
    };
    let patched = spatch::patched(&[("core.c", &core), ("lguest_user.c", &user)], interrupted)?;
    let mut hooks = Vec::new();
    for (original, bytes) in originals.iter().zip(&patched) {
        match hooks::verify(original, &Source::new(&original.file, bytes)) {
            Ok(mut placed) => hooks.append(&mut placed),
            Err(mut wrong) => findings.append(&mut wrong),
        }
    }
    if !findings.is_empty() {
        return Err(PatchError::Shape(findings));
    }
    let pieces = PIECES.iter();
    let mut changes: Vec<Change> = pieces
        .map(|piece| Change { file: piece.file, was: None, bytes: piece.text.into() })
        .collect();
    let replaced = [(USER, user), (CORE, core)].into_iter().zip(patched.into_iter().rev());
    let replaced = replaced.map(|((file, was), bytes)| Change { file, was: Some(was), bytes });
    changes.extend(replaced);
    let was = Some(old_makefile);
    changes.push(Change { file: MAKEFILE, was, bytes: makefile.into_bytes() });
    Ok(Plan { changes, hooks })
}
