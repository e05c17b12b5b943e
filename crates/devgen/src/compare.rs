//! Two cards beside each other, and one register explained: for teachers, who may know the ids.

use std::fmt::Write;

use regmap::{Card, Register};

/// What differs between two cards, a line each.
pub fn diff(one: &Card, other: &Card) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |what: &str, before: String, after: String| {
        if before != after {
            lines.push(format!("{what}: {before} -> {after}"));
        }
    };
    let hash = |card: &Card| format!("{:#010x}", regmap::layout_hash(card));
    line("layout", hash(one), hash(other));
    line("prefix", one.prefix.clone(), other.prefix.clone());
    let none = || "not there".to_owned();
    for id in ids(one, other, |card| card.features.iter().map(|one| one.id.clone()).collect()) {
        let tell = |card: &Card| {
            card.feature(&id).map_or_else(none, |one| format!("{} bit {}", one.name, one.bit))
        };
        line(&format!("feature {id}"), tell(one), tell(other));
    }
    for id in ids(one, other, |card| card.registers().map(|one| one.id.clone()).collect()) {
        let (before, after) = (one.register(&id), other.register(&id));
        let tell = |register: Option<&Register>| register.map_or_else(none, place);
        line(&id, tell(before), tell(after));
        let (Some(before), Some(after)) = (before, after) else { continue };
        if before.is_plain() || before.fields_of.is_some() {
            continue;
        }
        for field in &before.fields {
            let bits =
                |field: &regmap::Field| format!("{} {}:{}", field.name, field.high(), field.shift);
            let after = after.field(&field.id);
            line(&format!("{id}.{}", field.id), bits(field), after.map_or_else(none, bits));
            for value in &field.values {
                let number = |value: &regmap::Value| format!("{} {}", value.name, value.value);
                let after = after.and_then(|field| field.value(&value.id));
                let what = format!("{id}.{}.{}", field.id, value.id);
                line(&what, number(value), after.map_or_else(none, number));
            }
        }
    }
    for id in ids(one, other, |card| card.commands.iter().map(|one| one.id.clone()).collect()) {
        let tell = |card: &Card| {
            card.command(&id).map_or_else(none, |one| format!("{} tag {:#05x}", one.name, one.tag))
        };
        line(&format!("command {id}"), tell(one), tell(other));
    }
    lines
}

fn ids(one: &Card, other: &Card, of: impl Fn(&Card) -> Vec<String>) -> Vec<String> {
    let mut all = of(one);
    let more: Vec<String> = of(other).into_iter().filter(|id| !all.contains(id)).collect();
    all.extend(more);
    all
}

fn place(register: &Register) -> String {
    let mut text = format!("{} at {:#06x}", register.name, register.offset);
    // Writing to a text does not fail.
    if register.is_array() {
        let _ = write!(text, " by {}", register.stride);
    }
    if let Some(tag) = register.tag {
        let _ = write!(text, " tag {tag:#05x}");
    }
    text
}

/// A register, by its name or id, with all that is known of it. The error names registers that are like it.
///
/// # Errors
/// There is none of that name.
pub fn explain(card: &Card, wanted: &str) -> Result<String, String> {
    let same = |name: &str| name.eq_ignore_ascii_case(wanted);
    let found = card.registers().find(|one| same(&one.name) || same(&one.id));
    let Some(register) = found else {
        let names: Vec<&str> = card.registers().map(|one| one.name.as_str()).collect();
        return Err(format!(
            "there is no register {wanted} on this card; there are: {}",
            names.join(", ")
        ));
    };
    let mut text = format!("{}\n  base card's name: ", place(register));
    let _ = writeln!(text, "{}", register.id.to_ascii_uppercase());
    let _ = writeln!(text, "  written by: {}", register.access.word());
    let _ = writeln!(text, "  after a reset: {}", register.show(register.reset));
    let _ = writeln!(text, "  {}", register.docs.split_whitespace().collect::<Vec<_>>().join(" "));
    for field in register.fields.iter().filter(|_| !register.is_plain()) {
        let (high, low, name) = (field.high(), field.shift, &field.name);
        let id = field.id.to_ascii_uppercase();
        let _ = writeln!(text, "  {high:>2}:{low:<2} {name} ({id}): {}", field.docs);
        for value in &field.values {
            let id = value.id.to_ascii_uppercase();
            let _ = writeln!(text, "        {} {} ({id}): {}", value.value, value.name, value.docs);
        }
    }
    Ok(text)
}
