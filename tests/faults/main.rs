//! What can go wrong, done on purpose: each fault ends in one clear line or in an error for the guest,
//! never in a hang, a panic, lost data, or something left behind.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod arguments;
mod backing;
mod control;
mod deletion;
mod image;
mod interrupt;
mod killed;
mod mount;
mod rights;
mod state;
mod stopped;
