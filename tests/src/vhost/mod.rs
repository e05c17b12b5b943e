//! The other side of vhost-user-blk without a virtual machine: a driver with its rings in a piece of
//! shared memory, that can do everything right and everything wrong.

mod driver;
mod ring;

pub use driver::{Driver, Options};
pub use ring::{Ask, Ring};

/// Read.
pub const IN: u32 = 0;
/// Write.
pub const OUT: u32 = 1;
/// Make durable.
pub const FLUSH: u32 = 4;
/// The device's name.
pub const GET_ID: u32 = 8;
/// Sectors no longer needed.
pub const DISCARD: u32 = 11;
/// Sectors to be zeroes.
pub const WRITE_ZEROES: u32 = 13;

/// Done.
pub const OK: u8 = 0;
/// Failed.
pub const IOERR: u8 = 1;
/// Not done by this device.
pub const UNSUPP: u8 = 2;
