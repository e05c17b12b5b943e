//! What is in registers, by id: those that the driver writes, and the stream's own copy of some.

use crate::ids::Reg;

/// The first slot of each register, and behind the last one how many there are.
const SLOTS: [usize; Reg::ALL.len() + 1] = {
    let mut slots = [0; Reg::ALL.len() + 1];
    let mut at = 0;
    while at < Reg::ALL.len() {
        slots[at + 1] = slots[at] + Reg::ALL[at].count();
        at += 1;
    }
    slots
};

/// How many slots there are.
pub(crate) const SLOT_COUNT: usize = SLOTS[Reg::ALL.len()];

/// The slot of a register, or of the first of an array.
pub(crate) const fn slot(reg: Reg) -> usize {
    SLOTS[reg as usize]
}

/// A word for each register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bank([u32; SLOT_COUNT]);

impl Bank {
    /// All as after a reset.
    pub(crate) fn reset(description: &regmap::Card) -> Self {
        let mut bank = Self([0; SLOT_COUNT]);
        for reg in Reg::ALL {
            let value = description.register(reg.id()).map_or(0, |register| register.reset);
            bank.0[slot(*reg)..slot(*reg) + reg.count()].fill(value);
        }
        bank
    }

    #[inline]
    pub(crate) fn get(&self, reg: Reg) -> u32 {
        self.0[slot(reg)]
    }

    /// One of an array; 0 beyond its end.
    #[inline]
    pub(crate) fn at(&self, reg: Reg, index: usize) -> u32 {
        if index < reg.count() { self.0[slot(reg) + index] } else { 0 }
    }

    /// All of an array.
    pub(crate) fn all(&self, reg: Reg) -> &[u32] {
        &self.0[slot(reg)..slot(reg) + reg.count()]
    }

    /// Sets a slot; true when that changes it.
    #[inline]
    pub(crate) fn set(&mut self, slot: usize, value: u32) -> bool {
        match self.0.get_mut(slot) {
            Some(word) => std::mem::replace(word, value) != value,
            None => false,
        }
    }
}
