//! What names something else: features, tags, bits.

use super::item;
use crate::diagnostics::{Place, Report};
use crate::model::{Card, Command, Feature, Reference, TAGS};

/// Checks that ids name something, and that tags and bits name one thing.
pub fn check(card: &Card, report: &Report<'_>) {
    let wanted = |what: &str, reference: Option<&Reference>| {
        if let Some(reference) = reference
            && card.feature(&reference.id).is_none()
            && !report.is_left_out(&reference.id)
        {
            let known: Vec<&str> = card.features.iter().map(|one| one.id.as_str()).collect();
            let message = format!(
                "there is no feature {}; there are: {}",
                reference.id,
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            );
            report.add(reference.place, what, message);
        }
    };
    for register in card.registers() {
        wanted(&item(register), register.feature.as_ref());
        // What was taken from another register is complained about there.
        let own = if register.fields_of.is_none() { &register.fields[..] } else { &[] };
        for field in own {
            wanted(&format!("field {}.{}", register.id, field.id), field.feature.as_ref());
            for value in &field.values {
                let what = format!("value {}.{}.{}", register.id, field.id, value.id);
                wanted(&what, value.feature.as_ref());
            }
        }
    }
    for command in &card.commands {
        wanted(&format!("command {}", command.id), command.feature.as_ref());
    }
    for feature in &card.features {
        let what = format!("feature {}", feature.id);
        for other in feature.requires.iter().chain(&feature.conflicts) {
            wanted(&what, Some(other));
        }
        possible(card, feature, &what, report);
    }
    for one in card.one_of.iter().flatten() {
        wanted("card", Some(one));
    }
    bits(card, report);
    tags(card, report);
}

/// Everything that a feature requires, directly or not, itself included.
fn closure<'c>(card: &'c Card, feature: &'c Feature) -> Vec<&'c Feature> {
    let mut all = vec![feature];
    let mut at = 0;
    while let Some(one) = all.get(at).copied() {
        at += 1;
        for other in one.requires.iter().filter_map(|other| card.feature(&other.id)) {
            if !all.iter().any(|known| known.id == other.id) {
                all.push(other);
            }
        }
    }
    all
}

/// A feature that conflicts with what it requires can never be chosen.
fn possible(card: &Card, feature: &Feature, what: &str, report: &Report<'_>) {
    let needed = closure(card, feature);
    for one in &needed {
        let clash = one.conflicts.iter().find(|other| needed.iter().any(|n| n.id == other.id));
        if let Some(other) = clash {
            let message = format!(
                "with it come {} and {}, which conflict; take one of these relations away",
                one.id, other.id
            );
            report.add(feature.place, what, message);
        }
    }
}

fn bits(card: &Card, report: &Report<'_>) {
    for (index, feature) in card.features.iter().enumerate() {
        let before = &card.features[..index];
        if let Some(first) = before.iter().find(|first| first.bit == feature.bit) {
            let what = format!("feature {}", feature.id);
            let message = format!("bit {} is taken by {}; choose another", feature.bit, first.id);
            report.add(feature.place, &what, message);
        }
    }
}

fn tags(card: &Card, report: &Report<'_>) {
    let mut taken: Vec<(u32, u32, String, Place)> = Vec::new();
    let registers = card.registers().filter_map(|register| {
        Some((register.tag?, register.count, item(register), register.place))
    });
    let command = |one: &Command| (one.tag, 1, format!("command {}", one.id), one.place);
    for (tag, count, what, place) in registers.chain(card.commands.iter().map(command)) {
        let end = tag.saturating_add(count);
        if end > TAGS {
            let message = format!("its tags reach {:#x}; tags are below {TAGS:#x}", end - 1);
            report.add(place, &what, message);
        }
        let clash = taken.iter().find(|(first, last, ..)| tag < *last && *first < end);
        if let Some((_, _, other, first)) = clash {
            let line = report.line_of(*first);
            let message = format!("tag {tag:#x} is taken by {other}, at {line}; choose another");
            report.add(place, &what, message);
        }
        taken.push((tag, end, what, place));
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{complaints, small};
    use super::*;

    fn reference(id: &str) -> Reference {
        Reference { id: id.into(), place: Place::default() }
    }

    #[test]
    fn ids_name_something() {
        let found = complaints(check, |card| {
            card.blocks[0].registers[1].feature = Some(reference("dma"));
            card.commands[0].feature = Some(reference("copy"));
            card.features[0].requires = vec![reference("gone")];
        });
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], "register mode: there is no feature dma; there are: copy");
        assert!(found[1].starts_with("feature copy: there is no feature gone"));
    }

    #[test]
    fn a_feature_can_be_chosen() {
        let found = complaints(check, |card| {
            let mut more = card.features[0].clone();
            (more.id, more.name, more.bit) = ("more".into(), "MORE".into(), 1);
            more.requires = vec![reference("copy")];
            card.features[0].requires = vec![reference("more")];
            assert_eq!(closure(card, &card.features[0]).len(), 1, "more is not there yet");
            card.features[0].conflicts = vec![reference("more")];
            card.features.push(more);
        });
        assert_eq!(found.len(), 2, "of both: {found:?}");
        assert!(found[0].contains("which conflict"));
    }

    #[test]
    fn bits_and_tags_name_one_thing() {
        let found = complaints(check, |card| card.features.push(card.features[0].clone()));
        assert_eq!(found, ["feature copy: bit 0 is taken by copy; choose another"]);
        let tagged = |tag, count| {
            complaints(check, |card| {
                let mode = &mut card.blocks[0].registers[1];
                (mode.tag, mode.count) = (Some(tag), count);
            })
        };
        assert!(tagged(2, 8).is_empty());
        assert!(tagged(0, 2)[0].contains("command nop: tag 0x1 is taken by register mode"));
        assert!(tagged(TAGS - 1, 2)[0].contains("tags are below 0x800"));
        assert_eq!(small().commands[0].tag, 1);
    }
}
