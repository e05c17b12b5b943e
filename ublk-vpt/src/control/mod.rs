//! Asking a running daemon: one line of JSON there, one back, over the device's socket.

mod client;
mod protocol;
mod server;

pub use client::{Client, ClientError};
pub use protocol::{About, Request, VERSION, parse_reply, parse_request, reply_error, reply_ok};
pub use server::{ControlHandler, StopCause};
