//! The figure: how far the arm moved, by scheduler, over what the model says.

use labplot::{Axis, Color, Figure, Series, cdf};

use super::report::Report;

/// Distribution functions of the seek distances; the model's are dashed.
pub fn figure(report: &Report) -> Figure {
    let longest = report
        .schedulers
        .iter()
        .flat_map(|row| &row.measured.travel.strokes)
        .fold(0.1, |longest: f64, stroke| longest.max(*stroke));
    let mut figure = Figure::new(format!("Seek distances by I/O scheduler: {}", report.disk))
        .subtitle(format!(
            "{} random reads of 4 KiB, {} under way, Linux {}",
            report.requests, report.depth, report.kernel
        ))
        .x(Axis::new("Seek distance", "fraction of the stroke").range(0.0, longest))
        .y(Axis::new("Requests with at most that", "share").range(0.0, 1.0));
    for (n, row) in report.schedulers.iter().enumerate() {
        let travel = &row.measured.travel;
        let name = format!(
            "{}: mean {:.3}, {:.2} ms",
            row.measured.scheduler.name(),
            travel.stroke,
            travel.service_ms
        );
        let line = Series::steps(name, cdf(&travel.strokes)).color(Color::nth(n));
        // What does not sort lies on one line: the later ones are thinner, so that all are seen.
        figure = figure.with(line.thick((6.0 - 1.2 * n as f64).max(1.0)));
    }
    let compared =
        |policy| report.schedulers.iter().any(|row| row.measured.scheduler.policy() == policy);
    for (n, one) in report.policies.iter().filter(|one| compared(one.policy)).enumerate() {
        let name = format!(
            "model, {}: mean {:.3}, {:.2} ms",
            one.policy.name(),
            one.travel.stroke,
            one.travel.service_ms
        );
        let color = if n == 0 { Color::INK } else { Color::nth(6) };
        figure = figure.with(Series::dashes(name, cdf(&one.travel.strokes)).color(color));
    }
    figure.note(
        "ms: mean modelled time of a request. The model's lines are replays of the same requests.",
    )
}
