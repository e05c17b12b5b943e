//! Where things are: the workspace's root, its packages, its files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::run::{self, Interrupt};

/// The folder of the workspace's Cargo.toml.
pub fn root() -> PathBuf {
    // The environment first: a binary in a shared target folder may have been built in another clone.
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().map_or_else(|| own.clone(), Path::to_path_buf)
}

/// A cargo command in the workspace's root.
///
/// `cargo run` describes xtask's own package in the environment; passed on, it would make build
/// scripts that look at it run again each time.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// What `cargo metadata` says of the workspace.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    /// The workspace's own packages.
    pub packages: Vec<Package>,
    /// Where cargo builds.
    pub target_directory: PathBuf,
}

/// One package of the workspace.
#[derive(Debug, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its Cargo.toml.
    pub manifest_path: PathBuf,
    /// What it builds.
    pub targets: Vec<Target>,
    /// What it asks for.
    pub dependencies: Vec<Dependency>,
}

impl Package {
    /// Whether cargo runs its documentation's examples: it has a library, and did not say no.
    pub fn has_examples(&self) -> bool {
        self.targets.iter().any(|target| target.kind == ["lib"] && target.doctest)
    }
}

/// One thing a package builds.
#[derive(Debug, Deserialize)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// `lib`, `bin`, `test`, ...
    pub kind: Vec<String>,
    /// Whether its documentation's examples are tests.
    pub doctest: bool,
}

/// One dependency of a package.
#[derive(Debug, Deserialize)]
pub struct Dependency {
    /// The package asked for.
    pub name: String,
    /// `None` for a normal one, else `dev` or `build`.
    pub kind: Option<String>,
}

/// Reads the workspace's packages; fails when Cargo.lock does not fit Cargo.toml.
pub fn metadata() -> Result<Metadata> {
    let text = run::query(cargo().args([
        "metadata",
        "--quiet",
        "--locked",
        "--no-deps",
        "--format-version",
        "1",
    ]))?;
    serde_json::from_str(&text).context("cannot understand what cargo metadata says")
}

/// The workspace's files as git knows them, new ones not yet added included, relative to the root.
pub fn files() -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(root());
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let text = run::query(&mut git)?;
    let mut files: Vec<PathBuf> =
        text.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    // Deleted but not committed yet.
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

/// Builds the release `ublk`; returns where it is.
pub fn build_ublk(interrupt: &Interrupt) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--release", "--locked", "-p", "ublk-vpt", "--bin", "ublk"]);
    run::output(&mut command, Duration::from_secs(3600), interrupt)?;
    Ok(metadata()?.target_directory.join("release/ublk"))
}

/// Copies a file. A copy that is the same already keeps its time, so that nothing is built again.
pub fn copy_changed(from: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(from).with_context(|| from.display().to_string())?;
    if std::fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let folder = to.parent().unwrap_or(to);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(to, bytes))
        .with_context(|| format!("cannot write {}", to.display()))
}

/// Copies a program without what only debuggers read; returns the copy.
pub fn stripped(from: &Path, to: &Path) -> Result<PathBuf> {
    let mut strip = Command::new("strip");
    strip.args(["--strip-debug", "-o"]).arg(to).arg(from);
    anyhow::ensure!(run::passes(&mut strip)?, "cannot strip {}", from.display());
    Ok(to.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_its_own_package_and_files() {
        let metadata = metadata().expect("metadata");
        let own = metadata.packages.iter().find(|package| package.name == "xtask").expect("xtask");
        assert!(own.has_examples());
        let files = files().expect("files");
        assert!(files.contains(&PathBuf::from("xtask/src/workspace.rs")));
        assert!(!files.iter().any(|file| file.starts_with("target")));
    }
}
