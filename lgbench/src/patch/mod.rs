//! Patches lguest, the hypervisor that Linux had up to 4.13, so that its guests can be measured.
//!
//! ```text
//!   tree ── plan ───────────────────────── journal
//!            |   spatch, makefile, pieces     replaces files, all or none; puts them back
//!            |   hooks: did all go in?
//! ```
//!
//! - [`tree`]: a kernel's sources
//! - [`source`]: as much of C as hooks need
//! - [`hooks`]: what goes where, and whether it did
//! - [`makefile`], [`spatch`], [`pieces`]: how files change
//! - [`plan`]: all of that, in memory
//! - [`journal`]: files replaced in such a way that an interruption can be mended
//! - [`actions`]: apply, check, revert
//! - [`error`]: what can go wrong

pub mod actions;
pub mod error;
pub mod hooks;
pub mod journal;
pub mod makefile;
pub mod pieces;
pub mod plan;
pub mod source;
pub mod spatch;
pub mod tree;
