//! `lgbench penalty`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result};
use labstats::penalty::{Penalty, penalties, penalty_table};
use labstats::results::{Environment, Parameter, Results, distinct_marks};
use serde::Serialize;

use super::cli::{Cpus, PenaltyArgs, VmName};
use super::interrupt::Interrupt;
use super::kept::Kept;
use super::place::{check_linux, linux, place};
use super::run::now;
use super::summary;
use crate::environment::look;
use crate::experiments::penalty::{self, CHECKSUM, EDGE, STEPS, Setting, Task};
use crate::experiments::suite::{Kind, Options};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Found<'a> {
    started: &'a str,
    environment: &'a Environment,
    /// Of the first experiment; all have the same.
    work: Option<&'a BTreeMap<String, Parameter>>,
    complete: bool,
    marks: Vec<&'a str>,
    penalties: &'a [Penalty],
}

pub(super) fn run(args: &PenaltyArgs) -> Result<ExitCode> {
    let vm = match args.backend {
        VmName::Kvm => Kind::Kvm,
        VmName::KvmLinux => Kind::KvmLinux,
    };
    check_linux(vm, &args.linux)?;
    let options = Options { linux: linux(&args.linux), ..Options::default() };
    let cpus = Cpus { guest_cpu: args.guest_cpu, ..Cpus::default() };
    let placement = place(vm, &cpus, &options, &[Kind::Kvm])?;
    let task = Task { edge: args.size, steps: args.steps };
    let mut kept = Kept::within(&args.out)?;
    let environment = look(Some(placement));
    let interrupt = Interrupt::install()?;
    let setting = Setting {
        vm,
        options: &options,
        placement,
        task,
        rounds: args.runs,
        patience: args.watchdog,
        interrupted: &interrupt,
    };
    let told = |line: &str| eprintln!("{line}");
    let outcome = penalty::run(&setting, &now(), environment, told, |results| {
        kept.take(results);
    });
    kept.end(outcome, |results| {
        let rows = penalties(results);
        if args.json { json(results, &rows) } else { Ok(text(results, &rows)) }
    })
}

fn json(results: &Results, penalties: &[Penalty]) -> Result<String> {
    let found = Found {
        started: &results.started,
        environment: &results.environment,
        work: results.experiments.first().map(|one| &one.parameters),
        complete: results.experiments.iter().all(|one| one.complete),
        marks: distinct_marks(&results.experiments),
        penalties,
    };
    Ok(serde_json::to_string_pretty(&found).context("cannot write JSON")? + "\n")
}

fn text(results: &Results, penalties: &[Penalty]) -> String {
    let mut text = summary::machine(results);
    text.push_str(&work(results));
    for mark in distinct_marks(&results.experiments) {
        text.push_str(&format!("! {mark}\n"));
    }
    text.push('\n');
    if penalties.is_empty() {
        text.push_str("no round has a run on the metal and one in a virtual machine\n");
    } else {
        text.push_str(&penalty_table(penalties));
    }
    text
}

fn work(results: &Results) -> String {
    let parameter = |name: &str| {
        let found = results.experiments.iter().find_map(|one| one.parameters.get(name));
        match found {
            Some(Parameter::Number(number)) => number.to_string(),
            Some(Parameter::Text(text)) => text.clone(),
            _ => "unknown".to_owned(),
        }
    };
    let edge = parameter(EDGE);
    format!(
        "fluid dynamics in a box of {edge} x {edge} x {edge} cells, {} steps; checksum {} in every run\n",
        parameter(STEPS),
        parameter(CHECKSUM),
    )
}
