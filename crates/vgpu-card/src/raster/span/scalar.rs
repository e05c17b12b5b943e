//! Spans without vectors: what all others must equal.

use super::{OUT_OF_RANGE, Rgb, Spans, along};

/// No vector instructions but those every processor has.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Scalar;

impl Spans for Scalar {
    type Color = Rgb;
    type Slope = Rgb;

    #[inline(always)]
    fn color(self, rgb: Rgb) -> Rgb {
        rgb
    }

    #[inline(always)]
    fn along(self, start: Rgb, by: Rgb, count: i32) -> Rgb {
        along(start, by, count)
    }

    #[inline(always)]
    fn plus(self, start: Rgb, by: Rgb) -> Rgb {
        along(start, by, 1)
    }

    #[inline(always)]
    fn in_range(self, a: Rgb, b: Rgb) -> bool {
        (a[0] | a[1] | a[2] | b[0] | b[1] | b[2]) & OUT_OF_RANGE == 0
    }

    #[inline(always)]
    fn slope(self, dx: Rgb) -> Rgb {
        dx
    }

    #[inline(always)]
    fn smooth(self, slope: &Rgb, target: &mut [u32], first: Rgb, _: Rgb) {
        let mut color = first;
        for pixel in target {
            *pixel = packed(color);
            color = along(color, *slope, 1);
        }
    }

    #[inline(always)]
    fn saturated(self, dx: Rgb, target: &mut [u32], first: Rgb) {
        let mut color = first;
        for pixel in target {
            *pixel = packed(color.map(|channel| channel.clamp(0, 0xff_ffff)));
            color = along(color, dx, 1);
        }
    }

    #[inline(always)]
    fn flat(self, target: &mut [u32], value: u32) {
        target.fill(value);
    }
}

/// The pixel of a colour in range.
#[inline(always)]
fn packed([red, green, blue]: Rgb) -> u32 {
    let (red, green, blue) = (red as u32, green as u32, blue as u32);
    (red & 0xff_0000) | (green >> 8 & 0xff00) | (blue >> 16)
}
