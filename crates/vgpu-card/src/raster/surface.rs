//! Where is drawn: a picture in memory, whole or in bands of rows.

use std::ops::Range;

use super::{LogicOp, Rect, State};
use crate::raster::logic::Mix;

/// The largest width and height, so that every column and row is a 16-bit number as in the registers.
pub const MAX_SIZE: u32 = 32_767;

/// Why memory cannot be a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SurfaceError {
    /// The width or the height is 0 or more than [`MAX_SIZE`].
    #[error("a picture of {width} x {height} pixels: both must be from 1 to {MAX_SIZE}")]
    Size {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// Rows would overlap.
    #[error("rows of {width} pixels do not fit a stride of {stride}")]
    Stride {
        /// Pixels in a row.
        width: u32,
        /// Pixels from a row to the next.
        stride: u32,
    },
    /// The memory ends before the last row does.
    #[error("the picture needs {needed} pixels of memory, there are {len}")]
    Memory {
        /// Pixels up to the end of the last row.
        needed: usize,
        /// Pixels there are.
        len: usize,
    },
}

/// A picture: XRGB8888 pixels (0xXXRRGGBB; what X is shows nowhere) in rows, the top one first.
#[derive(Debug)]
pub struct Surface<'a> {
    pixels: &'a mut [u32],
    width: u32,
    height: u32,
    stride: usize,
}

impl<'a> Surface<'a> {
    /// A picture in memory. All sizes are in pixels; between rows there may be memory of others, which
    /// is left alone.
    pub fn new(
        pixels: &'a mut [u32],
        width: u32,
        height: u32,
        stride: u32,
    ) -> Result<Self, SurfaceError> {
        if width == 0 || height == 0 || width > MAX_SIZE || height > MAX_SIZE {
            return Err(SurfaceError::Size { width, height });
        }
        if stride < width {
            return Err(SurfaceError::Stride { width, stride });
        }
        let stride = stride as usize;
        let needed = stride
            .checked_mul(height as usize - 1)
            .and_then(|above| above.checked_add(width as usize))
            .unwrap_or(usize::MAX);
        let len = pixels.len();
        let Some(pixels) = pixels.get_mut(..needed) else {
            return Err(SurfaceError::Memory { needed, len });
        };
        Ok(Self { pixels, width, height, stride })
    }

    /// All of it.
    pub fn bounds(&self) -> Rect {
        Rect::new(0, 0, self.width as i32, self.height as i32)
    }

    /// The whole picture as one band.
    pub fn band(&mut self) -> Band<'_> {
        Band {
            width: self.width as i32,
            stride: self.stride,
            top: 0,
            bottom: self.height as i32,
            pixels: self.pixels,
        }
    }

    /// The picture in bands of so many rows, the last one may have fewer; from top to bottom.
    ///
    /// Drawing the same into all of them, in any order or at the same time, gives what drawing into the
    /// whole gives.
    pub fn bands(&mut self, rows: u32) -> impl Iterator<Item = Band<'_>> {
        let rows = rows.clamp(1, self.height) as usize;
        let (width, height, stride) = (self.width as i32, self.height as i32, self.stride);
        let parts = self.pixels.chunks_mut(rows.saturating_mul(stride));
        parts.enumerate().map(move |(n, pixels)| {
            let top = (n * rows) as i32;
            Band { pixels, width, stride, top, bottom: height.min(top + rows as i32) }
        })
    }

    /// Copies the rectangle `from` so that its upper left corner comes to `to`; returns what may have
    /// changed.
    ///
    /// As if all of it was read before any of it is written, so both may overlap. What lies outside the
    /// picture is neither read nor written; the scissor is for what is written.
    pub fn copy(&mut self, state: &State, from: Rect, to: (i32, i32)) -> Rect {
        let by = (i64::from(to.0) - i64::from(from.left), i64::from(to.1) - i64::from(from.top));
        let read = moved(&from.intersect(&self.bounds()), by);
        let write = read.intersect(&state.scissor).intersect(&self.bounds());
        if write.is_empty() || state.op == LogicOp::Noop {
            return Rect::EMPTY;
        }
        let columns = write.left as usize..write.right as usize;
        let mut line = vec![0; columns.len()];
        let rows = write.bottom - write.top;
        for n in 0..rows {
            // The rows that will be overwritten must be read first.
            let y = if by.1 > 0 { write.bottom - 1 - n } else { write.top + n };
            let source = self.at(i64::from(write.left) - by.0, i64::from(y) - by.1);
            line.copy_from_slice(&self.pixels[source..source + columns.len()]);
            let target = self.at(i64::from(write.left), i64::from(y));
            let target = &mut self.pixels[target..target + columns.len()];
            combine(state.op, target, &line);
        }
        write
    }

    fn at(&self, x: i64, y: i64) -> usize {
        y as usize * self.stride + x as usize
    }
}

/// The rectangle elsewhere; what would lie beyond all coordinates is beyond every picture, too.
fn moved(rect: &Rect, by: (i64, i64)) -> Rect {
    let to = |at: i32, by: i64| {
        (i64::from(at) + by).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
    };
    if rect.is_empty() {
        return Rect::EMPTY;
    }
    Rect::new(to(rect.left, by.0), to(rect.top, by.1), to(rect.right, by.0), to(rect.bottom, by.1))
}

/// Writes a row of pixels over another by an operation.
pub(super) fn combine(op: LogicOp, target: &mut [u32], source: &[u32]) {
    if op == LogicOp::Copy {
        target.copy_from_slice(source);
        return;
    }
    let mix = Mix::of(op);
    for (there, source) in target.iter_mut().zip(source) {
        *there = mix.with(*source).apply(*there);
    }
}

/// Some successive rows of a picture. Coordinates are those of the picture; what lies in other rows is
/// clipped away.
#[derive(Debug)]
pub struct Band<'a> {
    pixels: &'a mut [u32],
    width: i32,
    stride: usize,
    top: i32,
    bottom: i32,
}

impl Band<'_> {
    /// Its rows above row `y`, and the others; either may have none.
    #[must_use]
    pub fn split(self, y: i32) -> (Self, Self) {
        let y = y.clamp(self.top, self.bottom);
        let at = (y - self.top) as usize * self.stride;
        // The last row may end before the next one would begin.
        let (upper, lower) = self.pixels.split_at_mut(at.min(self.pixels.len()));
        let of = |pixels, top, bottom| Self { pixels, top, bottom, ..self };
        (of(upper, self.top, y), of(lower, y, self.bottom))
    }

    /// Its part of the picture.
    pub fn bounds(&self) -> Rect {
        Rect::new(0, self.top, self.width, self.bottom)
    }

    /// Where may be drawn.
    pub(super) fn clip(&self, state: &State) -> Rect {
        self.bounds().intersect(&state.scissor)
    }

    /// Successive rows from the left edge on; they must be its own.
    #[inline(always)]
    pub(super) fn rows(&mut self, rows: Range<i32>) -> impl Iterator<Item = &mut [u32]> {
        let first = (rows.start - self.top) as usize * self.stride;
        let count = (rows.end - rows.start) as usize;
        self.pixels[first..].chunks_mut(self.stride).take(count)
    }

    /// Its rows one by one from `y` on, which must be its own: downwards, or upwards.
    #[inline(always)]
    pub(super) fn walk(&mut self, y: i32, down: bool) -> Walk<'_> {
        Walk {
            row: (y - self.top) as usize * self.stride,
            step: if down { self.stride } else { self.stride.wrapping_neg() },
            pixels: self.pixels,
        }
    }
}

/// A row of a band, and how to come to the next one.
pub(super) struct Walk<'a> {
    pixels: &'a mut [u32],
    row: usize,
    step: usize,
}

impl Walk<'_> {
    /// Some pixels of the row.
    #[inline(always)]
    pub(super) fn span(&mut self, columns: Range<usize>) -> &mut [u32] {
        &mut self.pixels[self.row + columns.start..self.row + columns.end]
    }

    /// Goes to the next row. Behind the last one there must be no span.
    #[inline(always)]
    pub(super) fn next(&mut self) {
        self.row = self.row.wrapping_add(self.step);
    }
}
