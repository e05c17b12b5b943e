//! What card to make, and where it then is.

use std::fmt;
use std::ops::RangeInclusive;

use super::Error;
use super::abi::{self, Create};

const REGISTERS: RangeInclusive<u32> = 0x1000..=0x1_0000;
const FRAMEBUFFER: RangeInclusive<u32> = 0x1000..=0x100_0000;
const VECTORS: [u8; 7] = [0, 1, 2, 4, 8, 16, 32];

/// A card to make. The default is a display controller without ids, which must be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardConfig {
    /// PCI vendor id.
    pub vendor: u16,
    /// PCI device id.
    pub device: u16,
    /// PCI subsystem vendor id.
    pub subsystem_vendor: u16,
    /// PCI subsystem id.
    pub subsystem_device: u16,
    /// Base class, subclass, programming interface, a byte each.
    pub class: u32,
    /// PCI revision.
    pub revision: u8,
    /// Size of BAR 0: a power of two, 4 KiB to 64 KiB.
    pub register_bytes: u32,
    /// Size of BAR 2: a power of two, 4 KiB to 16 MiB, or 0 for none.
    pub framebuffer_bytes: u32,
    /// MSI vectors: 0 (no MSI), 1, 2, 4, 8, 16 or 32.
    pub msi_vectors: u8,
    /// Whether there is an interrupt pin.
    pub pin: bool,
    /// For the kernel's log: at most 31 letters, digits, `-`, `_` and `.`.
    pub name: String,
}

impl Default for CardConfig {
    fn default() -> Self {
        Self {
            vendor: 0,
            device: 0,
            subsystem_vendor: 0,
            subsystem_device: 0,
            class: 0x03_80_00,
            revision: 0,
            register_bytes: 0x1000,
            framebuffer_bytes: 0,
            msi_vectors: 1,
            pin: true,
            name: String::new(),
        }
    }
}

impl CardConfig {
    /// Checks what the module would refuse without saying why.
    ///
    /// # Errors
    /// [`Error::Config`] with what is wrong.
    pub fn check(&self) -> Result<(), Error> {
        let size = |bytes: u32, range: &RangeInclusive<u32>| {
            bytes.is_power_of_two() && range.contains(&bytes)
        };
        let letter = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c);
        let rules = [
            (
                self.vendor != 0 && self.vendor != 0xffff,
                "a card needs a vendor id, not 0 nor 0xffff",
            ),
            (self.class <= 0x00ff_ffff, "the class has three bytes"),
            (
                size(self.register_bytes, &REGISTERS),
                "the registers take a power of two from 4 KiB to 64 KiB",
            ),
            (
                self.framebuffer_bytes == 0 || size(self.framebuffer_bytes, &FRAMEBUFFER),
                "the framebuffer takes 0 or a power of two from 4 KiB to 16 MiB",
            ),
            (VECTORS.contains(&self.msi_vectors), "a card has 0, 1, 2, 4, 8, 16 or 32 MSI vectors"),
            (
                self.name.len() < abi::NAME_BYTES && self.name.chars().all(letter),
                "the name has at most 31 letters, digits, '-', '_' and '.'",
            ),
        ];
        match rules.iter().find(|(good, _)| !good) {
            Some((_, wrong)) => Err(Error::Config(wrong)),
            None => Ok(()),
        }
    }

    pub(super) fn as_call(&self) -> Create {
        let mut name = [0; abi::NAME_BYTES];
        for (to, from) in name.iter_mut().zip(self.name.bytes()) {
            *to = from;
        }
        Create {
            vendor: self.vendor,
            device: self.device,
            subsystem_vendor: self.subsystem_vendor,
            subsystem_device: self.subsystem_device,
            class_code: self.class,
            revision: self.revision,
            msi_vectors: self.msi_vectors,
            flags: if self.pin { abi::CREATE_INTX } else { 0 },
            register_bytes: self.register_bytes,
            framebuffer_bytes: self.framebuffer_bytes,
            name,
            ..Create::default()
        }
    }
}

/// Where a card is. Shown as lspci and sysfs do: `10000:00:00.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PciAddress {
    /// PCI domain.
    pub domain: u32,
    /// Bus.
    pub bus: u8,
    /// Device number times 8, and the function.
    pub devfn: u8,
}

impl fmt::Display for PciAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, bus, devfn } = self;
        write!(out, "{domain:04x}:{bus:02x}:{:02x}.{}", devfn >> 3, devfn & 7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> CardConfig {
        CardConfig { vendor: 0x1234, name: "card-0_a.b".into(), ..CardConfig::default() }
    }

    #[test]
    fn every_mistake_is_named() {
        assert!(good().check().is_ok());
        let bad: [(CardConfig, &str); 7] = [
            (CardConfig { vendor: 0, ..good() }, "vendor id"),
            (CardConfig { class: 0x0100_0000, ..good() }, "three bytes"),
            (CardConfig { register_bytes: 0x1800, ..good() }, "4 KiB to 64 KiB"),
            (CardConfig { register_bytes: 0x2_0000, ..good() }, "4 KiB to 64 KiB"),
            (CardConfig { framebuffer_bytes: 1, ..good() }, "4 KiB to 16 MiB"),
            (CardConfig { msi_vectors: 3, ..good() }, "MSI vectors"),
            (CardConfig { name: "a card".into(), ..good() }, "at most 31"),
        ];
        for (config, word) in bad {
            let error = config.check().expect_err(word).to_string();
            assert!(error.starts_with("no such card can be made: ") && error.contains(word));
        }
        assert!(CardConfig { name: "x".repeat(31), ..good() }.check().is_ok());
        assert!(CardConfig { name: "x".repeat(32), ..good() }.check().is_err());
    }

    #[test]
    fn a_name_ends_with_a_zero_byte() {
        let call = CardConfig { name: "x".repeat(31), ..good() }.as_call();
        assert_eq!((call.name[30], call.name[31]), (b'x', 0));
    }

    #[test]
    fn addresses_look_as_in_sysfs() {
        let address = PciAddress { domain: 0x10000, bus: 0, devfn: 0x12 };
        assert_eq!(address.to_string(), "10000:00:02.2");
        assert_eq!(PciAddress { domain: 0, bus: 0xa, devfn: 0 }.to_string(), "0000:0a:00.0");
    }
}
