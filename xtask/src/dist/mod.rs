//! `cargo xtask dist`: everything an installation needs, in one archive, and as a Debian package.

mod deb;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::run::{self, Interrupt};
use crate::{deps, workspace};

/// Shells that get completions, and the file name each looks for.
const SHELLS: &[(&str, &str)] = &[("bash", "ublk"), ("fish", "ublk.fish"), ("zsh", "_ublk")];

/// Files and folders of the repository that go in as they are.
const AS_IS: &[&str] = &["CHANGELOG.md", "LICENSE", "README.md", "configs", "docs"];

/// The texts LICENSE names; it says which applies where.
const LICENCES: &[&str] = &["LICENSE-APACHE", "LICENSE-GPL-2.0", "LICENSE-MIT"];

/// The list inside the archive: hash and path of every other file, for `sha256sum --check`.
const MANIFEST: &str = "MANIFEST.sha256";

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The archive.
    pub tar: bool,
    /// The Debian package.
    pub deb: bool,
}

/// Builds what is wanted and prints paths and hashes.
pub fn main(wanted: Wanted) -> Result<bool> {
    deps::ensure_libclang()?;
    if wanted.tar {
        deps::ensure(&[deps::TAR])?;
    }
    if wanted.deb {
        deps::ensure(&[deps::DPKG_SHLIBDEPS])?;
        deps::ensure_cargo_deb()?;
    }
    let metadata = workspace::metadata()?;
    let package = metadata.packages.iter().find(|package| package.name == "ublk-vpt");
    let version = &package.context("there is no package ublk-vpt")?.version;
    let name = format!("ublk-vpt-{version}-{}", std::env::consts::ARCH);
    let dist = metadata.target_directory.join("dist");
    fs::create_dir_all(&dist).with_context(|| format!("cannot create {}", dist.display()))?;
    let built = ["build", "--release", "--locked", "-p", "ublk-vpt", "--bin", "ublk"];
    go(workspace::cargo().args(built))?;
    let ublk = metadata.target_directory.join("release/ublk");
    if wanted.tar {
        let folder = dist.join(&name);
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        fill(&folder, &ublk)?;
        announce(&dist, &pack(&dist, &name)?)?;
    }
    if wanted.deb {
        let package = deb::make(&metadata.target_directory, &dist, &ublk, version)?;
        let name = package.file_name().context("cargo deb made no file")?;
        announce(&dist, &name.to_string_lossy())?;
    }
    Ok(true)
}

/// Writes a file's hash beside it, and prints both.
fn announce(dist: &Path, name: &str) -> Result<()> {
    let sum = sha256(dist, &[PathBuf::from(name)])?;
    let file = dist.join(format!("{name}.sha256"));
    fs::write(&file, &sum).with_context(|| format!("cannot write {}", file.display()))?;
    print!("{}\n{sum}", dist.join(name).display());
    Ok(())
}

fn fill(folder: &Path, ublk: &Path) -> Result<()> {
    copy(ublk, &folder.join("bin/ublk"))?;
    let root = workspace::root();
    let files = workspace::files()?;
    for file in files.iter().filter(|file| AS_IS.iter().any(|wanted| file.starts_with(wanted))) {
        copy(&root.join(file), &folder.join(file))?;
    }
    for licence in LICENCES {
        copy(&root.join(licence), &folder.join(licence))?;
    }
    let man = folder.join("share/man/man1");
    fs::create_dir_all(&man).with_context(|| format!("cannot create {}", man.display()))?;
    go(Command::new(ublk).args(["man", "--out"]).arg(&man))?;
    for (shell, name) in SHELLS {
        let text = go(Command::new(ublk).args(["completions", shell]))?;
        let file = folder.join("share/completions").join(shell).join(name);
        write(&file, &text)?;
    }
    let mut inside = Vec::new();
    walk(folder, Path::new(""), &mut inside)?;
    inside.sort();
    write(&folder.join(MANIFEST), &sha256(folder, &inside)?)
}

/// Makes the archive without anything that differs from build to build of the same files.
fn pack(dist: &Path, name: &str) -> Result<String> {
    let archive = format!("{name}.tar.gz");
    let mut tar = Command::new("tar");
    tar.current_dir(dist);
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"]);
    go(tar.args(["-czf", &archive, name]))?;
    Ok(archive)
}

fn go(command: &mut Command) -> Result<String> {
    run::output(command, Duration::from_secs(3600), &Interrupt::never())
}

fn sha256(folder: &Path, files: &[PathBuf]) -> Result<String> {
    go(Command::new("sha256sum").current_dir(folder).arg("--").args(files))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let parent = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

fn write(file: &Path, text: &str) -> Result<()> {
    let parent = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// All files below a folder, relative to it.
fn walk(base: &Path, inside: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let folder = base.join(inside);
    let told = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(&folder).with_context(told)? {
        let entry = entry.with_context(told)?;
        let path = inside.join(entry.file_name());
        if entry.file_type().with_context(told)?.is_dir() {
            walk(base, &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_checks_and_the_archive_repeats() {
        let temp = tempfile::tempdir().expect("temp folder");
        let folder = temp.path().join("x");
        write(&folder.join("a/b"), "one").expect("written");
        write(&folder.join("c"), "two").expect("written");
        let mut inside = Vec::new();
        walk(&folder, Path::new(""), &mut inside).expect("walked");
        inside.sort();
        assert_eq!(inside, [PathBuf::from("a/b"), PathBuf::from("c")]);
        write(&folder.join(MANIFEST), &sha256(&folder, &inside).expect("hashed")).expect("written");
        let mut check = Command::new("sha256sum");
        go(check.current_dir(&folder).args(["--check", MANIFEST])).expect("fits");
        let once =
            fs::read(temp.path().join(pack(temp.path(), "x").expect("packed"))).expect("read");
        write(&folder.join("c"), "two").expect("written again");
        let twice =
            fs::read(temp.path().join(pack(temp.path(), "x").expect("packed"))).expect("read");
        assert_eq!(once, twice);
    }
}
