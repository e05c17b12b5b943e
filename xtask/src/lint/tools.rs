//! Checks that other programs make: rustfmt, clippy, cargo-deny, shellcheck.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::{Outcome, Source};
use crate::{deps, run, workspace};

/// Runs the formatter and clippy's own corrections over the working tree.
pub fn fix() -> Result<()> {
    let clippy = ["clippy", "--workspace", "--all-targets", "--fix", "--allow-dirty"];
    if !run::passes(workspace::cargo().args(clippy).arg("--allow-staged"))? {
        bail!("clippy --fix failed; correct what it reports and run again");
    }
    if !run::passes(workspace::cargo().args(["fmt", "--all"]))? {
        bail!("cargo fmt failed; correct what it reports and run again");
    }
    Ok(())
}

/// Every Rust file is as rustfmt writes it.
pub fn fmt() -> Result<Outcome> {
    let (good, text) = run::quietly(workspace::cargo().args(["fmt", "--all", "--", "--check"]))?;
    Ok(outcome(good, &text, "run: cargo xtask lint --fix"))
}

/// No warnings in any target.
pub fn clippy() -> Result<Outcome> {
    let args = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
    let (good, text) = run::quietly(workspace::cargo().args(args))?;
    Ok(outcome(good, &text, ""))
}

/// Licences, banned crates and sources, by deny.toml.
pub fn deny() -> Result<Outcome> {
    deps::ensure_cargo_deny()?;
    let args = ["deny", "--log-level", "error", "check", "bans", "licenses", "sources"];
    let (good, text) = run::quietly(workspace::cargo().args(args))?;
    Ok(outcome(good, &text, ""))
}

/// Known vulnerabilities, when a database of them is on this machine; none is fetched.
pub fn advisories() -> Result<Outcome> {
    deps::ensure_cargo_deny()?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(PathBuf::from(home).join(".cargo"))
    });
    let there = home
        .map(|home| home.join("advisory-dbs"))
        .and_then(|folder| std::fs::read_dir(folder).ok())
        .is_some_and(|mut entries| entries.any(|entry| entry.is_ok_and(|e| e.path().is_dir())));
    if !there {
        return Ok(Outcome::Skipped(
            "no advisory database on this machine (cargo deny fetch db brings one)".into(),
        ));
    }
    let args = ["deny", "--log-level", "error", "check", "--disable-fetch", "advisories"];
    let (good, text) = run::quietly(workspace::cargo().args(args))?;
    Ok(outcome(good, &text, ""))
}

/// Every shell script passes shellcheck.
pub fn shellcheck(sources: &[Source]) -> Result<Outcome> {
    let scripts: Vec<_> = sources.iter().filter(|source| is_shell(source)).collect();
    if scripts.is_empty() {
        return Ok(Outcome::Passed("no shell scripts".into()));
    }
    deps::ensure(&[deps::SHELLCHECK])?;
    let mut shellcheck = Command::new("shellcheck");
    shellcheck.current_dir(workspace::root()).args(["--format", "gcc"]);
    let (good, text) = run::quietly(shellcheck.args(scripts.iter().map(|source| &source.path)))?;
    Ok(outcome(good, &text, ""))
}

/// A shell script by its name, or by its first line.
fn is_shell(source: &Source) -> bool {
    let first = source.text.lines().next().unwrap_or_default();
    let interpreter = first.strip_prefix("#!").unwrap_or_default();
    let shells = ["sh", "bash", "dash", "ksh"];
    shells.contains(&source.extension())
        || interpreter.split(['/', ' ']).any(|word| shells.contains(&word))
}

fn outcome(good: bool, text: &str, advice: &str) -> Outcome {
    if good {
        return Outcome::Passed(String::new());
    }
    let lines = text.lines().chain([advice]).filter(|line| !line.trim().is_empty());
    Outcome::Failed(lines.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_shell_script() {
        assert!(is_shell(&Source::new("a.sh", "echo")));
        assert!(is_shell(&Source::new(".ci/run", "#!/usr/bin/env bash\n")));
        assert!(is_shell(&Source::new("x", "#!/bin/sh -e\n")));
        assert!(!is_shell(&Source::new("x", "#!/usr/bin/python3\n")));
        assert!(!is_shell(&Source::new("x.rs", "// sh\n")));
    }

    #[test]
    fn a_failure_says_what_the_tool_said() {
        let Outcome::Failed(lines) = outcome(false, "a\n\nb\n", "do c") else { panic!("passed") };
        assert_eq!(lines, ["a", "b", "do c"]);
        assert!(matches!(outcome(true, "noise", "do c"), Outcome::Passed(_)));
    }
}
