//! A machine in this process: no kernel, no driver but a library.

use std::cell::Cell;

use super::machine::{DriverMemory, Interrupt, Machine, Parts, RegisterFile};

/// Where the driver's memory is for the card. Not 0, so that a forgotten address is a mistake.
const DMA_BASE: u64 = 0x10_0000;

/// See the module.
#[derive(Debug)]
pub struct LocalMachine {
    registers: Registers,
    memory: Vec<u32>,
    arena: Arena,
    line: Line,
}

impl LocalMachine {
    /// With so many bytes of registers, of the card's memory, and of the driver's.
    pub fn new(register_bytes: usize, memory_bytes: usize, driver_bytes: usize) -> Self {
        Self {
            registers: Registers(vec![Cell::new(0); register_bytes / 4]),
            memory: vec![0; memory_bytes / 4],
            arena: Arena(vec![0; driver_bytes]),
            line: Line::default(),
        }
    }

    /// The driver's view of a register.
    pub fn read(&self, offset: u32) -> u32 {
        self.registers.read(offset)
    }

    /// A write of the driver's.
    pub fn write(&self, offset: u32, value: u32) {
        self.registers.write(offset, value);
    }

    /// The aperture.
    pub fn memory(&mut self) -> &mut [u32] {
        &mut self.memory
    }

    /// The driver's memory, all of which the card may read.
    pub fn driver_memory(&mut self) -> &mut [u8] {
        &mut self.arena.0
    }

    /// Where a byte of it is for the card.
    pub fn dma_address(&self, offset: usize) -> u32 {
        // The arena is small.
        (DMA_BASE + offset as u64) as u32
    }

    /// Interrupts since the last call.
    pub fn take_interrupts(&self) -> u64 {
        self.line.raised.take()
    }

    /// Whether the pin is asserted.
    pub fn pin(&self) -> bool {
        self.line.pin.get()
    }
}

impl Machine for LocalMachine {
    fn parts(&mut self) -> Parts<'_> {
        Parts {
            registers: &self.registers,
            memory: &mut self.memory,
            driver: &self.arena,
            interrupt: &self.line,
        }
    }
}

#[derive(Debug)]
struct Registers(Vec<Cell<u32>>);

impl RegisterFile for Registers {
    fn read(&self, offset: u32) -> u32 {
        self.0.get(offset as usize / 4).map_or(u32::MAX, Cell::get)
    }

    fn write(&self, offset: u32, value: u32) {
        if let Some(register) = self.0.get(offset as usize / 4) {
            register.set(value);
        }
    }
}

#[derive(Debug)]
struct Arena(Vec<u8>);

impl DriverMemory for Arena {
    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        let Some(offset) = address.checked_sub(DMA_BASE) else { return false };
        let from = usize::try_from(offset).ok().and_then(|at| self.0.get(at..)?.get(..into.len()));
        from.inspect(|from| into.copy_from_slice(from)).is_some()
    }
}

#[derive(Debug, Default)]
struct Line {
    raised: Cell<u64>,
    pin: Cell<bool>,
}

impl Interrupt for Line {
    fn raise(&self) {
        self.raised.set(self.raised.get() + 1);
        self.pin.set(true);
    }

    fn lower(&self) {
        self.pin.set(false);
    }
}
