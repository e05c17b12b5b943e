//! Triangles from three vertices.
//!
//! Which pixels are covered is exact for all coordinates there are. The colour of a pixel is that of the
//! plane through the three vertices at its centre, rounded to the nearest; slopes have 16 bits of
//! fraction, so it is off by at most one level in 65536 pixels. Triangles without area cover nothing.

use super::edge::{Edge, Far, GUARD, Near};
use super::paint::{Combined, Flat, Gradient, Paint, Smooth};
use super::span::{Job, Rgb, Spans, along};
use super::{Band, LogicOp, Rect, State};

/// Bits of fraction of a corner's coordinates, which are 28.4.
pub const VERTEX_FRACTION: u32 = 4;
/// One pixel in 28.4.
pub(super) const ONE: i64 = 1 << VERTEX_FRACTION;
/// From a pixel's corner to its centre.
pub(super) const HALF: i64 = ONE / 2;

/// A corner of a triangle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vertex {
    /// Column in 28.4: sixteenths of a pixel; 8 is the first column's centre.
    pub x: i32,
    /// Row in 28.4.
    pub y: i32,
    /// 0x__RRGGBB; the highest byte is ignored.
    pub color: u32,
}

/// Three corners, in any order and direction.
pub type Triangle = [Vertex; 3];

impl Band<'_> {
    /// Draws triangles, one after the other. With three equal colours one is flat.
    pub fn triangles(&mut self, state: &State, triangles: &[Triangle]) -> Rect {
        let clip = self.clip(state);
        if clip.is_empty() || state.op == LogicOp::Noop {
            return Rect::EMPTY;
        }
        state.isa.run(Draw { band: self, op: state.op, clip, triangles })
    }
}

struct Draw<'a, 'b> {
    band: &'a mut Band<'b>,
    op: LogicOp,
    clip: Rect,
    triangles: &'a [Triangle],
}

impl Job for Draw<'_, '_> {
    type Output = Rect;

    #[inline(always)]
    fn run<S: Spans>(self, spans: S) -> Rect {
        let Self { band, op, clip, triangles } = self;
        let mut damage = Rect::EMPTY;
        for triangle in triangles {
            let Some(seen) = Seen::new(triangle, &clip) else { continue };
            damage = damage.union(&seen.bounds);
            let color = seen.corners[0].color;
            if seen.corners[1].color == color && seen.corners[2].color == color {
                seen.fill(band, 0, Flat::new(spans, color, op));
                continue;
            }
            let (x, gradient) = seen.gradient();
            if op == LogicOp::Copy && gradient.is_gentle(seen.bounds.right - seen.bounds.left) {
                seen.fill(band, x, Smooth::new(spans, &gradient));
            } else {
                seen.combine(band, x, Combined::new(spans, &gradient, op));
            }
        }
        damage
    }
}

/// A triangle of which something may be inside the clip.
struct Seen {
    /// From top to bottom.
    corners: Triangle,
    /// Twice its area; above 0 when the middle corner is right of the long edge.
    area: i128,
    /// Whether every corner is within [`GUARD`].
    near: bool,
    /// Columns and rows that may be covered, inside the clip.
    bounds: Rect,
}

impl Seen {
    #[inline(always)]
    fn new(triangle: &Triangle, clip: &Rect) -> Option<Self> {
        let [mut a, mut b, mut c] = triangle.map(|v| Vertex { color: v.color & 0xff_ffff, ..v });
        if a.y > b.y {
            std::mem::swap(&mut a, &mut b);
        }
        if b.y > c.y {
            std::mem::swap(&mut b, &mut c);
        }
        if a.y > b.y {
            std::mem::swap(&mut a, &mut b);
        }
        let (left, right) = (a.x.min(b.x).min(c.x), a.x.max(b.x).max(c.x));
        let bounds = Rect::new(first(left), first(a.y), first(right), first(c.y)).intersect(clip);
        if bounds.is_empty() {
            return None;
        }
        let near = left > -GUARD && right < GUARD && a.y > -GUARD && c.y < GUARD;
        let area = if near { i128::from(area(&a, &b, &c)) } else { far_area(&a, &b, &c) };
        (area != 0).then_some(Self { corners: [a, b, c], area, near, bounds })
    }

    /// Fills it, with a paint that is for the first row and for the pixel in column `x`.
    #[inline(always)]
    fn fill(&self, band: &mut Band<'_>, x: i32, paint: impl Paint) {
        if self.near { self.walk::<Near>(band, x, paint) } else { self.walk_far(band, x, paint) }
    }

    #[cold]
    #[inline(never)]
    fn walk_far(&self, band: &mut Band<'_>, x: i32, paint: impl Paint) {
        self.walk::<Far>(band, x, paint);
    }

    /// The same where speed is lost already.
    #[cold]
    #[inline(never)]
    fn combine<S: Spans>(&self, band: &mut Band<'_>, x: i32, paint: Combined<S>) {
        self.fill(band, x, paint);
    }

    #[inline(always)]
    fn walk<E: Edge>(&self, band: &mut Band<'_>, x: i32, mut paint: impl Paint) {
        let [a, b, c] = &self.corners;
        let Rect { left, top, right, bottom } = self.bounds;
        let middle = first(b.y).clamp(top, bottom);
        let (left, right) = (i64::from(left), i64::from(right));
        let mut rows = band.walk(top, true);
        let mut long = E::new(a, c, top);
        for (y, end, p, q) in [(top, middle, a, b), (middle, bottom, b, c)] {
            if y == end {
                continue;
            }
            let short = E::new(p, q, y);
            let (mut from, mut to) = if self.area > 0 { (long, short) } else { (short, long) };
            for _ in y..end {
                let (first, beyond) = (from.x().max(left), to.x().min(right));
                if first < beyond {
                    paint.span(first as i32 - x, rows.span(first as usize..beyond as usize));
                }
                rows.next();
                paint.down(1);
                from.down();
                to.down();
            }
            long = if self.area > 0 { from } else { to };
        }
    }

    /// Its colours in the first row, and the column they belong to.
    #[inline(always)]
    fn gradient(&self) -> (i32, Gradient) {
        let plane =
            if self.near { Plane::near(&self.corners, self.area as i64) } else { self.far_plane() };
        let color = along(plane.color, plane.dy, self.bounds.top - plane.y);
        (plane.x, Gradient { color, dx: plane.dx, dy: plane.dy })
    }

    #[cold]
    #[inline(never)]
    fn far_plane(&self) -> Plane {
        Plane::far(&self.corners, self.area)
    }
}

/// The first pixel whose centre is not before a coordinate.
fn first(at: i32) -> i32 {
    // The same as (at + 7) >> 4, for every coordinate.
    (at >> 4) + i32::from(at & 15 > 8)
}

/// (b - a) x (c - a), in 28.4 squared.
#[inline(always)]
fn area(a: &Vertex, b: &Vertex, c: &Vertex) -> i64 {
    let ((x1, y1), (x2, y2)) = (from_to(a, b), from_to(a, c));
    x1 * y2 - x2 * y1
}

#[cold]
#[inline(never)]
fn far_area(a: &Vertex, b: &Vertex, c: &Vertex) -> i128 {
    let ((x1, y1), (x2, y2)) = (from_to(a, b), from_to(a, c));
    i128::from(x1) * i128::from(y2) - i128::from(x2) * i128::from(y1)
}

#[inline(always)]
fn from_to(a: &Vertex, b: &Vertex) -> (i64, i64) {
    (i64::from(b.x) - i64::from(a.x), i64::from(b.y) - i64::from(a.y))
}

/// The colours of a triangle, in 16.16 modulo 2^32.
///
/// At covered pixels the true value is from 0 to 255; so the lower 32 bits are enough, even where a
/// sliver's slope has more.
struct Plane {
    /// The pixel the colour belongs to; it depends on the triangle alone, never on a clip.
    x: i32,
    y: i32,
    color: Rgb,
    dx: Rgb,
    dy: Rgb,
}

impl Plane {
    /// Around the pixel of the topmost corner.
    #[inline(always)]
    fn near([a, b, c]: &Triangle, area: i64) -> Self {
        let ((x1, y1), (x2, y2)) = (from_to(a, b), from_to(a, c));
        // One division for all: the area has at most 41 bits, so its inverse is good to 2^-21 of what
        // it divides, and that is good to the last bit of a slope.
        let inverse =
            i128::from(((1_u64 << INVERSE_BITS) / area.unsigned_abs()) as i64 * area.signum());
        let slope = |n: i64| {
            const BITS: u32 = INVERSE_BITS - SLOPE_BITS;
            ((i128::from(n) * inverse + (1 << (BITS - 1))) >> BITS) as i64
        };
        let (x, y) = (a.x >> 4, a.y >> 4);
        let to_center = |at: i32| HALF - i64::from(at & 15);
        let mut plane = Self { x, y, color: [0; 3], dx: [0; 3], dy: [0; 3] };
        for k in 0..3 {
            let start = channel(a, k);
            let (v1, v2) = (channel(b, k) - start, channel(c, k) - start);
            let (dx, dy) = (slope(v1 * y2 - v2 * y1), slope(x1 * v2 - x2 * v1));
            let moved = (dx * to_center(a.x) + dy * to_center(a.y)) >> 4;
            plane.color[k] = ((start << 16) + ROUND + moved) as i32;
            (plane.dx[k], plane.dy[k]) = (dx as i32, dy as i32);
        }
        plane
    }

    /// Around the picture's first pixel: corners may be so far away that slopes cannot lead from them
    /// to it.
    fn far([a, b, c]: &Triangle, area: i128) -> Self {
        let wide = |(x, y): (i64, i64)| (i128::from(x), i128::from(y));
        let ((x1, y1), (x2, y2)) = (wide(from_to(a, b)), wide(from_to(a, c)));
        let to_center = |at: i32| i128::from(HALF) - i128::from(at);
        let mut plane = Self { x: 0, y: 0, color: [0; 3], dx: [0; 3], dy: [0; 3] };
        for k in 0..3 {
            let start = i128::from(channel(a, k));
            let (v1, v2) = (i128::from(channel(b, k)) - start, i128::from(channel(c, k)) - start);
            let (nx, ny) = (v1 * y2 - v2 * y1, x1 * v2 - x2 * v1);
            let divided = |n: i128| (n * area.signum()).div_euclid(area.abs());
            let moved = divided((nx * to_center(a.x) + ny * to_center(a.y)) << 16);
            plane.color[k] = ((start << 16) + i128::from(ROUND) + moved) as i32;
            plane.dx[k] = divided(nx << SLOPE_BITS) as i32;
            plane.dy[k] = divided(ny << SLOPE_BITS) as i32;
        }
        plane
    }
}

/// 2 to this, divided by the area, is the area's inverse.
const INVERSE_BITS: u32 = 62;
/// From a slope in units of 28.4 to one in 16.16 of a pixel.
const SLOPE_BITS: u32 = 16 + 4;
/// Half a level, so that the whole part is the nearest level.
const ROUND: i64 = 1 << 15;

/// Red, green or blue.
#[inline(always)]
fn channel(vertex: &Vertex, k: usize) -> i64 {
    i64::from(vertex.color >> (16 - 8 * k) & 0xff)
}
