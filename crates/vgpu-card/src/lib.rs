//! A graphics card that is played by a program.
//!
//! Pure: no clock, no file, no socket, no thread. Memory comes in as slices, what changed goes out as
//! values; who owns threads splits the picture into bands and draws them side by side.
//!
//! | module | duty |
//! | --- | --- |
//! | [`raster`] | from primitives to pixels |
//! | [`ids`] | every register, field and value by its id, wherever a card has it; generated |
//! | [`regs`] | offsets, bits and codes of the base card, for who drives it; generated |

#[rustfmt::skip]
pub mod ids;
pub mod raster;
#[rustfmt::skip]
pub mod regs;
