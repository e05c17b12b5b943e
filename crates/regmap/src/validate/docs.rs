//! A manual is only as good as what the description says.

use super::item;
use crate::diagnostics::Report;
use crate::model::Card;

const REMEDY: &str = "has no docs; write for somebody who has the manual only";

/// Checks that there are docs. A field without values may be understood by its name.
pub fn check(card: &Card, report: &Report<'_>) {
    if card.docs.trim().is_empty() {
        report.add(card.place, "card", REMEDY);
    }
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
