//! A card's life: made, plugged in, pulled out, gone.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use super::config::{CardConfig, PciAddress};
use super::error::CreateErrno;
use super::memory::{Framebuffer, Memory, Registers};
use super::{Error, abi};

/// The module's device.
pub const PATH: &str = "/dev/vgpu";

const PLUGGED: u32 = 1 << 0;
const BOUND: u32 = 1 << 1;
const BUS_MASTER: u32 = 1 << 3;
const NO_TRAPS: u32 = 1 << 6;
const PLUG_FAILED: u32 = 1 << 7;

/// A card. It is removed when this is dropped, and when the process ends, however that happens.
///
/// It belongs to the process that made it. Its descriptor ([`AsFd`]) can be polled: it is readable
/// when [`Card::wait`] would not wait.
#[derive(Debug)]
pub struct Card {
    file: File,
    number: u32,
    address: PciAddress,
    registers: Registers,
    framebuffer: Option<Framebuffer>,
}

impl Card {
    /// Makes a card, which no driver sees before it is plugged in. All of its memory is zero.
    ///
    /// # Errors
    /// When the module is not there or not ours to use, does not make such a card, or has no memory.
    pub fn create(config: &CardConfig) -> Result<Self, Error> {
        config.check()?;
        let file = OpenOptions::new().read(true).write(true).open(PATH).map_err(open_error)?;
        let found = abi::api_version(file.as_fd()).map_err(Error::Device)?;
        if found != abi::API_VERSION {
            return Err(Error::Version { found });
        }
        let mut call = config.as_call();
        abi::create(file.as_fd(), &mut call).map_err(|errno| Error::Create(CreateErrno(errno)))?;
        let map = |offset, bytes, what| Memory::map(&file, offset, bytes, what);
        let registers = map(abi::MMAP_REGISTERS, config.register_bytes, "registers")?;
        let framebuffer = match config.framebuffer_bytes {
            0 => None,
            bytes => Some(Framebuffer(map(abi::MMAP_FRAMEBUFFER, bytes, "framebuffer")?)),
        };
        let (domain, bus, devfn) = (call.pci_domain, call.pci_bus, call.pci_devfn);
        Ok(Self {
            registers: Registers(registers),
            framebuffer,
            file,
            number: call.card,
            address: PciAddress { domain, bus, devfn },
        })
    }

    /// Begins to plug it in. Drivers probe it meanwhile and may want answers: go on with the loop.
    ///
    /// # Errors
    /// When it is plugged in or on its way.
    pub fn plug(&self) -> Result<(), Error> {
        let plug = abi::plug(self.file.as_fd());
        plug.map_err(|source| Error::Plug { what: "plug the card in", source })
    }

    /// Begins to pull it out, as somebody might who does not ask the driver before.
    ///
    /// # Errors
    /// When it is not plugged in, or on its way.
    pub fn unplug(&self) -> Result<(), Error> {
        let unplug = abi::unplug(self.file.as_fd());
        unplug.map_err(|source| Error::Plug { what: "pull the card out", source })
    }

    /// How it is.
    ///
    /// # Errors
    /// In another process than the card's own.
    pub fn status(&self) -> Result<Status, Error> {
        abi::status(self.file.as_fd()).map(Status).map_err(refused("tell the card's status"))
    }

    /// Its number among the cards that exist, as in the kernel's log.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Where it is, or will be when it is plugged in.
    pub fn address(&self) -> PciAddress {
        self.address
    }

    /// BAR 0.
    pub fn registers(&self) -> &Registers {
        &self.registers
    }

    /// BAR 2, if it has one.
    pub fn framebuffer(&self) -> Option<&Framebuffer> {
        self.framebuffer.as_ref()
    }

    /// BAR 2 as something of its own, if it has one and nobody has it: for drawing while registers are
    /// written.
    pub fn take_framebuffer(&mut self) -> Option<Framebuffer> {
        self.framebuffer.take()
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

impl AsFd for Card {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn open_error(error: std::io::Error) -> Error {
    Error::Open(Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

/// An error for a call that is refused only to others than the card's own process.
pub(super) fn refused(what: &'static str) -> impl Fn(Errno) -> Error {
    move |source| Error::Refused { what, source }
}

/// How a card is.
#[derive(Clone, Copy, Debug)]
pub struct Status(abi::Status);

impl Status {
    /// Whether it is on its bus, or still mapped.
    pub fn plugged(&self) -> bool {
        self.0.flags & PLUGGED != 0
    }

    /// Whether the last try to plug it in failed; the kernel's log says why.
    pub fn plug_failed(&self) -> bool {
        self.0.flags & PLUG_FAILED != 0
    }

    /// Whether a driver is bound to it.
    pub fn bound(&self) -> bool {
        self.0.flags & BOUND != 0
    }

    /// Whether the driver lets it do DMA.
    pub fn bus_master(&self) -> bool {
        self.0.flags & BUS_MASTER != 0
    }

    /// Whether the module traps no writes, so that registers must be looked at all the time.
    pub fn no_traps(&self) -> bool {
        self.0.flags & NO_TRAPS != 0
    }

    /// MSI vectors that the driver has enabled; 0 while it uses the pin, or nothing.
    pub fn msi_vectors(&self) -> u32 {
        self.0.msi_vectors
    }

    /// Mappings of the BARs in the kernel and in processes.
    pub fn mappings(&self) -> (u32, u32) {
        (self.0.kernel_mappings, self.0.user_mappings)
    }

    /// Memory that the driver has mapped for DMA.
    pub fn dma_mappings(&self) -> u32 {
        self.0.dma_mappings
    }

    /// Calls of [`Card::arm`] that had something to protect.
    pub fn arms(&self) -> u64 {
        self.0.arms
    }

    /// Interrupts that were delivered, and that were not.
    pub fn interrupts(&self) -> (u64, u64) {
        (self.0.interrupts, self.0.interrupts_refused)
    }

    /// How often pages were taken out of a mapping of this or another process.
    pub fn revocations(&self) -> u64 {
        self.0.revocations
    }
}
