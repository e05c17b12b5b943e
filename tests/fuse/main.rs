//! The disk as a file: what it looks like, that data stays what it was, and that it takes its time.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod data;
mod file;
mod time;
