//! What will be read, in which order. Pure: the same seed gives the same plan.
//!
//! Positions are counted in blocks, 0 to `last`; the largest distance D is `last`, so a move from one end
//! to the other is the stroke 1.

use super::options::Spacing;

/// A small repeatable generator (SplitMix64, Steele et al. 2014); nothing here needs secrecy.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Same seed, same numbers.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0 to `last`, both included.
    pub fn up_to(&mut self, last: u64) -> u64 {
        let count = u128::from(last) + 1;
        ((u128::from(self.bits()) * count) >> 64) as u64 // bias below count/2^64
    }

    /// Uniform in 0 to 1, 1 excluded.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Puts `items` in a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.up_to(i as u64) as usize);
        }
    }
}

/// One measured move: read at `from` to place the arm, then time a read at `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Block that places the arm.
    pub from: u64,
    /// Block whose read is timed.
    pub to: u64,
}

impl Move {
    /// Distance as a fraction of the largest one.
    pub fn stroke(self, last: u64) -> f64 {
        stroke(self.from, self.to, last)
    }
}

/// |to - from| as a fraction of `last`; 0 if there is only one position.
pub fn stroke(from: u64, to: u64, last: u64) -> f64 {
    if last == 0 { 0.0 } else { from.abs_diff(to) as f64 / last as f64 }
}

/// Distances to measure, in blocks, rising, without repeats; the largest is always `last`.
///
/// None is a single block: reading the very next block is contiguous, which disks serve without moving.
pub fn distances(last: u64, buckets: usize, spacing: Spacing) -> Vec<u64> {
    let shortest = 2.min(last).max(1);
    let n = buckets.max(1) as f64;
    let mut all: Vec<u64> = (1..=buckets.max(1))
        .map(|i| {
            let part = i as f64 / n;
            let distance = match spacing {
                Spacing::Linear => part * last as f64,
                Spacing::Square => part * part * last as f64,
                Spacing::Log => {
                    let span = (last as f64 / shortest as f64).max(1.0);
                    let from_zero = if n > 1.0 { (i as f64 - 1.0) / (n - 1.0) } else { 1.0 };
                    shortest as f64 * span.powf(from_zero)
                }
            };
            (distance.round() as u64).clamp(shortest, last)
        })
        .collect();
    all.dedup();
    all
}

/// The passes, each with every distance `per_pass` times in an order of its own, so that a slow drift of
/// the target spreads over all distances instead of looking like one.
pub fn passes(
    rng: &mut Rng,
    last: u64,
    distances: &[u64],
    passes: usize,
    per_pass: usize,
) -> Vec<Move> {
    let mut all = Vec::with_capacity(passes * per_pass * distances.len());
    for _ in 0..passes {
        let mut pass: Vec<Move> = distances
            .iter()
            .flat_map(|&d| std::iter::repeat_n(d, per_pass))
            .map(|d| {
                let low = rng.up_to(last.saturating_sub(d));
                if rng.bits() & 1 == 0 {
                    Move { from: low, to: low + d }
                } else {
                    Move { from: low + d, to: low }
                }
            })
            .collect();
        rng.shuffle(&mut pass);
        all.append(&mut pass);
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Rng, *};

    proptest! {
        #[test]
        fn plans_stay_on_the_target_and_repeat(
            last in 2u64..1 << 40, buckets in 1usize..60, seed: u64, which in 0usize..3,
        ) {
            let spacing = [Spacing::Linear, Spacing::Square, Spacing::Log][which];
            let wanted = distances(last, buckets, spacing);
            prop_assert!(wanted.windows(2).all(|w| w[0] < w[1]), "{wanted:?}");
            prop_assert!(wanted[0] >= 2 && wanted.len() <= buckets);
            prop_assert_eq!(wanted.last(), Some(&last));
            let plan = passes(&mut Rng::new(seed), last, &wanted, 3, 2);
            prop_assert_eq!(plan.len(), wanted.len() * 6);
            for (i, pass) in plan.chunks(wanted.len() * 2).enumerate() {
                let mut seen: Vec<u64> = pass.iter().map(|m| m.from.abs_diff(m.to)).collect();
                seen.sort_unstable();
                seen.dedup();
                prop_assert_eq!(&seen, &wanted, "pass {} measures every distance", i);
            }
            prop_assert!(plan.iter().all(|m| m.from <= last && m.to <= last));
            prop_assert_eq!(&plan, &passes(&mut Rng::new(seed), last, &wanted, 3, 2));
        }
    }

    #[test]
    fn uniform_numbers_are_uniform() {
        let mut rng = Rng::new(1);
        let mut counts = [0u32; 10];
        for _ in 0..100_000 {
            counts[rng.up_to(9) as usize] += 1;
        }
        assert!(counts.iter().all(|&n| (9_600..10_400).contains(&n)), "{counts:?}");
        let mean = (0..100_000).map(|_| rng.unit()).sum::<f64>() / 1e5;
        assert!((mean - 0.5).abs() < 0.005);
    }
}
