//! The figure of clocks: how far each got from the host's.

use labplot::{Axis, Figure, Series as Drawn};
use labstats::results::{Experiment, Parameter};

use super::figures::Captioned;
use crate::files::{Named, file_name};

const NS_PER_MS: f64 = 1e6;
const NS_PER_S: f64 = 1e9;

/// One figure for each load, with a line for each clock.
pub(super) fn figures(experiments: &[&Experiment]) -> Vec<Captioned> {
    let mut loads: Vec<String> = experiments.iter().map(|one| text(one, "load")).collect();
    loads.dedup_by(|one, other| one == other);
    let mut seen: Vec<String> = Vec::new();
    for load in loads {
        if !seen.contains(&load) {
            seen.push(load);
        }
    }
    seen.iter().map(|load| figure(experiments, load)).collect()
}

fn figure(experiments: &[&Experiment], load: &str) -> Captioned {
    let ours = || experiments.iter().filter(|one| text(one, "load") == load);
    let mut marks: Vec<&str> = Vec::new();
    for mark in ours().flat_map(|one| &one.marks) {
        if !marks.contains(&mark.as_str()) {
            marks.push(mark);
        }
    }
    let backend = ours().next().map_or("", |one| one.backend.as_str());
    let subtitle =
        [load, backend].into_iter().chain(marks.iter().copied()).collect::<Vec<_>>().join("; ");
    let mut figure = Figure::new("Guest's clock less host's")
        .subtitle(subtitle)
        .x(Axis::new("time", "s"))
        .y(Axis::new("guest ahead", "ms"));
    for one in ours() {
        let runs = one.series.iter().flat_map(|series| &series.runs);
        let points = runs.flat_map(|run| {
            let times = run.time_ns.iter().flatten();
            times.zip(&run.samples).map(|(at, v)| (*at as f64 / NS_PER_S, v / NS_PER_MS))
        });
        figure = figure.with(Drawn::line(text(one, "clock"), points.collect()));
    }
    let caption =
        "Section 4.2 of the proposal: the clock of a Linux guest beside its host's, from the \
                   first reading on. A line that rises is a clock that gains."
            .to_owned();
    let name = file_name(&format!("skew {load} {backend}"));
    Captioned { named: Named { name, figure }, caption }
}

fn text(one: &Experiment, parameter: &str) -> String {
    match one.parameters.get(parameter) {
        Some(Parameter::Text(text)) => text.clone(),
        _ => String::new(),
    }
}
