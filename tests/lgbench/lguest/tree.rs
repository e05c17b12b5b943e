//! A copy of one of the trees in tests/lgbench/trees, and whether it is as it was.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{lgbench, stderr};

pub(super) const VERSIONS: [&str; 3] = ["2.6.32", "3.0", "4.9"];

/// The files that apply adds.
pub(super) const PIECES: [&str; 6] = [
    "lgbench.c",
    "lgbench.h",
    "lgbench_abi.h",
    "lgbench_compat.h",
    "lgbench_device.c",
    "lgbench_device.h",
];

/// Where the trees are.
pub(super) fn trees() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("lgbench/trees")
}

/// Everything of a file that a revert brings back; a folder's times change with what is in it.
type Facts = (u32, Option<(i64, i64)>, Vec<u8>);

pub(super) struct Tree {
    folder: tempfile::TempDir,
}

impl Tree {
    pub(super) fn new(version: &str) -> Self {
        // Where there is one, in memory: a disk that is busy with other things takes its time to sync.
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::tempdir_in(place).unwrap();
        copy(&trees().join(version), &folder.path().join("linux"));
        let tree = Self { folder };
        // Not what a new file would get.
        let mode = fs::Permissions::from_mode(0o640);
        fs::set_permissions(tree.path("drivers/lguest/core.c"), mode).unwrap();
        tree
    }

    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("linux")
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.root().join(file)
    }

    /// Room for a test's own things.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// Changes a file, which must have what is to be replaced.
    pub(super) fn edit(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{file} has no {from:?}");
        fs::write(self.path(file), text.replace(from, to)).unwrap();
    }

    /// `lgbench lguest WORD --kernel TREE`.
    pub(super) fn command(&self, word: &str) -> Command {
        let mut command = lgbench();
        command.args(["lguest", word, "--kernel"]).arg(self.root());
        command
    }

    /// Runs that; it must succeed.
    pub(super) fn done(&self, word: &str) -> String {
        let output = self.command(word).output().unwrap();
        assert!(output.status.success(), "{word}: {}", stderr(&output));
        self.plain(&output.stdout)
    }

    /// Runs that; it must fail and leave the tree as it is.
    pub(super) fn refused(&self, word: &str) -> String {
        let before = self.facts();
        let output = self.command(word).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{word}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
        assert!(self.facts() == before, "{word} changed the tree");
        self.said(&output)
    }

    pub(super) fn said(&self, output: &Output) -> String {
        self.plain(&output.stderr)
    }

    /// A text with TREE for where the tree is.
    fn plain(&self, bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).replace(&self.root().display().to_string(), "TREE")
    }

    /// All that is there.
    pub(super) fn facts(&self) -> BTreeMap<PathBuf, Facts> {
        let mut facts = BTreeMap::new();
        look(&self.root(), &mut facts);
        facts
    }

    /// What `diff` says of the tree beside what it was made of, without what lgbench keeps.
    pub(super) fn difference(&self, version: &str) -> String {
        let mut command = Command::new("diff");
        command.args(["-r", "-U", "1", "--exclude=.lgbench"]);
        for name in PIECES {
            command.arg(format!("--exclude={name}"));
        }
        let output = command.arg(trees().join(version)).arg(self.root()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // Names and times of the files are another in each run.
        let kept = text
            .lines()
            .filter(|line| !["diff ", "--- ", "+++ "].iter().any(|head| line.starts_with(head)));
        kept.map(|line| format!("{line}\n")).collect()
    }
}

fn look(path: &Path, facts: &mut BTreeMap<PathBuf, Facts>) {
    let meta = fs::symlink_metadata(path).unwrap();
    if !meta.is_dir() {
        let times = Some((meta.mtime(), meta.mtime_nsec()));
        facts.insert(path.to_owned(), (meta.mode(), times, fs::read(path).unwrap()));
        return;
    }
    facts.insert(path.to_owned(), (meta.mode(), None, Vec::new()));
    for entry in fs::read_dir(path).unwrap() {
        look(&entry.unwrap().path(), facts);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
