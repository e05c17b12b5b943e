//! A colour in one vector register: what AVX2 and AVX-512 have in common.
//!
//! Four lanes: red, green, blue, and one that is always 0.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_mullo_epi32, _mm_or_si128, _mm_set1_epi32, _mm_setr_epi32,
    _mm_testz_si128,
};

use super::{OUT_OF_RANGE, Rgb};

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn color([red, green, blue]: Rgb) -> __m128i {
    _mm_setr_epi32(red, green, blue, 0)
}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn along(start: __m128i, by: __m128i, count: i32) -> __m128i {
    _mm_add_epi32(start, _mm_mullo_epi32(by, _mm_set1_epi32(count)))
}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn plus(start: __m128i, by: __m128i) -> __m128i {
    _mm_add_epi32(start, by)
}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn in_range(a: __m128i, b: __m128i) -> bool {
    _mm_testz_si128(_mm_or_si128(a, b), _mm_set1_epi32(OUT_OF_RANGE)) == 1
}
