//! The page: what was measured on, Table 1, figures, every series in numbers, errors of the report.

use labstats::bootstrap::Runs;
use labstats::compare::{CAVEATS, CORRECTION, TABLE_1, number, paper};
use labstats::describe::{Description, Sorted};
use labstats::interval::{self, Interval};
use labstats::results::{Environment, Experiment, Results, Series, metric};

use super::figures::Captioned;
use super::penalty;
use crate::html::{Cell, Page};

/// The whole page.
pub(super) fn page(results: &Results, figures: &[Captioned]) -> String {
    let mut page =
        Page::new(penalty::title(results).unwrap_or("Guest switching and memory throughput"));
    page.paragraph(&format!(
        "Measured by lgbench {} from {} on {} ({} CPUs), Linux {}.",
        results.tool,
        results.started,
        known(&results.environment.cpu_model),
        results.environment.cpus,
        known(&results.environment.kernel),
    ));
    warnings(&mut page, results);
    table_1(&mut page, results);
    penalty::section(&mut page, results);
    page.heading("Figures");
    if figures.is_empty() {
        page.paragraph("There are no samples to draw.");
    }
    for one in figures {
        page.figure(&one.named.figure, &one.caption);
    }
    page.heading("Every series in numbers");
    page.paragraph(
        "All samples of all runs; quantiles by type 7; 95 % intervals of the mean from drawing whole runs \
         again, or Student's t where each run has one sample. Outliers are counted and included.",
    );
    for experiment in &results.experiments {
        page.fold(&title(experiment));
        numbers(&mut page, experiment);
        page.unfold();
    }
    page.heading("The machine");
    let rows: Vec<Vec<Cell>> = environment(&results.environment)
        .into_iter()
        .map(|(name, value)| vec![Cell::text(name), Cell::long(value)])
        .collect();
    page.table(&["", ""], &rows);
    page.finish()
}

fn known(text: &str) -> &str {
    if text.is_empty() { "an unknown system" } else { text }
}

fn title(experiment: &Experiment) -> String {
    format!("{} {} {}", experiment.name, experiment.scenario, experiment.backend)
}

fn warnings(page: &mut Page, results: &Results) {
    if results.environment.emulated {
        page.warning("Measured in an emulator: no time on this page means anything.");
    }
    for experiment in &results.experiments {
        let mut marks = experiment.marks.clone();
        for mark in experiment.derived_marks(&results.environment) {
            if !marks.contains(&mark) {
                marks.push(mark);
            }
        }
        if !marks.is_empty() {
            page.warning(&format!("{}: {}", title(experiment), marks.join(", ")));
        }
    }
}

/// The report's table, the same put right, and below each row what was measured here.
fn table_1(page: &mut Page, results: &Results) {
    let measured = paper(results);
    if measured.is_empty() {
        return;
    }
    page.heading("Table 1: the cost of a switch");
    page.paragraph(
        "In ns, over the minima of single runs, as in the report. The interval is the mean's, at 95 %.",
    );
    let mut rows = Vec::new();
    for row in TABLE_1 {
        let ours: Vec<_> = measured.iter().filter(|m| m.paper == row).collect();
        if ours.is_empty() {
            continue;
        }
        for (name, factor) in [("report, as printed", 1.0), ("report, as cycles", CORRECTION)] {
            let values = [row.mean, row.median, row.sd, row.half_interval, row.min, row.max];
            let mut cells = vec![Cell::text(row.row), Cell::text(name), Cell::number("150")];
            for (n, v) in values.into_iter().enumerate() {
                let sign = if n == 3 { "± " } else { "" };
                cells.push(Cell::number(format!("{sign}{}", number(v * factor))));
            }
            rows.push(cells);
        }
        for m in ours {
            let d = &m.minima;
            let half = m.mean_interval.map(|i| (i.high - i.low) / 2.0);
            rows.push(vec![
                Cell::text(row.row),
                Cell::text(format!("here, {}", m.backend)),
                Cell::number(d.n.to_string()),
                Cell::number(number(d.mean)),
                Cell::number(number(d.median)),
                Cell::number(d.sd.map_or_else(|| "-".to_owned(), number)),
                Cell::number(half.map_or_else(|| "-".to_owned(), |v| format!("± {}", number(v)))),
                Cell::number(number(d.min)),
                Cell::number(number(d.max)),
            ]);
        }
    }
    page.table(
        &["scenario", "source", "runs", "mean", "median", "sd", "95 % interval", "min", "max"],
        &rows,
    );
    page.list(CAVEATS);
}

fn numbers(page: &mut Page, experiment: &Experiment) {
    let rows: Vec<Vec<Cell>> =
        experiment.series.iter().filter_map(|series| series_row(experiment, series)).collect();
    if rows.is_empty() {
        page.paragraph("No samples.");
        return;
    }
    page.table(
        &[
            "metric",
            "guest",
            "x",
            "unit",
            "runs",
            "n",
            "min",
            "q1",
            "median",
            "q3",
            "p99",
            "max",
            "mean",
            "95 % interval",
            "sd",
            "outliers (Tukey, MAD)",
            "lost",
            "discarded",
        ],
        &rows,
    );
}

fn series_row(experiment: &Experiment, series: &Series) -> Option<Vec<Cell>> {
    let runs: Vec<&[f64]> =
        series.runs.iter().map(|run| run.samples.as_slice()).filter(|s| !s.is_empty()).collect();
    let prepared = Runs::new(&runs);
    let sorted = prepared.sorted();
    let d = Description::of(&sorted)?;
    let x = series.x.map_or_else(String::new, |x| {
        let unit = experiment.x.as_ref().map_or("", |x| x.unit.as_str());
        format!("{x} {unit}")
    });
    let about = metric::find(&series.metric).map_or(series.metric.as_str(), |known| known.about);
    let mut cells = vec![
        Cell::text(about),
        Cell::text(series.guest.map_or_else(String::new, |guest| guest.to_string())),
        Cell::text(x),
        Cell::text(series.unit.clone()),
    ];
    let interval = mean_interval(&prepared, &runs, &sorted);
    let shown = interval
        .map_or_else(|| "-".to_owned(), |i| format!("{} to {}", number(i.low), number(i.high)));
    let total = |of: fn(&labstats::results::Run) -> u64| {
        series.runs.iter().map(of).fold(0, u64::saturating_add).to_string()
    };
    cells.extend(
        [
            runs.len().to_string(),
            d.n.to_string(),
            number(d.min),
            number(d.q1),
            number(d.median),
            number(d.q3),
            number(d.p99),
            number(d.max),
            number(d.mean),
            shown,
            d.sd.map_or_else(|| "-".to_owned(), number),
            format!("{}, {}", d.outliers.tukey, d.outliers.mad),
            total(|run| run.lost),
            total(|run| run.discarded),
        ]
        .map(Cell::number),
    );
    Some(cells)
}

fn mean_interval(prepared: &Runs, runs: &[&[f64]], sorted: &Sorted) -> Option<Interval> {
    if runs.iter().all(|run| run.len() == 1) {
        return interval::of_mean(sorted.values(), 0.95);
    }
    prepared.intervals(&[], 0.95, 1).map(|found| found.mean)
}

fn environment(e: &Environment) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: Option<String>| {
        rows.push((name.to_owned(), value.unwrap_or_else(|| "unknown".to_owned())));
    };
    row("CPU", Some(e.cpu_model.clone()));
    row("CPUs online", Some(e.cpus.to_string()));
    row("time-stamp counter", e.tsc_hz.map(|hz| format!("{:.3} GHz", hz as f64 / 1e9)));
    row("the counter keeps its pace", e.tsc_invariant.map(|flag| flag.to_string()));
    row("kernel", Some(e.kernel.clone()));
    row("hypervisor below", Some(e.hypervisor.clone().unwrap_or_else(|| "none".into())));
    row("KVM", Some(format!("{:?}", e.kvm).to_lowercase()));
    row("governor", e.governor.clone());
    row("turbo", e.turbo.map(|flag| flag.to_string()));
    row("simultaneous multithreading", e.smt.map(|flag| flag.to_string()));
    let caches = e.caches.iter().map(|c| format!("L{} {} {} KiB", c.level, c.kind, c.bytes / 1024));
    let caches = caches.collect::<Vec<_>>().join(", ");
    row("caches", (!caches.is_empty()).then_some(caches));
    row("memory", e.memory_bytes.map(|b| format!("{:.1} GiB", b as f64 / (1u64 << 30) as f64)));
    row(
        "isolated CPUs",
        e.isolated_cpus
            .as_ref()
            .map(|list| if list.is_empty() { "none".to_owned() } else { list.clone() }),
    );
    row("CPU of the guests", e.guest_cpu.map(|n| n.to_string()));
    row("CPU of the controller", e.controller_cpu.map(|n| n.to_string()));
    row("scheduler", e.scheduler.clone());
    row("load before the start", e.load_average.map(|[a, b, c]| format!("{a:.2}, {b:.2}, {c:.2}")));
    row(
        "RT throttling",
        e.rt_runtime_us.map(|us| {
            let period = e.rt_period_us.map_or_else(|| "?".to_owned(), |p| p.to_string());
            if us < 0 { "off".to_owned() } else { format!("{us} us of {period} us") }
        }),
    );
    for (name, value) in &e.other {
        row(name, Some(value.clone()));
    }
    rows
}
