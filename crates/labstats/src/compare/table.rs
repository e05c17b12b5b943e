//! A comparison as text for a terminal.

use super::{Comparison, Pair};
use crate::interval::Interval;
use crate::verdict::Verdict;

/// On which side of its column a text stands. Columns beyond those named stand on the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Lines of cells, padded to columns.
pub(crate) fn columns(lines: &[Vec<String>], align: &[Align]) -> String {
    let count = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |n: usize| {
        lines.iter().filter_map(|l| l.get(n)).map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (n, cell) in line.iter().enumerate() {
            let pad = " ".repeat(widths[n].saturating_sub(cell.chars().count()));
            match align.get(n) {
                Some(Align::Left) => row.extend([cell.as_str(), &pad]),
                _ => row.extend([pad.as_str(), cell]),
            }
            row.push_str("  ");
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// A number with as many digits as a reader compares: four or five that count.
pub fn number(v: f64) -> String {
    match v.abs() {
        0.0 => "0".to_owned(),
        a if !(1e-3..1e7).contains(&a) => format!("{v:.3e}"),
        a if a >= 1000.0 => format!("{v:.0}"),
        a if a >= 100.0 => format!("{v:.1}"),
        a if a >= 10.0 => format!("{v:.2}"),
        a if a >= 1.0 => format!("{v:.3}"),
        _ => format!("{v:.4}"),
    }
}

fn percent(share: f64) -> String {
    format!("{:+.2} %", 100.0 * share)
}

/// A share in percent without digits that say nothing: 95, 99.9.
pub fn percentage(share: f64) -> String {
    ((share * 1e6).round() / 1e4).to_string()
}

fn p_value(p: f64) -> String {
    if p < 1e-4 { "<0.0001".to_owned() } else { format!("{p:.4}") }
}

/// The comparison for a terminal: a table for each experiment, warnings, what was not compared, and what
/// it comes to in one line.
pub fn table(comparison: &Comparison) -> String {
    let Comparison { old, new, options, .. } = comparison;
    let mut text =
        format!("old  {} ({})\nnew  {} ({})\n", old.file, old.started, new.file, new.started);
    for warning in &comparison.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    for group in
        comparison.pairs.chunk_by(|a, b| a.key.experiment_line() == b.key.experiment_line())
    {
        let Some(first) = group.first() else { continue };
        text.push_str(&format!("\n{}\n", first.key.experiment_line()));
        text.push_str(&group_table(comparison, group));
    }
    if !comparison.refused.is_empty() {
        text.push_str("\nnot compared\n");
        for refusal in &comparison.refused {
            text.push_str(&format!("  {}: {}\n", refusal.what, refusal.why));
        }
    }
    text.push_str(&format!(
        "\nShift of the runs' {} with its {} % interval (Hodges-Lehmann), p of Mann-Whitney over runs, \
         Holm-corrected over {} pairs; \"same\" within {} %.\n{}\n",
        options.statistic.name(),
        percentage(1.0 - options.alpha),
        comparison.pairs.len(),
        percentage(options.margin),
        summary(comparison),
    ));
    text
}

fn group_table(comparison: &Comparison, group: &[Pair]) -> String {
    let head = ["", "unit", "runs", "old", "new", "shift", "interval", "p", "delta", "verdict"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    for pair in group {
        let base = |shift: f64| match pair.relative {
            // The same scale for estimate and interval.
            Some(relative) if pair.shift != 0.0 => percent(shift * relative / pair.shift),
            _ if pair.margin > 0.0 => percent(shift * comparison.options.margin / pair.margin),
            _ => number(shift),
        };
        let interval = |i: Option<Interval>| match i {
            Some(i) => format!("[{}, {}]", base(i.low), base(i.high)),
            None => "-".to_owned(),
        };
        lines.push(vec![
            pair.key.series_line(),
            pair.key.unit.clone(),
            format!("{}/{}", pair.old.runs, pair.new.runs),
            number(center(&pair.old.per_run)),
            number(center(&pair.new.per_run)),
            base(pair.shift),
            interval(pair.shift_interval),
            pair.p.map_or_else(|| "-".to_owned(), |_| p_value(pair.p_holm)),
            format!("{:+.2}", pair.delta),
            pair.verdict.name().to_owned(),
            pair.note.clone(),
        ]);
    }
    let mut align = [Align::Right; 11];
    for n in [0, 1, 9, 10] {
        align[n] = Align::Left;
    }
    columns(&lines, &align)
}

/// Median of the runs.
fn center(per_run: &[f64]) -> f64 {
    crate::describe::Sorted::new(per_run.to_vec()).quantile(0.5).unwrap_or(f64::NAN)
}

/// `2 slower, 5 same, 1 undecided`.
pub fn summary(comparison: &Comparison) -> String {
    let order = [
        Verdict::Slower,
        Verdict::Faster,
        Verdict::Higher,
        Verdict::Lower,
        Verdict::Same,
        Verdict::Undecided,
    ];
    let count = |v: Verdict| comparison.pairs.iter().filter(|p| p.verdict == v).count();
    let parts: Vec<String> = order
        .iter()
        .map(|&v| (count(v), v.name()))
        .filter(|(n, _)| *n > 0)
        .map(|(n, name)| format!("{n} {name}"))
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_the_digits_that_count() {
        for (v, text) in [
            (0.0, "0"),
            (74120.4, "74120"),
            (-123.456, "-123.5"),
            (9.87654, "9.877"),
            (0.0123, "0.0123"),
            (0.0, "0"),
            (1.5e9, "1.500e9"),
            (2e-7, "2.000e-7"),
        ] {
            assert_eq!(number(v), text);
        }
    }

    #[test]
    fn percentages_are_short() {
        assert_eq!((percentage(1.0 - 0.05), percentage(0.001)), ("95".into(), "0.1".into()));
    }

    #[test]
    fn columns_line_up() {
        let lines = [vec!["a".into(), "1".into()], vec!["long".into(), "22".into()]];
        assert_eq!(columns(&lines, &[Align::Left]), "a      1\nlong  22\n");
    }
}
