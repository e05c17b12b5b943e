//! The pane of the selected device: its figures on the left, k over its life on the right.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, Paragraph};

use super::board::Entry;
use super::column::clip;
use super::draw::{BAD, DOUBTFUL, FAINT, STRONG};
use super::rates::Rates;
use super::text::INVALID;
use crate::report::{Distribution, Epoch, StatsReport};

/// The figures take that many characters; what is left is the curve's.
const FIGURES: u16 = 54;
/// Narrower than this a curve shows nothing.
const CURVE_MIN: u16 = 20;

/// Draws the device into `area`.
pub(super) fn draw(frame: &mut Frame, id: u32, entry: &Entry, area: Rect) {
    let heading = match &entry.report {
        Some(r) => {
            format!(" {id}: {}, {}, up {:.0} s ", clip(&r.disk, 40), r.front, r.uptime_seconds)
        }
        None => format!(" {id} "),
    };
    let block = Block::bordered().title(Span::styled(heading, STRONG));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let curve = inner.width.saturating_sub(FIGURES);
    let curve = if curve < CURVE_MIN { 0 } else { curve };
    let [left, right] =
        Layout::horizontal([Constraint::Min(0), Constraint::Length(curve)]).areas(inner);
    frame.render_widget(Paragraph::new(figures(entry, usize::from(left.width))), left);
    if let Some(report) = &entry.report {
        draw_curve(frame, report, &entry.epochs, right);
    }
}

/// What matters most comes first: the lower lines may be cut off.
fn figures(entry: &Entry, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(message) = &entry.message {
        lines.extend(wrapped(message, width).into_iter().map(|l| Line::styled(l, DOUBTFUL)));
    }
    let Some(r) = &entry.report else {
        lines.push(Line::from("not heard of yet"));
        return lines;
    };
    let s = &r.scale;
    if s.requests > 0 && !s.valid {
        lines.extend(wrapped(INVALID, width).into_iter().map(|l| Line::styled(l, BAD)));
    }
    let locked = if s.locked { ", locked" } else { "" };
    lines.push(Line::from(vec![
        Span::styled("k            ", FAINT),
        Span::styled(format!("{:.4}", s.k), STRONG),
        Span::raw(format!(" {}{locked}", s.mode)),
    ]));
    lines.push(labelled(
        "range",
        format!("{:.4} to {:.4}, mean {:.4}", s.k_min_seen, s.k_max_seen, s.k_mean),
    ));
    let now = entry.rates.unwrap_or_default();
    lines.push(labelled(
        "service",
        format!("{} ms, model {} ms now", ms(now.service_ms), ms(now.model_ms)),
    ));
    lines.push(labelled("response", response(&now, r.in_flight)));
    lines.push(labelled(
        "so far",
        format!("service {:.3} ms, model {:.3} ms", r.service_ms.mean, r.expected_ms.mean),
    ));
    lines.push(labelled(
        "within",
        format!("1 % {}, 2 % {}", share(r.within_1pct), share(r.within_2pct)),
    ));
    lines.push(labelled(
        "late",
        format!(
            "{} of {} by the store{}",
            s.late,
            s.requests,
            now.late_share.map_or(String::new(), |l| format!("; {} now", share(l)))
        ),
    ));
    lines.push(percentiles("timer late", r.timer_late_us, "us"));
    lines.push(percentiles("backing late", r.backing_late_us, "us"));
    lines.push(percentiles("backing time", r.backing_ms, "ms"));
    lines.extend(timekeeping(r, width));
    lines
}

fn response(now: &Rates, in_flight: u64) -> String {
    format!("{} ms, wait {} ms, {in_flight} in flight", ms(now.response_ms), ms(now.wait_ms))
}

fn timekeeping(r: &StatsReport, width: usize) -> Vec<Line<'static>> {
    let t = &r.timekeeping;
    let spin = if t.spin { "spins" } else { "only sleeps" };
    let errors: u64 = [r.read, r.write, r.flush, r.discard].iter().map(|c| c.errors).sum();
    let mut lines = vec![labelled(
        "kept by",
        format!("{}, {spin}, lead {:.0} us, {errors} errors", t.scheduler, t.lead_us),
    )];
    if let Some(note) = &t.note {
        lines.extend(wrapped(note, width).into_iter().map(|l| Line::styled(l, DOUBTFUL)));
    }
    lines
}

fn labelled(label: &str, text: String) -> Line<'static> {
    Line::from(vec![Span::styled(format!("{label:<12} "), FAINT), Span::raw(text)])
}

fn percentiles(label: &str, d: Distribution, unit: &str) -> Line<'static> {
    if d.count == 0 {
        return labelled(label, "-".into());
    }
    let (unit, per) = if unit == "us" && d.max >= 10_000.0 { ("ms", 1000.0) } else { (unit, 1.0) };
    let p = |v: f64| {
        let decimals = if v / per < 10.0 { 2 } else { 0 };
        format!("{:.decimals$}", v / per)
    };
    labelled(
        label,
        format!("p50 {} p99 {} p99.9 {} max {} {unit}", p(d.p50), p(d.p99), p(d.p999), p(d.max)),
    )
}

fn ms(value: Option<f64>) -> String {
    value.map_or("-".into(), |v| format!("{v:.3}"))
}

fn share(value: f64) -> String {
    format!("{:.2} %", value * 100.0)
}

/// `text` in lines of at most `width` characters, broken between words where possible.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in clip(text, usize::MAX).split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

fn draw_curve(frame: &mut Frame, report: &StatsReport, epochs: &[Epoch], area: Rect) {
    if area.width < CURVE_MIN || area.height < 4 {
        return;
    }
    let points = steps(epochs, report);
    let end = report.uptime_seconds.max(1e-3);
    let (low, high) = bounds(&points);
    let data = Dataset::default()
        .marker(Marker::Braille)
        .graph_type(GraphType::Line)
        .style(Style::new().fg(Color::Cyan))
        .data(&points);
    let begin = points.first().map_or(0.0, |p| p.0);
    let chart = Chart::new(vec![data])
        .x_axis(
            Axis::default()
                .bounds([begin, end])
                .labels([format!("{begin:.0} s"), format!("{end:.0} s")])
                .style(FAINT),
        )
        .y_axis(
            Axis::default()
                .title("k")
                .bounds([low, high])
                .labels([format!("{low:.3}"), format!("{high:.3}")])
                .style(FAINT),
        );
    frame.render_widget(chart, area);
}

/// k as a staircase up to now: seconds and k.
fn steps(epochs: &[Epoch], report: &StatsReport) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::with_capacity(epochs.len() * 2 + 2);
    for epoch in epochs {
        if let Some(&(_, before)) = points.last() {
            points.push((epoch.at_seconds, before));
        }
        points.push((epoch.at_seconds, epoch.k));
    }
    // The epochs may be older than the report: the scale in force is always known.
    if points.is_empty() {
        points.push((0.0, report.scale.k));
    }
    points.push((report.uptime_seconds, report.scale.k));
    points.retain(|(at, k)| at.is_finite() && k.is_finite());
    points
}

/// The range of the curve with a little air, and never empty.
fn bounds(points: &[(f64, f64)]) -> (f64, f64) {
    let low = points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return (0.0, 1.0);
    }
    let air = ((high - low) * 0.1).max(high.abs() * 0.01).max(1e-9);
    (low - air, high + air)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{epochs, report};
    use super::*;

    #[test]
    fn k_is_a_staircase_up_to_now() {
        let mut r = report(0, 9.0);
        r.scale.k = 2.0;
        let points = steps(&epochs(&[(0.0, 1.0), (4.0, 2.0)]), &r);
        assert_eq!(points, [(0.0, 1.0), (4.0, 1.0), (4.0, 2.0), (9.0, 2.0)]);
        assert_eq!(steps(&[], &r), [(0.0, 2.0), (9.0, 2.0)]);
        let (low, high) = bounds(&points);
        assert!(low < 1.0 && high > 2.0);
        assert_eq!(bounds(&[]), (0.0, 1.0));
        let (low, high) = bounds(&[(0.0, 0.0)]);
        assert!(low < high);
    }

    #[test]
    fn long_notes_are_broken_between_words() {
        assert_eq!(wrapped("no permission for it", 11), ["no", "permission", "for it"]);
        assert_eq!(wrapped("", 10), [""; 0]);
        assert_eq!(wrapped("abc def", 0), ["abc", "def"]);
    }
}
