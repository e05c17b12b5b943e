//! Exact edges: for each row, the first pixel whose centre is not left of an edge.
//!
//! The edge from p to q meets the row whose centre is at Y at X = p.x + dx (Y - p.y) / dy. The first
//! pixel is ceil((X - 8) / 16) in 28.4, which is the floor of a fraction with the denominator 16 dy.

use super::quotient::Quotient;
use super::triangle::{HALF, ONE, Vertex};

/// Vertices within this many units of the origin (32768 pixels) are near, and quick to calculate with.
pub(super) const GUARD: i32 = 1 << 19;

/// An edge that goes down row by row.
pub(super) trait Edge: Copy {
    /// The edge from `p` to `q`, which is below, in a row.
    fn new(p: &Vertex, q: &Vertex, row: i32) -> Self;

    /// The first pixel whose centre is on the edge or right of it.
    fn x(&self) -> i64;

    /// Goes to the next row.
    fn down(&mut self);
}

/// An edge between near vertices, in pixels with 47 bits of fraction, modulo 2^64.
///
/// It is exact although it rounds. Fractions with the denominator 16 dy, which is below 2^24, are at
/// least 2^23 units of this format apart. What is calculated is never below the true value, and less than
/// 2^23 units above: at most 2^22 + 2 at the start, and 2^6 + 1 more in each of at most 2^15 rows. So
/// both have the same floor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Near {
    x: i64,
    step: i64,
}

const FRACTION: u32 = 47;
/// 2 to this, divided by dy, is the inverse.
const INVERSE: u32 = 62;

impl Edge for Near {
    #[inline(always)]
    fn new(p: &Vertex, q: &Vertex, row: i32) -> Self {
        let (dx, dy) = (i64::from(q.x - p.x), i64::from(q.y - p.y));
        let down = i64::from(row) * ONE + HALF - i64::from(p.y);
        let left = i64::from(p.x) - HALF;
        // One division for all; it is less than 1 too small.
        let inverse = ((1_u64 << INVERSE) / dy as u64) as i64;
        let over_dy = |n: i64, fraction: u32| {
            ((i128::from(n) * i128::from(inverse)) >> (INVERSE - fraction)) as i64
        };
        // 1 - 1 / (16 dy) makes the floor of a fraction its ceiling.
        let up = (1 << FRACTION) - (inverse >> (INVERSE - FRACTION + 4));
        // |dx * down| < 2^40 and |dx| < 2^20: so much both may be too small, and one for the floor.
        let x = (left << (FRACTION - 4))
            .wrapping_add(over_dy(dx * down, FRACTION - 4))
            .wrapping_add(up + (1 << 21) + 1);
        Self { x, step: over_dy(dx, FRACTION).wrapping_add((1 << 5) + 1) }
    }

    #[inline(always)]
    fn x(&self) -> i64 {
        self.x >> FRACTION
    }

    #[inline(always)]
    fn down(&mut self) {
        self.x = self.x.wrapping_add(self.step);
    }
}

/// An edge between any vertices.
#[derive(Clone, Copy, Debug)]
pub(super) struct Far(Quotient);

impl Edge for Far {
    fn new(p: &Vertex, q: &Vertex, row: i32) -> Self {
        let (dx, dy) = (i64::from(q.x) - i64::from(p.x), i64::from(q.y) - i64::from(p.y));
        let down = i64::from(row) * ONE + HALF - i64::from(p.y);
        let left = i64::from(p.x) - HALF;
        let at = i128::from(left) * i128::from(dy) + i128::from(dx) * i128::from(down);
        Self(Quotient::new(at + i128::from(dy * ONE - 1), dx * ONE, dy * ONE))
    }

    fn x(&self) -> i64 {
        self.0.floor()
    }

    fn down(&mut self) {
        self.0.step();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const END: i32 = GUARD - 1;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]

        /// Where an edge passes through a centre, the least error would lead to the next pixel; most of
        /// all when the edge is long and the centre far below the first row.
        #[test]
        fn near_edges_are_exact_where_they_pass_through_centres(
            row in 0i32..32_767, column in -32_000i32..32_000, above in 1i32..4, below in 1i32..4,
            ux in -400_000i32..400_000, short in 0i32..64,
        ) {
            let (x, y) = (column * 16 + 8, row * 16 + 8);
            // As long as it can be, or a little less.
            let uy = ((y + END) / above).min((END - y) / below) - short;
            prop_assume!(uy > 0);
            let ux = ux.clamp(-(END - x.abs()) / 4, (END - x.abs()) / 4);
            let corner = |n: i32| Vertex { x: x + n * ux, y: y + n * uy, color: 0 };
            let (p, q) = (corner(-above), corner(below));
            let first = ((p.y + 7) >> 4).max(0);
            let (mut near, mut far) = (Near::new(&p, &q, first), Far::new(&p, &q, first));
            for y in first..=row {
                prop_assert_eq!(near.x(), far.x(), "row {} of {:?} to {:?}", y, p, q);
                if y == row {
                    prop_assert_eq!(near.x(), i64::from(column));
                }
                near.down();
                far.down();
            }
        }

        /// And where they pass a centre on its left by the least there is: with dx down = 1 modulo dy,
        /// by 1 / (16 dy) of a pixel.
        #[test]
        fn near_edges_are_exact_where_they_just_miss_centres(
            row in 0i32..32_767, top in -END..0, longer in any::<u32>(), near_x in -500i32..500,
        ) {
            let down = row * 16 + 8 - top;
            let dy = down + 1 + (longer % (END - top - down) as u32) as i32;
            let Some(dx) = inverse(i64::from(down), i64::from(dy)) else { return Ok(()) };
            // The same modulo dy, and nearer.
            let dx = if dx > i64::from(dy / 2) { dx - i64::from(dy) } else { dx };
            let whole = (dx * i64::from(down) - 1) / i64::from(dy);
            let x = near_x * 16 + 8 - (whole % 16) as i32;
            let p = Vertex { x, y: top, color: 0 };
            let q = Vertex { x: x + dx as i32, y: top + dy, color: 0 };
            prop_assume!(q.x.abs() < END);
            for first in [row, 0.max((top + 7) >> 4)] {
                let (mut near, mut far) = (Near::new(&p, &q, first), Far::new(&p, &q, first));
                for y in first..=row {
                    prop_assert_eq!(near.x(), far.x(), "row {} of {:?} to {:?}", y, p, q);
                    near.down();
                    far.down();
                }
            }
        }
    }

    /// The x with a x = 1 modulo m, where there is one.
    fn inverse(a: i64, m: i64) -> Option<i64> {
        let ((mut r0, mut r1), (mut s0, mut s1)) = ((a, m), (1, 0));
        while r1 != 0 {
            let n = r0 / r1;
            (r0, r1) = (r1, r0 - n * r1);
            (s0, s1) = (s1, s0 - n * s1);
        }
        (r0 == 1).then(|| s0.rem_euclid(m))
    }
}
