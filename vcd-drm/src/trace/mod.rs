//! What goes in and out of a card, as text that people read and that can be played again.
//!
//! ```text
//! vcd trace 1 base 0x5d9c5073
//! @ 0.001230
//! reg 0x0100 0x01e00280  MODE_SIZE = ...         the card has found a new value there
//! look 0x3                                       it has looked at these pages, and done what they ask for
//! read 0x00100000 16                             it has read the driver's memory, pair by pair
//!   0x016 0x00ff8000  COLOR = ...
//!   0x017 0x00000001  DRAW = ...
//! refused 0x00000000 64                          it may not read there
//! tick 0.016667                                  it was told the time, and that was a vertical blank
//! : int_count ...                                what it did: for people, skipped when played again
//! ```
//! Numbers are what counts, the rest of a line is for people. What a driver writes through the
//! aperture is not traced, for nobody is told of it.
//!
//! [`record`] has the writing, [`replay`] the reading, and playing it again.

pub mod record;
pub mod replay;

pub use self::record::Recorder;
pub use self::replay::{Replay, ReplayError};

/// The first words of a file, before the card's name and its layout.
const MAGIC: &str = "vcd trace 1";
