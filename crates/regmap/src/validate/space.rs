//! Where registers are: sizes of BARs, alignment, no two in one place.

use super::item;
use crate::diagnostics::Report;
use crate::model::{Card, Register, WORD_BYTES};

/// BAR 0 as the kernel module can make it.
const REGISTER_BYTES: (u32, u32) = (0x1000, 0x1_0000);

/// BAR 2.
const FRAMEBUFFER_BYTES: (u32, u32) = (0x1000, 0x100_0000);

/// Checks BARs and offsets.
pub fn check(card: &Card, report: &Report<'_>) {
    let power = |bytes: u32, (least, most): (u32, u32)| {
        bytes.is_power_of_two() && (least..=most).contains(&bytes)
    };
    if !power(card.register_bytes, REGISTER_BYTES) {
        let message = format!(
            "registers = {:#x} is no size of BAR 0; use a power of two from 0x1000 to 0x10000",
            card.register_bytes
        );
        report.add(card.place, "card", message);
    }
    if card.framebuffer_bytes != 0 && !power(card.framebuffer_bytes, FRAMEBUFFER_BYTES) {
        let message = format!(
            "framebuffer = {:#x} is no size of BAR 2; use 0 or a power of two from 0x1000 to \
             0x1000000",
            card.framebuffer_bytes
        );
        report.add(card.place, "card", message);
    }
    if !matches!(card.pci.msi_vectors, 0 | 1 | 2 | 4 | 8 | 16 | 32) {
        let message = format!(
            "msi_vectors = {} cannot be; use 0, 1, 2, 4, 8, 16 or 32",
            card.pci.msi_vectors
        );
        report.add(card.place, "card", message);
    }
    for register in card.registers() {
        place(card, register, report);
    }
    overlaps(card, report);
    reserved(card, report);
}

/// Places that registers keep out of.
fn reserved(card: &Card, report: &Report<'_>) {
    for register in card.registers() {
        let places = (0..register.count).map(|index| register.offset_of(index));
        let inside = |offset: u32| {
            let last = offset.saturating_add(WORD_BYTES - 1);
            card.reserved.iter().find(|(first, end)| offset <= *end && *first <= last)
        };
        if let Some((offset, (first, last))) = places
            .filter(|offset| *offset < card.register_bytes)
            .find_map(|offset| Some((offset, inside(offset)?)))
        {
            let message = format!(
                "at {offset:#x} it lies in {first:#x} to {last:#x}, which is reserved; move it"
            );
            report.add(register.place, &item(register), message);
        }
    }
}

fn place(card: &Card, register: &Register, report: &Report<'_>) {
    let say = |message: String| report.add(register.place, &item(register), message);
    if !register.offset.is_multiple_of(WORD_BYTES) {
        let down = register.offset / WORD_BYTES * WORD_BYTES;
        say(format!(
            "offset {:#x} is not aligned to 4; use {down:#x} or {:#x}",
            register.offset,
            u64::from(down) + 4
        ));
    }
    if !register.align.is_power_of_two() || !register.align.is_multiple_of(WORD_BYTES) {
        say(format!("align = {} is no alignment; use 4, 8, 16 and so on", register.align));
    } else if register.offset.is_multiple_of(WORD_BYTES)
        && !register.offset.is_multiple_of(register.align)
    {
        say(format!(
            "offset {:#x} is no multiple of its align = {:#x}; move it",
            register.offset, register.align
        ));
    }
    if register.is_array() && (!register.stride.is_multiple_of(WORD_BYTES) || register.stride == 0)
    {
        say(format!("stride {} is not a multiple of 4; use 4 or more", register.stride));
    }
    if register.count == 0 {
        say("there are 0 of it; count must be 1 or more".into());
    }
    if register.end() > u64::from(card.register_bytes) {
        say(format!(
            "it ends at {:#x}, outside of BAR 0 with its {:#x} bytes; move it, or make registers \
             larger",
            register.end(),
            card.register_bytes
        ));
    }
}

/// Offsets of each register; arrays with gaps may be woven into each other.
fn overlaps(card: &Card, report: &Report<'_>) {
    let mut taken: Vec<(u32, &Register)> = Vec::new();
    for register in card.registers().filter(|one| one.end() <= u64::from(card.register_bytes)) {
        taken.extend((0..register.count).map(|index| (register.offset_of(index), register)));
    }
    taken.sort_by_key(|(offset, _)| *offset); // stable: the one described first comes first
    let mut said: Vec<(&str, &str)> = Vec::new();
    for pair in taken.windows(2) {
        let [(low, first), (high, second)] = pair else { continue };
        let names = (first.id.as_str(), second.id.as_str());
        if high - low >= WORD_BYTES || said.contains(&names) || std::ptr::eq(*first, *second) {
            continue;
        }
        said.push(names);
        let message = format!(
            "at {high:#x} it lies on register {} of {}; move one of them",
            first.id,
            report.line_of(first.place)
        );
        report.add(second.place, &item(second), message);
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{complaints, register};
    use super::*;

    fn with(offset: u32, count: u32, stride: u32) -> Vec<String> {
        complaints(check, |card| {
            let extra = Register { count, stride, ..register("extra", offset) };
            card.blocks[0].registers.push(extra);
        })
    }

    #[test]
    fn registers_are_aligned_inside_and_apart() {
        assert_eq!(with(8, 1, 4), Vec::<String>::new());
        assert_eq!(with(8, 3, 8), Vec::<String>::new());
        assert!(with(10, 1, 4)[0].contains("use 0x8 or 0xc"));
        assert!(with(8, 2, 6)[0].contains("not a multiple of 4"));
        assert!(with(8, 2, 0)[0].contains("not a multiple of 4"));
        assert!(with(0x1000, 1, 4)[0].contains("outside of BAR 0"));
        assert!(with(0xff0, 5, 4)[0].contains("ends at 0x1004"));
        assert!(with(u32::MAX - 3, 0x1_0000, 0x1_0000)[0].contains("outside"));
        assert!(with(4, 1, 4)[0].contains("lies on register mode of line 1"));
        assert_eq!(with(0, 2, 4).len(), 2, "on both registers");
    }

    #[test]
    fn an_array_may_go_around_others() {
        let found = complaints(check, |card| {
            card.blocks[0].registers = vec![
                Register { count: 4, stride: 8, ..register("even", 0) },
                Register { count: 4, stride: 8, ..register("odd", 4) },
            ];
        });
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn bars_are_what_the_module_makes() {
        assert!(complaints(check, |card| card.register_bytes = 0x1800)[0].contains("BAR 0"));
        assert!(complaints(check, |card| card.framebuffer_bytes = 5)[0].contains("BAR 2"));
        assert!(complaints(check, |card| card.framebuffer_bytes = 0).is_empty());
        assert!(complaints(check, |card| card.pci.msi_vectors = 3)[0].contains("msi_vectors"));
    }
}
