//! A manual is only as good as what the description says.

use super::item;
use crate::diagnostics::{Place, Report};
use crate::model::Card;
use crate::passes::select::mentioned;

const REMEDY: &str = "has no docs; write for somebody who has the manual only";

/// Checks that there are docs. A field without values may be understood by its name.
pub fn check(card: &Card, report: &Report<'_>) {
    if card.docs.trim().is_empty() {
        report.add(card.place, "card", REMEDY);
    }
    mentions(card, report);
    for feature in card.features.iter().filter(|one| one.docs.is_empty()) {
        report.add(feature.place, &format!("feature {}", feature.id), REMEDY);
    }
    for command in card.commands.iter().filter(|one| one.docs.is_empty()) {
        report.add(command.place, &format!("command {}", command.id), REMEDY);
    }
    for block in &card.blocks {
        if block.docs.is_empty() {
            report.add(block.place, &format!("block {}", block.id), REMEDY);
        }
        if block.registers.is_empty() {
            let message = "has no registers; add some, or leave it out";
            report.add(block.place, &format!("block {}", block.id), message);
        }
    }
    for register in card.registers().filter(|one| one.docs.is_empty()) {
        report.add(register.place, &item(register), REMEDY);
    }
}

/// Docs speak of features that there are, in `{feature?...}`.
fn mentions(card: &Card, report: &Report<'_>) {
    let judge = |docs: &str, place: Place, what: &str| {
        for id in mentioned(docs).filter(|id| card.feature(id).is_none()) {
            let message =
                format!("docs tell of a feature {id}, which there is not; name one by its id");
            report.add(place, what, message);
        }
    };
    judge(&card.docs, card.place, "card");
    for block in &card.blocks {
        judge(&block.docs, block.place, &format!("block {}", block.id));
        for register in &block.registers {
            judge(&register.docs, register.place, &item(register));
            for field in register.fields.iter().filter(|_| register.fields_of.is_none()) {
                judge(&field.docs, field.place, &format!("field {}.{}", register.id, field.id));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::complaints;
    use super::*;

    #[test]
    fn everything_is_described() {
        let found = complaints(check, |card| {
            card.docs = " \n".into();
            card.features[0].docs.clear();
            card.commands[0].docs.clear();
            card.blocks[0].registers[0].docs.clear();
        });
        assert_eq!(found.len(), 4, "{found:?}");
        let found = complaints(check, |card| card.blocks[0].registers.clear());
        assert_eq!(found, ["block all: has no registers; add some, or leave it out"]);
    }
}
