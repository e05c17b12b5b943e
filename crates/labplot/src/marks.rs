//! Drawing one series, and its sample in the legend.

use std::collections::BTreeMap;

use crate::figure::{Color, Quantiles, Series, Shape};
use crate::scale::{Mapped, Place};
use crate::svg::{Svg, hex};

/// Values that are not where their axes say, to be told below the plot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Missing {
    /// Drawn at the edge: outside the range.
    pub(crate) beyond: usize,
    /// Not drawn: not finite, or not positive on a logarithmic axis.
    pub(crate) nowhere: usize,
}

/// Both axes, laid over the page.
pub(crate) struct Plane {
    pub(crate) x: Mapped,
    pub(crate) y: Mapped,
}

/// Radius and opacity of `n` dots in one plot: fewer dots may be larger and denser.
fn dot_style(n: usize) -> (f64, f64) {
    match n {
        0..=60 => (3.5, 0.85),
        61..=400 => (2.6, 0.6),
        401..=2000 => (1.9, 0.45),
        2001..=10_000 => (1.5, 0.3),
        _ => (1.2, 0.2),
    }
}

/// How many dots may lie on one spot before more of them change nothing visible.
const DOTS_PER_SPOT: u32 = 24;

/// Draws `series` in `color`; the caller has set the clip to the plot area.
pub(crate) fn draw(svg: &mut Svg, plane: &Plane, series: &Series, color: Color) -> Missing {
    match &series.shape {
        Shape::Points(points) => dots(svg, plane, points, color),
        Shape::Line { points, dashed, steps, width } => {
            let (stretches, missing) = stretches(plane, points, *steps);
            svg.path(&stretches, false, &stroke(color, *dashed, *width));
            missing
        }
        Shape::Band(points) => band(svg, plane, points, color),
        Shape::Boxes(boxes) => boxes_and_whiskers(svg, plane, boxes, color),
        Shape::Bars(bars) => bars_from_base(svg, plane, bars, color),
    }
}

fn stroke(color: Color, dashed: bool, width: f64) -> String {
    let width = if width.is_finite() { width.clamp(0.1, 100.0) } else { 2.0 };
    let dashes = if dashed { " stroke-dasharray=\"8 5\"" } else { "" };
    format!(
        "fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"{dashes}",
        hex(color)
    )
}

fn dots(svg: &mut Svg, plane: &Plane, points: &[(f64, f64)], color: Color) -> Missing {
    let mut missing = Missing::default();
    let (radius, opacity) = dot_style(points.len());
    let mut crowd: BTreeMap<(i64, i64), u32> = BTreeMap::new();
    let mut edge = Vec::new();
    svg.raw(&format!("<g fill=\"{}\" fill-opacity=\"{opacity}\">", hex(color)));
    for &(x, y) in points {
        match (plane.x.place(x), plane.y.place(y)) {
            (Place::Nowhere, _) | (_, Place::Nowhere) => missing.nowhere += 1,
            (Place::Inside(x), Place::Inside(y)) => {
                let spot = crowd.entry(((x * 4.0) as i64, (y * 4.0) as i64)).or_default();
                *spot += 1;
                if *spot <= DOTS_PER_SPOT {
                    svg.dot((x, y), radius);
                }
            }
            (Place::Inside(x) | Place::Beyond(x), Place::Inside(y) | Place::Beyond(y)) => {
                missing.beyond += 1;
                edge.push((x, y));
            }
        }
    }
    svg.raw("</g>");
    // Hollow diamonds on the edge say "further out" without pretending to a position.
    for (x, y) in edge {
        let corners = vec![(x, y - 4.5), (x + 4.5, y), (x, y + 4.5), (x - 4.5, y)];
        let style = format!("fill=\"none\" stroke=\"{}\" stroke-width=\"1.2\"", hex(color));
        svg.path(&[corners], true, &style);
    }
    missing
}

/// Corners in pixels, broken where a value has no place.
fn stretches(plane: &Plane, points: &[(f64, f64)], steps: bool) -> (Vec<Vec<(f64, f64)>>, Missing) {
    let mut missing = Missing::default();
    let mut all = vec![Vec::<(f64, f64)>::new()];
    for &(x, y) in points {
        let (px, py) = (plane.x.px(x), plane.y.px(y));
        let Some(open) = all.last_mut() else { break };
        if !(px.is_finite() && py.is_finite()) {
            missing.nowhere += 1;
            if !open.is_empty() {
                all.push(Vec::new());
            }
            continue;
        }
        // Far outside the page is as good as any point there, and keeps the numbers drawable.
        let corner = (px.clamp(-1e5, 1e5), py.clamp(-1e5, 1e5));
        if let (true, Some(&(_, before))) = (steps, open.last()) {
            open.push((corner.0, before));
        }
        open.push(corner);
    }
    (all, missing)
}

fn band(svg: &mut Svg, plane: &Plane, points: &[(f64, f64, f64)], color: Color) -> Missing {
    let mut missing = Missing::default();
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for &(x, a, b) in points {
        let (x, a, b) = (plane.x.px(x), plane.y.px(a), plane.y.px(b));
        if x.is_finite() && a.is_finite() && b.is_finite() {
            low.push((x.clamp(-1e5, 1e5), a.clamp(-1e5, 1e5)));
            high.push((x.clamp(-1e5, 1e5), b.clamp(-1e5, 1e5)));
        } else {
            missing.nowhere += 1;
        }
    }
    low.extend(high.into_iter().rev());
    let style = format!("fill=\"{}\" fill-opacity=\"0.2\" stroke=\"none\"", hex(color));
    svg.path(&[low], true, &style);
    missing
}

fn boxes_and_whiskers(svg: &mut Svg, plane: &Plane, boxes: &[Quantiles], color: Color) -> Missing {
    let mut missing = Missing::default();
    let ink = hex(color);
    let half = half_box(plane, boxes);
    for q in boxes {
        let x = plane.x.px(q.x);
        let ys = [q.low, q.quarter, q.middle, q.three_quarters, q.high].map(|v| plane.y.px(v));
        if !x.is_finite() || ys.iter().any(|y| !y.is_finite()) {
            missing.nowhere += 1;
            continue;
        }
        if q.middle < plane.y.low
            || q.middle > plane.y.high
            || q.x < plane.x.low
            || q.x > plane.x.high
        {
            missing.beyond += 1;
        }
        let [low, quarter, middle, upper, high] = ys.map(|y| y.clamp(-1e5, 1e5));
        svg.line((x, low), (x, high), &format!("stroke=\"{ink}\" stroke-width=\"1\""));
        let style = format!("fill=\"#ffffff\" fill-opacity=\"0.7\" stroke=\"{ink}\"");
        svg.rect((x - half, upper), (2.0 * half, quarter - upper), &style);
        svg.line(
            (x - half, middle),
            (x + half, middle),
            &format!("stroke=\"{ink}\" stroke-width=\"2\""),
        );
    }
    missing
}

/// Half the width of a box: what the nearest neighbours leave, between slim and readable.
fn half_box(plane: &Plane, boxes: &[Quantiles]) -> f64 {
    let mut places: Vec<f64> =
        boxes.iter().map(|q| plane.x.px(q.x)).filter(|x| x.is_finite()).collect();
    places.sort_by(f64::total_cmp);
    let gaps = places.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 0.0);
    (0.2 * gaps.fold(f64::INFINITY, f64::min)).clamp(4.0, 20.0)
}

fn bars_from_base(svg: &mut Svg, plane: &Plane, bars: &[(f64, f64, f64)], color: Color) -> Missing {
    let mut missing = Missing::default();
    let base = plane.y.base_px();
    svg.raw(&format!("<g fill=\"{}\" fill-opacity=\"0.55\">", hex(color)));
    for &(from, to, y) in bars {
        let (from, to, top) = (plane.x.px(from), plane.x.px(to), plane.y.px(y));
        if !from.is_finite() || !to.is_finite() {
            missing.nowhere += 1;
        } else if top.is_finite() {
            let (top, x) = (top.clamp(-1e5, 1e5), from.min(to));
            // Half a pixel of air keeps neighbours apart.
            let width = ((to - from).abs() - 0.5).max(0.5);
            svg.rect((x + 0.25, top.min(base)), (width, (base - top).abs()), "");
        } else if y != 0.0 {
            missing.nowhere += 1; // an empty bin on a logarithmic axis is no loss
        }
    }
    svg.raw("</g>");
    missing
}

/// A sample of the series, 26 pixels wide, centred on height `y`.
pub(crate) fn legend_key(svg: &mut Svg, (x, y): (f64, f64), series: &Series, color: Color) {
    let ink = hex(color);
    match &series.shape {
        Shape::Points(_) => {
            svg.raw(&format!("<g fill=\"{ink}\" fill-opacity=\"0.75\">"));
            for (dx, dy) in [(6.0, 2.0), (13.0, -2.5), (20.0, 1.0)] {
                svg.dot((x + dx, y + dy), 2.4);
            }
            svg.raw("</g>");
        }
        Shape::Line { dashed, width, .. } => {
            svg.line((x + 1.0, y), (x + 25.0, y), &stroke(color, *dashed, width.min(10.0)));
        }
        Shape::Band(_) => {
            let style = format!("fill=\"{ink}\" fill-opacity=\"0.2\"");
            svg.rect((x + 3.0, y - 5.0), (20.0, 10.0), &style);
        }
        Shape::Boxes(_) => {
            svg.line((x + 13.0, y - 7.0), (x + 13.0, y + 7.0), &format!("stroke=\"{ink}\""));
            let style = format!("fill=\"#ffffff\" stroke=\"{ink}\"");
            svg.rect((x + 9.0, y - 4.0), (8.0, 8.0), &style);
            svg.line((x + 9.0, y), (x + 17.0, y), &format!("stroke=\"{ink}\" stroke-width=\"2\""));
        }
        Shape::Bars(_) => {
            let style = format!("fill=\"{ink}\" fill-opacity=\"0.55\"");
            svg.rect((x + 5.0, y - 2.0), (5.0, 7.0), &style);
            svg.rect((x + 11.0, y - 6.0), (5.0, 11.0), &style);
            svg.rect((x + 17.0, y), (5.0, 5.0), &style);
        }
    }
}

/// Smallest and largest finite x and y of a series; only positive ones count on a logarithmic axis.
pub(crate) fn extent(shape: &Shape, each: &mut dyn FnMut(f64, f64)) {
    match shape {
        Shape::Points(points) | Shape::Line { points, .. } => {
            points.iter().for_each(|&(x, y)| each(x, y));
        }
        Shape::Band(points) => points.iter().for_each(|&(x, low, high)| {
            each(x, low);
            each(x, high);
        }),
        Shape::Boxes(boxes) => boxes.iter().for_each(|q| {
            each(q.x, q.low);
            each(q.x, q.high);
        }),
        Shape::Bars(bars) => bars.iter().for_each(|&(from, to, y)| {
            each(from, 0.0);
            each(to, y);
        }),
    }
}
