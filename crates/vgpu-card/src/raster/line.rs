//! Points and lines, one pixel wide.
//!
//! A line goes from the centre of one pixel to that of another. It has one pixel in each column it
//! passes, or in each row where it is steeper than 45 degrees: the one whose centre is nearest to the
//! line, and of two that are as near the one below or on the right. These are the pixels of Bresenham's
//! lines, and they do not depend on the direction.
//!
//! The last pixel, `to`, is left out: where the next line begins, nothing is written twice. So a line of
//! no length has no pixel.

use super::logic::Mix;
use super::quotient::Quotient;
use super::{Band, LogicOp, Rect, State};

/// A pixel of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// Column.
    pub x: i32,
    /// Row.
    pub y: i32,
    /// 0x__RRGGBB.
    pub color: u32,
}

/// A line from `from` up to, and without, `to`.
///
/// Between different colours each channel goes from one to the other by equal steps, rounded to the
/// nearest; the highest byte is 0 then. With equal ones it is written as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Where it begins.
    pub from: Point,
    /// Where it ends.
    pub to: Point,
}

impl Band<'_> {
    /// Draws points, one after the other.
    pub fn points(&mut self, state: &State, points: &[Point]) -> Rect {
        let mut damage = Rect::EMPTY;
        if state.op == LogicOp::Noop {
            return damage;
        }
        let (clip, mix) = (self.clip(state), Mix::of(state.op));
        for &Point { x, y, color } in points.iter().filter(|point| clip.contains(point.x, point.y))
        {
            damage = damage.union(&self.put(&mix, x, y, color));
        }
        damage
    }

    /// Draws lines, one after the other.
    pub fn lines(&mut self, state: &State, lines: &[Line]) -> Rect {
        let mut damage = Rect::EMPTY;
        if state.op == LogicOp::Noop {
            return damage;
        }
        let (clip, mix) = (self.clip(state), Mix::of(state.op));
        for line in lines {
            Steps::new(line).inside(&clip, |x, y, color| {
                damage = damage.union(&self.put(&mix, x, y, color));
            });
        }
        damage
    }

    fn put(&mut self, mix: &Mix, x: i32, y: i32, color: u32) -> Rect {
        for pixel in self.walk(y, true).span(x as usize..x as usize + 1) {
            *pixel = mix.with(color).apply(*pixel);
        }
        Rect::new(x, y, x + 1, y + 1)
    }
}

/// A line along the axis in which it goes further.
struct Steps {
    /// Whether that is the vertical one.
    steep: bool,
    /// Along that axis, and across it.
    along: i64,
    across: i64,
    /// 1 or -1: the direction along.
    sign: i64,
    /// How far it goes along, and across with its sign.
    count: i64,
    rise: i64,
    colors: [u32; 2],
}

impl Steps {
    fn new(Line { from, to }: &Line) -> Self {
        let (dx, dy) = (i64::from(to.x) - i64::from(from.x), i64::from(to.y) - i64::from(from.y));
        let steep = dy.abs() > dx.abs();
        let ((along, across), (run, rise)) =
            if steep { ((from.y, from.x), (dy, dx)) } else { ((from.x, from.y), (dx, dy)) };
        Self {
            steep,
            along: along.into(),
            across: across.into(),
            sign: run.signum(),
            count: run.abs(),
            rise,
            colors: [from.color, to.color],
        }
    }

    /// Gives every pixel inside the clip, in order.
    fn inside(&self, clip: &Rect, mut put: impl FnMut(i32, i32, u32)) {
        let (low, high) =
            if self.steep { (clip.top, clip.bottom) } else { (clip.left, clip.right) };
        let (low, high) = (i64::from(low), i64::from(high) - 1);
        // The steps n at which along + n * sign is from low to high.
        let (first, last) = if self.sign >= 0 {
            (low - self.along, high - self.along)
        } else {
            (self.along - high, self.along - low)
        };
        let (first, last) = (first.max(0), last.min(self.count - 1));
        if first > last {
            return;
        }
        let mut across = self.from(first, self.rise);
        let mut color = [16, 8, 0].map(|shift| self.channel(first, shift));
        for n in first..=last {
            let along = self.along + n * self.sign;
            let at = self.across + across.floor();
            let (x, y) = if self.steep { (at, along) } else { (along, at) };
            // Far lines may pass beyond the clip, and beyond 32 bits.
            if let (Ok(x), Ok(y)) = (i32::try_from(x), i32::try_from(y))
                && clip.contains(x, y)
            {
                let [red, green, blue] = color.map(|channel| channel.floor() as u32);
                let smooth = red << 16 | green << 8 | blue;
                let [from, to] = self.colors;
                put(x, y, if from == to { from } else { smooth });
            }
            across.step();
            color.iter_mut().for_each(Quotient::step);
        }
    }

    /// n `rise` / `count` for n from `first` on, to the nearest; half goes up.
    fn from(&self, first: i64, rise: i64) -> Quotient {
        let numerator = i128::from(first) * i128::from(2 * rise) + i128::from(self.count);
        Quotient::new(numerator, 2 * rise, 2 * self.count)
    }

    fn channel(&self, first: i64, shift: u32) -> Quotient {
        let [from, to] = self.colors.map(|color| i64::from(color >> shift & 0xff));
        self.from(first, to - from).plus(from)
    }
}
