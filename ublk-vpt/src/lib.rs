//! The per-disk daemon and the `ublk` command.

pub mod probe;
pub mod report;
