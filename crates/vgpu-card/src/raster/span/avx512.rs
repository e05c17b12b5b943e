//! Spans by AVX-512: sixteen pixels at once, fewer by a masked store.
//!
//! As in AVX2, a longer span ends with pixels that are calculated backwards from its last one.
#![allow(unsafe_code, reason = "vector stores, and calls of code for this instruction set")]

use std::arch::x86_64::{
    __m128i, __m512i, _mm512_add_epi32, _mm512_and_si512, _mm512_castsi128_si512,
    _mm512_mask_storeu_epi32, _mm512_max_epi32, _mm512_min_epi32, _mm512_mullo_epi32,
    _mm512_or_si512, _mm512_permutexvar_epi32, _mm512_set1_epi32, _mm512_setr_epi32,
    _mm512_setzero_si512, _mm512_slli_epi32, _mm512_srli_epi32, _mm512_storeu_si512,
};

use super::{Job, Rgb, Spans, register};

/// A processor that has AVX-512F, and with it AVX2.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Avx512(());

/// What each channel differs by, red first.
#[derive(Clone, Copy)]
pub(in super::super) struct Slope {
    /// In sixteen pixels from the first one.
    ahead: [__m512i; 3],
    /// In sixteen pixels from the last one.
    behind: [__m512i; 3],
    /// From sixteen pixels to the next sixteen.
    step: [__m512i; 3],
}

impl Avx512 {
    /// Asks the processor.
    pub(in super::super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }

    /// Does a job, compiled for this instruction set as a whole.
    pub(in super::super) fn run<J: Job>(self, job: J) -> J::Output {
        #[target_feature(enable = "avx512f")]
        fn compiled<J: Job>(spans: Avx512, job: J) -> J::Output {
            job.run(spans)
        }
        // SAFETY: an `Avx512` is only made where the processor has AVX-512F.
        unsafe { compiled(self, job) }
    }
}

// In each of these functions calling the one of the same name is sound because an `Avx512` is only made
// where the processor has AVX-512F.
impl Spans for Avx512 {
    type Color = __m128i;
    type Slope = Slope;

    #[inline(always)]
    fn color(self, rgb: Rgb) -> __m128i {
        // SAFETY: see above.
        unsafe { register::color(rgb) }
    }

    #[inline(always)]
    fn along(self, start: __m128i, by: __m128i, count: i32) -> __m128i {
        // SAFETY: see above.
        unsafe { register::along(start, by, count) }
    }

    #[inline(always)]
    fn plus(self, start: __m128i, by: __m128i) -> __m128i {
        // SAFETY: see above.
        unsafe { register::plus(start, by) }
    }

    #[inline(always)]
    fn in_range(self, a: __m128i, b: __m128i) -> bool {
        // SAFETY: see above.
        unsafe { register::in_range(a, b) }
    }

    #[inline(always)]
    fn slope(self, dx: Rgb) -> Slope {
        // SAFETY: see above.
        unsafe { slope(dx) }
    }

    #[inline(always)]
    fn smooth(self, slope: &Slope, target: &mut [u32], first: __m128i, last: __m128i) {
        // SAFETY: see above.
        unsafe { smooth::<false>(slope, target, first, last) }
    }

    #[inline(always)]
    fn saturated(self, dx: Rgb, target: &mut [u32], first: __m128i) {
        // SAFETY: see above.
        unsafe { saturated(dx, target, first) }
    }

    #[inline(always)]
    fn flat(self, target: &mut [u32], value: u32) {
        // SAFETY: see above.
        unsafe { flat(target, value) }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn slope(dx: Rgb) -> Slope {
    let times = |d: i32, from: i32| {
        let numbers = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let numbers = _mm512_add_epi32(numbers, _mm512_set1_epi32(from));
        _mm512_mullo_epi32(_mm512_set1_epi32(d), numbers)
    };
    Slope {
        ahead: dx.map(|d| times(d, 0)),
        behind: dx.map(|d| times(d, -15)),
        step: dx.map(|d| _mm512_slli_epi32::<4>(_mm512_set1_epi32(d))),
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn smooth<const SATURATE: bool>(slope: &Slope, target: &mut [u32], first: __m128i, last: __m128i) {
    let mut color = colors(first, &slope.ahead);
    let len = target.len();
    if len < 16 {
        return put_less(target, packed::<SATURATE>(color));
    }
    for sixteen in target[..len - 1].as_chunks_mut().0 {
        put(sixteen, packed::<SATURATE>(color));
        color = std::array::from_fn(|k| _mm512_add_epi32(color[k], slope.step[k]));
    }
    if let Some(sixteen) = target.last_chunk_mut() {
        put(sixteen, packed::<SATURATE>(colors(last, &slope.behind)));
    }
}

#[target_feature(enable = "avx512f")]
fn saturated(dx: Rgb, target: &mut [u32], first: __m128i) {
    let last = register::along(first, register::color(dx), target.len() as i32 - 1);
    smooth::<true>(&slope(dx), target, first, last);
}

#[target_feature(enable = "avx512f")]
#[inline]
fn flat(target: &mut [u32], value: u32) {
    let pixels = _mm512_set1_epi32(value as i32);
    let len = target.len();
    if len < 16 {
        return put_less(target, pixels);
    }
    for sixteen in target[..len - 1].as_chunks_mut().0 {
        put(sixteen, pixels);
    }
    if let Some(sixteen) = target.last_chunk_mut() {
        put(sixteen, pixels);
    }
}

/// The channels of sixteen pixels from one colour.
#[target_feature(enable = "avx512f")]
#[inline]
fn colors(color: __m128i, differ: &[__m512i; 3]) -> [__m512i; 3] {
    let wide = _mm512_castsi128_si512(color);
    std::array::from_fn(|k| {
        let lane = _mm512_set1_epi32(k as i32);
        _mm512_add_epi32(_mm512_permutexvar_epi32(lane, wide), differ[k])
    })
}

/// Sixteen pixels from their channels.
#[target_feature(enable = "avx512f")]
#[inline]
fn packed<const SATURATE: bool>(color: [__m512i; 3]) -> __m512i {
    let [red, green, blue] = if SATURATE {
        let most = _mm512_set1_epi32(0xff_ffff);
        color.map(|c| _mm512_min_epi32(_mm512_max_epi32(c, _mm512_setzero_si512()), most))
    } else {
        color
    };
    let red = _mm512_and_si512(red, _mm512_set1_epi32(0xff_0000));
    let green = _mm512_and_si512(_mm512_srli_epi32::<8>(green), _mm512_set1_epi32(0xff00));
    _mm512_or_si512(red, _mm512_or_si512(green, _mm512_srli_epi32::<16>(blue)))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn put(target: &mut [u32; 16], pixels: __m512i) {
    // SAFETY: the array is 64 bytes, which is what is written; no alignment is asked for.
    unsafe { _mm512_storeu_si512(target.as_mut_ptr().cast(), pixels) }
}

/// Writes the first ones of sixteen pixels, as many as there is room for: fewer than sixteen.
#[target_feature(enable = "avx512f")]
#[inline]
fn put_less(target: &mut [u32], pixels: __m512i) {
    let mask = (1_u32 << target.len().min(15)) - 1;
    // SAFETY: only pixels with a bit in the mask are written, which are not more than there are.
    unsafe { _mm512_mask_storeu_epi32(target.as_mut_ptr().cast(), mask as u16, pixels) }
}
