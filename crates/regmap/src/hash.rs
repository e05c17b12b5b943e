//! A number that tells one card's layout from another's.
//!
//! It is over all that a driver is compiled with: names, offsets, tags, bits and codes. What a program
//! cannot notice, such as documentation and the order of the description, is left out.

use crate::model::{Card, Field, Kind, Register};

/// The layout's hash; never 0, which is what a card reads as that does not answer yet.
///
/// FNV-1a over 64 bits, folded: it must be the same in every release and on every machine, which the
/// standard library's hashes do not promise.
pub fn layout_hash(card: &Card) -> u32 {
    let mut hash = Fnv::new();
    hash.text(&card.prefix);
    hash.number(u32::from(card.version.0) << 8 | u32::from(card.version.1));
    hash.number(card.register_bytes);
    hash.number(card.framebuffer_bytes);
    let mut registers: Vec<&Register> = card.registers().collect();
    registers.sort_by_key(|register| (register.offset, &register.name));
    for register in registers {
        hash.register(register);
    }
    let mut commands: Vec<_> = card.commands.iter().collect();
    commands.sort_by_key(|command| (command.tag, &command.name));
    for command in commands {
        hash.text(&command.name);
        hash.number(command.tag);
    }
    let mut features: Vec<_> = card.features.iter().collect();
    features.sort_by_key(|feature| (feature.bit, &feature.name));
    for feature in features {
        hash.text(&feature.name);
        hash.number(feature.bit);
    }
    hash.folded()
}

struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }

    fn number(&mut self, number: u32) {
        number.to_le_bytes().into_iter().for_each(|byte| self.byte(byte));
    }

    fn text(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.byte(byte));
        self.byte(0); // so that "a", "bc" is not "ab", "c"
    }

    fn register(&mut self, register: &Register) {
        self.text(&register.name);
        self.text(register.access.word());
        for number in [register.offset, register.count, register.stride] {
            self.number(number);
        }
        self.number(register.tag.map_or(0, |tag| tag + 1));
        let mut fields: Vec<&Field> = register.fields.iter().collect();
        fields.sort_by_key(|field| (field.shift, &field.name));
        for field in fields {
            self.field(field);
        }
    }

    fn field(&mut self, field: &Field) {
        self.text(&field.name);
        self.number(field.shift);
        self.number(field.width);
        self.number(match field.kind {
            Kind::Unsigned => 0,
            Kind::Signed => 1,
            Kind::Fixed { fraction } => 2 + fraction,
        });
        let mut values: Vec<_> = field.values.iter().collect();
        values.sort_by_key(|value| (value.value, &value.name));
        for value in values {
            self.text(&value.name);
            self.number(value.value);
        }
    }

    fn folded(&self) -> u32 {
        match (self.0 >> 32) as u32 ^ self.0 as u32 {
            0 => 1,
            hash => hash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::samples::small;

    #[test]
    fn it_is_the_same_for_ever() {
        assert_eq!(layout_hash(&small()), layout_hash(&small()));
        let mut fnv = Fnv::new();
        "foobar".bytes().for_each(|byte| fnv.byte(byte));
        assert_eq!(fnv.0, 0x8594_4171_f739_67e8, "the published FNV-1a of foobar");
    }

    #[test]
    fn what_a_driver_is_compiled_with_changes_it_and_nothing_else() {
        let hash = layout_hash(&small());
        let changed = |change: fn(&mut Card)| {
            let mut card = small();
            change(&mut card);
            layout_hash(&card) != hash
        };
        assert!(changed(|card| card.blocks[0].registers[1].name.push('X')));
        assert!(changed(|card| card.blocks[0].registers[1].offset += 4));
        assert!(changed(|card| card.blocks[0].registers[1].fields[0].shift += 1));
        assert!(changed(|card| card.blocks[0].registers[1].fields[0].values[0].value += 1));
        assert!(changed(|card| card.commands[0].tag += 1));
        assert!(!changed(|card| card.docs.push('x')));
        assert!(!changed(|card| card.blocks[0].registers.reverse()));
        assert!(!changed(|card| card.blocks[0].registers[1].reset ^= 1));
    }
}
