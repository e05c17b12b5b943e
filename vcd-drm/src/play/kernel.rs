//! A card of the kernel module, as a machine.

use std::cell::{Cell, RefCell};

use vgpu_card::Layout;

use super::machine::{DriverMemory, Interrupt, Machine, Parts, RegisterFile};
use crate::shim::{Card, CardConfig, Delivery, DmaAddress, Error, Framebuffer};

/// See the module.
#[derive(Debug)]
pub struct KernelMachine {
    slot: Slot,
    memory: Option<Framebuffer>,
}

/// The card but for its memory, and what is known of the driver's interrupt.
#[derive(Debug)]
struct Slot {
    card: Card,
    has_pin: bool,
    /// The driver has enabled messages.
    messages: Cell<bool>,
    /// The card has something to say.
    asserted: Cell<bool>,
    /// A message has still to be sent.
    owed: Cell<bool>,
    /// Why an interrupt could not be delivered; told by the next call that may fail.
    failed: RefCell<Option<Error>>,
}

impl KernelMachine {
    /// Makes the card that a description describes. It is not plugged in.
    ///
    /// # Errors
    /// When the module is not there or not ours to use, does not make such a card, or has no memory.
    pub fn new(layout: &Layout) -> Result<Self, Error> {
        let description = layout.description();
        let pci = &description.pci;
        let config = CardConfig {
            vendor: pci.vendor,
            device: pci.device,
            subsystem_vendor: pci.subsystem_vendor,
            subsystem_device: pci.subsystem_device,
            class: pci.class,
            revision: pci.revision,
            register_bytes: description.register_bytes,
            framebuffer_bytes: description.framebuffer_bytes,
            msi_vectors: pci.msi_vectors,
            pin: pci.pin,
            name: name(&description.id),
        };
        let mut card = Card::create(&config)?;
        let memory = card.take_framebuffer();
        let slot = Slot {
            card,
            has_pin: pci.pin,
            messages: Cell::new(false),
            asserted: Cell::new(false),
            owed: Cell::new(false),
            failed: RefCell::new(None),
        };
        Ok(Self { slot, memory })
    }

    /// The card.
    pub fn card(&self) -> &Card {
        &self.slot.card
    }

    /// Whether an interrupt is still to be delivered, which [`Self::settle`] tries.
    pub fn owes(&self) -> bool {
        self.slot.owed.get()
    }

    /// Looks whether the driver uses messages now, and tries again to deliver what could not be.
    ///
    /// # Errors
    /// In another process than the card's own.
    pub fn settle(&self) -> Result<(), Error> {
        let slot = &self.slot;
        if let Some(error) = slot.failed.take() {
            return Err(error);
        }
        let messages = slot.card.status()?.msi_vectors() > 0;
        // What was on the pin when the driver turned to messages has to be said again.
        if !slot.messages.replace(messages) && messages && slot.asserted.get() {
            slot.owed.set(true);
        }
        if slot.owed.take() { slot.deliver() } else { Ok(()) }
    }
}

impl Slot {
    fn deliver(&self) -> Result<(), Error> {
        if self.messages.get() {
            let delivery = self.card.send_msi(0)?;
            self.owed.set(delivery == Delivery::TooMany);
        }
        if self.has_pin { self.card.set_pin(true) } else { Ok(()) }
    }

    fn note(&self, result: Result<(), Error>) {
        if let Err(error) = result {
            self.failed.replace(Some(error));
        }
    }
}

/// What the module takes for a name.
fn name(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(31).collect()
}

impl Machine for KernelMachine {
    fn parts(&mut self) -> Parts<'_> {
        let slot = &self.slot;
        let memory = self.memory.as_mut().map_or(&mut [][..], Framebuffer::words_mut);
        Parts { registers: slot, memory, driver: slot, interrupt: slot }
    }
}

impl RegisterFile for Slot {
    fn read(&self, offset: u32) -> u32 {
        self.card.registers().read(offset as usize)
    }

    fn write(&self, offset: u32, value: u32) {
        self.card.registers().write(offset as usize, value);
    }
}

impl DriverMemory for Slot {
    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        // What is mapped for the card, and how, the module checks.
        self.card.dma_read(DmaAddress(address), into).is_ok()
    }
}

impl Interrupt for Slot {
    fn raise(&self) {
        self.asserted.set(true);
        self.note(self.deliver());
    }

    fn lower(&self) {
        self.asserted.set(false);
        if self.has_pin {
            self.note(self.card.set_pin(false));
        }
    }
}
