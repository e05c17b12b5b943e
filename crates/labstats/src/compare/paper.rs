//! Results beside the report's Table 1: the cost of a switch, as printed and as it can have been.

use serde::Serialize;

use crate::describe::{Description, Sorted};
use crate::interval::{self, Interval};
use crate::results::{Results, experiment, metric};

use super::Statistic;
use super::table::{Align, columns, number};

/// Table 1 of the report. Its values are minima of single runs, 150 of them in each row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PaperRow {
    /// The report's name of the row.
    pub row: &'static str,
    /// Ours.
    pub scenario: &'static str,
    /// Mean, ns as printed; so are all that follow.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Half of the mean's 95 % interval.
    pub half_interval: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

/// Runs in each row of Table 1.
pub(super) const RUNS: usize = 150;

/// Table 1.
pub const TABLE_1: [PaperRow; 2] = [
    PaperRow {
        row: "two idle guests",
        scenario: experiment::IDLE_IDLE,
        mean: 486.722311,
        median: 297.28,
        sd: 504.544715,
        half_interval: 81.4036292,
        min: 162.44,
        max: 3280.68,
    },
    PaperRow {
        row: "one busy guest one idle guest",
        scenario: experiment::BUSY_IDLE,
        mean: 178.168311,
        median: 155.88,
        sd: 51.6561076,
        half_interval: 8.2235327,
        min: 102.64,
        max: 400.72,
    },
];

/// Cycles that the report counts to a nanosecond.
const CLAIMED_CYCLES_PER_NS: f64 = 75.0;

/// Cycles of a nanosecond on its CPU, a Core i7-2620M of 2.7 GHz.
const CYCLES_PER_NS: f64 = 2.7;

/// What the printed ns were, if the cycles behind them were counted right.
pub const CORRECTION: f64 = CLAIMED_CYCLES_PER_NS / CYCLES_PER_NS;

/// What must be known before a number is held against the report's.
pub const CAVEATS: [&str; 5] = [
    "The report divides by 75 cycles/ns, which no CPU has; at its CPU's 2.7 GHz every value of its table is \
     27.8 times as long. \"as cycles\" is the table put right that way.",
    "Its delta runs from one switch-in to the next guest's, so it holds the slice of the guest before; only \
     minima come near a switch, and its table is one of minima, one per run. So are the rows here.",
    "Its timer callback takes a mutex in timer context, where code must not sleep.",
    "lguest switches a 32-bit guest in the host kernel; other backends leave through a virtual machine's \
     exit, or stop a process. See the backend before the number.",
    "No verdict: another machine, another hypervisor, another time.",
];

/// One row of results beside the report's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The report's.
    pub paper: PaperRow,
    /// What ran the guests here.
    pub backend: String,
    /// The minima of the runs.
    pub minima: Description,
    /// 95 % interval of their mean, as the report has it.
    pub mean_interval: Option<Interval>,
    /// 95 % interval of their median.
    pub median_interval: Option<Interval>,
}

/// The results that Table 1 has a row for; empty when there are none.
pub fn paper(results: &Results) -> Vec<Measured> {
    let mut rows = Vec::new();
    for row in TABLE_1 {
        let same = |e: &&crate::results::Experiment| {
            e.name == experiment::EXP1 && e.scenario == row.scenario
        };
        for one in results.experiments.iter().filter(same) {
            let switch =
                |s: &&crate::results::Series| s.metric == metric::SWITCH_GUEST_TO_GUEST.name;
            let minima: Vec<f64> =
                one.series.iter().filter(switch).flat_map(|s| Statistic::Min.of_runs(s)).collect();
            let sorted = Sorted::new(minima);
            if let Some(minima) = Description::of(&sorted) {
                rows.push(Measured {
                    paper: row,
                    backend: one.backend.clone(),
                    minima,
                    mean_interval: interval::of_mean(sorted.values(), 0.95),
                    median_interval: interval::of_quantile(&sorted, 0.5, 0.95),
                });
            }
        }
    }
    rows
}

/// The rows as text, with the caveats below.
pub fn paper_table(rows: &[Measured]) -> String {
    let head = ["switch [ns], minima of runs", "runs", "mean", "+-", "median", "sd", "min", "max"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    for (n, measured) in rows.iter().enumerate() {
        let p = &measured.paper;
        if n == 0 || rows[n - 1].paper != *p {
            for (name, factor) in [("report, as printed", 1.0), ("report, as cycles", CORRECTION)] {
                let values = [p.mean, p.half_interval, p.median, p.sd, p.min, p.max];
                let mut line = vec![format!("{}: {name}", p.scenario), RUNS.to_string()];
                line.extend(values.map(|v| number(v * factor)));
                lines.push(line);
            }
        }
        let m = &measured.minima;
        let half = measured.mean_interval.map(|i| (i.high - i.low) / 2.0);
        let known = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), number);
        lines.push(vec![
            format!("{}: {}", p.scenario, measured.backend),
            m.n.to_string(),
            number(m.mean),
            known(half),
            number(m.median),
            known(m.sd),
            number(m.min),
            number(m.max),
        ]);
    }
    let mut text = columns(&lines, &[Align::Left]);
    text.push('\n');
    for caveat in CAVEATS {
        text.push_str("- ");
        text.push_str(caveat);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::special::t_critical;

    #[test]
    fn the_reports_intervals_are_those_of_its_150_runs() {
        for row in TABLE_1 {
            let half = t_critical(0.05, (RUNS - 1) as f64) * row.sd / (RUNS as f64).sqrt();
            // The report's values carry a handful of digits.
            assert!((half / row.half_interval - 1.0).abs() < 0.02, "{half} in {}", row.row);
        }
    }
}
