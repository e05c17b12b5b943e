//! One process per device: starting it, running it, ending it.
//!
//! ```text
//!   ublk add ──spawn──> claim a number ─> record: STARTING ─> open device ─> record: LIVE ─> socket ─> ready
//!                                                                                                      │
//!   SIGINT, SIGTERM, `ublk del`, unmount from outside ─> device.stop ─> device.wait ─> clear away <────┘
//! ```

pub mod confine;
pub mod device;
mod end;
mod fronts;
mod loop_helper;
mod model;
mod release;
mod run;
mod spawn;
mod start;
mod store;
mod ublk_helper;
pub mod vpt;

pub use fronts::chosen as chosen_front;
pub use loop_helper::LOOP_COMMAND;
pub use release::{RELEASE_COMMAND, obey};
pub use run::{Surroundings, run_background, run_foreground};
pub use spawn::{DAEMON_COMMAND, SpawnError, spawn, this_program};
pub use start::{Announcement, StartRequest};
pub use ublk_helper::UBLK_COMMAND;
