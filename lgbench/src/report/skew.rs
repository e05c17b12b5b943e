//! The figure of clocks: how far each got from the host's.

use labplot::{Axis, Figure, Series as Drawn};
use labstats::results::{Experiment, distinct_marks};

use super::figures::Captioned;
use crate::files::{Named, file_name};

const NS_PER_MS: f64 = 1e6;
const NS_PER_S: f64 = 1e9;

/// One figure for each load, with a line for each clock.
pub(super) fn figures(experiments: &[&Experiment]) -> Vec<Captioned> {
    let mut loads: Vec<&str> = Vec::new();
    for load in experiments.iter().map(|one| text(one, "load")) {
        if !loads.contains(&load) {
            loads.push(load);
        }
    }
    loads.into_iter().map(|load| figure(experiments, load)).collect()
}

fn figure(experiments: &[&Experiment], load: &str) -> Captioned {
    let ours = || experiments.iter().filter(|one| text(one, "load") == load);
    let backend = ours().next().map_or("", |one| one.backend.as_str());
    let mut subtitle = vec![load, backend];
    subtitle.extend(distinct_marks(ours().copied()));
    let mut figure = Figure::new("Guest's clock less host's")
        .subtitle(subtitle.join("; "))
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
    let caption = "Section 4.2 of the proposal: the clock of a Linux guest beside its host's, from the \
                   first reading on. A line that rises is a clock that gains.";
    let name = file_name(&format!("skew {load} {backend}"));
    Captioned { named: Named { name, figure }, caption: caption.to_owned() }
}

fn text<'a>(one: &'a Experiment, parameter: &str) -> &'a str {
    one.text(parameter).unwrap_or_default()
}
