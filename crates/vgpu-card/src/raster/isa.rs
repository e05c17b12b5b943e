//! Which instructions to use, found out at run time.

#[cfg(target_arch = "x86_64")]
use super::span::{Avx2, Avx512};
use super::span::{Job, Scalar};

/// An instruction set this processor has.
///
/// There is no other way to make one than to look, so who has one may use it.
#[derive(Clone, Copy, Debug)]
pub struct Isa(Level);

#[derive(Clone, Copy, Debug)]
enum Level {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Isa {
    /// Without vectors; every processor has it.
    pub const SCALAR: Self = Self(Level::Scalar);

    /// AVX2, eight pixels at once.
    pub fn avx2() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return Some(Self(Level::Avx2(Avx2::detect()?)));
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// AVX-512F, sixteen pixels at once.
    pub fn avx512() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return Some(Self(Level::Avx512(Avx512::detect()?)));
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// All there are here, [`Isa::SCALAR`] first, the widest last.
    pub fn available() -> impl Iterator<Item = Self> {
        [Some(Self::SCALAR), Self::avx2(), Self::avx512()].into_iter().flatten()
    }

    /// The one with the widest vectors.
    pub fn best() -> Self {
        Self::avx512().or_else(Self::avx2).unwrap_or(Self::SCALAR)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => "avx512",
        }
    }

    /// Does a job with these instructions.
    #[inline]
    pub(super) fn run<J: Job>(self, job: J) -> J::Output {
        match self.0 {
            Level::Scalar => job.run(Scalar),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(spans) => spans.run(job),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(spans) => spans.run(job),
        }
    }
}
