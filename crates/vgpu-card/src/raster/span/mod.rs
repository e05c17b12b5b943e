//! Pixels of one row.
//!
//! A smooth span is given by the colours of its first and last pixel and what is added from one pixel to
//! the next, all 16.16 in 32 bits. The arithmetic is modulo 2^32, so vectors may start anywhere and take
//! any steps: every pixel has the same bits however it was reached.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod register;
mod scalar;

pub(super) use self::scalar::Scalar;
#[cfg(target_arch = "x86_64")]
pub(super) use self::{avx2::Avx2, avx512::Avx512};

/// A colour in 16.16: red, green, blue.
pub(super) type Rgb = [i32; 3];

/// Bits of a channel that are 0 where it is from 0 to 255.
const OUT_OF_RANGE: i32 = !0xff_ffff;

/// What an instruction set does to the pixels of one row.
pub(super) trait Spans: Copy {
    /// A colour.
    type Color: Copy;

    /// What is the same for all spans of one gradient.
    type Slope: Copy;

    /// Loads a colour.
    fn color(self, rgb: Rgb) -> Self::Color;

    /// A colour and `count` times another.
    fn along(self, start: Self::Color, by: Self::Color, count: i32) -> Self::Color;

    /// A colour and another.
    fn plus(self, start: Self::Color, by: Self::Color) -> Self::Color;

    /// Whether every channel of both is from 0 to 255.
    fn in_range(self, a: Self::Color, b: Self::Color) -> bool;

    /// Prepares what is added from pixel to pixel.
    fn slope(self, dx: Rgb) -> Self::Slope;

    /// Writes smooth pixels, at least one, from the first one's colour to the last one's. Every colour
    /// on the way must be in range.
    fn smooth(self, slope: &Self::Slope, target: &mut [u32], first: Self::Color, last: Self::Color);

    /// Writes smooth pixels, each channel made 0 or 255 where it is out of range.
    fn saturated(self, dx: Rgb, target: &mut [u32], first: Self::Color);

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

/// The colour so many pixels further.
#[inline(always)]
pub(super) fn along(start: Rgb, by: Rgb, count: i32) -> Rgb {
    std::array::from_fn(|k| start[k].wrapping_add(by[k].wrapping_mul(count)))
}
