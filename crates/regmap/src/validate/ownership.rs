//! Who writes what. A program that plays a card sees registers as memory, some time after they were
//! written: a register that both sides change at will cannot work.

use super::item;
use crate::diagnostics::Report;
use crate::model::{Access, Card, Register};

/// Checks what each kind of register may be.
pub fn check(card: &Card, report: &Report<'_>) {
    for register in card.registers() {
        let say = |message: String| report.add(register.place, &item(register), message);
        if register.access == Access::Card && register.tag.is_some() {
            say("only the card writes it, so a command stream cannot; leave its tag out".into());
        }
        if register.access == Access::Command {
            command(register, &say);
        }
    }
    features_register(card, report);
    match card.register(&card.hash_register) {
        // Not read, and complained about.
        None if card.hash_register.is_empty() || report.is_left_out(&card.hash_register) => {}
        None => {
            let message = format!(
                "there is no register {} for the layout's hash; name one by its id",
                card.hash_register
            );
            report.add(card.place, "card", message);
        }
        Some(register) if register.access != Access::Card || !register.is_plain() => {
            let message = "the layout's hash needs all 32 bits, and the card writes it; use access \
                           = \"card\" and no fields";
            report.add(register.place, &item(register), message);
        }
        Some(_) => {}
    }
}

fn features_register(card: &Card, report: &Report<'_>) {
    let id = &card.features_register;
    match card.register(id) {
        None if id.is_empty() || report.is_left_out(id) => {}
        None => {
            let message = format!("there is no register {id} for the features; name one by its id");
            report.add(card.place, "card", message);
        }
        Some(register) if register.access != Access::Card || !register.is_plain() => {
            let message = "each bit of it is a feature, and the card writes it; use access = \
                           \"card\" and no fields";
            report.add(register.place, &item(register), message);
        }
        Some(_) => {}
    }
}

/// The card writes 0 when a command is done.
fn command(register: &Register, say: &impl Fn(String)) {
    if register.is_array() {
        say("a command register starts one thing at a time; leave count out".into());
    }
    if register.reset != 0 {
        say(format!(
            "reset = {:#x} would be a command under way at the start; leave it out",
            register.reset
        ));
    }
    let mut named = register.fields.iter().filter(|field| !field.values.is_empty()).peekable();
    if named.peek().is_none() && !register.is_plain() {
        say("nothing in it is never 0, so a command could look like none; give a field values"
            .into());
    }
    // With values that are not 0, no command can be taken for none.
    for field in named {
        if let Some(zero) = field.values.iter().find(|value| value.value == 0) {
            say(format!(
                "{}.{} is 0, which says that no command is under way; give it another number",
                field.id, zero.id
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::complaints;
    use super::*;

    fn changed(change: impl FnOnce(&mut Register)) -> Vec<String> {
        complaints(check, |card| change(&mut card.blocks[0].registers[1]))
    }

    #[test]
    fn a_stream_writes_what_a_driver_may() {
        let found = changed(|mode| (mode.access, mode.tag) = (Access::Card, Some(7)));
        assert!(found[0].contains("leave its tag out"));
        assert!(changed(|mode| mode.tag = Some(7)).is_empty());
    }

    #[test]
    fn commands_end_as_0() {
        let command = |change: fn(&mut Register)| {
            changed(|mode| {
                mode.access = Access::Command;
                mode.fields[0].values.remove(0);
                change(mode);
            })
        };
        assert_eq!(command(|_| ()), Vec::<String>::new());
        assert!(command(|mode| mode.count = 2)[0].contains("leave count out"));
        assert!(command(|mode| mode.reset = 3)[0].contains("under way at the start"));
        assert!(command(|mode| mode.fields[0].values[0].value = 0)[0].contains("format.rgb is 0"));
        assert!(command(|mode| mode.fields[0].values.clear())[0].contains("could look like none"));
    }

    #[test]
    fn the_hash_has_a_register() {
        let found = complaints(check, |card| card.hash_register = "x".into());
        assert!(found[0].contains("no register x"));
        let found = complaints(check, |card| card.hash_register = "mode".into());
        assert!(found[0].starts_with("register mode: the layout's hash"));
    }
}
