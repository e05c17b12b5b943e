//! Playing a card of the kernel module until somebody ends it.
//!
//! ```text
//!   kernel module --events--> [ loop: arm, look, wait ] <--bell-- control (its own thread), signals
//!                                |           |
//!                             Player     Publisher --> sinks, each with threads of its own
//! ```
//! - [`cycle`]: the loop
//! - [`control`]: what other commands ask for
//! - [`metrics`]: the same for Prometheus

pub mod control;
pub mod cycle;
pub mod metrics;

pub use self::control::{Order, Orders, Request};
pub use self::cycle::{Cycle, CycleError};
