//! Tests in the kernel lab: tests/lab, tests/vgpu-kmod, tests/kms, tests/grade, tests/lgbench-svm and
//! tests/lgbench-kmod. Built here, run in one boot for each of these folders, counted with the others.
//!
//! An emulator of two processors leaves one of this machine's nearly idle, so what the next folders need is
//! built during a folder's tests.
//!
//! - [`guest`]: what a test program finds inside

mod guest;

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::areas::END_TO_END;
use super::libtest;
use super::tally::Tally;
use crate::run::{self, Interrupt};
use crate::vm::{self, Channel, Choice, End, LabResult, LabRun};
use crate::workspace::cargo;

/// How long all tests of a folder may take together, the boot included. Some take
/// many minutes where nothing else runs; a machine that others use as well needs several times as long, and
/// a test that waits for its own limit adds that.
const LIMIT: Duration = Duration::from_secs(2400);

/// The same on the debugging kernel, which is several times slower.
const DEBUG_LIMIT: Duration = Duration::from_secs(5400);

/// The same where a number of minutes is set, for rounds that nobody waits for.
const LIMIT_MINUTES: &str = "VPT_LAB_MINUTES";

/// Whether a test skipped itself because it runs in the lab only.
pub fn is_elsewhere(reason: &str) -> bool {
    reason.starts_with("lab: runs in the kernel lab only")
}

/// Brings what folders need that comes over the network; a debugging kernel is built, which has time.
pub fn bring(folders: &[&str]) {
    let mut brought = Vec::new();
    for choice in folders.iter().filter_map(|folder| guest::kernel(folder).ok()) {
        if choice != Choice::Debug && !brought.contains(&choice) {
            // It is tried once more, and then told, when it is needed.
            let _ = vm::bring(&choice);
            brought.push(choice);
        }
    }
}

/// Runs the tests of folders, one after the other.
pub fn run(folders: &[&str], packages: &[String]) -> Result<Tally> {
    let mut tally = Tally::default();
    if folders.is_empty() {
        return Ok(tally);
    }
    let interrupt = Interrupt::install()?;
    thread::scope(|scope| {
        let (ready, boots) = channel();
        let ahead = &interrupt;
        scope.spawn(move || {
            give_way();
            for folder in folders {
                let boot = prepare(folder, packages, ahead);
                // After an error nobody waits for the others.
                let is_last = boot.is_err() || ahead.raised();
                if ready.send(boot).is_err() || is_last {
                    break;
                }
            }
        });
        for folder in folders {
            eprintln!("test: kernel lab, tests/{folder} ...");
            let start = Instant::now();
            let boot = boots.recv().context("the lab's programs are no longer built")??;
            let waited = start.elapsed().as_secs_f64();
            tally.add(boot.map_or_else(Ok, |lab| boot_and_judge(folder, &lab, &interrupt))?);
            let took = start.elapsed().as_secs_f64();
            let remark = format!(
                "kernel lab, tests/{folder} took {took:.0} s, {waited:.0} s to build what it needs"
            );
            eprintln!("test: {remark}");
            tally.remarks.push(remark);
        }
        Ok(tally)
    })
}

/// Lets everything else go before what this thread starts: the tests' emulator.
fn give_way() {
    // As well if it is not allowed: the tests then take longer.
    let _ = rustix::process::setpriority_process(None, 19);
}

/// A boot that can begin, or the count without one.
type Boot = Result<LabRun, Tally>;

/// Builds the tests of a folder and what they find in the lab. Where the lab cannot be had, that is one
/// skipped step with the reason.
fn prepare(folder: &str, packages: &[String], interrupt: &Interrupt) -> Result<Boot> {
    let mut tally = Tally::default();
    let Some(program) = build(folder, packages)? else {
        tally.fail(folder, &format!("cargo built no test program for tests/{folder}"));
        return Ok(Err(tally));
    };
    let choice = guest::kernel(folder)?;
    let limit = limit(&choice)?;
    let kernel = match vm::bring(&choice) {
        Ok(kernel) => kernel,
        Err(error) => {
            tally.skipped.push((folder.to_owned(), format!("lab: {error:#}")));
            return Ok(Err(tally));
        }
    };
    let mut lab = guest::run(folder, &program, choice, &kernel, interrupt)?;
    lab.timeout = limit;
    Ok(Ok(lab))
}

fn boot_and_judge(folder: &str, lab: &LabRun, interrupt: &Interrupt) -> Result<Tally> {
    let mut tally = Tally::default();
    let once = || {
        let mut text = Vec::new();
        let done = vm::run_in_lab(lab, interrupt, &mut |channel, bytes| {
            // What the terminal does with it is not the tests' matter.
            let _ = std::io::stderr().lock().write_all(bytes);
            if channel == Channel::Out {
                text.extend_from_slice(bytes);
            }
        });
        interrupt.check()?;
        Ok::<_, anyhow::Error>((done, String::from_utf8_lossy(&text).into_owned()))
    };
    let (mut done, mut text) = once()?;
    if let Ok(first) = &done
        && is_emulators(&first.trouble)
    {
        let log = first.console.display();
        let remark = format!("{folder}: {EMULATORS}, the emulator's fault; once more. Log: {log}");
        eprintln!("test: {remark}");
        tally.remarks.push(remark);
        (done, text) = once()?;
    }
    match done {
        Ok(result) => {
            let mut judged = judge(folder, lab.timeout, &result, &text);
            judged.remarks.append(&mut tally.remarks);
            Ok(judged)
        }
        Err(error) => {
            tally.skipped.push((folder.to_owned(), format!("lab: {error:#}")));
            Ok(tally)
        }
    }
}

/// A kernel changes its own instructions by way of a breakpoint, and is done with that when all
/// processors have been interrupted. An emulated one may still run the breakpoint afterwards, which
/// nobody expects any more. On a real machine there is no such Oops.
const EMULATORS: &str = "Oops: int3";

fn is_emulators(trouble: &[String]) -> bool {
    trouble.first().is_some_and(|first| first.starts_with(EMULATORS))
}

fn limit(choice: &Choice) -> Result<Duration> {
    let Ok(minutes) = std::env::var(LIMIT_MINUTES) else {
        return Ok(if matches!(choice, Choice::Debug) { DEBUG_LIMIT } else { LIMIT });
    };
    Ok(Duration::from_secs(60 * minutes.parse::<u64>().context(LIMIT_MINUTES)?))
}

/// The count of a run: what libtest said, and what went wrong around it.
fn judge(folder: &str, limit: Duration, result: &LabResult, text: &str) -> Tally {
    let mut tally = libtest::read(text);
    for complaint in result.complaints(limit) {
        // The path of the log is no failure of its own.
        if complaint.starts_with("the kernel's log") {
            tally.remarks.push(complaint);
        } else {
            tally.fail(folder, &complaint);
        }
    }
    if !result.passed() && tally.failed == 0 {
        let how = match result.end {
            End::Exited(code) => format!("ended with status {code}"),
            _ => "did not end".to_owned(),
        };
        tally.fail(
            folder,
            &format!("its program {how}, without naming a test; see its output above"),
        );
    }
    tally
}

/// Builds the test program; its path as cargo says it.
fn build(folder: &str, packages: &[String]) -> Result<Option<PathBuf>> {
    let mut command: Command = cargo();
    command.args(["test", "--no-run", "--quiet", "--test", folder]).args(packages);
    command.args(["--message-format", "json"]);
    let limit = Duration::from_secs(3600);
    let text = run::output(&mut command, limit, &Interrupt::never())
        .context("cannot build the tests of the kernel lab")?;
    Ok(executable(&text, folder))
}

/// The path of a folder's test program among cargo's messages.
fn executable(messages: &str, folder: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| {
            message["target"]["name"] == folder
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
        let tally = judge("lab", LIMIT, &result(End::Exited(0), &[]), GOOD);
        assert_eq!((tally.passed, tally.failed, tally.skipped.len()), (1, 0, 1));
    }

    #[test]
    fn trouble_in_the_kernel_s_log_is_a_failure_though_all_tests_passed() {
        let tally = judge(
            "lab",
            LIMIT,
            &result(End::Exited(0), &["WARNING: CPU: 0 PID: 1 at a.c:1"]),
            GOOD,
        );
        assert_eq!(tally.failed, 1);
        assert_eq!(tally.failures, ["lab: kernel: WARNING: CPU: 0 PID: 1 at a.c:1"]);
        assert_eq!(tally.remarks, ["the kernel's log: console.log"]);
    }

    #[test]
    fn only_the_emulator_s_own_oops_is_excused() {
        let lines = |all: &[&str]| all.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let panic = "Kernel panic - not syncing: Fatal exception in interrupt";
        assert!(is_emulators(&lines(&["Oops: int3: 0000 [#1] PREEMPT SMP NOPTI", panic])));
        // What comes before it may be its cause.
        for first in ["Oops: 0000 [#1] SMP", "BUG: kernel NULL pointer dereference", panic] {
            assert!(!is_emulators(&lines(&[first, "Oops: int3: 0000 [#2] SMP"])), "{first}");
        }
        assert!(!is_emulators(&[]));
    }

    #[test]
    fn a_run_that_says_nothing_is_a_failure() {
        for end in [End::Exited(101), End::NoResult, End::Watchdog] {
            assert_eq!(judge("lab", LIMIT, &result(end, &[]), "test a ... ").failed, 1, "{end:?}");
        }
    }

    #[test]
    fn finds_the_program() {
        let text = r#"{"reason":"compiler-artifact","package_id":"path+file:///w/tests#e2e@0.1.0","target":{"name":"e2e","kind":["lib"]},"executable":null}
not json
{"reason":"compiler-artifact","package_id":"path+file:///w/tests#e2e@0.1.0","target":{"name":"lab","kind":["test"]},"executable":"/w/target/debug/deps/lab-1"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(text, "lab"), Some(PathBuf::from("/w/target/debug/deps/lab-1")));
        assert_eq!(executable("{}", "lab"), None);
    }
}
