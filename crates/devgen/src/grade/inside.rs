//! In the lab: all checks, each in a process of its own, which may hang or be killed by an oops.
//!
//! What is found goes to standard output as it comes, in lines that begin with [`MARK`]: after a crash
//! the other side knows how far this one came.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::bench::Setup;
use super::checks::{CHECKS, FIRST};
use super::kernel::{self, Log};
use super::sheet::{Check, Found, Sheet, Stop};

/// Before all that is meant for the other side.
pub const MARK: &str = "devgen-grade: ";

/// No check takes longer.
const LIMIT: Duration = Duration::from_secs(90);
/// Nothing that ends by itself takes longer.
const SOON: Duration = Duration::from_secs(8);

/// Traces after which nothing can be relied on.
const FATAL: [&str; 5] = ["BUG:", "Oops", "general protection", "kernel BUG", "detected stall"];

/// All checks but those that are done.
///
/// # Errors
/// When this is no place to grade drivers.
pub fn all(folder: &Path, done: &[String]) -> Result<()> {
    let setup = Setup::read(folder)?;
    // The process that caused it ends, and its trace is read here.
    std::fs::write("/proc/sys/kernel/panic_on_oops", "0").context("drivers are graded by root")?;
    let missing = |module: &&String| !Path::new("/sys/module").join(module).exists();
    let missing: Vec<&String> = setup.job.modules.iter().filter(missing).collect();
    if !missing.is_empty() {
        kernel::alone(|| prepare(&setup, &missing)).context("a processor does not come back")??;
    }
    let release = kernel::text("/proc/sys/kernel/osrelease").unwrap_or_default();
    println!("{MARK}kernel {release}");
    let todo = CHECKS.iter().filter(|(check, _)| !done.iter().any(|id| id == check.id));
    for (check, _) in todo {
        println!("{MARK}begin {}", check.id);
        let (found, fresh) = one_apart(&setup, folder, *check)?;
        println!("{MARK}end {}", serde_json::to_string(&found)?);
        if let Some(why) = fresh {
            println!("{MARK}fresh {why}");
            return Ok(());
        }
        if check.id == FIRST && !found.passed() && found.points() < found.of() / 2 {
            break;
        }
    }
    println!("{MARK}done");
    Ok(())
}

/// Modules that play tricks, and tracing, once for as long as the machine runs: nothing that could disturb
/// a check is switched on or off later.
fn prepare(setup: &Setup, modules: &[&String]) -> Result<()> {
    for module in modules {
        setup.load(module).map_err(|stop| anyhow::anyhow!("{module}: {}", stop.0))?;
    }
    // Not every kernel would optimise probes, which it does some time after they were made.
    let _ = std::fs::write("/proc/sys/debug/kprobes-optimization", "0");
    kernel::prepare_tracing().context("the kernel cannot trace allocations")
}

/// One check, in this process: prints what it has found.
///
/// # Errors
/// There is no such check, or nothing to check.
pub fn one(folder: &Path, id: &str) -> Result<()> {
    let setup = Setup::read(folder)?;
    let known = CHECKS.iter().find(|(check, _)| check.id == id);
    let (check, work) = known.with_context(|| format!("there is no check {id}"))?;
    let mut sheet = Sheet::new(*check);
    let result = work(&setup, &mut sheet);
    println!("{}", serde_json::to_string(&sheet.end(result))?);
    Ok(())
}

/// One check, in a process of its own; and why the machine has to be started anew, if it has.
fn one_apart(setup: &Setup, folder: &Path, check: Check) -> Result<(Found, Option<String>)> {
    let began = Instant::now();
    let mut log = Log::new().context("/dev/kmsg")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("grade-inside").arg(folder).args(["--one", check.id]);
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let ended = wait(&mut child, kernel::patience(LIMIT));
    let mut fresh = None;
    let mut found = match ended {
        Some(status) => {
            let mut said = String::new();
            if let Some(mut output) = child.stdout.take() {
                output.read_to_string(&mut said)?;
            }
            serde_json::from_str(said.trim())
                .unwrap_or_else(|_| check.untried(&format!("the check was ended: {status}")))
        }
        None => {
            // One that the kernel does not let go stays.
            let _ = child.kill();
            let limit = kernel::patience(LIMIT).as_secs();
            if wait(&mut child, kernel::patience(SOON)).is_none() {
                fresh = Some("a process hangs in the driver".to_owned());
            }
            check.untried(&format!("a call of the driver's does not return within {limit} s"))
        }
    };
    if fresh.is_none()
        && let Err(Stop(why)) = clean(setup)
    {
        fresh = Some(why);
    }
    found.trace = kernel::trouble(&log.take());
    if let Some(first) = found.trace.first() {
        if FATAL.iter().any(|word| first.contains(word)) {
            fresh = Some("the kernel is damaged".to_owned());
        }
        for part in &mut found.parts {
            part.ok = false;
            part.evidence = format!("the kernel: {first}; without it: {}", part.evidence);
        }
    }
    found.milliseconds = began.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    Ok((found, fresh))
}

fn wait(child: &mut Child, limit: Duration) -> Option<std::process::ExitStatus> {
    let end = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            _ if Instant::now() > end => return None,
            _ => std::thread::sleep(Duration::from_millis(3)),
        }
    }
}

/// As before the check: no card, no driver.
fn clean(setup: &Setup) -> Result<(), Stop> {
    let end = Instant::now() + kernel::patience(SOON);
    while cards() > 0 {
        if Instant::now() > end {
            return Err(Stop("the card cannot be removed".into()));
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    while setup.is_loaded() {
        let unloaded = setup.unload_driver();
        if unloaded.is_err() && Instant::now() > end {
            return unloaded;
        }
    }
    Ok(())
}

/// Cards are in domains that no real device has.
fn cards() -> usize {
    let entries = std::fs::read_dir("/sys/bus/pci/devices").into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().len() > "0000:00:00.0".len()).count()
}
