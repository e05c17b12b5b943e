//! The disk as a file: what it looks like, that data stays what it was, and that it takes its time.

mod data;
mod file;
mod time;
