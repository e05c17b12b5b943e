//! The Debian package: what is generated goes into a folder where `[package.metadata.deb]` of ublk-vpt
//! expects it, then cargo-deb packs it with what is in the repository.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{SHELLS, copy, go, walk, write};
use crate::workspace;

/// The links by which ublksrv's `ublk`, which is in sbin, and others find the plug-in; relative.
const LINKS: &[(&str, &str)] =
    &[("links/bin/ublk.vpt", "ublk"), ("links/sbin/ublk.vpt", "../bin/ublk")];

/// Makes the package in `dist` and says where it is.
pub(super) fn make(target: &Path, dist: &Path, ublk: &Path, version: &str) -> Result<PathBuf> {
    stage(&target.join("release/dist"), ublk, version)?;
    let text = go(workspace::cargo()
        .args(["deb", "--no-build", "--strip", "-p", "ublk-vpt", "--quiet"])
        .arg("--output")
        .arg(dist))?;
    // It prints the path as its last line.
    let path = text.lines().last().context("cargo deb did not say what it made")?;
    Ok(PathBuf::from(path))
}

fn stage(folder: &Path, ublk: &Path, version: &str) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    let man = folder.join("man");
    fs::create_dir_all(&man).with_context(|| format!("cannot create {}", man.display()))?;
    go(Command::new(ublk).args(["man", "--out"]).arg(&man))?;
    for (shell, name) in SHELLS {
        let text = go(Command::new(ublk).args(["completions", shell]))?;
        write(&folder.join(shell).join(name), &text)?;
    }
    for (name, to) in LINKS {
        let link = folder.join(name);
        let parent = link.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
        symlink(to, &link).with_context(|| format!("cannot link {}", link.display()))?;
    }
    // cargo-deb looks whether there is something at the other end.
    for place in ["links/bin/ublk", "links/bin/../../links/bin/ublk"] {
        let at = folder.join(place);
        if !at.exists() {
            write(&at, "")?;
        }
    }
    let changelog = folder.join("changelog.Debian");
    write(&changelog, &entry(version)?)?;
    let ours = folder.join("changelog");
    copy(&workspace::root().join("CHANGELOG.md"), &ours)?;
    let mut pages = Vec::new();
    walk(&man, Path::new(""), &mut pages)?;
    let pages = pages.iter().map(|page| man.join(page));
    // Without time and name in it: the same whenever it is made.
    go(Command::new("gzip").args(["-9", "-n"]).args([changelog, ours]).args(pages))?;
    Ok(())
}

/// Debian's changelog of one entry; ours is CHANGELOG.md. Dated by the last commit, so that it is the
/// same whenever it is made.
fn entry(version: &str) -> Result<String> {
    let date =
        go(Command::new("git").current_dir(workspace::root()).args(["log", "-1", "--format=%aD"]))?;
    let date = date.trim();
    Ok(format!(
        "ublk-vpt ({version}-1) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- \
         The ublk-vpt authors <ublk-vpt@lists.invalid>  {date}\n"
    ))
}
