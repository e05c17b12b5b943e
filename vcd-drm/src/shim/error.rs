//! What can go wrong between a daemon and the module.

use rustix::io::Errno;

use super::dma::DmaAddress;

/// An error; its source is what the kernel said.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The module's device cannot be opened.
    #[error("cannot open {path}; load the module (modprobe vgpu), and run as root", path = super::card::PATH)]
    Open(#[source] Errno),
    /// The device is not that of the module.
    #[error("{path} is not the device of the module vgpu", path = super::card::PATH)]
    Device(#[source] Errno),
    /// Another version of the interface.
    #[error("the module vgpu speaks version {found} of its interface and this program {ours}; \
             install both from one release", ours = super::abi::API_VERSION)]
    Version {
        /// The module's.
        found: u64,
    },
    /// A card that the module does not make.
    #[error("no such card can be made: {0}")]
    Config(&'static str),
    /// The module could not make the card.
    #[error("cannot make the card{}", .0.hint())]
    Create(#[source] CreateErrno),
    /// A part of the card cannot be mapped.
    #[error("cannot map the card's {what}")]
    Map {
        /// Which part.
        what: &'static str,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The card was not plugged in or out.
    #[error("cannot {what}")]
    Plug {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        source: Errno,
    },
    /// A call that always works for the card's own process has failed.
    #[error("the module refused to {what}")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// What the kernel said.
        source: Errno,
    },
    /// A transfer that the card may not do.
    #[error("no DMA of {length} bytes at {address}: {why}")]
    Dma {
        /// Its first byte.
        address: DmaAddress,
        /// Its length.
        length: usize,
        /// Why not.
        why: DmaRefusal,
    },
}

/// The answer to making a card, of which one calls for advice.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CreateErrno(pub Errno);

impl CreateErrno {
    fn hint(&self) -> &'static str {
        if self.0 == Errno::NOMEM {
            ": there is no memory in one piece for its BARs; try: echo 1 >/proc/sys/vm/compact_memory"
        } else {
            ""
        }
    }
}

/// Why a transfer is not done. All but the first are the driver's mistakes, if the daemon makes none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DmaRefusal {
    /// The driver has not given the card the right to master the bus, or has put it to sleep.
    #[error("the driver does not let the card master the bus")]
    NotMaster,
    /// No mapping of the driver's has all of it.
    #[error("the driver has not mapped that memory for the card")]
    NotMapped,
    /// The mapping is for the other direction.
    #[error("the driver has mapped that memory for the other direction")]
    Direction,
}
