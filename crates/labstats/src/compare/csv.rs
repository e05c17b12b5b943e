//! A comparison as comma-separated values (RFC 4180), one line per pair.

use super::{Comparison, Pair, Side};
use crate::interval::Interval;

/// Names of the columns.
const COLUMNS: &[&str] = &[
    "experiment",
    "scenario",
    "backend",
    "metric",
    "unit",
    "guest",
    "x_name",
    "x",
    "x_unit",
    "verdict",
    "shift",
    "shift_low",
    "shift_high",
    "relative",
    "margin",
    "p",
    "p_holm",
    "delta",
    "samples_shift",
    "samples_delta",
    "note",
];

/// Columns of one side, each with `old_` or `new_` before it.
const SIDE_COLUMNS: &[&str] = &[
    "runs",
    "n",
    "min",
    "q1",
    "median",
    "q3",
    "p99",
    "max",
    "mean",
    "sd",
    "mean_low",
    "mean_high",
    "median_low",
    "median_high",
    "p99_low",
    "p99_high",
    "outliers_tukey",
    "outliers_mad",
    "lag1",
    "effective_n",
    "lost",
    "discarded",
    "missed_deadlines",
    "deadlines",
    "steal_ns",
    "throttled_runs",
];

/// A head line and a line for each pair; numbers in full, what is not known left empty.
pub fn csv(comparison: &Comparison) -> String {
    let mut head: Vec<String> = COLUMNS.iter().map(|c| (*c).to_owned()).collect();
    for side in ["old", "new"] {
        head.extend(SIDE_COLUMNS.iter().map(|c| format!("{side}_{c}")));
    }
    let mut text = line(&head);
    for pair in &comparison.pairs {
        text.push_str(&line(&cells(pair)));
    }
    text
}

fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    cells.join(",") + "\r\n"
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

fn known<T: ToString>(value: Option<T>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

fn ends(interval: Option<Interval>) -> [String; 2] {
    [known(interval.map(|i| i.low)), known(interval.map(|i| i.high))]
}

fn cells(pair: &Pair) -> Vec<String> {
    let key = &pair.key;
    let [low, high] = ends(pair.shift_interval);
    let mut cells = vec![
        key.experiment.clone(),
        key.scenario.clone(),
        key.backend.clone(),
        key.metric.clone(),
        key.unit.clone(),
        known(key.guest),
        known(key.x_name.clone()),
        known(key.x),
        known(key.x_unit.clone()),
        pair.verdict.name().to_owned(),
        pair.shift.to_string(),
        low,
        high,
        known(pair.relative),
        pair.margin.to_string(),
        known(pair.p),
        pair.p_holm.to_string(),
        pair.delta.to_string(),
        pair.samples_shift.to_string(),
        pair.samples_delta.to_string(),
        pair.note.clone(),
    ];
    cells.extend(side(&pair.old));
    cells.extend(side(&pair.new));
    cells
}

fn side(side: &Side) -> Vec<String> {
    let d = &side.samples;
    let mut cells = vec![side.runs.to_string(), d.n.to_string()];
    cells.extend([d.min, d.q1, d.median, d.q3, d.p99, d.max, d.mean].map(|v| v.to_string()));
    cells.push(known(d.sd));
    for interval in [side.mean_interval, side.median_interval, side.p99_interval] {
        cells.extend(ends(interval));
    }
    cells.extend([d.outliers.tukey.to_string(), d.outliers.mad.to_string()]);
    cells.extend([known(side.lag1), known(side.effective_n)]);
    cells.extend([side.lost.to_string(), side.discarded.to_string()]);
    cells.extend([side.missed_deadlines.0.to_string(), side.missed_deadlines.1.to_string()]);
    cells.extend([known(side.steal_ns), side.throttled_runs.to_string()]);
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_need_it_are_quoted() {
        let cells = ["a".to_owned(), "b,c".to_owned(), "say \"x\"".to_owned()];
        assert_eq!(line(&cells), "a,\"b,c\",\"say \"\"x\"\"\"\r\n");
    }
}
