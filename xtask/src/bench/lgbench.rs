//! `cargo xtask bench lgbench`: what lgbench's own measuring costs, which it tells itself
//! (`lgbench probe`), and how long it takes to compare large files of results.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use labstats::random::Random;
use labstats::results::{Environment, Experiment, Results, Run, Series, experiment, metric};
use serde_json::Value;

use super::vpt::lab::{progress, steal_seconds, tell_load, tell_steal};
use super::{Is, Report};
use crate::run::{self, Interrupt, json};
use crate::workspace::{self, cargo};

/// One event recorded, beyond reading the clock.
const RECORD: Is = Is::AtMost(60.0);
/// STREAM's triad in a guest, against the same machine code in a process.
const STREAM: Is = Is::AtLeast(0.97);
/// `lgbench compare` on two files of [`SAMPLES`] each.
const COMPARE: Is = Is::AtMost(5.0);
/// Samples of a file, in so many runs.
const SAMPLES: usize = 1_000_000;
const RUNS: usize = 20;
/// All of it takes far less.
const LIMIT: Duration = Duration::from_secs(600);

/// Measures; takes about a minute.
pub(super) fn run(interrupt: &Interrupt) -> Result<Report> {
    let mut report = Report::new("lgbench");
    progress("building");
    let mut build = cargo();
    build.args(["build", "--release", "--locked", "-p", "lgbench"]);
    run::output(&mut build, Duration::from_secs(3600), interrupt)?;
    let program = workspace::metadata()?.target_directory.join("release/lgbench");
    progress("measuring");
    let stolen = steal_seconds();
    let costs = measure(&program, interrupt)?;
    fill(&mut report, &costs)?;
    progress("comparing");
    let seconds = compare(&program, interrupt)?;
    let about = format!("{SAMPLES} samples in {RUNS} runs each, read, compared and printed");
    report.target("comparing two files of results", seconds, "s", COMPARE, &about);
    tell_steal(&mut report, stolen);
    tell_load(&mut report);
    report.extra("lgbench probe", costs);
    Ok(report)
}

fn measure(program: &Path, interrupt: &Interrupt) -> Result<Value> {
    let mut command = std::process::Command::new(program);
    command.args(["probe", "--json"]);
    json(&run::output(&mut command, LIMIT, interrupt)?, "lgbench probe")
}

/// Seconds that the program takes for two files.
fn compare(program: &Path, interrupt: &Interrupt) -> Result<f64> {
    let folder = tempfile::tempdir().context("cannot make a folder for results")?;
    let mut command = std::process::Command::new(program);
    command.arg("compare");
    for (name, center, seed) in [("old.json", 75_000.0, 1), ("new.json", 77_000.0, 2)] {
        let file = folder.path().join(name);
        std::fs::write(&file, results(center, seed)?).context(name)?;
        command.arg(file);
    }
    let begun = Instant::now();
    let said = run::output(&mut command, LIMIT, interrupt)?;
    let seconds = begun.elapsed().as_secs_f64();
    anyhow::ensure!(said.contains("1 slower"), "a switch that takes 2.7 % longer went unseen");
    Ok(seconds)
}

/// Switches around `center` ns, each run a little beside it.
fn results(center: f64, seed: u64) -> Result<String> {
    let mut random = Random::new(seed);
    let run = |_| {
        let offset = 1.0 + 0.002 * random.normal();
        let samples = (0..SAMPLES / RUNS).map(|_| center * offset * (1.0 + 0.1 * random.uniform()));
        Run { samples: samples.collect(), ..Run::default() }
    };
    let mut one = Experiment::new(experiment::EXP1, experiment::IDLE_IDLE, experiment::KVM);
    one.complete = true;
    one.series.push(Series {
        runs: (0..RUNS).map(run).collect(),
        ..Series::of(&metric::SWITCH_GUEST_TO_GUEST)
    });
    let mut results = Results::new("2026-01-31T12:00:00Z", Environment::default());
    results.experiments.push(one);
    results.to_json().context("made-up results")
}

fn fill(report: &mut Report, costs: &Value) -> Result<()> {
    let number = |path: &str| costs.pointer(path).and_then(Value::as_f64);
    let needed =
        |path: &str| number(path).with_context(|| format!("lgbench probe tells no {path}"));
    let about = format!("beyond {:.1} cycles of reading the clock", needed("/clock_cycles")?);
    report.target("recording an event", needed("/record_cycles")?, "cycles", RECORD, &about);
    match number("/stream/ratio") {
        Some(ratio) => {
            let about = "median of 5 pairs of runs that alternate, the same machine code";
            report.target("STREAM triad, guest by process", ratio, "ratio", STREAM, about);
        }
        None => report.unmeasured(
            "STREAM triad, guest by process",
            "ratio",
            STREAM,
            "no /dev/kvm that works here",
        ),
    }
    for (key, what) in [("taken", "turn taken"), ("closed", "gate closed")] {
        for (part, name) in [("p50_ns", "p50"), ("p99_ns", "p99")] {
            let value = needed(&format!("/{key}/{part}"))? / 1e3;
            let about = "slices of 1 ms, controller on a CPU of its own";
            report.figure(&format!("deadline to {what}, {name}"), value, "us", about);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_come_from_what_the_program_says() {
        let costs = serde_json::json!({
            "record_cycles": 4.5, "clock_cycles": 30.0,
            "taken": { "p50_ns": 200.0, "p99_ns": 700.0 },
            "closed": { "p50_ns": 30_000.0, "p99_ns": 44_000.0 },
            "stream": { "ratio": 0.99 },
        });
        let mut report = Report::new("lgbench");
        fill(&mut report, &costs).expect("complete");
        assert!(report.met());
        assert_eq!(report.targets.len(), 6);
        let native = serde_json::json!({ "stream": null });
        assert!(fill(&mut Report::new("lgbench"), &native).is_err());
    }
}
