//! What areas are filled with, row by row: flat or smooth, with a logical operation or without.

use super::LogicOp;
use super::logic::{FlatMix, Mix};
use super::span::{Rgb, Spans, along};
use super::surface::combine;

/// Pixels that are put together before they are combined with those that are there.
const CHUNK: usize = 64;

/// Fills spans while its owner goes from row to row.
pub(super) trait Paint {
    /// Fills a span, at least one pixel, that begins so many pixels right of the row's own pixel.
    fn span(&mut self, offset: i32, target: &mut [u32]);

    /// Goes so many rows further.
    fn down(&mut self, rows: i32);
}

/// One value for all pixels.
pub(super) struct Flat<S: Spans> {
    spans: S,
    mix: FlatMix,
}

impl<S: Spans> Flat<S> {
    #[inline(always)]
    pub(super) fn new(spans: S, color: u32, op: LogicOp) -> Self {
        Self { spans, mix: Mix::of(op).with(color) }
    }

    /// Fills a span.
    #[inline(always)]
    pub(super) fn fill(&self, target: &mut [u32]) {
        if self.mix.keep == 0 {
            self.spans.flat(target, self.mix.flip);
        } else {
            target.iter_mut().for_each(|there| *there = self.mix.apply(*there));
        }
    }
}

impl<S: Spans> Paint for Flat<S> {
    #[inline(always)]
    fn span(&mut self, _: i32, target: &mut [u32]) {
        self.fill(target);
    }

    #[inline(always)]
    fn down(&mut self, _: i32) {}
}

/// A colour in 16.16 that changes from pixel to pixel and from row to row.
#[derive(Clone, Copy)]
pub(super) struct Gradient {
    /// That of the row's own pixel.
    pub(super) color: Rgb,
    /// What is added from a pixel to the next.
    pub(super) dx: Rgb,
    /// What is added from a row to the next.
    pub(super) dy: Rgb,
}

impl Gradient {
    /// Whether [`Smooth`] may draw it, in spans of about `width` pixels: over one no channel can pass
    /// through all 32 bits, so where the ends are in range all is.
    #[inline(always)]
    pub(super) fn is_gentle(&self, width: i32) -> bool {
        let change = |d: i32| (i64::from(d) * i64::from(width)).unsigned_abs();
        self.dx.iter().all(|&d| change(d) < 1 << 30)
    }
}

/// A gentle gradient that takes the place of what is there.
pub(super) struct Smooth<S: Spans> {
    spans: S,
    slope: S::Slope,
    color: S::Color,
    dx: S::Color,
    dy: S::Color,
    gradient: Gradient,
}

impl<S: Spans> Smooth<S> {
    #[inline(always)]
    pub(super) fn new(spans: S, gradient: &Gradient) -> Self {
        Self {
            spans,
            slope: spans.slope(gradient.dx),
            color: spans.color(gradient.color),
            dx: spans.color(gradient.dx),
            dy: spans.color(gradient.dy),
            gradient: *gradient,
        }
    }
}

impl<S: Spans> Paint for Smooth<S> {
    #[inline(always)]
    fn span(&mut self, offset: i32, target: &mut [u32]) {
        let first = self.spans.along(self.color, self.dx, offset);
        let last = self.spans.along(first, self.dx, target.len() as i32 - 1);
        // Saturating every pixel would cost a quarter of the speed, and is needed next to never.
        if self.spans.in_range(first, last) {
            self.spans.smooth(&self.slope, target, first, last);
        } else {
            saturated(self.spans, self.gradient.dx, target, first);
        }
    }

    #[inline(always)]
    fn down(&mut self, rows: i32) {
        self.color = if rows == 1 {
            self.spans.plus(self.color, self.dy)
        } else {
            self.spans.along(self.color, self.dy, rows)
        };
    }
}

#[cold]
#[inline(never)]
fn saturated<S: Spans>(spans: S, dx: Rgb, target: &mut [u32], first: S::Color) {
    spans.saturated(dx, target, first);
}

/// Any gradient, with any operation.
pub(super) struct Combined<S: Spans> {
    spans: S,
    op: LogicOp,
    gradient: Gradient,
}

impl<S: Spans> Combined<S> {
    pub(super) fn new(spans: S, gradient: &Gradient, op: LogicOp) -> Self {
        Self { spans, op, gradient: *gradient }
    }
}

impl<S: Spans> Paint for Combined<S> {
    fn span(&mut self, offset: i32, target: &mut [u32]) {
        let Gradient { color, dx, .. } = self.gradient;
        let mut pixels = [0; CHUNK];
        for (n, part) in target.chunks_mut(CHUNK).enumerate() {
            let pixels = &mut pixels[..part.len()];
            let first = along(along(color, dx, offset), dx, (n * CHUNK) as i32);
            self.spans.saturated(dx, pixels, self.spans.color(first));
            combine(self.op, part, pixels);
        }
    }

    fn down(&mut self, rows: i32) {
        self.gradient.color = along(self.gradient.color, self.gradient.dy, rows);
    }
}
