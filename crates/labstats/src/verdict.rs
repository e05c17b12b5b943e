//! From an interval and a p value to a word.

use serde::Serialize;

use crate::interval::Interval;
use crate::results::Better;

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The interval of the shift lies within the margin: no difference that matters.
    Same,
    /// A difference in the good direction.
    Faster,
    /// A difference in the bad direction.
    Slower,
    /// Larger, for a metric of which no direction is good.
    Higher,
    /// Smaller, for such a metric.
    Lower,
    /// Neither a difference nor its absence is shown.
    Undecided,
}

impl Verdict {
    /// Judges a shift of new against old. `interval` and `p` belong to the same test; `margin` is the
    /// largest shift to either side that does not matter, in the metric's unit.
    ///
    /// An interval within the margin says "same" even when it excludes 0: such a difference is real and
    /// too small to matter. That is two one-sided tests at half of alpha each (Schuirmann, Journal of
    /// Pharmacokinetics and Biopharmaceutics 15, 1987), on the safe side of the usual alpha each.
    pub fn of(
        shift: f64,
        interval: Option<Interval>,
        p: f64,
        alpha: f64,
        margin: f64,
        better: Better,
    ) -> Self {
        if interval.is_some_and(|i| i.low >= -margin && i.high <= margin) {
            Self::Same
        } else if p > alpha || shift == 0.0 || shift.is_nan() {
            Self::Undecided
        } else {
            match (better, shift > 0.0) {
                (Better::Neither, true) => Self::Higher,
                (Better::Neither, false) => Self::Lower,
                (Better::Higher, true) | (Better::Lower, false) => Self::Faster,
                (Better::Higher, false) | (Better::Lower, true) => Self::Slower,
            }
        }
    }

    /// Whether it claims a difference.
    pub fn is_difference(self) -> bool {
        !matches!(self, Self::Same | Self::Undecided)
    }

    /// Its name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::Undecided => "undecided",
        }
    }
}
