//! The driver's memory: what it has mapped for the card, and for how long it has.
//!
//! Copying is right for all of it: the module checks each transfer against what is mapped at that
//! moment, and a driver that takes its memory away meanwhile makes it fail. A [`DmaWindow`] is for
//! coherent memory that is looked at very often.

use std::fmt;
use std::os::fd::AsFd;

use rustix::io::Errno;

use super::abi::{self, DmaMapping};
use super::card::refused;
use super::error::DmaRefusal;
use super::memory::Memory;
use super::{Card, Error};

/// An address as the driver gives it to the card. It means nothing anywhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DmaAddress(pub u64);

impl fmt::Display for DmaAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:#x}", self.0)
    }
}

/// How the driver has made a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Memory for both sides at any time: dma_alloc_coherent().
    Coherent,
    /// One piece for one transfer: dma_map_single(), dma_map_page().
    Single,
    /// One of several pieces: dma_map_sg().
    Scattered,
}

/// What the card may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Read the driver's memory.
    pub read: bool,
    /// Write the driver's memory.
    pub write: bool,
}

/// Memory that is mapped for the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Its first byte.
    pub address: DmaAddress,
    /// Its length in bytes.
    pub length: u64,
    /// How it was made.
    pub kind: Kind,
    /// What the card may do.
    pub access: Access,
}

impl Mapping {
    fn of(call: &DmaMapping) -> Result<Self, Errno> {
        let kind = match call.kind {
            abi::DMA_COHERENT => Kind::Coherent,
            abi::DMA_SINGLE => Kind::Single,
            abi::DMA_SG => Kind::Scattered,
            // The interface's version says that there is no other.
            _ => return Err(Errno::PROTO),
        };
        let access = Access {
            read: call.access & abi::DMA_MAY_READ != 0,
            write: call.access & abi::DMA_MAY_WRITE != 0,
        };
        Ok(Self { address: DmaAddress(call.address), length: call.length, kind, access })
    }
}

impl Card {
    /// All that is mapped at this moment, by address.
    ///
    /// # Errors
    /// In another process than the card's own.
    pub fn dma_list(&self) -> Result<Vec<Mapping>, Error> {
        let failed = refused("list the DMA mappings");
        let mut calls = vec![DmaMapping::default(); 16];
        loop {
            let (count, _) = abi::dma_list(self.as_fd(), &mut calls).map_err(&failed)?;
            if count <= calls.len() {
                calls.truncate(count);
                return calls.iter().map(|call| Mapping::of(call).map_err(&failed)).collect();
            }
            // There may be more by then.
            calls.resize(count.next_power_of_two(), DmaMapping::default());
        }
    }

    /// The mapping that an address lies in.
    ///
    /// # Errors
    /// In another process than the card's own.
    pub fn dma_find(&self, address: DmaAddress) -> Result<Option<Mapping>, Error> {
        let failed = refused("look up a DMA mapping");
        match abi::dma_query(self.as_fd(), address.0) {
            Ok(call) => Mapping::of(&call).map(Some).map_err(failed),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed(errno)),
        }
    }

    /// Copies from the driver's memory. When it fails, some of `into` may be filled.
    ///
    /// # Errors
    /// [`Error::Dma`] when the card may not, or not all of it.
    pub fn dma_read(&self, from: DmaAddress, into: &mut [u8]) -> Result<(), Error> {
        let length = into.len();
        abi::dma_read(self.as_fd(), from.0, into).map_err(|errno| dma_error(from, length, errno))
    }

    /// Copies to the driver's memory. When it fails, some of it may have been written.
    ///
    /// # Errors
    /// [`Error::Dma`] when the card may not, or not all of it.
    pub fn dma_write(&self, to: DmaAddress, bytes: &[u8]) -> Result<(), Error> {
        let length = bytes.len();
        abi::dma_write(self.as_fd(), to.0, bytes).map_err(|errno| dma_error(to, length, errno))
    }

    /// Maps whole pages of coherent memory, to be read.
    ///
    /// # Errors
    /// When there is no coherent memory at the address, or not so much.
    pub fn dma_window(&self, address: DmaAddress, bytes: usize) -> Result<DmaWindow, Error> {
        let at = abi::MMAP_DMA.saturating_add(address.0);
        Memory::map_read_only(self.file(), at, bytes).map(DmaWindow)
    }
}

fn dma_error(address: DmaAddress, length: usize, errno: Errno) -> Error {
    let why = match errno {
        Errno::PERM => DmaRefusal::NotMaster,
        Errno::NOENT => DmaRefusal::NotMapped,
        Errno::ACCESS => DmaRefusal::Direction,
        _ => return refused("copy from or to the driver's memory")(errno),
    };
    Error::Dma { address, length, why }
}

/// Coherent memory of the driver's, to be read in place.
///
/// When the driver frees it, or takes the right to master the bus from the card, reading it raises
/// SIGBUS. A daemon that uses windows must live with that signal; copying has no such end.
#[derive(Debug)]
pub struct DmaWindow(Memory);

impl DmaWindow {
    /// Its size in bytes.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    /// The word at an offset.
    ///
    /// # Panics
    /// When it is not all inside, or not aligned.
    #[track_caller]
    pub fn read_word(&self, offset: usize) -> u32 {
        u32::from_le(self.0.load(offset))
    }

    /// Copies bytes out.
    ///
    /// # Panics
    /// When they are not all inside.
    #[track_caller]
    pub fn read(&self, offset: usize, into: &mut [u8]) {
        self.0.read(offset, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        let said = |errno| dma_error(DmaAddress(0x1000), 8, errno).to_string();
        assert_eq!(
            said(Errno::NOENT),
            "no DMA of 8 bytes at 0x1000: the driver has not mapped that memory for the card"
        );
        assert!(said(Errno::PERM).ends_with("does not let the card master the bus"));
        assert!(said(Errno::ACCESS).ends_with("for the other direction"));
        assert_eq!(said(Errno::FAULT), "the module refused to copy from or to the driver's memory");
    }

    #[test]
    fn a_mapping_of_no_known_kind_is_an_error() {
        let call = DmaMapping { address: 1, length: 2, kind: abi::DMA_SG, access: 2 };
        let mapping = Mapping::of(&call).expect("a known kind");
        assert_eq!(mapping.access, Access { read: false, write: true });
        assert_eq!(mapping.kind, Kind::Scattered);
        assert!(Mapping::of(&DmaMapping { kind: 4, ..call }).is_err());
    }
}
