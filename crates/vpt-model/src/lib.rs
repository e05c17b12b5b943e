//! The modelled disk: how long a spinning disk would take for each request, and by what scale `k`.
//!
//! Pure: no clock, no file, no thread, no unsafe. Time is an argument, so the same code runs a lab
//! disk in real time ([`Disk`] inside the daemon's engine), a trace on a virtual clock, and the
//! property tests of its laws.
//!
//! ```text
//!   DiskSpec --Disk::new--> Disk --submit(now, Request)--> waiting --arm free--> Verdict { due, parts }
//!                            ^                                                        |
//!                            |  k                                                     v
//!                     KController <--observe(arrival, backing done, due, k)-- the daemon's engine
//! ```
//!
//! The service time is the dissertation proposal's (section 5.1): T = R/2 + S*x/D, R one revolution,
//! S the full-stroke seek, x the distance from the last request in *service order*, D the largest
//! distance; richer families refine each term. A request must take k*T.
#![forbid(unsafe_code)]

pub mod config;
pub mod disk;
pub mod kcontrol;
pub mod request;
pub mod spec;
pub mod units;

mod cache;
mod check;
mod mechanics;
mod rng;

pub use disk::{Busy, Disk, ExpectedRandom, SpecError};
pub use kcontrol::{KController, KError, KMode, KReport, KSettings, Observation};
pub use request::{Op, Parts, Request, RequestId, Verdict};
pub use spec::DiskSpec;
pub use units::{Instant, SECTOR_BYTES, Sectors};
