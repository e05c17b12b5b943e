//! From the card to whoever owns the pixels.

use std::ops::Range;

use crate::raster::{
    Band, Line, MAX_SIZE, Point, Rect, State, Surface, Trapezoid, Triangle, VERTEX_FRACTION,
};

/// Where is drawn: a part of the card's memory, seen as a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first word.
    pub base: usize,
    /// Words in a row, all of which are pixels.
    pub stride: u32,
    /// Rows.
    pub height: u32,
}

impl Window {
    /// A window with as many rows as there are between its base and the end of the memory.
    pub(crate) fn new(base_bytes: u32, stride: u32, words: usize) -> Option<Self> {
        if !base_bytes.is_multiple_of(4) || stride == 0 || stride > MAX_SIZE {
            return None;
        }
        let base = (base_bytes / 4) as usize;
        let rows = words.checked_sub(base)? / stride as usize;
        let height = u32::try_from(rows).unwrap_or(MAX_SIZE).min(MAX_SIZE);
        (height > 0).then_some(Self { base, stride, height })
    }
}

/// What there is to be drawn.
#[derive(Clone, Copy, Debug)]
pub enum Work<'a> {
    /// Primitives of one kind, in their order.
    Draw(Shapes<'a>),
    /// A rectangle to be copied.
    Copy {
        /// The rectangle.
        from: Rect,
        /// Where its first pixel goes.
        to: (i32, i32),
    },
}

/// Primitives of one kind.
#[derive(Clone, Copy, Debug)]
pub enum Shapes<'a> {
    /// Points.
    Points(&'a [Point]),
    /// Lines.
    Lines(&'a [Line]),
    /// Rectangles of one colour.
    Fill(&'a [Rect], u32),
    /// Triangles.
    Triangles(&'a [Triangle]),
    /// Trapezoids.
    Trapezoids(&'a [Trapezoid]),
}

impl Shapes<'_> {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Points(all) => all.len(),
            Self::Lines(all) => all.len(),
            Self::Fill(all, _) => all.len(),
            Self::Triangles(all) => all.len(),
            Self::Trapezoids(all) => all.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows outside of which nothing of them lies; some may be empty.
    pub fn rows(&self) -> Range<i32> {
        match self {
            Self::Points(all) => hull(all.iter().map(|point| (point.y, point.y))),
            Self::Lines(all) => hull(all.iter().map(|line| (line.from.y, line.to.y))),
            Self::Fill(all, _) => hull(all.iter().map(|rect| (rect.top, rect.bottom))),
            Self::Triangles(all) => hull(all.iter().map(|[a, b, c]| {
                (a.y.min(b.y).min(c.y) >> VERTEX_FRACTION, a.y.max(b.y).max(c.y) >> VERTEX_FRACTION)
            })),
            Self::Trapezoids(all) => hull(all.iter().map(|trapezoid| {
                let by = i64::from(trapezoid.dy) * i64::from(trapezoid.count);
                // Registers wrap, so one may come in again at the other end.
                let last = i32::try_from(i64::from(trapezoid.y) + by);
                last.map_or((i32::MIN, i32::MAX), |last| (trapezoid.y >> 16, last >> 16))
            })),
        }
    }

    /// Draws as much of them as lies in a band; returns a rectangle outside which nothing has changed.
    pub fn draw(&self, band: &mut Band<'_>, state: &State) -> Rect {
        match *self {
            Self::Points(points) => band.points(state, points),
            Self::Lines(lines) => band.lines(state, lines),
            Self::Fill(rects, color) => band.fill(state, rects, color),
            Self::Triangles(triangles) => band.triangles(state, triangles),
            Self::Trapezoids(trapezoids) => band.trapezoids(state, trapezoids),
        }
    }
}

/// From the first to behind the last of some pairs, which are in any order.
fn hull(pairs: impl Iterator<Item = (i32, i32)>) -> Range<i32> {
    let all = pairs.map(|(a, b)| (a.min(b), a.max(b)));
    let all = all.reduce(|(from, to), (least, most)| (from.min(least), to.max(most)));
    all.map_or(0..0, |(from, to)| from..to.saturating_add(1))
}

/// Who draws: on one thread as [`Memory`] does, or on several.
pub trait Painter {
    /// Draws into the window; returns a rectangle outside which nothing has changed. The window lies
    /// within the memory that the card was made with.
    fn paint(&mut self, window: &Window, state: &State, work: Work<'_>) -> Rect;
}

/// The card's memory as a slice; draws on the caller's thread.
#[derive(Debug)]
pub struct Memory<'a>(pub &'a mut [u32]);

impl Memory<'_> {
    /// A window of it; nothing if that lies outside.
    pub fn surface(&mut self, window: &Window) -> Option<Surface<'_>> {
        let pixels = self.0.get_mut(window.base..)?;
        Surface::new(pixels, window.stride, window.height, window.stride).ok()
    }
}

impl Painter for Memory<'_> {
    fn paint(&mut self, window: &Window, state: &State, work: Work<'_>) -> Rect {
        let Some(mut surface) = self.surface(window) else { return Rect::EMPTY };
        match work {
            Work::Draw(shapes) => shapes.draw(&mut surface.band(), state),
            Work::Copy { from, to } => surface.copy(state, from, to),
        }
    }
}

/// Draws nothing, and says that all has changed: for following what a card does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Blind;

impl Painter for Blind {
    fn paint(&mut self, window: &Window, _: &State, _: Work<'_>) -> Rect {
        Rect::new(0, 0, window.stride as i32, window.height as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::{Shade, Vertex};

    #[test]
    fn a_window_has_whole_rows_within_memory() {
        let window = |base, stride| Window::new(base, stride, 1000);
        assert_eq!(window(0, 100), Some(Window { base: 0, stride: 100, height: 10 }));
        assert_eq!(window(4, 100), Some(Window { base: 1, stride: 100, height: 9 }));
        assert_eq!(window(3600, 100), Some(Window { base: 900, stride: 100, height: 1 }));
        for (base, stride) in [(3604, 100), (2, 100), (0, 0), (0, 1001), (u32::MAX - 3, 1)] {
            assert_eq!(window(base, stride), None, "{base} {stride}");
        }
        let large = Window::new(0, 1, 1 << 22).map(|window| window.height);
        assert_eq!(large, Some(MAX_SIZE));
    }

    #[test]
    fn shapes_lie_within_their_rows() {
        let point = |y| Point { y, ..Point::default() };
        let line = Line { from: point(7), to: point(-2) };
        let corner = |y| Vertex { y, ..Vertex::default() };
        let triangle = [corner(33), corner(-1), corner(16)];
        let trapezoid = |y: i32, dy: i32, count| Trapezoid {
            x_dom: 0,
            dx_dom: 0,
            x_sub: 0,
            dx_sub: 0,
            y,
            dy,
            count,
            shade: Shade::Flat(0),
        };
        for (shapes, rows) in [
            (Shapes::Points(&[point(3), point(5)]), 3..6),
            (Shapes::Points(&[]), 0..0),
            (Shapes::Lines(&[line]), -2..8),
            (Shapes::Fill(&[Rect::new(0, 2, 9, 4), Rect::new(0, 8, 9, 6)], 1), 2..9),
            (Shapes::Triangles(&[triangle]), -1..3),
            (Shapes::Points(&[point(i32::MAX)]), i32::MAX..i32::MAX),
            (Shapes::Trapezoids(&[trapezoid(5 << 16, -1 << 16, 3)]), 2..6),
            (Shapes::Trapezoids(&[trapezoid(i32::MAX, 1 << 16, 2)]), i32::MIN..i32::MAX),
        ] {
            assert_eq!(shapes.rows(), rows, "{shapes:?}");
            assert_eq!(shapes.is_empty(), rows == (0..0), "{shapes:?}");
        }
    }
}
