//! What a card asks of the program that plays it.

use std::fmt;

use crate::display::Mode;
use crate::ids::{ErrorCodeCode, ErrorCodeSource, Named};
use crate::raster::Rect;

/// One thing to do. They are to be done in their order, and all of them before the card is asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put a value into a register.
    Write {
        /// Its place in BAR 0.
        offset: u32,
        /// The value.
        value: u32,
    },
    /// Interrupt the driver: assert the pin, or send a message.
    Raise,
    /// Deassert the pin. With messages there is nothing to do.
    Lower,
    /// The picture has changed inside these pixels of it.
    Damage(Rect),
    /// There is another picture from now on, or none.
    Mode(Option<Mode>),
    /// The driver has made a mistake, of which it is told; for the log.
    Fault(Fault),
}

/// A mistake of the driver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub code: ErrorCodeCode,
    /// Where it happened.
    pub source: ErrorCodeSource,
    /// DMA address, or offset of a register.
    pub at: u32,
    /// Tag, data or value.
    pub data: u32,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, source, at, data } = self;
        write!(f, "{} in {} at {at:#x}, data {data:#010x}", code.id(), source.id())
    }
}

/// A part of the driver's memory that the card wants to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// DMA address, a multiple of 4. It may lie beyond 32 bits, where nothing can be.
    pub address: u64,
    /// How many bytes, a multiple of 4, at most [`Fetch::MOST_BYTES`].
    pub bytes: usize,
}

impl Fetch {
    /// No fetch is longer.
    pub const MOST_BYTES: usize = 64 << 10;
}
