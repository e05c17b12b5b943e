//! `lgbench skew`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use labstats::results::{Environment, Experiment, Results, distinct_marks, experiment};
use serde::Serialize;

use super::cli::{Cpus, SkewArgs};
use super::interrupt::Interrupt;
use super::kept::Kept;
use super::place::{linux, place};
use super::run::now;
use super::summary;
use crate::environment::look;
use crate::experiments::skew::{self, Setting};
use crate::experiments::suite::{Kind, Options};
use crate::linux::clocks::{Clock, Load};

const NS_PER_MS: f64 = 1e6;
const NS_IN_MS: u32 = 1_000_000;

/// A line of the table.
#[derive(Debug, Serialize)]
struct Row {
    clock: String,
    load: String,
    /// What the guest's kernel used.
    clocksource: String,
    pit_reinjection: String,
    seconds: f64,
    readings: usize,
    /// At the last reading.
    skew_ms: f64,
    least_ms: f64,
    most_ms: f64,
    /// Of the time that passed.
    drift_ppm: f64,
    marks: Vec<String>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Found<'a> {
    started: &'a str,
    environment: &'a Environment,
    rows: &'a [Row],
}

pub(super) fn run(args: &SkewArgs) -> Result<ExitCode> {
    check(args.period, args.length)?;
    let mut linux = linux(&args.linux);
    linux.pit_reinjection = !args.no_pit_reinjection;
    let options = Options { linux, ..Options::default() };
    let cpus = Cpus { guest_cpu: args.guest_cpu, ..Cpus::default() };
    let placement = place(Kind::KvmLinux, &cpus, &options, &[])?;
    let mut kept = Kept::within(&args.out)?;
    let environment = look(Some(placement));
    let interrupt = Interrupt::install()?;
    let setting = Setting {
        options: &options.linux,
        placement,
        length: args.length,
        period: args.period,
        rivals: args.rivals,
        interrupted: &interrupt,
    };
    let clocks = distinct(args.clock.as_deref().unwrap_or(&Clock::ALL));
    let loads = distinct(args.load.as_deref().unwrap_or(&Load::ALL));
    let pairs: Vec<(Clock, Load)> =
        clocks.iter().flat_map(|clock| loads.iter().map(|load| (*clock, *load))).collect();
    let told = |line: &str| eprintln!("{line}");
    let outcome = skew::run(&pairs, &setting, &now(), environment, told, |results| {
        kept.take(results);
    });
    kept.end(outcome, |results| {
        let rows: Vec<Row> = results.experiments.iter().filter_map(row).collect();
        if args.json { json(results, &rows) } else { Ok(text(results, &rows)) }
    })
}

/// The guest's program counts milliseconds.
fn check(period: Duration, length: Duration) -> Result<()> {
    if period.is_zero() || !period.subsec_nanos().is_multiple_of(NS_IN_MS) {
        bail!("--period: {period:?} is no number of whole milliseconds");
    }
    if period > length / 2 {
        bail!("--period: the clocks are to be read more than once in {length:?} (--length)");
    }
    Ok(())
}

/// Each once, in the order in which they were typed.
fn distinct<T: Copy + PartialEq>(typed: &[T]) -> Vec<T> {
    let mut all = Vec::new();
    for one in typed {
        if !all.contains(one) {
            all.push(*one);
        }
    }
    all
}

fn row(one: &Experiment) -> Option<Row> {
    if one.name != experiment::SKEW {
        return None;
    }
    let run = one.series.first()?.runs.first()?;
    let times = run.time_ns.as_ref()?;
    let seconds = times.last()?.saturating_sub(*times.first()?) as f64 / 1e9;
    let last = *run.samples.last()?;
    let text = |name: &str| one.text(name).unwrap_or_default().to_owned();
    Some(Row {
        clock: text("clock"),
        load: text("load"),
        clocksource: text("guest_clocksource"),
        pit_reinjection: text("pit_reinjection"),
        seconds,
        readings: run.samples.len(),
        skew_ms: last / NS_PER_MS,
        least_ms: run.samples.iter().copied().fold(f64::INFINITY, f64::min) / NS_PER_MS,
        most_ms: run.samples.iter().copied().fold(f64::NEG_INFINITY, f64::max) / NS_PER_MS,
        // Nanoseconds in a second are thousandths of a part in a million.
        drift_ppm: if seconds > 0.0 { last / seconds / 1e3 } else { 0.0 },
        marks: one.marks.clone(),
    })
}

fn json(results: &Results, rows: &[Row]) -> Result<String> {
    let found = Found { started: &results.started, environment: &results.environment, rows };
    Ok(serde_json::to_string_pretty(&found).context("cannot write JSON")? + "\n")
}

fn text(results: &Results, rows: &[Row]) -> String {
    let mut text = summary::machine(results);
    for mark in distinct_marks(&results.experiments) {
        text.push_str(&format!("! {mark}\n"));
    }
    text.push_str(&format!(
        "\nGuest's clock less host's\n{:<10} {:<10} {:>7} {:>8} {:>12} {:>12} {:>12} {:>11}\n",
        "clock", "load", "s", "readings", "at the end", "least", "most", "drift"
    ));
    for row in rows {
        text.push_str(&format!(
            "{:<10} {:<10} {:>7.1} {:>8} {:>9.3} ms {:>9.3} ms {:>9.3} ms {:>7.1} ppm\n",
            row.clock,
            row.load,
            row.seconds,
            row.readings,
            row.skew_ms,
            row.least_ms,
            row.most_ms,
            row.drift_ppm
        ));
    }
    text
}
