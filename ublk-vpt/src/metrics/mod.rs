//! Figures for Prometheus: its text format over HTTP, on a Unix socket or an address of this machine.
//!
//! One thread answers one client after the other. Nothing a client does holds up the disk: a request has
//! a largest size and a longest time, and the engine's lock is held for a copy of the counters only.

mod address;
mod server;
mod text;

pub use address::MetricsAddress;
pub use server::MetricsServer;
pub use text::{Figures, render};
