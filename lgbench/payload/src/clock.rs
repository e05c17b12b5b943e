//! The time stamp counter.
#![allow(unsafe_code, reason = "instructions that have no safe wrapper")]

#[cfg(target_arch = "x86")]
use core::arch::x86::{_mm_lfence, _rdtsc};
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::{_mm_lfence, _rdtsc};

/// The clock, without waiting for earlier instructions to end.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: every processor since the Pentium has the instruction; it touches no memory. An operating
    // system may forbid it to programs (PR_SET_TSC), which ends them and cannot be asked for here.
    unsafe { _rdtsc() }
}

/// The clock, once all earlier instructions have ended and before any later one begins.
#[inline(always)]
pub fn fenced() -> u64 {
    // SAFETY: SSE2 is part of x86-64 and of the x86 target; a fence touches no memory.
    unsafe { _mm_lfence() };
    let now = now();
    // SAFETY: as above.
    unsafe { _mm_lfence() };
    now
}
