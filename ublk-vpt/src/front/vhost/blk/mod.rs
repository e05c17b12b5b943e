//! The virtio block device, apart from how it is reached: descriptor chains to requests, and the
//! configuration space. No socket, no clock, no thread; guest memory is only read here, and everything
//! in it is taken for hostile.

mod chain;
mod config;
mod request;

pub use chain::{Chain, Malformed, Segment, gather, scatter};
pub use config::{Config, LARGEST_REQUEST, MOST_SEGMENTS};
pub(super) use request::identity;
pub use request::{Action, Limits, Request, Status};
