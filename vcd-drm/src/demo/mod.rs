//! A card, its driver and a program in one process: for machines without the kernel module, for
//! measuring what the path costs, and for showing what the card can do.
//!
//! - [`driver`]: the base card's driver as a library, which does what one in a kernel does
//! - [`stream`]: commands for it
//! - [`scenes`]: what is drawn

pub mod driver;
pub mod scenes;
pub mod stream;

pub use self::driver::{Driver, DriverError};
pub use self::scenes::Scene;
pub use self::stream::Stream;
