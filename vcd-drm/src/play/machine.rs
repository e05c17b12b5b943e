//! What a card needs around it.

/// The registers in BAR 0. The driver may write between any two accesses.
pub trait RegisterFile {
    /// The word at an offset, which the card's description has.
    fn read(&self, offset: u32) -> u32;
    /// Puts a word to an offset, which the card's description has.
    fn write(&self, offset: u32, value: u32);
}

/// What the card reads by DMA.
pub trait DriverMemory {
    /// Copies from an address; false when the card may not read all of that.
    fn read(&self, address: u64, into: &mut [u8]) -> bool;
}

/// The way to the driver's handler.
pub trait Interrupt {
    /// Sends a message, or asserts the pin.
    fn raise(&self);
    /// Deasserts the pin.
    fn lower(&self);
}

/// All of it, for use at the same time.
#[allow(missing_debug_implementations, reason = "made of traits")]
pub struct Parts<'a> {
    /// BAR 0.
    pub registers: &'a dyn RegisterFile,
    /// The memory behind BAR 2.
    pub memory: &'a mut [u32],
    /// The driver's memory.
    pub driver: &'a dyn DriverMemory,
    /// Interrupts.
    pub interrupt: &'a dyn Interrupt,
}

/// A machine with a card in it.
pub trait Machine {
    /// Its parts, as the card has them.
    fn parts(&mut self) -> Parts<'_>;
}
