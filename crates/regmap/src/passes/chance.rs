//! Chance that is the same in every release: ChaCha20, a stream for each seed, pass and id.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Random numbers for one thing in one pass.
#[derive(Clone, Debug)]
pub struct Chance(ChaCha20Rng);

impl Chance {
    /// The stream of a seed, a pass and an id.
    pub fn of(seed: u32, pass: &str, id: &str) -> Self {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&seed.to_le_bytes());
        let mut random = ChaCha20Rng::from_seed(key);
        random.set_stream(number(pass, id));
        Self(random)
    }

    /// Below a limit; 0 if that is 0.
    pub fn below(&mut self, limit: u32) -> u32 {
        // The product's upper half: even enough, and never a loop.
        ((u64::from(self.0.next_u32()) * u64::from(limit)) >> 32) as u32
    }

    /// One of several, if there are any.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len() as u32) as usize)
    }

    /// Another order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.below(at as u32 + 1) as usize);
        }
    }
}

/// FNV-1a over both.
fn number(pass: &str, id: &str) -> u64 {
    let bytes = pass.bytes().chain([0]).chain(id.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_the_same_for_ever_and_differ() {
        let first = |seed, pass, id| Chance::of(seed, pass, id).below(1 << 30);
        assert_eq!(first(1, "rename", "ring"), first(1, "rename", "ring"));
        assert_ne!(first(1, "rename", "ring"), first(2, "rename", "ring"));
        assert_ne!(first(1, "rename", "ring"), first(1, "repack", "ring"));
        assert_ne!(first(1, "rename", "ring"), first(1, "rename", "base"));
        assert_eq!(first(7, "relocate", "draw"), FIRST, "cards of past semesters stay as they are");
    }

    const FIRST: u32 = 850_896_632;
}
