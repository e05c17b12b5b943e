//! Ids of the card `small` as types, for the program that plays it.
//!
//! Generated from small.toml: change that, then run: cargo xtask regs
//! Names, places and codes are not here: they may be others on each card of this kind.

/// A register, or an array of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reg {
    /// The layout's hash.
    Hash,
    /// A count.
    Seen,
    /// The same once more.
    Again,
    /// Draws.
    Go,
    /// Columns.
    X,
    /// Rows, both parts of one.
    Y,
}

impl Reg {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Hash,
        Self::Seen,
        Self::Again,
        Self::Go,
        Self::X,
        Self::Y,
    ];

    /// Its id in the description.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Seen => "seen",
            Self::Again => "again",
            Self::Go => "go",
            Self::X => "x",
            Self::Y => "y",
        }
    }

    /// How many there are.
    pub const fn count(self) -> usize {
        match self {
            Self::X => 4,
            Self::Y => 4,
            _ => 1,
        }
    }
}

/// A field of a register that has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fld {
    /// Of the | left.
    SeenLeft,
    /// Of the right.
    SeenRight,
    /// Of the | left.
    AgainLeft,
    /// Of the right.
    AgainRight,
    /// What.
    GoWhat,
    /// fast
    GoFast,
    /// whole
    YWhole,
    /// part
    YPart,
}

impl Fld {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::SeenLeft,
        Self::SeenRight,
        Self::AgainLeft,
        Self::AgainRight,
        Self::GoWhat,
        Self::GoFast,
        Self::YWhole,
        Self::YPart,
    ];

    /// Its register, and its id in the description.
    pub const fn id(self) -> (Reg, &'static str) {
        match self {
            Self::SeenLeft => (Reg::Seen, "left"),
            Self::SeenRight => (Reg::Seen, "right"),
            Self::AgainLeft => (Reg::Again, "left"),
            Self::AgainRight => (Reg::Again, "right"),
            Self::GoWhat => (Reg::Go, "what"),
            Self::GoFast => (Reg::Go, "fast"),
            Self::YWhole => (Reg::Y, "whole"),
            Self::YPart => (Reg::Y, "part"),
        }
    }

    /// Id of the feature without which it is not there.
    pub const fn feature(self) -> Option<&'static str> {
        match self {
            _ => None,
        }
    }
}

/// One of the values of a field.
pub trait Named: Copy + Sized + 'static {
    /// The field.
    const FIELD: Fld;
    /// All values.
    const ALL: &[Self];
    /// Its id in the description.
    fn id(self) -> &'static str;
}

/// What.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GoWhat {
    /// A line
    Line,
    /// A line with gaps
    Dash,
}

impl Named for GoWhat {
    const FIELD: Fld = Fld::GoWhat;
    const ALL: &[Self] = &[
        Self::Line,
        Self::Dash,
    ];

    fn id(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Dash => "dash",
        }
    }
}

/// A command that only a command stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cmd {
    /// Nothing.
    Nop,
}

impl Cmd {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Nop,
    ];

    /// Its id in the description.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Nop => "nop",
        }
    }
}
