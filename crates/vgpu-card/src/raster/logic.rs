//! Logical operations between what is drawn and what is there.

/// How a drawn pixel S and the pixel D in its place become the new pixel, bit by bit.
///
/// The numbers are those of OpenGL and X11, and of the card's register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum LogicOp {
    /// 0
    Clear = 0,
    /// S and D
    And = 1,
    /// S and not D
    AndReverse = 2,
    /// S
    #[default]
    Copy = 3,
    /// not S, and D
    AndInverted = 4,
    /// D
    Noop = 5,
    /// S exclusive-or D
    Xor = 6,
    /// S or D
    Or = 7,
    /// not (S or D)
    Nor = 8,
    /// not (S exclusive-or D)
    Equiv = 9,
    /// not D
    Invert = 10,
    /// S or not D
    OrReverse = 11,
    /// not S
    CopyInverted = 12,
    /// not S, or D
    OrInverted = 13,
    /// not (S and D)
    Nand = 14,
    /// 1
    Set = 15,
}

impl LogicOp {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Clear,
        Self::And,
        Self::AndReverse,
        Self::Copy,
        Self::AndInverted,
        Self::Noop,
        Self::Xor,
        Self::Or,
        Self::Nor,
        Self::Equiv,
        Self::Invert,
        Self::OrReverse,
        Self::CopyInverted,
        Self::OrInverted,
        Self::Nand,
        Self::Set,
    ];

    /// The operation of a number; only its lowest four bits count.
    pub fn from_bits(bits: u32) -> Self {
        Self::ALL[(bits & 15) as usize]
    }

    /// The new pixel.
    pub fn apply(self, source: u32, there: u32) -> u32 {
        Mix::of(self).with(source).apply(there)
    }

    /// Whether the new pixel does not depend on the one that is there.
    pub fn ignores_target(self) -> bool {
        matches!(self, Self::Clear | Self::Copy | Self::CopyInverted | Self::Set)
    }
}

/// An operation without a branch: the new pixel is `(D & keep) ^ flip`, where `keep` and `flip` are each
/// a constant, exclusive-or S under a mask.
///
/// With f the operation on one bit, flip = f(S, 0) and keep = f(S, 0) ^ f(S, 1); the number of an
/// operation is its truth table: bit 0 is f(1, 1), bit 1 f(1, 0), bit 2 f(0, 1), bit 3 f(0, 0).
#[derive(Clone, Copy, Debug)]
pub(super) struct Mix {
    keep: u32,
    keep_source: u32,
    flip: u32,
    flip_source: u32,
}

/// [`Mix`] with S known.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlatMix {
    pub(super) keep: u32,
    pub(super) flip: u32,
}

impl Mix {
    pub(super) fn of(op: LogicOp) -> Self {
        let table = op as u32;
        let bit = |n: u32| if table >> n & 1 == 1 { u32::MAX } else { 0 };
        let (f11, f10, f01, f00) = (bit(0), bit(1), bit(2), bit(3));
        let keep = f00 ^ f01;
        Self { keep, keep_source: keep ^ f10 ^ f11, flip: f00, flip_source: f00 ^ f10 }
    }

    #[inline]
    pub(super) fn with(&self, source: u32) -> FlatMix {
        FlatMix {
            keep: self.keep ^ (source & self.keep_source),
            flip: self.flip ^ (source & self.flip_source),
        }
    }
}

impl FlatMix {
    #[inline]
    pub(super) fn apply(&self, there: u32) -> u32 {
        (there & self.keep) ^ self.flip
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_what_its_name_says() {
        let (s, d) = (0b0011_u32, 0b0101_u32);
        let expected: [u32; 16] = [
            0,
            s & d,
            s & !d,
            s,
            !s & d,
            d,
            s ^ d,
            s | d,
            !(s | d),
            !(s ^ d),
            !d,
            s | !d,
            !s,
            !s | d,
            !(s & d),
            u32::MAX,
        ];
        for (number, (op, expected)) in LogicOp::ALL.into_iter().zip(expected).enumerate() {
            assert_eq!(op as usize, number);
            assert_eq!(op.apply(s, d), expected, "{op:?}");
            assert_eq!(LogicOp::from_bits(number as u32 | 0xf0), op);
            let same = op.apply(s, 0) == op.apply(s, u32::MAX);
            assert_eq!(op.ignores_target(), same, "{op:?}");
        }
    }
}
