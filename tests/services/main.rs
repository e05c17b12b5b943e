//! The disk as a service: its files, its units, its package, what it tells, what it may do.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod confined;
mod log;
mod metrics;
mod package;
mod table;
mod units;

use std::path::PathBuf;

/// The root of the repository.
fn repository() -> PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Whether there is a program of that name.
fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
