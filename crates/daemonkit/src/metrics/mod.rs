//! Figures for Prometheus: its text format over HTTP, on a Unix socket or an address of this machine.
//!
//! One thread answers one client after the other. Nothing a client does holds up the daemon: a request
//! has a largest size and a longest time.

mod address;
mod server;
mod text;

pub use address::MetricsAddress;
pub use server::MetricsServer;
pub use text::{about, escaped};
