//! Inside a register: fields in their places, values and resets that fit.

use super::item;
use crate::diagnostics::Report;
use crate::model::{Card, Field, Kind, Register, WORD_BITS};

/// Checks the fields of every register.
pub fn check(card: &Card, report: &Report<'_>) {
    for register in card.registers() {
        // What was taken from another register is complained about there.
        if register.fields_of.is_none() {
            for field in &register.fields {
                width(register, field, report);
                values(register, field, report);
            }
            overlaps(card, register, report);
        }
        reset(register, report);
    }
}

fn width(register: &Register, field: &Field, report: &Report<'_>) {
    let what = format!("field {}.{}", register.id, field.id);
    let say = |message: String| report.add(field.place, &what, message);
    if field.width == 0 || field.shift.saturating_add(field.width) > WORD_BITS {
        say(format!(
            "{} bits from bit {} on do not fit into a register; bits are 0 to 31",
            field.width, field.shift
        ));
    }
    match field.kind {
        Kind::Fixed { fraction } if fraction == 0 || fraction >= field.width => say(format!(
            "{fraction} bits behind the point leave nothing before it; use 1 to {}",
            field.width.saturating_sub(1)
        )),
        Kind::Signed if field.width < 2 => {
            say("one bit has no sign; use kind = \"unsigned\"".into());
        }
        _ => {}
    }
}

fn values(register: &Register, field: &Field, report: &Report<'_>) {
    let mut seen: Vec<(u32, &str)> = Vec::new();
    for value in &field.values {
        let what = format!("value {}.{}.{}", register.id, field.id, value.id);
        let say = |message: String| report.add(value.place, &what, message);
        if i64::from(value.value) > field.range().1 {
            say(format!(
                "{:#x} does not fit into {} bits; use 0 to {:#x}, or widen the field",
                value.value,
                field.width,
                field.range().1
            ));
        }
        match seen.iter().find(|(number, _)| *number == value.value) {
            Some((number, first)) => {
                say(format!("{first} is {number:#x} already; choose another number"));
            }
            None => seen.push((value.value, &value.id)),
        }
    }
}

/// Fields of features that are never together may be in one place.
fn overlaps(card: &Card, register: &Register, report: &Report<'_>) {
    let apart = |one: &Field, other: &Field| match (&one.feature, &other.feature) {
        (Some(one), Some(other)) => card.exclude_each_other(&one.id, &other.id),
        _ => false,
    };
    for (index, field) in register.fields.iter().enumerate() {
        let before = &register.fields[..index];
        if let Some(first) =
            before.iter().find(|first| first.mask() & field.mask() != 0 && !apart(first, field))
        {
            let what = format!("field {}.{}", register.id, field.id);
            let message = format!(
                "bits {}:{} lie on field {}, bits {}:{}; move one of them",
                field.high(),
                field.shift,
                first.id,
                first.high(),
                first.shift
            );
            report.add(field.place, &what, message);
        }
    }
}

fn reset(register: &Register, report: &Report<'_>) {
    let say = |message: String| report.add(register.place, &item(register), message);
    let mask = register.fields.iter().fold(0, |mask, field| mask | field.mask());
    let reset = register.reset;
    if reset & !mask != 0 {
        say(format!(
            "reset = {reset:#x} sets bits that no field has, {:#x}; clear them",
            reset & !mask
        ));
    }
    for field in register.fields.iter().filter(|field| !field.values.is_empty()) {
        let value = field.extract(reset);
        // In a command register 0 is no command.
        let idle = value == 0 && register.access == crate::Access::Command;
        if !idle && !field.values.iter().any(|known| i64::from(known.value) == value) {
            say(format!(
                "after a reset {} is {value}, which is none of its values; set reset to one",
                field.id
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{complaints, field, value};
    use super::*;

    fn changed(change: impl FnOnce(&mut Register)) -> Vec<String> {
        complaints(check, |card| change(&mut card.blocks[0].registers[1]))
    }

    #[test]
    fn fields_stay_inside_and_apart() {
        assert!(changed(|mode| mode.fields.push(field("x", 20, 13)))[0].contains("do not fit"));
        assert!(changed(|mode| mode.fields.push(field("x", 20, 0)))[0].contains("do not fit"));
        let found = changed(|mode| mode.fields.push(field("x", 3, 4)));
        assert_eq!(
            found,
            ["field mode.x: bits 6:3 lie on field format, bits 3:0; move one of them"]
        );
    }

    #[test]
    fn kinds_need_bits() {
        let kind = |kind| changed(|mode| mode.fields[1].kind = kind);
        assert!(kind(Kind::Signed)[0].contains("no sign"));
        assert!(kind(Kind::Fixed { fraction: 1 })[0].contains("behind the point"));
    }

    #[test]
    fn values_fit_and_differ() {
        let with = |number| changed(|mode| mode.fields[0].values.push(value("x", number)));
        assert!(with(5).is_empty());
        assert!(with(16)[0].contains("does not fit into 4 bits; use 0 to 0xf"));
        assert!(with(3)[0].contains("rgb is 0x3 already"));
    }

    #[test]
    fn a_reset_is_one_of_the_values() {
        assert!(changed(|mode| mode.reset = 0x103).is_empty());
        assert!(changed(|mode| mode.reset = 0x1000)[0].contains("sets bits that no field has"));
        assert!(changed(|mode| mode.reset = 1)[0].contains("format is 1, which is none"));
    }
}
