//! A disk's figures for Prometheus, as text. The engine's lock is held for a copy of the counters only.

mod text;

pub use text::{Figures, render};
