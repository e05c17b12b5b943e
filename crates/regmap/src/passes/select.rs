//! Leaves out what was not chosen: features, and the registers, fields, values, commands and parts of
//! docs that belong to them.

use super::Semester;
use crate::diagnostics::Report;
use crate::model::{Card, Reference};
use crate::validate::names::identifier;

/// Feature of interrupts by message, if a description has it.
pub const MSI: &str = "msi";

/// Feature of interrupts by the pin.
pub const INTX: &str = "intx";

/// Complains about features that are not there, that need others, or that exclude each other.
pub fn check(card: &Card, semester: &Semester, report: &Report<'_>) {
    let chosen = |id: &str| semester.features.iter().any(|one| one.id == id);
    if let Some(prefix) = &semester.prefix {
        identifier(report, prefix.place, "semester", "prefix", &prefix.id);
    }
    for (index, one) in semester.features.iter().enumerate() {
        let say = |message: String| report.add(one.place, "semester", message);
        let Some(feature) = card.feature(&one.id) else {
            let known: Vec<&str> = card.features.iter().map(|one| one.id.as_str()).collect();
            say(format!("there is no feature {}; there are: {}", one.id, known.join(", ")));
            continue;
        };
        let before = &semester.features[..index];
        if before.iter().any(|earlier| earlier.id == one.id) {
            say(format!("the feature {} is there twice; leave one out", one.id));
        }
        for needed in feature.requires.iter().filter(|needed| !chosen(&needed.id)) {
            say(format!("the feature {} needs {}; add that, or leave it out", one.id, needed.id));
        }
        let clash = before.iter().find(|earlier| card.exclude_each_other(&earlier.id, &one.id));
        if let Some(other) = clash {
            let message = "cannot be on one card; leave one of them out";
            say(format!("the features {} and {} {message}", other.id, one.id));
        }
    }
    for group in card.one_of.iter().filter(|group| !group.iter().any(|one| chosen(&one.id))) {
        let names: Vec<&str> = group.iter().map(|one| one.id.as_str()).collect();
        let message = format!("features lack one of {}; add one", names.join(", "));
        report.add(semester.place, "semester", message);
    }
}

/// The card with these features only.
pub fn select(template: &Card, features: &[&str]) -> Card {
    let has = |id: &str| features.contains(&id);
    let stays = |feature: &Option<Reference>| feature.as_ref().is_none_or(|one| has(&one.id));
    let told = |docs: &str| text(docs, &has);
    let mut card = template.clone();
    card.docs = told(&card.docs);
    if card.feature(MSI).is_some() && !has(MSI) {
        card.pci.msi_vectors = 0;
    }
    if card.feature(INTX).is_some() {
        card.pci.pin = has(INTX);
    }
    card.features.retain(|one| has(&one.id));
    for feature in &mut card.features {
        feature.docs = told(&feature.docs);
        feature.requires.retain(|one| has(&one.id));
        feature.conflicts.retain(|one| has(&one.id));
    }
    for block in &mut card.blocks {
        block.docs = told(&block.docs);
        block.registers.retain(|one| stays(&one.feature));
        for register in &mut block.registers {
            register.docs = told(&register.docs);
            register.fields.retain(|one| stays(&one.feature));
            for field in &mut register.fields {
                field.docs = told(&field.docs);
                field.values.retain(|one| stays(&one.feature));
                field.values.iter_mut().for_each(|value| value.docs = told(&value.docs));
            }
        }
        block.registers.retain(|one| !one.fields.is_empty());
    }
    card.blocks.retain(|block| !block.registers.is_empty());
    card.commands.retain(|one| stays(&one.feature));
    card.commands.iter_mut().for_each(|one| one.docs = told(&one.docs));
    list(&mut card);
    // Nothing is left to be chosen.
    card.one_of.clear();
    card
}

/// The register of features says which there are.
pub(super) fn list(card: &mut Card) {
    let (bits, id) = (card.feature_bits(), card.features_register.clone());
    let registers = card.blocks.iter_mut().flat_map(|block| &mut block.registers);
    registers.filter(|one| one.id == id).for_each(|one| one.reset = bits);
}

/// The card that a description describes if nothing was chosen.
pub fn default(template: &Card) -> Card {
    let features = template.features.iter().filter(|one| one.default);
    let features: Vec<&str> = features.map(|one| one.id.as_str()).collect();
    let one_of = template.one_of.clone();
    // It can be chosen from again.
    Card { one_of, ..select(template, &features) }
}

/// Docs with `{feature?...}` taken in or left out.
pub fn text(docs: &str, has: &impl Fn(&str) -> bool) -> String {
    let mut told = String::new();
    let mut rest = docs;
    while let Some((before, from)) = rest.split_once('{') {
        let Some((inside, behind)) = from.split_once('}') else { break };
        told.push_str(before);
        match inside.split_once('?') {
            Some((feature, words)) if has(feature) => told.push_str(words),
            Some(_) => {}
            None => {
                told.push('{');
                told.push_str(inside);
                told.push('}');
            }
        }
        rest = behind;
    }
    told.push_str(rest);
    told
}

/// Features that docs speak of.
pub fn mentioned(docs: &str) -> impl Iterator<Item = &str> {
    docs.split('{').skip(1).filter_map(|from| {
        let (inside, _) = from.split_once('}')?;
        Some(inside.split_once('?')?.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_tell_of_what_is_there() {
        let has = |feature: &str| feature == "a";
        assert_eq!(text("x {a?yes}{b?no} {c} y {", &has), "x yes {c} y {");
        assert_eq!(mentioned("x {a?yes}{b?no} {c}").collect::<Vec<_>>(), ["a", "b"]);
    }
}
