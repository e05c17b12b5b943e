//! A thread as a guest, without a hypervisor: what lguest/stock has for programs.

use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;

use rustix::io::Errno;

use super::abi;
use super::device::Error;

/// Where the device is.
pub const PATH: &str = "/dev/lgbench-guest";

/// A guest, which is there for as long as this is open. The first thread that runs it is the one.
#[derive(Debug)]
pub struct ThreadGuest(File);

impl ThreadGuest {
    /// Becomes a guest.
    ///
    /// # Errors
    /// When there is no such device, or it may not be used.
    pub fn open() -> Result<Self, Error> {
        let opened = OpenOptions::new().read(true).write(true).open(PATH);
        opened.map(Self).map_err(|source| Error::Open { path: PATH.into(), source })
    }

    /// Out of the guest, through the gate, where the thread waits for its turn, and in again. False: a
    /// signal came instead of its turn.
    ///
    /// # Errors
    /// When another thread is this guest.
    pub fn run(&self) -> Result<bool, Error> {
        match abi::run(self.0.as_fd()) {
            Ok(()) => Ok(true),
            Err(Errno::INTR) => Ok(false),
            Err(source) => Err(Error::Call { what: "run as a guest", source }),
        }
    }
}
