//! From the card to whoever owns the pixels.

use crate::raster::{Line, MAX_SIZE, Point, Rect, State, Surface, Trapezoid, Triangle};

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

/// Primitives of one kind, to be drawn in their order.
#[derive(Clone, Copy, Debug)]
pub enum Work<'a> {
    /// Points.
    Points(&'a [Point]),
    /// Lines.
    Lines(&'a [Line]),
    /// Rectangles of one colour.
    Fill(&'a [Rect], u32),
    /// A rectangle to be copied.
    Copy {
        /// The rectangle.
        from: Rect,
        /// Where its first pixel goes.
        to: (i32, i32),
    },
    /// Triangles.
    Triangles(&'a [Triangle]),
    /// Trapezoids.
    Trapezoids(&'a [Trapezoid]),
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

impl Painter for Memory<'_> {
    fn paint(&mut self, window: &Window, state: &State, work: Work<'_>) -> Rect {
        let Some(pixels) = self.0.get_mut(window.base..) else { return Rect::EMPTY };
        // A window outside of the memory has nothing to draw to.
        let surface = Surface::new(pixels, window.stride, window.height, window.stride);
        let Ok(mut surface) = surface else { return Rect::EMPTY };
        match work {
            Work::Points(points) => surface.band().points(state, points),
            Work::Lines(lines) => surface.band().lines(state, lines),
            Work::Fill(rects, color) => surface.band().fill(state, rects, color),
            Work::Copy { from, to } => surface.copy(state, from, to),
            Work::Triangles(triangles) => surface.band().triangles(state, triangles),
            Work::Trapezoids(trapezoids) => surface.band().trapezoids(state, trapezoids),
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
}
