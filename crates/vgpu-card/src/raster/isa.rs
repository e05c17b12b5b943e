//! Which instructions to use, found out at run time.

use super::span::{Job, Scalar};

/// An instruction set this processor has.
///
/// There is no other way to make one than to look, so who has one may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(Level);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Scalar,
}

impl Isa {
    /// Without vectors; every processor has it.
    pub const SCALAR: Self = Self(Level::Scalar);

    /// The one with the widest vectors.
    pub fn best() -> Self {
        Self::SCALAR
    }

    /// All there are here, [`Isa::SCALAR`] first.
    pub fn available() -> Vec<Self> {
        vec![Self::SCALAR]
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Scalar => "scalar",
        }
    }

    /// Does a job with these instructions.
    #[inline]
    pub(super) fn run<J: Job>(self, job: J) -> J::Output {
        match self.0 {
            Level::Scalar => job.run(Scalar),
        }
    }
}
