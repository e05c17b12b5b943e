//! How far the guest's clock is from the host's.
//!
//! At its start a guest reads its clock and leaves, many times. Its reading lies between the host's
//! before entering and after leaving, so each time bounds the difference from both sides; what all of
//! them allow is the answer. Where no difference is allowed, there is none: the two read one counter.

use crate::backend::Stay;

/// What the difference between guest and host may be: guest less host, in cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend) struct Skew {
    least: i64,
    most: i64,
}

impl Default for Skew {
    fn default() -> Self {
        Self { least: i64::MIN / 2, most: i64::MAX / 2 }
    }
}

impl Skew {
    /// Learns from one stay in which the guest read `hello`.
    pub(in crate::backend) fn learn(&mut self, stay: Stay, hello: u64) {
        let difference = |host: u64| hello.wrapping_sub(host).cast_signed();
        self.least = self.least.max(difference(stay.leave));
        self.most = self.most.min(difference(stay.enter));
    }

    /// The guest's clock less the host's.
    pub(in crate::backend) fn offset(self) -> i64 {
        if self.is_one_clock() { 0 } else { self.least.midpoint(self.most) }
    }

    /// By how much [`Self::offset`] may be wrong.
    pub(in crate::backend) fn uncertainty(self) -> u64 {
        if self.is_one_clock() { 0 } else { self.most.abs_diff(self.least) / 2 }
    }

    fn is_one_clock(self) -> bool {
        (self.least..=self.most).contains(&0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_clock_has_no_offset() {
        let mut skew = Skew::default();
        skew.learn(Stay { enter: 100, leave: 300 }, 220);
        skew.learn(Stay { enter: 400, leave: 450 }, 430);
        assert_eq!((skew.offset(), skew.uncertainty()), (0, 0));
    }

    #[test]
    fn another_clock_is_found_as_well_as_the_shortest_stays_allow() {
        let mut skew = Skew::default();
        // The guest is 1000 behind; it reads in the middle, early, late.
        for (enter, leave, at) in [(2000, 2200, 2100), (3000, 3200, 3010), (4000, 4200, 4190)] {
            skew.learn(Stay { enter, leave }, at - 1000);
        }
        assert_eq!((skew.offset(), skew.uncertainty()), (-1000, 10));
    }
}
