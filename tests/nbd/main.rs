//! The disk as a network block device: what real clients make of it, what a client of our own may ask,
//! that it takes its time, and everything that can go wrong with clients.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod clients;
mod crowd;
mod faults;
mod listen;
mod raw;
mod requests;
mod time;
