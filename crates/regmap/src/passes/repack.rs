//! Other places for fields inside their registers: another order, and other gaps.

use super::chance::Chance;
use crate::model::{Card, Register, WORD_BITS};

const PASS: &str = "repack";

/// Repacks every register that has fields and is not pinned. Widths stay, resets follow.
pub fn repack(card: &Card, seed: u32) -> Card {
    let mut packed = card.clone();
    for register in packed.blocks.iter_mut().flat_map(|block| &mut block.registers) {
        if !register.pinned && !register.is_plain() && register.fields_of.is_none() {
            arrange(register, seed);
        }
    }
    follow(&mut packed);
    packed
}

/// Registers that have another's fields have them as they are now.
pub(super) fn follow(card: &mut Card) {
    let given: Vec<Register> =
        card.registers().filter(|one| one.fields_of.is_none()).cloned().collect();
    for register in card.blocks.iter_mut().flat_map(|block| &mut block.registers) {
        let Some(of) = &register.fields_of else { continue };
        if let Some(other) = given.iter().find(|one| one.id == of.id) {
            let values: Vec<i64> =
                register.decode(register.reset).map(|(_, value)| value).collect();
            register.fields = other.fields.clone();
            set(register, &values);
        }
    }
}

/// The reset value that these fields have.
pub(super) fn set(register: &mut Register, values: &[i64]) {
    let fields = register.fields.iter().zip(values);
    register.reset =
        fields.fold(0, |word, (field, value)| field.insert(word, *value).unwrap_or(word));
}

fn arrange(register: &mut Register, seed: u32) {
    let reset: Vec<i64> = register.decode(register.reset).map(|(_, value)| value).collect();
    let used: u32 = register.fields.iter().map(|field| field.width).sum();
    let mut free = WORD_BITS.saturating_sub(used);
    let mut chance = Chance::of(seed, PASS, &register.id);
    let mut order: Vec<usize> = (0..register.fields.len()).collect();
    chance.shuffle(&mut order);
    let mut shift = 0;
    for index in order {
        // Small gaps: what hardware leaves for later.
        let gap = chance.below(free.min(WORD_BITS / 4) + 1);
        free -= gap;
        let field = &mut register.fields[index];
        field.shift = shift + gap;
        shift = field.shift + field.width;
    }
    set(register, &reset);
}
