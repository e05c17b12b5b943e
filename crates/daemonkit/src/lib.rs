//! What every daemon of the toolbox shares, so that each is started, asked and ended the same way.
//!
//! | module | what |
//! | --- | --- |
//! | [`atomic`] | a file is there whole or not at all |
//! | [`lock`] | locks that die with their owner, naming it |
//! | [`logging`] | where messages go and how many |
//! | [`metrics`] | figures for Prometheus, over HTTP |
//! | [`ready`] | telling the parent process and systemd that the service works, or why it does not |
//! | [`signals`] | SIGINT, SIGTERM, SIGHUP as messages |
//! | [`server`], [`client`] | a line in, a line out, over a Unix socket, with limits on size and time |
//!
//! No unsafe code, no async runtime: a daemon's control side is one thread that sleeps in poll(2).
#![forbid(unsafe_code)]

pub mod atomic;
pub mod client;
mod connection;
pub mod lock;
pub mod logging;
pub mod metrics;
pub mod ready;
pub mod server;
pub mod signals;
mod wait;
