//! The per-disk daemon and the `ublk` command.
//!
//! ```text
//!   ublk add ---start request, pipe---> daemon (one per device) ---opens---> Device (engine, front end)
//!      ^------------- ready ---------------'   |  lock, record, log, socket in the state directory
//!   ublk list, stats, set, del ---one line of JSON, control socket---'
//! ```
//!
//! Every command first clears away what dead daemons left ([`state`]), then does its one thing
//! ([`commands`]). What a device is made of is known to [`daemon::device`] only by name.

pub mod back;
pub mod cli;
pub mod commands;
pub mod control;
pub mod daemon;
pub mod disks;
pub mod engine;
pub mod front;
pub mod metrics;
pub mod mounts;
pub mod probe;
pub mod replay;
pub mod report;
pub mod sockets;
pub mod state;
pub mod top;
