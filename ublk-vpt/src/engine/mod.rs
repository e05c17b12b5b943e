//! The engine: takes requests from any front end, has the backing store serve them at once, and hands
//! each back when the modelled disk would have been done with it.
//!
//! ```text
//!  front end (its thread)                       timekeeper (one thread, SCHED_FIFO when allowed)
//!  ----------------------                       -------------------------------------------------
//!  EngineHandle::submit(IoRequest)              loop: lock core
//!    lock core                                          reap the backing store, advance the disk
//!      disk.submit -> due                               collect what is due and backed
//!      backend.start (does not block)                 unlock; hand the completions over
//!      collect what is due and backed                 sleep to the next deadline less a lead
//!    unlock; hand the completions over                spin to the deadline
//!    wake the timekeeper if it would sleep too long
//! ```
//! A request completes at max(due, backing done), never earlier. The engine knows no front end: it
//! calls the [`Completer`] that came with the request.

mod clock;
mod core;
mod failures;
mod lead;
mod port;
mod request;
pub mod rt;
mod stats;
mod timekeeper;
mod trace;

pub use self::core::CoreConfig;
pub use clock::now;
pub use failures::{FailureLog, FailureSink};
pub use port::{Alarms, Body, Port};
pub use request::{Completer, Completion, Errno, IoRequest};
pub use timekeeper::{Engine, EngineConfig, EngineError, EngineHandle, Spin};
pub use trace::{TraceSink, TraceWriter};
