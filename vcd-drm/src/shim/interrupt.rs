//! Interrupts: messages (MSI), and the pin.

use std::os::fd::AsFd;

use rustix::io::Errno;

use super::card::refused;
use super::{Card, Error, abi};

/// What became of an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The driver's handler has run, or will when the driver lets it.
    Delivered,
    /// The driver has not enabled that vector, or nobody has requested it, or the card is asleep.
    Off,
    /// There were too many in too short a time; try later.
    TooMany,
}

impl Card {
    /// Sends an MSI.
    ///
    /// # Errors
    /// In another process than the card's own, or for a vector the card does not have.
    pub fn send_msi(&self, vector: u32) -> Result<Delivery, Error> {
        match abi::interrupt(self.as_fd(), vector) {
            Ok(()) => Ok(Delivery::Delivered),
            Err(Errno::NXIO) => Ok(Delivery::Off),
            Err(Errno::BUSY) => Ok(Delivery::TooMany),
            Err(errno) => Err(refused("send an interrupt")(errno)),
        }
    }

    /// Asserts the interrupt pin, or deasserts it. While it is asserted, the driver's handler is
    /// called again and again; deassert it when the driver has acknowledged. While the driver uses
    /// MSI the level has no effect.
    ///
    /// # Errors
    /// In another process than the card's own, or for a card without a pin.
    pub fn set_pin(&self, asserted: bool) -> Result<(), Error> {
        abi::intx(self.as_fd(), asserted).map_err(refused("set the interrupt pin"))
    }
}
