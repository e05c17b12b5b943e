//! `cargo xtask test`: builds once, runs every test and every documentation example, counts.
//!
//! - [`areas`]: what `--only` may name
//! - [`tally`]: what passed, failed and was skipped
//! - [`lab`]: tests that run in the kernel lab, and what they find there
//! - [`junit`], [`libtest`]: reading the two runners' reports
//!
//! A test that cannot run on a machine prints `SKIP: its-name: reason` and returns. It is counted as
//! skipped, never as passed; where the reason starts with a resource that UBLK_VPT_REQUIRE names
//! (`fuse: ...`), as failed.

pub mod areas;
pub mod junit;
pub mod lab;
pub mod libtest;
pub mod tally;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::{self, ScopedJoinHandle};
use std::time::Instant;

use anyhow::{Context, Result};

use self::areas::Area;
use self::tally::Tally;
use crate::deps::{self, Tool};
use crate::run;
use crate::workspace::{self, Metadata, cargo};

/// What the end-to-end tests run.
const TOOLS: &[Tool] = &[
    deps::FUSE,
    deps::FIO,
    deps::E2FSPROGS,
    deps::LOSETUP,
    deps::QEMU_IMG,
    deps::QEMU,
    deps::BUSYBOX,
    deps::NBD_FUSE,
    deps::SYSTEMD_ANALYZE,
];

/// What those of them look at the card's screen with.
const VIEWERS: &[Tool] = &[deps::CHROMIUM, deps::GVNC];

/// What those of `lgbench` patch and read C with.
const PATCHERS: &[Tool] = &[deps::COCCINELLE, deps::GCC];

/// The nextest profile that writes the report we read; see .config/nextest.toml.
const PROFILE: &str = "xtask";

/// Runs all tests or one area's, or lists the areas; true when none failed.
pub fn main(only: Option<&str>, list: bool) -> Result<bool> {
    let metadata = workspace::metadata()?;
    let areas = areas::all(&metadata);
    if list {
        for area in &areas {
            println!("{:<12} {}", area.name, area.about);
        }
        return Ok(true);
    }
    let area = only.map(|name| areas::find(&areas, name)).transpose()?;
    deps::ensure_libclang()?;
    let folder = area.and_then(|area| area.folder.as_deref());
    let apart = [areas::VCD, areas::LGBENCH];
    if area.is_none_or(|area| area.end_to_end) && folder.is_none_or(|name| !apart.contains(&name)) {
        deps::ensure(TOOLS)?;
        // Only one folder compares with it, and says so where it cannot.
        if let Err(error) = deps::ensure_llvmpipe() {
            eprintln!("test: no llvmpipe: {error:#}");
        }
    }
    if area.is_none_or(|area| area.end_to_end && folder.is_none_or(|name| name == areas::VCD)) {
        deps::ensure(VIEWERS)?;
    }
    if area.is_none_or(|area| area.end_to_end && folder.is_none_or(|name| name == areas::LGBENCH)) {
        deps::ensure(PATCHERS)?;
    }
    let tally = Run { metadata: &metadata, area, required: tally::required() }.all()?;
    print!("{}", tally.report());
    Ok(tally.failed == 0)
}

struct Run<'a> {
    metadata: &'a Metadata,
    area: Option<&'a Area>,
    required: Vec<String>,
}

impl Run<'_> {
    fn all(&self) -> Result<Tally> {
        let labs = self.area.map_or_else(areas::all_labs, Area::labs);
        thread::scope(|scope| {
            // A kernel is long on its way, and neither building nor other tests need it.
            let kernels = scope.spawn(|| lab::bring(&labs));
            self.steps(&labs, kernels)
        })
    }

    fn steps(&self, labs: &[&str], kernels: ScopedJoinHandle<'_, ()>) -> Result<Tally> {
        let mut tally = Tally::default();
        let packages = self.area.map_or_else(|| vec!["--workspace".to_owned()], Area::packages);
        let built = timed("build", || {
            run::passes(cargo().arg("build").args(&packages).arg("--all-targets"))
        })?;
        if !built {
            tally.fail("build", "cargo build failed");
            return Ok(tally);
        }
        if self.area.is_none_or(Area::has_others) {
            let nextest =
                run::quietly(cargo().args(["nextest", "--version"])).is_ok_and(|done| done.0);
            tally.add(timed("tests", || {
                if nextest { self.nextest(&packages) } else { self.cargo_test() }
            })?);
            // Those of the lab skip themselves here, and have their turn now.
            tally.skipped.retain(|(_, reason)| !lab::is_elsewhere(reason));
        }
        // What has gone wrong is told by the first that needs it.
        let _ = kernels.join();
        tally.add(lab::run(labs, &packages)?);
        let documented = self.documented();
        if !documented.is_empty() {
            tally.add(timed("examples", || self.examples(&documented))?);
        }
        tally.judge(&self.required);
        if let (Some(area), 0) = (self.area, tally.total()) {
            tally.remarks.push(format!("the area {} has no tests yet", area.name));
        }
        Ok(tally)
    }

    /// Gives a test run what its tests look at.
    fn prepare(&self, command: &mut Command) {
        let binary = self.metadata.target_directory.join("debug/ublk");
        if binary.is_file() {
            command.env("UBLK_VPT_BIN", binary);
        }
        let binary = self.metadata.target_directory.join("debug/lgbench");
        if binary.is_file() {
            command.env("LGBENCH_BIN", binary);
        }
        // Outside the lab its tests may skip themselves.
        let required = self.required.iter().filter(|name| *name != areas::LAB);
        command.env("UBLK_VPT_REQUIRE", required.cloned().collect::<Vec<_>>().join(","));
    }

    fn nextest(&self, packages: &[String]) -> Result<Tally> {
        let report = self.metadata.target_directory.join("nextest").join(PROFILE).join("junit.xml");
        // An old report must not stand for a run that wrote none.
        if report.exists() {
            std::fs::remove_file(&report)
                .with_context(|| format!("cannot remove {}", report.display()))?;
        }
        let mut command = cargo();
        command.args(["nextest", "run", "--profile", PROFILE, "--no-tests", "pass"]).args(packages);
        if let Some(filter) = self.area.and_then(Area::filter) {
            command.args(["--filterset", &filter]);
        }
        self.prepare(&mut command);
        let passed = run::passes(&mut command)?;
        let mut tally = if report.exists() {
            junit::read(&std::fs::read_to_string(&report)?)
        } else {
            Tally::default()
        };
        if !passed && tally.failed == 0 {
            tally.fail("cargo nextest", "it failed without naming a test; see its output above");
        }
        Ok(tally)
    }

    fn cargo_test(&self) -> Result<Tally> {
        let mut command = cargo();
        // cargo cannot leave out a package it builds for, so here only the area's own is named.
        command.args(["test", "--no-fail-fast"]);
        match self.area {
            Some(area) if area.end_to_end => command.args(["-p", areas::END_TO_END]),
            Some(area) => command.args(["-p", &area.name]),
            None => command.arg("--workspace"),
        };
        match self.area.and_then(|area| area.folder.as_deref()) {
            Some(folder) => command.args(["--test", folder]),
            None => command.arg("--all-targets"),
        };
        command.args(["--", "--show-output"]);
        if self.area.is_none_or(|area| area.end_to_end) {
            // cargo has no groups: one after the other, so that none disturbs another's timing.
            command.arg("--test-threads=1");
        }
        self.prepare(&mut command);
        teed(&mut command, "cargo test")
    }

    /// The packages of the area whose documentation may hold examples.
    fn documented(&self) -> Vec<String> {
        if self.area.is_some_and(|area| area.folder.is_some()) {
            return Vec::new();
        }
        let wanted = |name: &str| self.area.is_none_or(|area| area.name == name);
        let packages = self.metadata.packages.iter();
        packages
            .filter(|package| package.has_examples() && wanted(&package.name))
            .map(|package| package.name.clone())
            .collect()
    }

    fn examples(&self, packages: &[String]) -> Result<Tally> {
        let mut command = cargo();
        command.args(["test", "--doc", "--no-fail-fast"]);
        command.args(packages.iter().flat_map(|name| ["-p", name]));
        self.prepare(&mut command);
        teed(&mut command, "cargo test --doc")
    }
}

/// Runs a command whose standard output libtest writes, showing and reading it.
fn teed(command: &mut Command, name: &str) -> Result<Tally> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {name}"))?;
    let mut text = String::new();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.with_context(|| format!("cannot read what {name} prints"))?;
            let line = String::from_utf8_lossy(&line);
            eprintln!("{line}");
            text.push_str(&line);
            text.push('\n');
        }
    }
    let status = child.wait().with_context(|| format!("cannot wait for {name}"))?;
    let mut tally = libtest::read(&text);
    if !status.success() && tally.failed == 0 {
        tally.fail(name, "it failed without naming a test; see its output above");
    }
    Ok(tally)
}

/// Runs a step between two lines on standard error.
fn timed<T>(name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("test: {name} ...");
    let start = Instant::now();
    let done = step();
    eprintln!("test: {name} took {:.1} s", start.elapsed().as_secs_f64());
    done
}

/// Whether a device node or another file is there.
pub(crate) fn there(path: &str) -> bool {
    Path::new(path).exists()
}
