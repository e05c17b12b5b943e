//! Laying out the page: title, legend, plot area with axes and grid, notes. The legend has its own
//! rows above the plot, so it hides no data.

use crate::figure::{Axis, Color, Figure, Scale};
use crate::marks::{self, Missing, Plane};
use crate::scale::{Mapped, Tick};
use crate::svg::{Anchor, Svg};
use crate::text;

const TITLE: f64 = 19.0;
const BODY: f64 = 13.0;
const SMALL: f64 = 12.0;
const MARGIN: f64 = 20.0;
const LINE: f64 = 17.0;
const GRID: &str = "stroke=\"#e4e4e4\" stroke-width=\"1\"";
const MINOR_GRID: &str = "stroke=\"#f2f2f2\" stroke-width=\"1\"";
const FRAME: &str = "stroke=\"#555555\" stroke-width=\"1\"";

/// The whole figure as SVG.
pub(crate) fn page(figure: &Figure) -> String {
    let width = f64::from(figure.width.clamp(320, 8192));
    let height = f64::from(figure.height.clamp(240, 8192));
    let mut svg = Svg::new(width, height, text::FAMILIES, &figure.title);
    svg.rect((0.0, 0.0), (width, height), "fill=\"#ffffff\"");

    let legend = legend_rows(figure, width - 2.0 * MARGIN);
    let (x, y) = ranges(figure);
    // Marks are drawn first, into a document of their own, because what they leave out becomes a note
    // and the notes decide how much height is left for the plot: so count, then draw.
    let mut notes = figure.notes.clone();
    let lost =
        draw_series(&mut Svg::new(1.0, 1.0, "", ""), figure, &Plane { x: x.clone(), y: y.clone() });
    notes.extend(excuses(lost));
    let notes: Vec<String> =
        notes.iter().flat_map(|n| text::wrap(n, SMALL, width - 2.0 * MARGIN)).collect();

    let mut top = MARGIN;
    if !figure.title.is_empty() {
        top += TITLE;
        let title = text::shorten(&figure.title, TITLE, width - 2.0 * MARGIN);
        svg.text((MARGIN, top - 3.0), TITLE, Color::INK, Anchor::Start, &title);
        top += 4.0;
    }
    for line in text::wrap(&figure.subtitle, BODY, width - 2.0 * MARGIN) {
        top += LINE;
        svg.text((MARGIN, top - 4.0), BODY, Color::GREY, Anchor::Start, &line);
    }
    top += 4.0;
    for row in &legend {
        top += LINE + 3.0;
        draw_legend_row(&mut svg, figure, row, top - 6.0);
    }
    top += 12.0;

    let note_height = if notes.is_empty() { 0.0 } else { notes.len() as f64 * LINE + 6.0 };
    let x_caption = if figure.x.caption().is_empty() { 0.0 } else { LINE + 4.0 };
    let bottom = (height - MARGIN * 0.7 - note_height - x_caption - LINE - 4.0).max(top + 40.0);
    let y = y.over(bottom, top);
    let y_ticks = y.ticks(46.0);
    let left = MARGIN
        + if figure.y.caption().is_empty() { 0.0 } else { LINE + 4.0 }
        + 8.0
        + y_ticks.iter().map(|t| text::width(&t.label, SMALL)).fold(0.0, f64::max);
    let right = width - MARGIN - 10.0;
    let x = x.over(left, right);
    let x_ticks = x.ticks(90.0);
    let plane = Plane { x, y };

    draw_grid(&mut svg, &plane, (&x_ticks, &y_ticks), (left, top), (right, bottom));
    svg.raw(&format!(
        "<clipPath id=\"area\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/></clipPath>",
        left - 5.0,
        top - 5.0,
        right - left + 10.0,
        bottom - top + 10.0
    ));
    svg.raw("<g clip-path=\"url(#area)\">");
    draw_series(&mut svg, figure, &plane);
    svg.raw("</g>");
    if figure.series.iter().all(|s| is_empty(&s.shape)) {
        let middle = ((left + right) / 2.0, (top + bottom) / 2.0);
        svg.text(middle, TITLE, Color::GREY, Anchor::Middle, "no data");
    }

    let middle = ((left + right) / 2.0, bottom + LINE + 4.0 + LINE);
    svg.text(middle, BODY, Color::INK, Anchor::Middle, &figure.x.caption());
    let middle = (MARGIN + BODY - 2.0, (top + bottom) / 2.0);
    svg.turned_text(middle, BODY, Color::INK, Anchor::Middle, &figure.y.caption(), -90.0);
    for (i, line) in notes.iter().rev().enumerate() {
        let base = height - MARGIN * 0.7 - i as f64 * LINE;
        svg.text((MARGIN, base), SMALL, Color::GREY, Anchor::Start, line);
    }
    svg.finish()
}

fn is_empty(shape: &crate::Shape) -> bool {
    let mut any = false;
    marks::extent(shape, &mut |x, y| any |= x.is_finite() && y.is_finite());
    !any
}

/// Both axes with their ranges decided, not yet laid over pixels.
fn ranges(figure: &Figure) -> (Mapped, Mapped) {
    let (mut x, mut y) = (None, None);
    for series in &figure.series {
        marks::extent(&series.shape, &mut |a, b| {
            stretch(&mut x, &figure.x, a);
            stretch(&mut y, &figure.y, b);
        });
    }
    (Mapped::new(&figure.x, x), Mapped::new(&figure.y, y))
}

fn stretch(range: &mut Option<(f64, f64)>, axis: &Axis, v: f64) {
    if v.is_finite() && (axis.scale == Scale::Linear || v > 0.0) {
        let (low, high) = range.unwrap_or((v, v));
        *range = Some((low.min(v), high.max(v)));
    }
}

fn color_of(figure: &Figure, index: usize) -> Color {
    // Series with a colour of their own do not use one up.
    let nth = figure.series[..index].iter().filter(|s| s.color.is_none()).count();
    figure.series[index].color.unwrap_or(Color::nth(nth))
}

fn draw_series(svg: &mut Svg, figure: &Figure, plane: &Plane) -> Missing {
    let mut lost = Missing::default();
    for (i, series) in figure.series.iter().enumerate() {
        let missing = marks::draw(svg, plane, series, color_of(figure, i));
        lost.beyond += missing.beyond;
        lost.nowhere += missing.nowhere;
    }
    lost
}

/// One line for each way in which values are not where a reader would look for them.
fn excuses(lost: Missing) -> Vec<String> {
    let mut lines = Vec::new();
    match lost.beyond {
        0 => {}
        1 => lines.push("1 value lies outside the axes (diamond at the edge).".to_owned()),
        n => lines.push(format!("{n} values lie outside the axes (diamonds at the edge).")),
    }
    match lost.nowhere {
        0 => {}
        1 => lines.push("1 value cannot be shown on these axes.".to_owned()),
        n => lines.push(format!("{n} values cannot be shown on these axes.")),
    }
    lines
}

/// Which series go in which row of the legend, with the x of each.
fn legend_rows(figure: &Figure, room: f64) -> Vec<Vec<(usize, f64)>> {
    let mut rows: Vec<Vec<(usize, f64)>> = Vec::new();
    let mut x = 0.0;
    for (i, series) in figure.series.iter().enumerate().filter(|(_, s)| !s.name.is_empty()) {
        let width = 26.0 + 6.0 + text::width(&series.name, SMALL) + 20.0;
        match rows.last_mut() {
            Some(row) if x + width <= room => row.push((i, x)),
            _ => {
                x = 0.0;
                rows.push(vec![(i, x)]);
            }
        }
        x += width;
    }
    rows
}

fn draw_legend_row(svg: &mut Svg, figure: &Figure, row: &[(usize, f64)], base: f64) {
    let room = f64::from(figure.width.clamp(320, 8192)) - 2.0 * MARGIN - 32.0;
    for &(i, dx) in row {
        let (series, x) = (&figure.series[i], MARGIN + dx);
        marks::legend_key(svg, (x, base - 4.0), series, color_of(figure, i));
        let name = text::shorten(&series.name, SMALL, room);
        svg.text((x + 32.0, base), SMALL, Color::INK, Anchor::Start, &name);
    }
}

fn draw_grid(
    svg: &mut Svg,
    plane: &Plane,
    (x_ticks, y_ticks): (&[Tick], &[Tick]),
    (left, top): (f64, f64),
    (right, bottom): (f64, f64),
) {
    // Half pixels put one-pixel lines on one row of pixels.
    let crisp = |v: f64| v.round() + 0.5;
    svg.raw("<g shape-rendering=\"crispEdges\">");
    for minor in [true, false] {
        let style = if minor { MINOR_GRID } else { GRID };
        for tick in x_ticks.iter().filter(|t| t.label.is_empty() == minor) {
            let x = crisp(plane.x.px(tick.value));
            svg.line((x, top), (x, bottom), style);
        }
        for tick in y_ticks.iter().filter(|t| t.label.is_empty() == minor) {
            let y = crisp(plane.y.px(tick.value));
            svg.line((left, y), (right, y), style);
        }
    }
    svg.line((left, crisp(bottom)), (right, crisp(bottom)), FRAME);
    svg.line((crisp(left), top), (crisp(left), bottom), FRAME);
    for tick in x_ticks.iter().filter(|t| !t.label.is_empty()) {
        let x = crisp(plane.x.px(tick.value));
        svg.line((x, bottom), (x, bottom + 5.0), FRAME);
    }
    for tick in y_ticks.iter().filter(|t| !t.label.is_empty()) {
        let y = crisp(plane.y.px(tick.value));
        svg.line((left - 5.0, y), (left, y), FRAME);
    }
    svg.raw("</g>");
    for tick in x_ticks {
        let at = (plane.x.px(tick.value), bottom + LINE + 2.0);
        svg.text(at, SMALL, Color::INK, Anchor::Middle, &tick.label);
    }
    for tick in y_ticks {
        let at = (left - 8.0, plane.y.px(tick.value) + SMALL * 0.35);
        svg.text(at, SMALL, Color::INK, Anchor::End, &tick.label);
    }
}
