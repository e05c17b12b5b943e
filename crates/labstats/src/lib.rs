//! What a laboratory does with samples: keep them, describe them, compare them.
//!
//! Pure: no clock, no file, no random source but a seed that is given.
//!
//! | module | duty |
//! | --- | --- |
//! | [`results`] | the file format: what was measured, where, under which conditions |
#![forbid(unsafe_code)]

pub mod results;
