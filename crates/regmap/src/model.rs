//! What a card consists of.
//!
//! Nothing here says where a number comes from or whether it makes sense: [`crate::parse`] reads cards
//! from text, [`crate::validate`] judges them.

pub use crate::diagnostics::Place;

/// Bits of a register, and of each word of a command stream.
pub const WORD_BITS: u32 = 32;

/// Bytes of it.
pub const WORD_BYTES: u32 = 4;

/// Tags of the command stream are below this.
pub const TAGS: u32 = 0x800;

/// A card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Stable.
    pub id: String,
    /// For people, one line.
    pub title: String,
    /// Begins every name that the C header defines.
    pub prefix: String,
    /// Major and minor version of the card.
    pub version: (u8, u8),
    /// What it is; a paragraph or several.
    pub docs: String,
    /// How it shows itself on the bus.
    pub pci: Pci,
    /// Bytes of BAR 0.
    pub register_bytes: u32,
    /// Bytes of BAR 2; 0: there is none.
    pub framebuffer_bytes: u32,
    /// Id of the register that holds [`crate::layout_hash`].
    pub hash_register: String,
    /// Id of the register that lists the features by their bits; empty if there is none.
    pub features_register: String,
    /// Of each of these, a card has at least one.
    pub one_of: Vec<Vec<Reference>>,
    /// First and last byte of places where no register may be.
    pub reserved: Vec<(u32, u32)>,
    /// What it can do.
    pub features: Vec<Feature>,
    /// Its registers, in groups.
    pub blocks: Vec<Block>,
    /// What a command stream may hold beside registers with a tag.
    pub commands: Vec<Command>,
    /// Where it is described.
    pub place: Place,
}

/// Ids in PCI config space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pci {
    /// Vendor id.
    pub vendor: u16,
    /// Device id.
    pub device: u16,
    /// Subsystem vendor id.
    pub subsystem_vendor: u16,
    /// Subsystem id.
    pub subsystem_device: u16,
    /// Base class, subclass, programming interface, a byte each.
    pub class: u32,
    /// Revision.
    pub revision: u8,
    /// MSI vectors; 0: no MSI.
    pub msi_vectors: u8,
    /// Whether there is an interrupt pin.
    pub pin: bool,
}

/// Something a card may have or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Stable.
    pub id: String,
    /// What people see.
    pub name: String,
    /// Its bit in the register that lists features.
    pub bit: u32,
    /// What it is good for.
    pub docs: String,
    /// Features it cannot do without.
    pub requires: Vec<Reference>,
    /// Features it cannot be together with.
    pub conflicts: Vec<Reference>,
    /// Whether a card has it for which nothing was chosen.
    pub default: bool,
    /// Where it is described.
    pub place: Place,
}

/// The id of something else in the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The id.
    pub id: String,
    /// Where it stands.
    pub place: Place,
}

/// Registers that belong together; a section of the manual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Stable.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// What it is for.
    pub docs: String,
    /// Its registers.
    pub registers: Vec<Register>,
    /// Where it is described.
    pub place: Place,
}

/// Who writes a register. There is no register that both sides change at will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// The driver writes it, the card reads it.
    Driver,
    /// The card writes it, the driver reads it.
    Card,
    /// The driver writes a command while it is 0, the card writes 0 when that is done.
    Command,
}

impl Access {
    /// As a description calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Driver => "driver",
            Self::Card => "card",
            Self::Command => "command",
        }
    }
}

/// A register, or an array of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Stable.
    pub id: String,
    /// What people see.
    pub name: String,
    /// Bytes from the beginning of BAR 0.
    pub offset: u32,
    /// Who writes it.
    pub access: Access,
    /// How many there are.
    pub count: u32,
    /// Bytes from one to the next.
    pub stride: u32,
    /// What is in it at first.
    pub reset: u32,
    /// By which a command stream writes the first of them; the next ones have the next tags.
    pub tag: Option<u32>,
    /// The feature without which it is not there.
    pub feature: Option<Reference>,
    /// The register that its fields were taken from, and must stay equal to.
    pub fields_of: Option<Reference>,
    /// Whether it has this offset, tag, layout and these values on every card.
    pub pinned: bool,
    /// Registers of its block with the same word stay behind each other, in this order.
    pub together: Option<String>,
    /// Its offset is a multiple of this, wherever it is.
    pub align: u32,
    /// What it is for.
    pub docs: String,
    /// What it consists of; at least one.
    pub fields: Vec<Field>,
    /// Where it is described.
    pub place: Place,
}

impl Register {
    /// Whether there are several, told apart by an index.
    pub fn is_array(&self) -> bool {
        self.count > 1
    }

    /// Offset of one of them.
    pub fn offset_of(&self, index: u32) -> u32 {
        self.offset.saturating_add(index.saturating_mul(self.stride))
    }

    /// The first byte behind the last of them.
    pub fn end(&self) -> u64 {
        let last = u64::from(self.count.saturating_sub(1)) * u64::from(self.stride);
        u64::from(self.offset) + last + u64::from(WORD_BYTES)
    }

    /// The field with an id.
    pub fn field(&self, id: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.id == id)
    }

    /// Whether it has no parts: one field that is all of it.
    pub fn is_plain(&self) -> bool {
        matches!(&self.fields[..], [only] if only.width == WORD_BITS && only.values.is_empty())
    }
}

/// How the bits of a field are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A number from 0.
    Unsigned,
    /// A two's complement number.
    Signed,
    /// A two's complement number in units of 1/2^fraction.
    Fixed {
        /// Bits behind the point.
        fraction: u32,
    },
}

/// Bits of a register that mean one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Stable; `value` for the only field of a register without parts.
    pub id: String,
    /// What people see.
    pub name: String,
    /// Its lowest bit.
    pub shift: u32,
    /// How many bits.
    pub width: u32,
    /// What they mean.
    pub kind: Kind,
    /// What it is for.
    pub docs: String,
    /// The values it may have, if it is one of a few.
    pub values: Vec<Value>,
    /// The feature without which it is not there.
    pub feature: Option<Reference>,
    /// Where it is described.
    pub place: Place,
}

impl Field {
    /// The field's bits in the register.
    pub fn mask(&self) -> u32 {
        let ones = u32::MAX.checked_shr(WORD_BITS.saturating_sub(self.width)).unwrap_or(0);
        ones.checked_shl(self.shift).unwrap_or(0)
    }

    /// Its highest bit.
    pub fn high(&self) -> u32 {
        self.shift + self.width.saturating_sub(1)
    }

    /// The value with an id.
    pub fn value(&self, id: &str) -> Option<&Value> {
        self.values.iter().find(|value| value.id == id)
    }
}

/// A number with a name, in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Stable.
    pub id: String,
    /// What people see.
    pub name: String,
    /// The number.
    pub value: u32,
    /// The feature without which it is not there.
    pub feature: Option<Reference>,
    /// What it means.
    pub docs: String,
    /// Where it is described.
    pub place: Place,
}

/// A command that only a command stream has: a tag, and a word of data behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Stable.
    pub id: String,
    /// What people see.
    pub name: String,
    /// The first word of the pair.
    pub tag: u32,
    /// The feature without which it is not there.
    pub feature: Option<Reference>,
    /// What it does.
    pub docs: String,
    /// Where it is described.
    pub place: Place,
}

impl Card {
    /// All registers, in the order of the description.
    pub fn registers(&self) -> impl Iterator<Item = &Register> {
        self.blocks.iter().flat_map(|block| &block.registers)
    }

    /// The register with an id.
    pub fn register(&self, id: &str) -> Option<&Register> {
        self.registers().find(|register| register.id == id)
    }

    /// The command with an id.
    pub fn command(&self, id: &str) -> Option<&Command> {
        self.commands.iter().find(|command| command.id == id)
    }

    /// The features as bits of a register.
    pub fn feature_bits(&self) -> u32 {
        self.features.iter().fold(0, |bits, one| bits | 1_u32.checked_shl(one.bit).unwrap_or(0))
    }

    /// Whether two features cannot be on one card.
    pub fn exclude_each_other(&self, one: &str, other: &str) -> bool {
        let names = |from: &str, to: &str| {
            let conflicts = self.feature(from).map(|feature| &feature.conflicts[..]);
            conflicts.unwrap_or_default().iter().any(|reference| reference.id == to)
        };
        names(one, other) || names(other, one)
    }

    /// The feature with an id.
    pub fn feature(&self, id: &str) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.id == id)
    }
}
