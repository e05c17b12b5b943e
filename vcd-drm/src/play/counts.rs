//! What a player has done so far.

use serde::{Deserialize, Serialize};

/// Since the card was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Looks at the registers.
    pub turns: u64,
    /// Registers written by the card.
    pub writes: u64,
    /// Pieces of the driver's memory read, and their bytes.
    pub fetches: u64,
    /// See `fetches`.
    pub fetched_bytes: u64,
    /// Pieces that could not be read.
    pub refused_fetches: u64,
    /// Interrupts asked for.
    pub interrupts: u64,
    /// Mistakes of the driver's.
    pub faults: u64,
    /// Changes of the mode.
    pub modes: u64,
    /// Pictures published that differed from the one before.
    pub frames: u64,
}
