//! The figures of the report, from results.

use labplot::{Axis, Color, Figure, Series as Drawn, Shape, cdf};
use labstats::describe::{Sorted, mean};
use labstats::interval;
use labstats::results::{Experiment, Results, Series, experiment as names, metric};

use super::profile::{Middle, Profile, by_step, by_time};
use super::skew;
use crate::compare::figures::tukey_box;
use crate::files::{Named, file_name};

/// A figure with the words below it.
#[derive(Clone, Debug)]
pub struct Captioned {
    /// The figure and its file's name.
    pub named: Named,
    /// What it is in the report and how to read it.
    pub caption: String,
}

/// More gates than this would paint the figure grey.
const GATES: usize = 20;

/// Samples beyond the whiskers of one box that are drawn.
const DOTS: usize = 200;

/// Every figure that the results have data for, in the order of the report.
pub fn figures(results: &Results) -> Vec<Captioned> {
    let mut all = Vec::new();
    for name in [
        names::EXP1,
        names::FIG3,
        names::FIG4,
        names::FIG5,
        names::FIG6,
        names::FIG8,
        names::DHRYSTONE,
        names::GAP,
    ] {
        for one in results.experiments.iter().filter(|e| e.name == name && has_samples(e)) {
            match name {
                names::EXP1 | names::GAP => all.extend(distributions(one)),
                names::FIG6 => {
                    all.extend(by_slice(one));
                    all.extend(boxes_by_slice(one));
                }
                _ => all.extend(profiles(one)),
            }
        }
    }
    let clocks: Vec<&Experiment> =
        results.experiments.iter().filter(|e| e.name == names::SKEW && has_samples(e)).collect();
    all.extend(skew::figures(&clocks));
    all.extend(super::penalty::figure(results));
    all
}

fn has_samples(experiment: &Experiment) -> bool {
    experiment.series.iter().any(|series| !series.is_empty())
}

/// What the report calls it.
fn in_report(experiment: &Experiment) -> &'static str {
    match (experiment.name.as_str(), experiment.scenario.as_str()) {
        (names::EXP1, _) => "Experiment 1",
        (names::FIG3, _) => "Figure 3",
        (names::FIG4, _) => "Figure 4",
        (names::FIG5, _) => "Figure 5",
        (names::FIG8, _) => "Figure 8",
        (names::DHRYSTONE, _) => "Dhrystone, without a figure in the report",
        _ => "Not in the report",
    }
}

fn captioned(experiment: &Experiment, what: &str, figure: Figure, caption: String) -> Captioned {
    let Experiment { name, scenario, backend, .. } = experiment;
    let name = file_name(&format!("{name} {scenario} {backend} {what}"));
    Captioned { named: Named { name, figure }, caption }
}

fn subtitle(experiment: &Experiment, runs: usize) -> String {
    let plural = if runs == 1 { "run" } else { "runs" };
    let mut text = format!("{}, {}, {runs} {plural}", experiment.scenario, experiment.backend);
    for mark in &experiment.marks {
        text.push_str("; ");
        text.push_str(mark);
    }
    text
}

fn guests(experiment: &Experiment) -> Vec<Option<u32>> {
    let mut all: Vec<Option<u32>> = experiment.series.iter().map(|s| s.guest).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn of_guest(guest: Option<u32>) -> String {
    guest.map_or_else(String::new, |guest| format!("guest {guest}"))
}

fn about(series: &Series) -> &str {
    metric::find(&series.metric).map_or(series.metric.as_str(), |known| known.about)
}

/// Payload metrics over steps and over time: one figure for each guest and axis.
fn profiles(experiment: &Experiment) -> Vec<Captioned> {
    // The report shows the median where nothing happens and the mean where something does.
    let middle = if experiment.name == names::FIG3 { Middle::Median } else { Middle::Mean };
    let mut all = Vec::new();
    for guest in guests(experiment).into_iter().filter(Option::is_some) {
        let ours: Vec<&Series> =
            experiment.series.iter().filter(|s| s.guest == guest && !s.is_empty()).collect();
        let steps: Vec<_> = ours.iter().map(|s| (*s, by_step(s, middle))).collect();
        let times: Vec<_> = ours.iter().filter_map(|s| Some((*s, by_time(s, middle)?))).collect();
        for (axis, profiles) in [("step", steps), ("time", times)] {
            if !profiles.is_empty() {
                all.push(profile_figure(experiment, guest, axis, middle, &profiles));
            }
        }
    }
    all
}

fn profile_figure(
    experiment: &Experiment,
    guest: Option<u32>,
    axis: &str,
    middle: Middle,
    profiles: &[(&Series, Profile)],
) -> Captioned {
    let guest_name = of_guest(guest);
    let runs = profiles.iter().map(|(_, p)| p.runs).max().unwrap_or(0);
    let unit = profiles.first().map_or("", |(s, _)| s.unit.as_str());
    let rate = if unit == "MB/s" { "Memory throughput" } else { "Rate" };
    let mut figure = Figure::new(format!("{}: {guest_name}", in_report(experiment)))
        .subtitle(subtitle(experiment, runs))
        .y(Axis::new(rate, unit).from_zero());
    figure = if axis == "time" {
        figure.x(Axis::new("Time in the run, by the time-stamp counter", "s"))
    } else {
        figure.x(Axis::new("Time step: number of the sample", ""))
    };
    if axis == "time" {
        let top = profiles
            .iter()
            .flat_map(|(_, p)| p.lines.iter().flatten())
            .map(|corner| corner.1)
            .fold(0.0, f64::max);
        let held = profiles.first().map(|(s, _)| held(s, guest)).unwrap_or_default();
        for (n, (from, to)) in held.into_iter().enumerate() {
            let name = if n == 0 { "held (first run)" } else { "" };
            let band = Shape::Band(vec![(from, 0.0, top), (to, 0.0, top)]);
            figure = figure.with(Drawn::new(name, band).color(Color::GREY));
        }
    }
    let mut banded = false;
    for (n, (series, profile)) in profiles.iter().enumerate() {
        let color = Color::nth(n);
        for band in &profile.bands {
            banded = true;
            // What is measured is never negative, though the interval of a few runs may be.
            let band = band.iter().map(|&(x, low, high)| (x, low.max(0.0), high.max(0.0)));
            figure = figure.with(Drawn::new("", Shape::Band(band.collect())).color(color));
        }
        let named = |n: usize| if n == 0 { about(series) } else { "" };
        for (n, line) in profile.lines.iter().enumerate() {
            // A single corner draws no line.
            let drawn = match line.len() {
                1 => Drawn::points(named(n), line.clone()),
                _ => Drawn::line(named(n), line.clone()),
            };
            figure = figure.with(drawn.color(color));
        }
    }
    let of = match middle {
        Middle::Mean => "mean",
        Middle::Median => "median",
    };
    let mut note = format!("Line: {of} over the runs.");
    note.push_str(if banded {
        " Band: its 95 % confidence interval over the runs."
    } else {
        " No band: too few runs."
    });
    let bin = profiles.iter().map(|(_, p)| p.bin).fold(0.0, f64::max);
    if axis == "step" && bin > 1.0 {
        note.push_str(&format!(" Each point is the mean of {bin:.0} steps."));
    }
    figure = figure.note(note);
    let caption = match (experiment.name.as_str(), axis) {
        (_, "step") => {
            "Steps, as in the report: while a guest is held it takes none, so steps of two guests do not \
             happen at the same time."
        }
        _ => "The same over time: where a guest does not run, its curve has a gap or falls.",
    };
    let caption = format!("{}, {guest_name}. {caption}", in_report(experiment));
    captioned(experiment, &format!("{guest_name} {axis}"), figure, caption)
}

/// When the guest was held in the first run, in s; nothing when that was too often to be drawn.
fn held(series: &Series, guest: Option<u32>) -> Vec<(f64, f64)> {
    let Some(run) = series.runs.first().filter(|run| run.gates.len() <= GATES) else {
        return Vec::new();
    };
    let end = run.time_ns.as_ref().and_then(|times| times.last()).copied().unwrap_or(0);
    let seconds = |ns: u64| ns as f64 / 1e9;
    let mut spans = Vec::new();
    let mut closed = None;
    for gate in run.gates.iter().filter(|gate| Some(gate.guest) == guest) {
        match (gate.open, closed) {
            (false, None) => closed = Some(gate.at_ns),
            (true, Some(from)) => {
                spans.push((seconds(from), seconds(gate.at_ns)));
                closed = None;
            }
            _ => {}
        }
    }
    if let Some(from) = closed.filter(|from| *from < end) {
        spans.push((seconds(from), seconds(end)));
    }
    spans
}

/// Series of payload metrics at different x, by guest and metric, x ascending.
fn slices<'a>(
    experiment: &'a Experiment,
    guest: Option<u32>,
    metric: &str,
) -> Vec<(f64, &'a Series)> {
    let ours = experiment
        .series
        .iter()
        .filter(|s| s.guest == guest && s.metric == metric && !s.is_empty());
    let mut all: Vec<(f64, &Series)> = ours.filter_map(|s| Some((s.x?, s))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all
}

fn metrics_of(experiment: &Experiment, guest: Option<u32>) -> Vec<&str> {
    let mut all: Vec<&str> = Vec::new();
    for series in experiment.series.iter().filter(|s| s.guest == guest && s.x.is_some()) {
        if !all.contains(&series.metric.as_str()) {
            all.push(&series.metric);
        }
    }
    all
}

fn x_axis(experiment: &Experiment) -> Axis {
    let (name, unit) = experiment
        .x
        .as_ref()
        .map_or((String::new(), String::new()), |x| (x.name.clone(), x.unit.clone()));
    let label = if name == "slice" { "Slice of each guest".to_owned() } else { name };
    Axis::new(label, unit).log()
}

/// Figure 6: means over the slice.
fn by_slice(experiment: &Experiment) -> Vec<Captioned> {
    let mut all = Vec::new();
    for guest in guests(experiment).into_iter().filter(Option::is_some) {
        let guest_name = of_guest(guest);
        let mut figure = Figure::new(format!("Figure 6: mean throughput, {guest_name}"))
            .x(x_axis(experiment))
            .y(Axis::new("Memory throughput", "MB/s").from_zero());
        let mut most = 0;
        for (n, metric) in metrics_of(experiment, guest).into_iter().enumerate() {
            let (mut line, mut band) = (Vec::new(), Vec::new());
            for (x, series) in slices(experiment, guest, metric) {
                let runs: Vec<f64> =
                    series.runs.iter().filter_map(|run| mean(&run.samples)).collect();
                most = most.max(runs.len());
                if let Some(center) = mean(&runs) {
                    line.push((x, center));
                }
                if let Some(i) = interval::of_mean(&runs, 0.95) {
                    band.push((x, i.low.max(0.0), i.high));
                }
            }
            let name = metric::find(metric).map_or(metric, |known| known.about).to_owned();
            let color = Color::nth(n);
            figure = figure
                .with(Drawn::new("", Shape::Band(band)).color(color))
                .with(Drawn::line(name, line.clone()).color(color))
                .with(Drawn::points("", line).color(color));
        }
        figure = figure.subtitle(subtitle(experiment, most)).note(
            "Line: mean of the runs' means. Band: its 95 % confidence interval over the runs.",
        );
        let caption = format!(
            "Figure 6, {guest_name}: what a guest loses by being switched, and how longer slices win it back."
        );
        all.push(captioned(experiment, &guest_name, figure, caption));
    }
    all
}

/// Figure 7: box plots over the slice, of guest 1 as in the report.
fn boxes_by_slice(experiment: &Experiment) -> Vec<Captioned> {
    let guest = guests(experiment).into_iter().flatten().next();
    let mut all = Vec::new();
    for metric in metrics_of(experiment, guest) {
        let (mut boxes, mut beyond) = (Vec::new(), Vec::new());
        let mut most = 0;
        for (x, series) in slices(experiment, guest, metric) {
            let samples: Vec<f64> =
                series.runs.iter().flat_map(|run| run.samples.iter().copied()).collect();
            most = most.max(series.runs.len());
            let (found, dots) = tukey_box(&samples, x, DOTS);
            boxes.extend(found);
            beyond.extend(dots);
        }
        if boxes.is_empty() {
            continue;
        }
        let name = metric::find(metric).map_or(metric, |known| known.about);
        let figure = Figure::new(format!("Figure 7: {name}, {}", of_guest(guest)))
            .subtitle(subtitle(experiment, most))
            .x(x_axis(experiment))
            .y(Axis::new("Memory throughput", "MB/s").from_zero())
            .with(Drawn::points("outliers", beyond).color(Color::nth(1)))
            .with(Drawn::new("samples", Shape::Boxes(boxes)).color(Color::nth(0)))
            .note(
                "Box: quartiles and median of all samples; whiskers to the last sample within 1.5 \
                 interquartile ranges; dots beyond, thinned, the extremes always kept.",
            );
        let caption = format!(
            "Figure 7, {name}: a sample that holds a switch waits for a whole slice of the other guest, so \
             the lowest values fall while the mean rises."
        );
        all.push(captioned(experiment, &format!("box {metric}"), figure, caption));
    }
    all
}

/// Distribution functions of times, one figure for all metrics in ns.
fn distributions(experiment: &Experiment) -> Vec<Captioned> {
    let ours = experiment.series.iter().filter(|s| s.unit == "ns" && !s.is_empty());
    // How late the controller was is no part of a switch.
    let ours = ours.filter(|s| s.metric != metric::CONTROLLER_LATENESS.name);
    let mut figure = Figure::new(if experiment.name == names::GAP {
        "Longest time not running".to_owned()
    } else {
        "Experiment 1: the cost of a switch".to_owned()
    })
    .x(Axis::new("Time", "ns").log())
    .y(Axis::new("Samples with at most that", "share").range(0.0, 1.0));
    let mut most = 0;
    for series in ours {
        let samples: Vec<f64> =
            series.runs.iter().flat_map(|run| run.samples.iter().copied()).collect();
        most = most.max(series.runs.len());
        let median = Sorted::new(samples.clone()).quantile(0.5).unwrap_or(f64::NAN);
        let mut name = about(series).to_owned();
        if let Some(guest) = series.guest {
            name.push_str(&format!(", guest {guest}"));
        }
        figure = figure.with(Drawn::steps(
            format!("{name}: median {} ns", labstats::compare::number(median)),
            cdf(&samples),
        ));
    }
    if figure.series.is_empty() {
        return Vec::new();
    }
    figure = figure.subtitle(subtitle(experiment, most));
    let caption =
        format!("{}, {}: all samples of all runs.", in_report(experiment), experiment.scenario);
    vec![captioned(experiment, "ecdf", figure, caption)]
}
