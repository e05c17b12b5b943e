//! Spans by AVX2: eight pixels at once.
//!
//! A span ends with eight pixels that are calculated backwards from its last one; where they overlap with
//! those before, both agree. Masked stores would not overlap, but some processors take several times as long
//! for them. Nothing beyond the span is written, as someone else may write there at the same time.
#![allow(unsafe_code, reason = "vector stores, and calls of code for this instruction set")]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_cvtsi128_si32, _mm_storeu_si64, _mm_storeu_si128, _mm_unpackhi_epi64,
    _mm256_add_epi32, _mm256_and_si256, _mm256_blend_epi16, _mm256_castsi128_si256,
    _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_max_epi32, _mm256_min_epi32,
    _mm256_mullo_epi32, _mm256_or_si256, _mm256_permutevar8x32_epi32, _mm256_set1_epi32,
    _mm256_setr_epi32, _mm256_setzero_si256, _mm256_slli_epi32, _mm256_srli_epi32,
    _mm256_storeu_si256,
};

use super::{Job, Rgb, Spans, register};

/// A processor that has AVX2.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Avx2(());

/// What each channel differs by, red first.
#[derive(Clone, Copy)]
pub(in super::super) struct Slope {
    /// In eight pixels from the first one.
    ahead: [__m256i; 3],
    /// In eight pixels from the last one.
    behind: [__m256i; 3],
    /// From eight pixels to the next eight.
    step: [__m256i; 3],
}

impl Avx2 {
    /// Asks the processor.
    pub(in super::super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Does a job, compiled for this instruction set as a whole.
    pub(in super::super) fn run<J: Job>(self, job: J) -> J::Output {
        #[target_feature(enable = "avx2")]
        fn compiled<J: Job>(spans: Avx2, job: J) -> J::Output {
            job.run(spans)
        }
        // SAFETY: an `Avx2` is only made where the processor has AVX2.
        unsafe { compiled(self, job) }
    }
}

// In each of these functions calling the one of the same name is sound because an `Avx2` is only made
// where the processor has AVX2.
impl Spans for Avx2 {
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

#[target_feature(enable = "avx2")]
#[inline]
fn slope(dx: Rgb) -> Slope {
    let times = |d: i32, from: i32| {
        let numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        let numbers = _mm256_add_epi32(numbers, _mm256_set1_epi32(from));
        _mm256_mullo_epi32(_mm256_set1_epi32(d), numbers)
    };
    Slope {
        ahead: dx.map(|d| times(d, 0)),
        behind: dx.map(|d| times(d, -7)),
        step: dx.map(|d| _mm256_slli_epi32::<3>(_mm256_set1_epi32(d))),
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn smooth<const SATURATE: bool>(slope: &Slope, target: &mut [u32], first: __m128i, last: __m128i) {
    let mut color = colors(first, &slope.ahead);
    let end = packed::<SATURATE>(colors(last, &slope.behind));
    let len = target.len();
    if len < 8 {
        return put_less(target, packed::<SATURATE>(color), end);
    }
    for eight in target[..len - 1].as_chunks_mut().0 {
        put(eight, packed::<SATURATE>(color));
        color = std::array::from_fn(|k| _mm256_add_epi32(color[k], slope.step[k]));
    }
    if let Some(eight) = target.last_chunk_mut() {
        put(eight, end);
    }
}

#[target_feature(enable = "avx2")]
fn saturated(dx: Rgb, target: &mut [u32], first: __m128i) {
    let last = register::along(first, register::color(dx), target.len() as i32 - 1);
    smooth::<true>(&slope(dx), target, first, last);
}

#[target_feature(enable = "avx2")]
#[inline]
fn flat(target: &mut [u32], value: u32) {
    let pixels = _mm256_set1_epi32(value as i32);
    let len = target.len();
    if len < 8 {
        return put_less(target, pixels, pixels);
    }
    for eight in target[..len - 1].as_chunks_mut().0 {
        put(eight, pixels);
    }
    if let Some(eight) = target.last_chunk_mut() {
        put(eight, pixels);
    }
}

/// The channels of eight pixels from one colour.
#[target_feature(enable = "avx2")]
#[inline]
fn colors(color: __m128i, differ: &[__m256i; 3]) -> [__m256i; 3] {
    let wide = _mm256_castsi128_si256(color);
    std::array::from_fn(|k| {
        let lane = _mm256_set1_epi32(k as i32);
        _mm256_add_epi32(_mm256_permutevar8x32_epi32(wide, lane), differ[k])
    })
}

/// Eight pixels from their channels.
#[target_feature(enable = "avx2")]
#[inline]
fn packed<const SATURATE: bool>(color: [__m256i; 3]) -> __m256i {
    let [red, green, blue] = if SATURATE {
        let most = _mm256_set1_epi32(0xff_ffff);
        color.map(|c| _mm256_min_epi32(_mm256_max_epi32(c, _mm256_setzero_si256()), most))
    } else {
        color
    };
    let green = _mm256_and_si256(_mm256_srli_epi32::<8>(green), _mm256_set1_epi32(0xff00));
    let lower = _mm256_or_si256(green, _mm256_srli_epi32::<16>(blue));
    // The upper halves of red: its level, and the byte of nothing.
    _mm256_blend_epi16::<0b1010_1010>(lower, red)
}

#[target_feature(enable = "avx2")]
#[inline]
fn put(target: &mut [u32; 8], pixels: __m256i) {
    // SAFETY: the array is 32 bytes, which is what is written; no alignment is asked for.
    unsafe { _mm256_storeu_si256(target.as_mut_ptr().cast(), pixels) }
}

/// Writes fewer than eight pixels: the first ones of `start` and the last ones of `end`.
#[target_feature(enable = "avx2")]
#[inline]
fn put_less(target: &mut [u32], start: __m256i, end: __m256i) {
    let (start, end) = (_mm256_castsi256_si128(start), _mm256_extracti128_si256::<1>(end));
    if let Some(four) = target.first_chunk_mut::<4>() {
        // SAFETY: the array is 16 bytes, which is what is written; no alignment is asked for.
        unsafe { _mm_storeu_si128(four.as_mut_ptr().cast(), start) }
        if let Some(four) = target.last_chunk_mut::<4>() {
            // SAFETY: as above.
            unsafe { _mm_storeu_si128(four.as_mut_ptr().cast(), end) }
        }
    } else if let Some(two) = target.first_chunk_mut::<2>() {
        // SAFETY: the array is 8 bytes, which is what is written; no alignment is asked for.
        unsafe { _mm_storeu_si64(two.as_mut_ptr().cast(), start) }
        if let Some(two) = target.last_chunk_mut::<2>() {
            let end = _mm_unpackhi_epi64(end, end);
            // SAFETY: as above.
            unsafe { _mm_storeu_si64(two.as_mut_ptr().cast(), end) }
        }
    } else if let Some(one) = target.first_mut() {
        *one = _mm_cvtsi128_si32(start) as u32;
    }
}
