//! Small card: registers, fields, values and tags, for programs that drive the card.
//!
//! Generated from small.toml: change that, then run: cargo xtask regs

/// A register, or the first of an array of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Bytes from the beginning of BAR 0.
    pub offset: u32,
    /// How many there are.
    pub count: u32,
    /// Bytes from one to the next.
    pub stride: u32,
}

impl Register {
    const fn new(offset: u32, count: u32, stride: u32) -> Self {
        Self { offset, count, stride }
    }

    /// One of an array.
    ///
    /// # Panics
    /// When the array has no such index.
    pub const fn at(self, index: u32) -> Self {
        assert!(index < self.count, "no such register in the array");
        Self { offset: self.offset + index * self.stride, count: 1, stride: self.stride }
    }
}

/// Bits of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its lowest bit.
    pub shift: u32,
    /// How many bits.
    pub width: u32,
}

impl Field {
    const fn new(shift: u32, width: u32) -> Self {
        Self { shift, width }
    }

    /// The field's bits in the register.
    pub const fn mask(self) -> u32 {
        (u32::MAX >> (32 - self.width)) << self.shift
    }

    /// A value in the field's place; bits that do not fit are lost.
    pub const fn put(self, value: u32) -> u32 {
        value << self.shift & self.mask()
    }

    /// The field's value, without a sign.
    pub const fn get(self, word: u32) -> u32 {
        (word & self.mask()) >> self.shift
    }
}

/// PCI vendor id.
pub const VENDOR_ID: u16 = 0x1234;
/// PCI device id.
pub const DEVICE_ID: u16 = 0x0001;
/// Bytes of BAR 0.
pub const REGISTER_BYTES: u32 = 0x1000;
/// Bytes of BAR 2.
pub const FRAMEBUFFER_BYTES: u32 = 0x10000;
/// What the register [`HASH`] of this card holds.
pub const HASH_VALUE: u32 = 0x4234d216;

/// The layout's hash.
pub const HASH: Register = Register::new(0x0000, 1, 4);

/// A count.
pub const HAVE_SEEN: Register = Register::new(0x0004, 1, 4);

/// Fields and values of [`HAVE_SEEN`].
pub mod have_seen {
    use super::Field;

    /// Of the | left.
    pub const LEFT: Field = Field::new(0, 8);

    /// Of the right.
    pub const RIGHT: Field = Field::new(24, 8);
}

/// The same once more.
pub const AGAIN: Register = Register::new(0x0008, 1, 4);

/// Fields and values of [`AGAIN`].
pub mod again {
    use super::Field;

    /// Of the | left.
    pub const LEFT: Field = Field::new(0, 8);

    /// Of the right.
    pub const RIGHT: Field = Field::new(24, 8);
}

/// Draws.
pub const GO: Register = Register::new(0x0010, 1, 4);

/// Fields and values of [`GO`].
pub mod go {
    use super::Field;

    /// What.
    pub const WHAT: Field = Field::new(0, 4);
    /// A line
    pub const WHAT_LINE: u32 = 1;
    /// A line with gaps
    pub const WHAT_DASH: u32 = 2;

    /// FAST
    pub const FAST: Field = Field::new(31, 1);
}

/// Columns.
pub const X: Register = Register::new(0x0020, 4, 8);

/// Rows, both parts of one.
pub const Y: Register = Register::new(0x0024, 4, 8);

/// Fields and values of [`Y`].
pub mod y {
    use super::Field;

    /// WHOLE
    pub const WHOLE: Field = Field::new(16, 16);

    /// PART
    pub const PART: Field = Field::new(0, 16);
}

/// Bits of the register of features.
pub mod feature {
    /// It draws lines.
    pub const LINES: u32 = 1 << 0;
    /// Lines with gaps.
    pub const DASHES: u32 = 1 << 3;
}

/// Tags of the command stream; of an array, its first.
pub mod tag {
    /// Nothing.
    pub const NOP: u32 = 0x000;
    /// Draws.
    pub const GO: u32 = 0x010;
    /// Columns.
    pub const X: u32 = 0x020;
    /// Rows, both parts of one.
    pub const Y: u32 = 0x024;
}
