//! Trapezoids from start and delta registers: two edges that go from row to row by adding.
//!
//! All registers are 32 bits and wrap; what is 16.16 is signed with 16 bits of fraction. The edge that
//! the colours go along is the dominant one; either may be left. `count` times this happens:
//!
//! ```text
//! y    = floor(Y)                        the row
//! d, s = ceil(XDom - 1/2), ceil(XSub - 1/2)
//!                                        the first pixel whose centre is not left of the edge
//! pixels min(d, s) .. max(d, s)          are written; the one at x with
//!     clamp(floor(C + (x - d) * dC/dx), 0, 255)    in each channel C
//! XDom += dXDom;  XSub += dXSub;  Y += dY;  C += dC/dyDom
//! ```
//!
//! So a colour register holds the colour of the pixel d of its row. Edges are taken where they are given:
//! for a row's centre, whoever sets up the registers calculates them there. There is no rounding but by
//! floor and ceil, so half a level added to C rounds to the nearest.

use super::paint::{Combined, Flat, Gradient, Paint, Smooth};
use super::span::{Job, Rgb, Spans};
use super::{Band, LogicOp, Rect, State, surface};

/// One in 16.16.
const ONE: i32 = 1 << 16;
const MINUS_ONE: i32 = -ONE;

/// The registers of one channel, in 16.16.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ramp {
    /// At the dominant edge in the first row.
    pub start: i32,
    /// What is added from a pixel to the next one on its right.
    pub dx: i32,
    /// What is added from a row to the next along the dominant edge.
    pub dy_dom: i32,
}

/// The three channels of a smooth trapezoid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gouraud {
    /// Red.
    pub red: Ramp,
    /// Green.
    pub green: Ramp,
    /// Blue.
    pub blue: Ramp,
}

impl Gouraud {
    fn gradient(&self) -> Gradient {
        let each =
            |of: fn(&Ramp) -> i32| -> Rgb { [of(&self.red), of(&self.green), of(&self.blue)] };
        Gradient { color: each(|r| r.start), dx: each(|r| r.dx), dy: each(|r| r.dy_dom) }
    }
}

/// What an area is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shade {
    /// One value for all pixels, as it is.
    Flat(u32),
    /// Colours that change over rows and columns.
    Smooth(Gouraud),
}

/// The registers of a trapezoid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trapezoid {
    /// The dominant edge, in 16.16.
    pub x_dom: i32,
    /// What is added to it from row to row.
    pub dx_dom: i32,
    /// The other edge, in 16.16.
    pub x_sub: i32,
    /// What is added to it from row to row.
    pub dx_sub: i32,
    /// The row, in 16.16.
    pub y: i32,
    /// What is added to it from row to row: 1 to go down, -1 to go up; others are allowed.
    pub dy: i32,
    /// How many rows.
    pub count: u16,
    /// What it is filled with.
    pub shade: Shade,
}

impl Trapezoid {
    /// What the registers hold when it has been drawn, all but `count`: from there goes on who gives
    /// one edge a new start and slope.
    #[must_use]
    pub fn after(&self) -> Self {
        let rows = i32::from(self.count);
        let by = |at: i32, step: i32| at.wrapping_add(step.wrapping_mul(rows));
        let ramp = |ramp: Ramp| Ramp { start: by(ramp.start, ramp.dy_dom), ..ramp };
        Self {
            x_dom: by(self.x_dom, self.dx_dom),
            x_sub: by(self.x_sub, self.dx_sub),
            y: by(self.y, self.dy),
            shade: match self.shade {
                Shade::Flat(color) => Shade::Flat(color),
                Shade::Smooth(Gouraud { red, green, blue }) => {
                    Shade::Smooth(Gouraud { red: ramp(red), green: ramp(green), blue: ramp(blue) })
                }
            },
            ..*self
        }
    }
}

impl Band<'_> {
    /// Draws trapezoids, one after the other.
    pub fn trapezoids(&mut self, state: &State, trapezoids: &[Trapezoid]) -> Rect {
        let clip = self.clip(state);
        if clip.is_empty() || state.op == LogicOp::Noop {
            return Rect::EMPTY;
        }
        state.isa.run(Draw { band: self, op: state.op, clip, trapezoids })
    }
}

struct Draw<'a, 'b> {
    band: &'a mut Band<'b>,
    op: LogicOp,
    clip: Rect,
    trapezoids: &'a [Trapezoid],
}

impl Job for Draw<'_, '_> {
    type Output = Rect;

    #[inline(always)]
    fn run<S: Spans>(self, spans: S) -> Rect {
        let Self { band, op, clip, trapezoids } = self;
        let mut damage = Rect::EMPTY;
        for trapezoid in trapezoids {
            let walk = Walk::new(trapezoid, &clip);
            damage = damage.union(&match &trapezoid.shade {
                Shade::Flat(color) => walk.fill(band, Flat::new(spans, *color, op)),
                Shade::Smooth(colors) => {
                    let gradient = colors.gradient();
                    if op == LogicOp::Copy && gradient.is_gentle(walk.width()) {
                        walk.fill(band, Smooth::new(spans, &gradient))
                    } else {
                        walk.combine(band, Combined::new(spans, &gradient, op))
                    }
                }
            });
        }
        damage
    }
}

/// The registers on their way, inside a clip.
struct Walk<'a> {
    clip: &'a Rect,
    dom: Edge,
    sub: Edge,
    y: i32,
    dy: i32,
    /// Rows to go.
    left: i32,
}

/// An edge, in 16.16.
#[derive(Clone, Copy)]
struct Edge {
    x: i32,
    dx: i32,
}

impl Edge {
    #[inline(always)]
    fn down(&mut self, rows: i32) {
        self.x = self.x.wrapping_add(self.dx.wrapping_mul(rows));
    }

    /// The first pixels of this row and of the last of so many; `None` where X wraps on the way.
    #[inline(always)]
    fn ends(&self, rows: i32) -> Option<(i32, i32)> {
        let last = i64::from(self.x) + i64::from(self.dx) * i64::from(rows - 1);
        Some((first(self.x), first(i32::try_from(last).ok()?)))
    }
}

impl<'a> Walk<'a> {
    #[inline(always)]
    fn new(from: &Trapezoid, clip: &'a Rect) -> Self {
        Self {
            clip,
            dom: Edge { x: from.x_dom, dx: from.dx_dom },
            sub: Edge { x: from.x_sub, dx: from.dx_sub },
            y: from.y,
            dy: from.dy,
            left: i32::from(from.count),
        }
    }

    /// Fills it, with a paint that is for the first row. Returns where.
    #[inline(always)]
    fn fill(mut self, band: &mut Band<'_>, mut paint: impl Paint) -> Rect {
        let mut damage = Rect::EMPTY;
        while self.left > 0 {
            let (y, inside, rows) = self.successive();
            if inside {
                damage = damage.union(&self.reach(y, rows));
                self.run(band.walk(y, self.dy > 0), rows, &mut paint);
            } else {
                self.dom.down(rows);
                self.sub.down(rows);
                paint.down(rows);
            }
            self.y = self.y.wrapping_add(self.dy.wrapping_mul(rows));
            self.left -= rows;
        }
        damage
    }

    /// The same where speed is lost already.
    #[cold]
    #[inline(never)]
    fn combine<S: Spans>(self, band: &mut Band<'_>, paint: Combined<S>) -> Rect {
        self.fill(band, paint)
    }

    /// Fills successive rows.
    #[inline(always)]
    fn run(&mut self, mut rows: surface::Walk<'_>, count: i32, paint: &mut impl Paint) {
        for _ in 0..count {
            let (dom, sub) = (first(self.dom.x), first(self.sub.x));
            let (from, to) = (dom.min(sub).max(self.clip.left), dom.max(sub).min(self.clip.right));
            if from < to {
                paint.span(from.wrapping_sub(dom), rows.span(from as usize..to as usize));
            }
            rows.next();
            paint.down(1);
            self.dom.down(1);
            self.sub.down(1);
        }
    }

    /// The next row, whether it is inside the clip, and for how many rows, one after the other, that
    /// holds; one where Y does not go by whole rows.
    #[inline(always)]
    fn successive(&self) -> (i32, bool, i32) {
        let (y, Rect { top, bottom, .. }) = (self.y >> 16, *self.clip);
        let inside = top <= y && y < bottom;
        // The row number has 16 bits, so what lies behind may come round again.
        let round = |rows: i32| rows & 0xffff;
        let rows = match (self.dy, inside) {
            (ONE, true) => bottom - y,
            (ONE, false) => round(top - y),
            (MINUS_ONE, true) => y - top + 1,
            (MINUS_ONE, false) => round(y - (bottom - 1)),
            _ => 1,
        };
        (y, inside, rows.min(self.left))
    }

    /// No span is wider, by more than the one pixel that rounding may add.
    #[inline(always)]
    fn width(&self) -> i32 {
        let all = self.clip.right - self.clip.left;
        match (self.dom.ends(self.left), self.sub.ends(self.left)) {
            // The edges are straight: where they are farthest apart is at an end.
            (Some((a, b)), Some((c, d))) => a.abs_diff(c).max(b.abs_diff(d)).min(all as u32) as i32,
            _ => all,
        }
    }

    /// A rectangle around what so many rows cover.
    #[inline(always)]
    fn reach(&self, y: i32, rows: i32) -> Rect {
        let (top, bottom) = if self.dy > 0 { (y, y + rows) } else { (y + 1 - rows, y + 1) };
        match (self.dom.ends(rows), self.sub.ends(rows)) {
            (Some((a, b)), Some((c, d))) => {
                let (left, right) = (a.min(b).min(c.min(d)), a.max(b).max(c.max(d)));
                Rect::new(left, top, right, bottom).intersect(self.clip)
            }
            _ => Rect::new(self.clip.left, top, self.clip.right, bottom),
        }
    }
}

/// The first pixel whose centre is not left of X.
#[inline(always)]
fn first(x: i32) -> i32 {
    ((i64::from(x) + 0x7fff) >> 16) as i32
}
