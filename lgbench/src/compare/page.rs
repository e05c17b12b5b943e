//! A comparison as one page.

use labstats::compare::{Comparison, Pair, number, percentage, summary};
use labstats::interval::Interval;
use labstats::verdict::Verdict;

use crate::files::Named;
use crate::html::{Cell, Page};

/// The whole page; `figures` are those of the pairs, in their order.
pub(super) fn page(comparison: &Comparison, figures: &[[Named; 2]]) -> String {
    let mut page = Page::new("Comparison of lgbench results");
    let Comparison { old, new, options, .. } = comparison;
    page.paragraph(&format!(
        "Old: {} ({}). New: {} ({}).",
        old.file, old.started, new.file, new.started
    ));
    page.paragraph(&format!("{} pairs: {}.", comparison.pairs.len(), summary(comparison)));
    for warning in &comparison.warnings {
        page.warning(warning);
    }
    page.heading("Verdicts");
    page.paragraph(&format!(
        "Judged on the {} of each run. Shift: Hodges-Lehmann, with its {} % interval. p: Mann-Whitney over \
         runs, corrected for all pairs by Holm. Same: the interval lies within {} % of the old value.",
        options.statistic.name(),
        percentage(1.0 - options.alpha),
        percentage(options.margin),
    ));
    page.table(
        &[
            "experiment",
            "series",
            "verdict",
            "runs",
            "old",
            "new",
            "unit",
            "shift",
            "interval",
            "p",
            "delta",
            "",
        ],
        &comparison.pairs.iter().map(verdict_row).collect::<Vec<_>>(),
    );
    page.heading("Samples");
    page.paragraph(
        "All samples of all runs; quantiles by type 7. Intervals come from drawing whole runs again \
         (or in closed form where each run has one sample). Outliers are counted and included.",
    );
    page.table(
        &[
            "series",
            "",
            "runs",
            "n",
            "min",
            "q1",
            "median",
            "interval",
            "q3",
            "p99",
            "interval",
            "max",
            "mean",
            "interval",
            "sd",
            "outliers (Tukey, MAD)",
            "lag 1",
            "lost",
            "discarded",
        ],
        &comparison.pairs.iter().flat_map(side_rows).collect::<Vec<_>>(),
    );
    if !comparison.refused.is_empty() {
        page.heading("Not compared");
        let lines: Vec<String> =
            comparison.refused.iter().map(|r| format!("{}: {}", r.what, r.why)).collect();
        page.list(lines.iter().map(String::as_str));
    }
    page.heading("Figures");
    for (pair, figures) in comparison.pairs.iter().zip(figures) {
        let title = format!(
            "{}: {}: {}",
            pair.key.experiment_line(),
            pair.key.series_line(),
            pair.verdict.name()
        );
        page.fold(&title);
        for one in figures {
            page.figure(&one.figure, &title);
        }
        page.unfold();
    }
    page.finish()
}

fn shown(interval: Option<Interval>) -> String {
    interval.map_or_else(|| "-".to_owned(), |i| format!("{} to {}", number(i.low), number(i.high)))
}

fn verdict_row(pair: &Pair) -> Vec<Cell> {
    let class = match pair.verdict {
        Verdict::Slower => "slower",
        Verdict::Faster => "faster",
        Verdict::Same => "same",
        Verdict::Undecided => "undecided",
        Verdict::Higher | Verdict::Lower => "text",
    };
    let center = |runs: &[f64]| {
        let sorted = labstats::describe::Sorted::new(runs.to_vec());
        sorted.quantile(0.5).map_or_else(|| "-".to_owned(), number)
    };
    let relative = pair.relative.map(|r| format!(" ({:+.2} %)", 100.0 * r)).unwrap_or_default();
    vec![
        Cell::text(pair.key.experiment_line()),
        Cell::text(pair.key.series_line()),
        Cell::classed(pair.verdict.name(), class),
        Cell::number(format!("{}/{}", pair.old.runs, pair.new.runs)),
        Cell::number(center(&pair.old.per_run)),
        Cell::number(center(&pair.new.per_run)),
        Cell::text(pair.key.unit.clone()),
        Cell::number(number(pair.shift) + &relative),
        Cell::number(shown(pair.shift_interval)),
        Cell::number(pair.p.map_or_else(|| "-".to_owned(), |_| format!("{:.4}", pair.p_holm))),
        Cell::number(format!("{:+.2}", pair.delta)),
        Cell::long(pair.note.clone()),
    ]
}

fn side_rows(pair: &Pair) -> Vec<Vec<Cell>> {
    let row = |which: &str, side: &labstats::compare::Side| {
        let d = &side.samples;
        let known = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), number);
        let mut cells = vec![Cell::text(pair.key.series_line()), Cell::text(which)];
        cells.extend(
            [
                side.runs.to_string(),
                d.n.to_string(),
                number(d.min),
                number(d.q1),
                number(d.median),
                shown(side.median_interval),
                number(d.q3),
                number(d.p99),
                shown(side.p99_interval),
                number(d.max),
                number(d.mean),
                shown(side.mean_interval),
                known(d.sd),
                format!("{}, {}", d.outliers.tukey, d.outliers.mad),
                known(side.lag1),
                side.lost.to_string(),
                side.discarded.to_string(),
            ]
            .map(Cell::number),
        );
        cells
    };
    vec![row("old", &pair.old), row("new", &pair.new)]
}
