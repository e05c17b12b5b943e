//! Pixels of one row.
//!
//! A smooth span is given by the colour of its first pixel and what is added from one pixel to the next,
//! both 16.16 in 32 bits. The arithmetic is modulo 2^32, so vectors may start anywhere and take any
//! steps: every pixel has the same bits however it was reached.

mod scalar;

pub(super) use self::scalar::Scalar;
use super::LogicOp;
use super::logic::{FlatMix, Mix};
use super::surface::combine;

/// A colour in 16.16: red, green, blue.
pub(super) type Rgb = [i32; 3];

/// Bits of a channel that are 0 where it is from 0 to 255.
const OUT_OF_RANGE: i32 = !0xff_ffff;

/// Pixels that are put together before they are combined with those that are there.
const CHUNK: usize = 64;

/// The pixels of one row, with one instruction set.
pub(super) trait Spans: Copy {
    /// What is the same for all spans of one gradient.
    type Slope: Copy;

    /// Prepares what is added from pixel to pixel.
    fn slope(self, dx: Rgb) -> Self::Slope;

    /// Writes smooth pixels whose colours are known to be in range.
    fn smooth(self, slope: &Self::Slope, target: &mut [u32], start: Rgb);

    /// Writes smooth pixels, each channel made 0 or 255 where it is out of range.
    fn saturated(self, slope: &Self::Slope, target: &mut [u32], start: Rgb);

    /// Writes one value to all.
    fn flat(self, target: &mut [u32], value: u32);
}

/// Something to draw, for any instruction set.
///
/// `run` must be `#[inline(always)]`: it is compiled again for each of them.
pub(super) trait Job {
    /// What it gives.
    type Output;

    /// Does it.
    fn run<S: Spans>(self, spans: S) -> Self::Output;
}

/// How the pixels of one smooth primitive get into a picture.
#[derive(Clone, Copy)]
pub(super) struct Smooth<S: Spans> {
    spans: S,
    slope: S::Slope,
    dx: Rgb,
    op: LogicOp,
    /// Whether over the whole width no channel can pass through all 32 bits, so that a span with its
    /// first and last pixel in range is in range everywhere.
    gentle: bool,
}

impl<S: Spans> Smooth<S> {
    /// For spans of at most `width` pixels.
    #[inline(always)]
    pub(super) fn new(spans: S, dx: Rgb, op: LogicOp, width: i32) -> Self {
        let change = |d: i32| (i64::from(d) * i64::from(width)).unsigned_abs();
        let gentle = dx.iter().all(|&d| change(d) < 1 << 30);
        Self { spans, slope: spans.slope(dx), dx, op, gentle }
    }

    /// Draws one span.
    #[inline(always)]
    pub(super) fn draw(&self, target: &mut [u32], start: Rgb) {
        if self.op != LogicOp::Copy {
            return self.combined(target, start);
        }
        // Saturating every pixel would cost a quarter of the speed, and is needed next to never.
        let last = along(start, self.dx, target.len() as i32 - 1);
        let seen = start[0] | start[1] | start[2] | last[0] | last[1] | last[2];
        if self.gentle && seen & OUT_OF_RANGE == 0 {
            self.spans.smooth(&self.slope, target, start);
        } else {
            self.saturated(target, start);
        }
    }

    #[cold]
    #[inline(never)]
    fn saturated(&self, target: &mut [u32], start: Rgb) {
        self.spans.saturated(&self.slope, target, start);
    }

    #[cold]
    #[inline(never)]
    fn combined(&self, target: &mut [u32], start: Rgb) {
        let mut pixels = [0; CHUNK];
        for (n, part) in target.chunks_mut(CHUNK).enumerate() {
            let pixels = &mut pixels[..part.len()];
            let start = along(start, self.dx, (n * CHUNK) as i32);
            self.spans.saturated(&self.slope, pixels, start);
            combine(self.op, part, pixels);
        }
    }
}

/// How the pixels of one flat primitive get into a picture.
#[derive(Clone, Copy)]
pub(super) struct Flat<S: Spans> {
    spans: S,
    mix: FlatMix,
}

impl<S: Spans> Flat<S> {
    #[inline(always)]
    pub(super) fn new(spans: S, color: u32, op: LogicOp) -> Self {
        Self { spans, mix: Mix::of(op).with(color) }
    }

    /// Draws one span.
    #[inline(always)]
    pub(super) fn draw(&self, target: &mut [u32]) {
        if self.mix.keep == 0 {
            self.spans.flat(target, self.mix.flip);
        } else {
            target.iter_mut().for_each(|there| *there = self.mix.apply(*there));
        }
    }
}

/// The colour so many pixels further.
#[inline(always)]
pub(super) fn along(start: Rgb, by: Rgb, count: i32) -> Rgb {
    std::array::from_fn(|k| start[k].wrapping_add(by[k].wrapping_mul(count)))
}
