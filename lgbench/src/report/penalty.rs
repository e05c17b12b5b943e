//! The proposal's Table 2: the same work on the metal and in a virtual machine.

use labplot::{Axis, Color, Figure, Series as Drawn, Shape};
use labstats::compare::number;
use labstats::penalty::{Finding, Penalty, Runtimes, TABLE_2, penalties, percent, percents};
use labstats::results::{Experiment, Results, distinct_marks, experiment as names};

use super::figures::Captioned;
use crate::compare::figures::tukey_box;
use crate::files::Named;
use crate::html::{Cell, Page};

/// Runs beyond the whiskers of one box that are drawn.
const DOTS: usize = 200;

/// The title of a page about nothing else.
pub(super) fn title(results: &Results) -> Option<&'static str> {
    let mut all = results.experiments.iter().peekable();
    all.peek()?;
    all.all(|one| one.name == names::PENALTY)
        .then_some("What a virtual machine costs a program that computes")
}

/// Both tables; nothing where there are no such results.
pub(super) fn section(page: &mut Page, results: &Results) {
    let rows = penalties(results);
    if rows.is_empty() {
        return;
    }
    page.heading("Table 2: the penalty");
    page.paragraph(
        "Median runtimes in s. A penalty is a ratio of medians; its 95 % interval comes from drawing whole \
         rounds again, as the runs of a round lie close in time. The proposal's figures are single runs of \
         another program on another machine.",
    );
    let mut cells: Vec<Vec<Cell>> = rows.iter().map(penalty_row).collect();
    cells.extend(TABLE_2.map(|paper| {
        vec![
            Cell::text(format!("{}, proposal", paper.scenario)),
            Cell::number(format!("{:.2}", paper.metal_s)),
            Cell::number(format!("{:.2}", paper.vm_s)),
            Cell::text("kvm"),
            Cell::number("1"),
            Cell::number(percent(paper.penalty())),
            Cell::number("-"),
            Cell::text(""),
        ]
    }));
    let head = ["", "on the metal", "in the VM", "backend", "rounds", "penalty", "interval", ""];
    page.table(&head, &cells);
    page.paragraph("The runtimes behind it, in s. Intervals are the means', by Student's t.");
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .flat_map(|row| [(row, &row.metal), (row, &row.vm)])
        .map(|(row, runtimes)| runtimes_row(row, runtimes))
        .collect();
    page.table(&["", "backend", "n", "mean", "interval", "median", "sd", "min", "max"], &cells);
}

fn penalty_row(row: &Penalty) -> Vec<Cell> {
    let class = match row.finding {
        Finding::Slower => "slower",
        Finding::Faster => "faster",
        Finding::NoDifference => "same",
        Finding::TooFewRounds => "undecided",
    };
    vec![
        Cell::text(row.scenario.clone()),
        Cell::number(number(row.metal.described.median)),
        Cell::number(number(row.vm.described.median)),
        Cell::text(row.vm.backend.clone()),
        Cell::number(row.rounds.to_string()),
        Cell::number(percent(row.of_medians.share)),
        Cell::number(percents(row.of_medians.interval)),
        Cell::classed(row.finding.words(), class),
    ]
}

fn runtimes_row(row: &Penalty, runtimes: &Runtimes) -> Vec<Cell> {
    let d = &runtimes.described;
    let interval = runtimes.mean_interval;
    let interval = interval.map(|i| format!("{} to {}", number(i.low), number(i.high)));
    let known = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        Cell::text(row.scenario.clone()),
        Cell::text(runtimes.backend.clone()),
        Cell::number(d.n.to_string()),
        Cell::number(number(d.mean)),
        Cell::number(known(interval)),
        Cell::number(number(d.median)),
        Cell::number(known(d.sd.map(number))),
        Cell::number(number(d.min)),
        Cell::number(number(d.max)),
    ]
}

/// A box for each cell of the table.
pub(super) fn figure(results: &Results) -> Option<Captioned> {
    let ours = || results.experiments.iter().filter(|one| one.name == names::PENALTY);
    let (mut boxes, mut beyond, mut ticks) = (Vec::new(), Vec::new(), Vec::new());
    for (one, at) in ours().filter(|one| !seconds(one).is_empty()).zip(0_u32..) {
        let (found, outside) = tukey_box(&seconds(one), f64::from(at), DOTS);
        boxes.extend(found);
        beyond.extend(outside);
        let place = if one.backend == names::NATIVE { "metal" } else { one.backend.as_str() };
        ticks.push((f64::from(at), format!("{}, {place}", one.scenario)));
    }
    let last = ticks.len().checked_sub(1)? as f64;
    let figure = Figure::new("The same work on the metal and in a virtual machine")
        .subtitle(distinct_marks(ours()).join("; "))
        .x(Axis::new("", "").names(ticks).range(-0.5, last + 0.5))
        .y(Axis::new("Runtime", "s"))
        .with(Drawn::points("outliers", beyond).color(Color::nth(1)))
        .with(Drawn::new("runs", Shape::Boxes(boxes)).color(Color::nth(0)))
        .note(
            "Box: quartiles and median of all runs; whiskers to the last run within 1.5 interquartile \
             ranges; dots beyond.",
        );
    let caption = "Table 2: a fixed amount of fluid dynamics, once for each run; the axis does not begin \
                   at zero.";
    let named = Named { name: "penalty-box".to_owned(), figure };
    Some(Captioned { named, caption: caption.to_owned() })
}

fn seconds(one: &Experiment) -> Vec<f64> {
    one.series.iter().flat_map(|s| s.runs.iter().flat_map(|run| run.samples.clone())).collect()
}
