//! The tests of tests/lab: built here, run in one boot of the kernel lab, counted with the others.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::areas::{END_TO_END, LAB};
use super::libtest;
use super::tally::Tally;
use crate::run::{self, Interrupt};
use crate::vm::{self, Channel, End, LabResult, LabRun};
use crate::workspace::{self, cargo};

/// How long all of them may take together, the boot included.
const LIMIT: Duration = Duration::from_secs(1500);

/// What cannot be missing in the lab; a test that lacks it there fails.
const REQUIRED: &str = "lab,root,fuse,loop,fio,e2fsprogs";

/// Where the programs are inside.
const IN_LAB: &str = "/run/lab-bin";

/// Whether a test skipped itself because it runs in the lab only.
pub fn is_elsewhere(reason: &str) -> bool {
    reason.starts_with("lab: runs in the kernel lab only")
}

/// Builds and runs them. Where the lab cannot be had, that is one skipped step with the reason.
pub fn run(packages: &[String]) -> Result<Tally> {
    let mut tally = Tally::default();
    let Some(program) = build(packages)? else {
        tally.fail(LAB, "cargo built no test program for tests/lab");
        return Ok(tally);
    };
    let programs = Programs::prepare(&program)?;
    let mut lab = LabRun::new(["sh".to_owned(), "-c".to_owned(), programs.script()]);
    lab.timeout = LIMIT;
    lab.env.push(("UBLK_VPT_REQUIRE".to_owned(), REQUIRED.to_owned()));
    lab.env.push(("UBLK_VPT_BIN".to_owned(), format!("{IN_LAB}/ublk")));
    lab.env.push(("RUST_BACKTRACE".to_owned(), "1".to_owned()));
    let mut text = Vec::new();
    let interrupt = Interrupt::install()?;
    let done = vm::run_in_lab(&lab, &interrupt, &mut |channel, bytes| {
        // What the terminal does with it is not the tests' matter.
        let _ = std::io::stderr().lock().write_all(bytes);
        if channel == Channel::Out {
            text.extend_from_slice(bytes);
        }
    });
    interrupt.check()?;
    match done {
        Ok(result) => Ok(judge(&result, &String::from_utf8_lossy(&text))),
        Err(error) => {
            tally.skipped.push((LAB.to_owned(), format!("{LAB}: {error:#}")));
            Ok(tally)
        }
    }
}

/// The programs, made small: the lab reads them over a slow file system, `ublk` once for every time it
/// is started unless it is copied inside first.
struct Programs {
    tests: PathBuf,
    ublk: PathBuf,
}

impl Programs {
    fn prepare(tests: &Path) -> Result<Self> {
        // Cargo puts it into target/debug/deps.
        let debug = tests.ancestors().nth(2).context("the test program has no folder")?;
        let folder = debug.with_file_name("lab").join("bin");
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let small = |from: &Path, name: &str| workspace::stripped(from, &folder.join(name));
        let profile = "emulated";
        let mut build = cargo();
        build.args(["build", "--quiet", "--package", "ublk-vpt", "--profile", profile]);
        anyhow::ensure!(run::passes(&mut build)?, "cannot build `ublk` for the kernel lab");
        let ublk = debug.with_file_name(profile).join("ublk");
        Ok(Self { tests: small(tests, "tests")?, ublk: small(&ublk, "ublk")? })
    }

    /// One after the other: the tests share the kernel, its modules and its devices.
    fn script(&self) -> String {
        let (tests, ublk) = (self.tests.display(), self.ublk.display());
        format!(
            "mkdir -p {IN_LAB} && cp '{tests}' '{ublk}' {IN_LAB}/ && \
             exec {IN_LAB}/tests --test-threads=1 --show-output"
        )
    }
}

/// The count of a run: what libtest said, and what went wrong around it.
fn judge(result: &LabResult, text: &str) -> Tally {
    let mut tally = libtest::read(text);
    for complaint in result.complaints(LIMIT) {
        // The path of the log is no failure of its own.
        if complaint.starts_with("the kernel's log") {
            tally.remarks.push(complaint);
        } else {
            tally.fail(LAB, &complaint);
        }
    }
    if !result.passed() && tally.failed == 0 {
        let how = match result.end {
            End::Exited(code) => format!("ended with status {code}"),
            _ => "did not end".to_owned(),
        };
        tally.fail(LAB, &format!("its program {how}, without naming a test; see its output above"));
    }
    tally
}

/// Builds the test program; its path as cargo says it.
fn build(packages: &[String]) -> Result<Option<PathBuf>> {
    let mut command: Command = cargo();
    command.args(["test", "--no-run", "--quiet", "--test", LAB]).args(packages);
    command.args(["--message-format", "json"]);
    let limit = Duration::from_secs(3600);
    let text = run::output(&mut command, limit, &Interrupt::never())
        .context("cannot build the tests of the kernel lab")?;
    Ok(executable(&text))
}

/// The path of the lab's test program among cargo's messages.
fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| {
            message["target"]["name"] == LAB
                && message["target"]["kind"] == serde_json::json!(["test"])
                && message["package_id"].as_str().is_some_and(|id| id.contains(END_TO_END))
        })
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(end: End, trouble: &[&str]) -> LabResult {
        let trouble = trouble.iter().map(|line| (*line).to_owned()).collect();
        LabResult { end, trouble, console: "console.log".into(), out: "out".into() }
    }

    const GOOD: &str = "test a ... ok\ntest b ... ok\nSKIP: b: root: none\n\
                        test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured\n";

    #[test]
    fn counts_as_other_tests() {
        let tally = judge(&result(End::Exited(0), &[]), GOOD);
        assert_eq!((tally.passed, tally.failed, tally.skipped.len()), (1, 0, 1));
    }

    #[test]
    fn trouble_in_the_kernel_s_log_is_a_failure_though_all_tests_passed() {
        let tally = judge(&result(End::Exited(0), &["WARNING: CPU: 0 PID: 1 at a.c:1"]), GOOD);
        assert_eq!(tally.failed, 1);
        assert_eq!(tally.failures, ["lab: kernel: WARNING: CPU: 0 PID: 1 at a.c:1"]);
        assert_eq!(tally.remarks, ["the kernel's log: console.log"]);
    }

    #[test]
    fn a_run_that_says_nothing_is_a_failure() {
        for end in [End::Exited(101), End::NoResult, End::Watchdog] {
            assert_eq!(judge(&result(end, &[]), "test a ... ").failed, 1, "{end:?}");
        }
    }

    #[test]
    fn finds_the_program() {
        let text = r#"{"reason":"compiler-artifact","package_id":"path+file:///w/tests#e2e@0.1.0","target":{"name":"e2e","kind":["lib"]},"executable":null}
not json
{"reason":"compiler-artifact","package_id":"path+file:///w/tests#e2e@0.1.0","target":{"name":"lab","kind":["test"]},"executable":"/w/target/debug/deps/lab-1"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(text), Some(PathBuf::from("/w/target/debug/deps/lab-1")));
        assert_eq!(executable("{}"), None);
    }
}
