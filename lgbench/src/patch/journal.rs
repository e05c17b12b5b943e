//! Replaces files of a tree, all or none, and puts them back.
//!
//! ```text
//!   TREE/.lgbench/manifest.json    which files, and where the hooks are
//!                 original/...     the files themselves, as they were: moved back by a revert
//!                 patched/...      what they became, to find later edits
//!                 staged/...       what is still to be moved into place
//! ```
//!
//! The folder is made under another name first, so it is there whole or not at all. Then files are moved,
//! one by one. Whoever is killed on the way leaves a folder from which everything can be put back; one
//! under the other name has changed nothing and is taken away by the next. When everything is back the
//! manifest gets another name, which tells that: folders cannot be moved on all file systems, files can.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{Doing, PatchError};
use super::hooks::Placed;
use super::plan::{Change, Plan};
use super::tree::Tree;

/// In the tree.
const FOLDER: &str = ".lgbench";

/// The same before it is complete.
const DRAFT: &str = ".lgbench.new";

const MANIFEST: &str = "manifest.json";

/// The manifest once everything is back.
const REVERTED: &str = "reverted.json";

/// Permissions of a file that the tree did not have.
const ADDED_MODE: u32 = 0o644;

/// A file in the manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Within the tree.
    pub file: String,
    /// Whether the tree had no such file before.
    pub added: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Manifest {
    lgbench: String,
    kernel: String,
    files: Vec<Entry>,
    hooks: Vec<Placed>,
}

/// What a file is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it was before: not there, if it was added.
    Original,
    /// As it was made.
    Patched,
    /// Something else.
    Edited,
    /// Not there, although it was before.
    Missing,
}

/// What was done to a tree.
#[derive(Clone, Debug)]
pub struct Journal {
    root: PathBuf,
    manifest: Manifest,
}

impl Journal {
    /// That of a tree, if something was done to it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(root: &Path) -> Result<Option<Self>, PatchError> {
        let path = root.join(FOLDER).join(MANIFEST);
        if root.join(FOLDER).symlink_metadata().is_err() || is_reverted(root) {
            return Ok(None);
        }
        let text = fs::read(&path).doing("read", &path)?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| {
            let path = path.display();
            let what = "restore drivers/lguest from where you have the kernel from, and remove";
            PatchError::Refused(format!("{path}: damaged ({error}); {what} {FOLDER}"))
        })?;
        // They are moved and removed: never anything outside.
        let outside = |entry: &&Entry| {
            !entry.file.starts_with("drivers/lguest/") || entry.file.contains("..")
        };
        if let Some(entry) = manifest.files.iter().find(outside) {
            let what = format!("damaged ({:?} is not in drivers/lguest)", entry.file);
            return Err(PatchError::Refused(format!("{}: {what}", path.display())));
        }
        Ok(Some(Self { root: root.to_owned(), manifest }))
    }

    /// Where the hooks are.
    pub fn hooks(&self) -> &[Placed] {
        &self.manifest.hooks
    }

    /// The files.
    pub fn files(&self) -> &[Entry] {
        &self.manifest.files
    }

    /// The version of lgbench that did it.
    pub fn version(&self) -> &str {
        &self.manifest.lgbench
    }

    /// What was put into a file.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn patched(&self, file: &str) -> Result<Vec<u8>, PatchError> {
        let path = self.kept("patched", file);
        fs::read(&path).doing("read", &path)
    }

    /// What a file is now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn state(&self, entry: &Entry) -> Result<State, PatchError> {
        let path = self.root.join(&entry.file);
        let now = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(if entry.added { State::Original } else { State::Missing });
            }
            now => now.doing("read", &path)?,
        };
        if now == self.patched(&entry.file)? {
            return Ok(State::Patched);
        }
        if entry.added {
            return Ok(State::Edited);
        }
        let kept = self.kept("original", &entry.file);
        match fs::read(&kept) {
            // It was moved back, by a revert that was interrupted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::Original),
            original => Ok(match now == original.doing("read", &kept)? {
                true => State::Original,
                false => State::Edited,
            }),
        }
    }

    /// Puts everything back, edited files too; those that are as they were stay.
    ///
    /// # Errors
    /// Before anything is changed when a file that is to come back is not there any more. When one cannot
    /// be moved; another call goes on from there.
    pub fn undo(&self) -> Result<(), PatchError> {
        let mut files = Vec::new();
        for entry in self.files() {
            if self.state(entry)? != State::Original {
                self.can_come_back(entry)?;
                files.push(entry);
            }
        }
        for entry in files {
            let path = self.root.join(&entry.file);
            if entry.added {
                fs::remove_file(&path).doing("remove", &path)?;
            } else {
                // The very file with its times: the compiler's output that depended on lgbench.h is made
                // anew in any case, since that is not there any more.
                fs::rename(self.kept("original", &entry.file), &path).doing("restore", &path)?;
            }
        }
        self.sync_files()?;
        let folder = self.root.join(FOLDER);
        let done = folder.join(REVERTED);
        fs::rename(folder.join(MANIFEST), &done).doing("make", &done)?;
        sync(&folder)?;
        clear(&self.root)?;
        sync(&self.root)
    }

    fn can_come_back(&self, entry: &Entry) -> Result<(), PatchError> {
        let kept = self.kept("original", &entry.file);
        if entry.added || kept.symlink_metadata().is_ok() {
            return Ok(());
        }
        let (kept, file) = (kept.display(), &entry.file);
        let what = format!("it is gone, so {file} cannot be restored");
        let help = "restore drivers/lguest from where you have the kernel from, and remove";
        Err(PatchError::Refused(format!("{kept}: {what}; {help} {FOLDER}")))
    }

    fn kept(&self, what: &str, file: &str) -> PathBuf {
        self.root.join(FOLDER).join(what).join(file)
    }

    fn sync_files(&self) -> Result<(), PatchError> {
        for entry in self.files() {
            sync(self.root.join(&entry.file).parent().unwrap_or(&self.root))?;
        }
        Ok(())
    }

    /// Moves what is staged into place.
    fn place(&self) -> Result<(), PatchError> {
        for entry in self.files() {
            let path = self.root.join(&entry.file);
            fs::rename(self.kept("staged", &entry.file), &path).doing("replace", &path)?;
        }
        self.sync_files()?;
        let staged = self.root.join(FOLDER).join("staged");
        fs::remove_dir_all(&staged).doing("remove", &staged)
    }
}

/// Whether somebody was interrupted before anything had changed, or after everything was back.
pub fn has_draft(root: &Path) -> bool {
    root.join(DRAFT).symlink_metadata().is_ok() || is_reverted(root)
}

/// Whether the folder is there, but only to be taken away: what says so goes last.
fn is_reverted(root: &Path) -> bool {
    let folder = root.join(FOLDER);
    folder.join(REVERTED).symlink_metadata().is_ok()
        || fs::read_dir(folder).is_ok_and(|mut inside| inside.next().is_none())
}

/// Takes away what such a one has left.
///
/// # Errors
/// When it cannot be removed.
pub fn clear(root: &Path) -> Result<(), PatchError> {
    remove(&root.join(DRAFT))?;
    if !is_reverted(root) {
        return Ok(());
    }
    let folder = root.join(FOLDER);
    for inside in ["original", "patched", "staged"] {
        remove(&folder.join(inside))?;
    }
    remove(&folder)
}

/// A folder with all that is in it, if it is there.
fn remove(folder: &Path) -> Result<(), PatchError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done.doing("remove", folder),
    }
}

/// Changes a tree; after an error it is as it was.
///
/// # Errors
/// What went wrong, and what else if that could not be undone.
pub fn commit(tree: &Tree, plan: &Plan) -> Result<(), PatchError> {
    clear(&tree.root)?;
    let prepared = prepare(tree, plan).and_then(|()| {
        let folder = tree.path(FOLDER);
        fs::rename(tree.path(DRAFT), &folder).doing("make", &folder)
    });
    if let Err(error) = prepared {
        // The reason that is told is the first one.
        let _ = clear(&tree.root);
        return Err(error);
    }
    let Some(journal) = Journal::read(&tree.root)? else {
        return Err(PatchError::Refused(format!("{FOLDER} has gone from the tree meanwhile")));
    };
    let placed = sync(&tree.root).and_then(|()| journal.place());
    let Err(error) = placed else { return Ok(()) };
    match journal.undo() {
        Ok(()) => Err(error),
        Err(second) => Err(PatchError::Refused(format!(
            "{error}: {}; then {second}; run lgbench lguest revert when that is mended",
            std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default()
        ))),
    }
}

fn prepare(tree: &Tree, plan: &Plan) -> Result<(), PatchError> {
    let draft = tree.path(DRAFT);
    fs::create_dir(&draft).doing("make", &draft)?;
    for change in &plan.changes {
        keep(tree, &draft, change)?;
    }
    let entry =
        |change: &Change| Entry { file: change.file.to_owned(), added: change.was.is_none() };
    let manifest = Manifest {
        lgbench: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: tree.version.to_string(),
        files: plan.changes.iter().map(entry).collect(),
        hooks: plan.hooks.clone(),
    };
    let path = draft.join(MANIFEST);
    let text = serde_json::to_vec_pretty(&manifest).map_err(io::Error::other);
    write(&path, &text.doing("write", &path)?)?;
    for folder in
        ["original/drivers/lguest", "patched/drivers/lguest", "staged/drivers/lguest", "."]
    {
        sync(&draft.join(folder))?;
    }
    Ok(())
}

/// Keeps a file as it is and as it will be, and stages the latter.
fn keep(tree: &Tree, draft: &Path, change: &Change) -> Result<(), PatchError> {
    let at = |what: &str| draft.join(what).join(change.file);
    for what in ["original", "patched", "staged"] {
        let path = at(what);
        let folder = path.parent().unwrap_or(draft);
        fs::create_dir_all(folder).doing("make", folder)?;
    }
    write(&at("patched"), &change.bytes)?;
    let staged = at("staged");
    write(&staged, &change.bytes)?;
    let path = tree.path(change.file);
    // Added files belong to whom the folder belongs to.
    let added = change.was.is_none();
    let like = if added { path.parent().unwrap_or(&tree.root) } else { &path };
    let like = fs::metadata(like).doing("look at", like)?;
    let mode = if added { ADDED_MODE } else { like.permissions().mode() & 0o7777 };
    own(&staged, &like);
    fs::set_permissions(&staged, fs::Permissions::from_mode(mode)).doing("make", &staged)?;
    let Some(was) = &change.was else { return Ok(()) };
    let original = at("original");
    // The file itself, under a second name; a copy where the file system knows no second names.
    let kept = fs::hard_link(&path, &original).or_else(|_| copy(&path, &original, &like));
    kept.doing("keep", &path)?;
    if fs::read(&original).doing("read", &original)? != *was {
        let what = "it was changed while the hooks were made; apply again";
        return Err(PatchError::Refused(format!("{}: {what}", path.display())));
    }
    Ok(())
}

fn copy(from: &Path, to: &Path, like: &fs::Metadata) -> io::Result<()> {
    fs::copy(from, to)?;
    own(to, like);
    let file = OpenOptions::new().read(true).open(to)?;
    file.set_times(FileTimes::new().set_modified(like.modified()?).set_accessed(like.accessed()?))?;
    file.sync_all()
}

/// Who is not root has no others' files.
fn own(path: &Path, like: &fs::Metadata) {
    let _ = chown(path, Some(like.uid()), Some(like.gid()));
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), PatchError> {
    let written = File::create_new(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.doing("write", path)
}

/// What was made, moved and removed in a folder stays so if the machine crashes.
fn sync(folder: &Path) -> Result<(), PatchError> {
    File::open(folder).and_then(|folder| folder.sync_all()).doing("sync", folder)
}
