//! Exact edges: for each row, the first pixel whose centre is not left of an edge.
//!
//! The edge from p to q meets the row whose centre is at Y at X = p.x + dx (Y - p.y) / dy. The first
//! pixel is ceil((X - 8) / 16) in 28.4: a [`Quotient`] with the denominator 16 dy.

use super::quotient::Quotient;
use super::triangle::{HALF, ONE, Vertex};

/// Vertices within this many units of the origin (32768 pixels) are calculated with in 64 bits.
pub(super) const GUARD: i32 = 1 << 19;

/// An edge that goes down row by row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge(Quotient);

impl Edge {
    /// The edge from `p` to `q`, which is below, in a row. With `near` both are within [`GUARD`].
    #[inline(always)]
    pub(super) fn new(p: &Vertex, q: &Vertex, row: i64, near: bool) -> Self {
        let (dx, dy) = (i64::from(q.x) - i64::from(p.x), i64::from(q.y) - i64::from(p.y));
        let down = row * ONE + HALF - i64::from(p.y);
        let left = i64::from(p.x) - HALF;
        // What makes the floor of a quotient its ceiling.
        let up = dy * ONE - 1;
        Self(if near {
            Quotient::new(left * dy + dx * down + up, dx * ONE, dy * ONE)
        } else {
            let wide = i128::from(left) * i128::from(dy) + i128::from(dx) * i128::from(down);
            Quotient::far(wide + i128::from(up), dx * ONE, dy * ONE)
        })
    }

    /// The first pixel whose centre is on the edge or right of it.
    #[inline(always)]
    pub(super) fn x(&self) -> i64 {
        self.0.floor()
    }

    /// Goes to the next row.
    #[inline(always)]
    pub(super) fn down(&mut self) {
        self.0.step();
    }
}
