//! The per-disk daemon and the `ublk` command.

pub mod replay;
pub mod report;
