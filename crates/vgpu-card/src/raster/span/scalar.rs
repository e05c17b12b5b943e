//! Spans without vectors: what all others must equal.

use super::{Rgb, Spans, along};

/// No vector instructions but those every processor has.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Scalar;

impl Spans for Scalar {
    type Slope = Rgb;

    #[inline(always)]
    fn slope(self, dx: Rgb) -> Rgb {
        dx
    }

    #[inline(always)]
    fn smooth(self, slope: &Rgb, target: &mut [u32], mut color: Rgb) {
        for pixel in target {
            *pixel = packed(color);
            color = along(color, *slope, 1);
        }
    }

    #[inline(always)]
    fn saturated(self, slope: &Rgb, target: &mut [u32], mut color: Rgb) {
        for pixel in target {
            *pixel = packed(color.map(|channel| channel.clamp(0, 0xff_ffff)));
            color = along(color, *slope, 1);
        }
    }

    #[inline(always)]
    fn flat(self, target: &mut [u32], value: u32) {
        target.fill(value);
    }
}

/// The pixel of a colour in range.
#[inline(always)]
pub(super) fn packed([red, green, blue]: Rgb) -> u32 {
    let (red, green, blue) = (red as u32, green as u32, blue as u32);
    (red & 0xff_0000) | (green >> 8 & 0xff00) | (blue >> 16)
}
