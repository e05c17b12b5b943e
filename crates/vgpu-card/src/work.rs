//! What the card reads from the driver's memory: a buffer, or the ring.

use crate::action::Fetch;

/// Sizes that a ring may have, in words.
const RING_WORDS: std::ops::RangeInclusive<u32> = 64..=1 << 20;

/// What is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Run {
    /// Nothing.
    #[default]
    Idle,
    /// A buffer.
    Buffer {
        /// DMA address of what comes next.
        next: u64,
        /// Words from there to its end.
        left: u32,
    },
    /// The ring.
    Ring {
        /// Its DMA address.
        base: u32,
        /// Its words, a power of two.
        size: u32,
        /// Position of what comes next.
        get: u32,
        /// Position behind the last word.
        put: u32,
    },
}

impl Run {
    /// A ring at its beginning, if the registers make sense.
    pub(crate) fn ring(base: u32, size: u32, put: u32) -> Option<Self> {
        let good = RING_WORDS.contains(&size) && size.is_power_of_two() && base.is_multiple_of(8);
        (good && put <= size).then_some(Self::Ring { base, size, get: 0, put })
    }

    /// What is to be read next. Pairs are never torn apart, except where the driver has torn one.
    pub(crate) fn fetch(&self) -> Option<Fetch> {
        let most = (Fetch::MOST_BYTES / 4) as u32;
        let (address, words) = match *self {
            Self::Idle => return None,
            Self::Buffer { next, left } => (next, left.min(most)),
            Self::Ring { base, size, get, put } => {
                let at = get % size;
                let there = put.wrapping_sub(get).min(size - at).min(most);
                // Half a pair waits for the other half only if it is not alone.
                let words = if there > 1 { there & !1 } else { there };
                (u64::from(base) + 4 * u64::from(at), words)
            }
        };
        (words > 0).then_some(Fetch { address, bytes: words as usize * 4 })
    }

    /// So many bytes are done.
    pub(crate) fn advance(&mut self, bytes: usize) {
        let words = (bytes / 4) as u32;
        match self {
            Self::Idle => {}
            Self::Buffer { next, left } => {
                *next += bytes as u64;
                *left = left.saturating_sub(words);
            }
            Self::Ring { get, .. } => *get = get.wrapping_add(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetches(mut run: Run) -> Vec<(u64, usize)> {
        let mut all = Vec::new();
        while let Some(Fetch { address, bytes }) = run.fetch() {
            assert!(bytes <= Fetch::MOST_BYTES && all.len() < 100);
            all.push((address, bytes));
            run.advance(bytes);
        }
        all
    }

    #[test]
    fn a_buffer_is_read_in_pieces_of_whole_pairs() {
        let run = Run::Buffer { next: 0x1000, left: 0x4000 + 7 };
        assert_eq!(fetches(run), [(0x1000, 0x1_0000), (0x1_1000, 28)]);
        assert_eq!(fetches(Run::Idle), []);
        // Beyond all memory nothing overflows.
        let run = Run::Buffer { next: 0xffff_fffc, left: 4 };
        assert_eq!(fetches(run), [(0xffff_fffc, 16)]);
    }

    #[test]
    fn a_ring_is_read_around_its_end() {
        let at = |get, put| Run::Ring { base: 0x800, size: 64, get, put };
        assert_eq!(fetches(at(0, 0)), []);
        assert_eq!(fetches(at(60, 70)), [(0x800 + 240, 16), (0x800, 24)]);
        let near = u32::MAX - 3;
        assert_eq!(fetches(at(near, near.wrapping_add(8))), [(0x800 + 240, 16), (0x800, 16)]);
        assert_eq!(fetches(at(0, 3)), [(0x800, 8), (0x808, 4)], "a torn pair comes alone");
    }

    #[test]
    fn rings_have_sizes() {
        for (base, size, put, good) in [
            (0, 64, 64, true),
            (8, 1 << 20, 0, true),
            (4, 64, 0, false),
            (0, 96, 0, false),
            (0, 32, 0, false),
            (0, 1 << 21, 0, false),
            (0, 0, 0, false),
            (0, 64, 65, false),
        ] {
            assert_eq!(Run::ring(base, size, put).is_some(), good, "{base} {size} {put}");
        }
    }
}
