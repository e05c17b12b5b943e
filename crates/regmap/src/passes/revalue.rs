//! Other numbers for values, and other bits for features.

use super::chance::Chance;
use super::repack::{follow, set};
use super::select::list;
use crate::model::{Access, Card, Register};

const PASS: &str = "revalue";

/// So often chance is asked, then the first number is taken that is free.
const TRIES: usize = 64;

/// Bits of a register of features.
const BITS: u32 = 32;

/// Revalues every field that has values, of registers that are not pinned. Resets follow.
pub fn revalue(card: &Card, seed: u32) -> Card {
    let mut changed = card.clone();
    for register in changed.blocks.iter_mut().flat_map(|block| &mut block.registers) {
        if !register.pinned && register.fields_of.is_none() {
            renumber(register, seed);
        }
    }
    follow(&mut changed);
    let mut taken = Vec::new();
    for feature in &mut changed.features {
        let mut chance = Chance::of(seed, PASS, &format!("feature {}", feature.id));
        feature.bit = free(&mut chance, 0, BITS - 1, &taken).unwrap_or(feature.bit);
        taken.push(feature.bit);
    }
    list(&mut changed);
    changed
}

fn renumber(register: &mut Register, seed: u32) {
    let mut reset: Vec<i64> = register.decode(register.reset).map(|(_, value)| value).collect();
    // In a command register 0 is no command.
    let least = u32::from(register.access == Access::Command);
    for (field, reset) in register.fields.iter_mut().zip(&mut reset) {
        let most = u32::try_from(field.range().1).unwrap_or(u32::MAX);
        let before = field.values.iter().position(|value| i64::from(value.value) == *reset);
        let mut taken = Vec::new();
        for value in &mut field.values {
            let id = format!("{}.{}.{}", register.id, field.id, value.id);
            let mut chance = Chance::of(seed, PASS, &id);
            value.value = free(&mut chance, least, most, &taken).unwrap_or(value.value);
            taken.push(value.value);
        }
        if let Some(value) = before.and_then(|index| field.values.get(index)) {
            *reset = value.value.into();
        }
    }
    set(register, &reset);
}

/// A number that nobody has.
fn free(chance: &mut Chance, least: u32, most: u32, taken: &[u32]) -> Option<u32> {
    let count = (most - least).saturating_add(1);
    let drawn: Vec<u32> = (0..TRIES).map(|_| least + chance.below(count)).collect();
    drawn.into_iter().chain(least..=most).find(|number| !taken.contains(number))
}
