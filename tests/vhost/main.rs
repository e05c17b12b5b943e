//! The disk of a virtual machine: by a driver of our own, and by QEMU.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod connection;
mod guest;
mod requests;
mod rings;
mod socket;

use std::path::Path;

use e2e::vhost::{Driver, Options};
use e2e::{Disk, Lab};

/// Adds a disk that listens.
fn add<'lab>(lab: &'lab Lab, model: &str, more: &[&str]) -> Disk<'lab> {
    let front = ["--front", "vhost-user-blk"];
    lab.add_model(model, &[&front[..], more].concat())
}

fn connect(disk: &Disk<'_>) -> Driver {
    connect_with(&disk.path, Options::default())
}

fn connect_with(path: &Path, options: Options) -> Driver {
    Driver::connect(path, options).unwrap()
}
