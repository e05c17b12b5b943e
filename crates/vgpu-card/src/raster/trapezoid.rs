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

use super::span::{Flat, Job, Rgb, Smooth, Spans, along};
use super::{Band, LogicOp, Rect, State};

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
    fn each(&self, of: impl Fn(&Ramp) -> i32) -> Rgb {
        [of(&self.red), of(&self.green), of(&self.blue)]
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
            let drawn =
                match &trapezoid.shade {
                    Shade::Flat(color) => {
                        let flat = Flat::new(spans, *color, op);
                        Walk::new(trapezoid, [0; 3], [0; 3])
                            .rows(band, &clip, |_, _, target| flat.draw(target))
                    }
                    Shade::Smooth(colors) => {
                        let dx = colors.each(|ramp| ramp.dx);
                        let smooth = Smooth::new(spans, dx, op, clip.right - clip.left);
                        Walk::new(trapezoid, colors.each(|r| r.start), colors.each(|r| r.dy_dom))
                            .rows(band, &clip, |color, from, target| {
                                smooth.draw(target, along(color, dx, from));
                            })
                    }
                };
            damage = damage.union(&drawn);
        }
        damage
    }
}

/// The registers on their way.
struct Walk {
    x_dom: i32,
    dx_dom: i32,
    x_sub: i32,
    dx_sub: i32,
    y: i32,
    dy: i32,
    color: Rgb,
    dy_color: Rgb,
    left: i32,
}

impl Walk {
    #[inline(always)]
    fn new(from: &Trapezoid, color: Rgb, dy_color: Rgb) -> Self {
        Self {
            x_dom: from.x_dom,
            dx_dom: from.dx_dom,
            x_sub: from.x_sub,
            dx_sub: from.dx_sub,
            y: from.y,
            dy: from.dy,
            color,
            dy_color,
            left: i32::from(from.count),
        }
    }

    /// Gives every span inside the clip: its row's colour, how many pixels from that colour's pixel it
    /// begins, and its pixels. Returns what was given.
    #[inline(always)]
    fn rows(
        mut self,
        band: &mut Band<'_>,
        clip: &Rect,
        mut draw: impl FnMut(Rgb, i32, &mut [u32]),
    ) -> Rect {
        let (mut left, mut right) = (i32::MAX, i32::MIN);
        let (mut top, mut bottom) = (i32::MAX, i32::MIN);
        while self.left > 0 {
            let (y, inside, rows) = self.successive(clip);
            if !inside {
                self.down(rows);
                continue;
            }
            let step = self.dy.signum();
            for n in 0..rows {
                let y = y + n * step;
                let (dom, sub) = (first(self.x_dom), first(self.x_sub));
                let (from, to) = (dom.min(sub).max(clip.left), dom.max(sub).min(clip.right));
                if from < to {
                    (left, right) = (left.min(from), right.max(to));
                    (top, bottom) = (top.min(y), bottom.max(y + 1));
                    draw(self.color, from - dom, band.span(y, from..to));
                }
                self.down(1);
            }
        }
        if left < right { Rect::new(left, top, right, bottom) } else { Rect::EMPTY }
    }

    /// The next row, whether it is inside the clip, and how many more rows that holds for, one after the
    /// other; where Y does not go by whole rows, one.
    #[inline(always)]
    fn successive(&self, clip: &Rect) -> (i32, bool, i32) {
        let y = self.y >> 16;
        let inside = clip.top <= y && y < clip.bottom;
        // The row number has 16 bits, so what lies behind may come round again.
        let round = |rows: i32| rows & 0xffff;
        let rows = match (self.dy, inside) {
            (ONE, true) => clip.bottom - y,
            (ONE, false) => round(clip.top - y),
            (MINUS_ONE, true) => y - clip.top + 1,
            (MINUS_ONE, false) => round(y - (clip.bottom - 1)),
            _ => 1,
        };
        (y, inside, rows.min(self.left))
    }

    #[inline(always)]
    fn down(&mut self, rows: i32) {
        self.left -= rows;
        self.x_dom = self.x_dom.wrapping_add(self.dx_dom.wrapping_mul(rows));
        self.x_sub = self.x_sub.wrapping_add(self.dx_sub.wrapping_mul(rows));
        self.y = self.y.wrapping_add(self.dy.wrapping_mul(rows));
        self.color = along(self.color, self.dy_color, rows);
    }
}

/// The first pixel whose centre is not left of X.
#[inline(always)]
fn first(x: i32) -> i32 {
    // The same as (x + 0x7fff) >> 16, for every X.
    (x >> 16) + i32::from(x & 0xffff > 0x8000)
}
