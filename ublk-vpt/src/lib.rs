//! The per-disk daemon and the `ublk` command.

pub mod back;
pub mod engine;
pub mod front;
pub mod report;
