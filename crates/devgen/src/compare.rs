//! Two cards beside each other, and one register explained: for teachers, who may know the ids.

use std::fmt::{self, Write};

use regmap::emit::one_line;
use regmap::{Card, Register};
use serde::Serialize;
use serde_json::{Value, json};

/// Something that differs between two cards.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// In the base card's ids: a feature, a register, `register.field`, `register.field.value`, a command.
    pub what: String,
    /// Name and place on one card; nothing if that has it not.
    pub one: Option<String>,
    /// The same for the other.
    pub other: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tell =
            |side: &'_ Option<String>| side.clone().unwrap_or_else(|| "not there".to_owned());
        write!(f, "{}: {} -> {}", self.what, tell(&self.one), tell(&self.other))
    }
}

/// What differs between two cards.
pub fn diff(one: &Card, other: &Card) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut line = |what: &str, one: Option<String>, other: Option<String>| {
        if one != other {
            found.push(Difference { what: what.to_owned(), one, other });
        }
    };
    let hash = |card: &Card| Some(format!("{:#010x}", regmap::layout_hash(card)));
    line("layout", hash(one), hash(other));
    line("prefix", Some(one.prefix.clone()), Some(other.prefix.clone()));
    for id in ids(one, other, |card| card.features.iter().map(|one| one.id.clone()).collect()) {
        let tell =
            |card: &Card| card.feature(&id).map(|one| format!("{} bit {}", one.name, one.bit));
        line(&format!("feature {id}"), tell(one), tell(other));
    }
    for id in ids(one, other, |card| card.registers().map(|one| one.id.clone()).collect()) {
        let (before, after) = (one.register(&id), other.register(&id));
        let tell = |register: Option<&Register>| register.map(place);
        line(&id, tell(before), tell(after));
        let (Some(before), Some(after)) = (before, after) else { continue };
        if before.is_plain() || before.fields_of.is_some() {
            continue;
        }
        for field in &before.fields {
            let bits =
                |field: &regmap::Field| format!("{} {}:{}", field.name, field.high(), field.shift);
            let after = after.field(&field.id);
            line(&format!("{id}.{}", field.id), Some(bits(field)), after.map(bits));
            for value in &field.values {
                let number = |value: &regmap::Value| format!("{} {}", value.name, value.value);
                let after = after.and_then(|field| field.value(&value.id));
                let what = format!("{id}.{}.{}", field.id, value.id);
                line(&what, Some(number(value)), after.map(number));
            }
        }
    }
    for id in ids(one, other, |card| card.commands.iter().map(|one| one.id.clone()).collect()) {
        let tell =
            |card: &Card| card.command(&id).map(|one| format!("{} tag {:#05x}", one.name, one.tag));
        line(&format!("command {id}"), tell(one), tell(other));
    }
    found
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

/// A register, by its name or id. The error names those that there are.
///
/// # Errors
/// There is none of that name.
pub fn register<'c>(card: &'c Card, wanted: &str) -> Result<&'c Register, String> {
    let same = |name: &str| name.eq_ignore_ascii_case(wanted);
    card.registers().find(|one| same(&one.name) || same(&one.id)).ok_or_else(|| {
        let names: Vec<&str> = card.registers().map(|one| one.name.as_str()).collect();
        format!("there is no register {wanted} on this card; there are: {}", names.join(", "))
    })
}

/// All that is known of a register, for programs.
pub fn as_json(register: &Register) -> Value {
    let fields = register.fields.iter().filter(|_| !register.is_plain()).map(|field| {
        let values = field.values.iter().map(|value| {
            json!({"name": value.name, "id": value.id, "value": value.value, "docs": one_line(&value.docs)})
        });
        json!({
            "name": field.name, "id": field.id, "high": field.high(), "low": field.shift,
            "docs": one_line(&field.docs), "values": values.collect::<Vec<_>>(),
        })
    });
    json!({
        "name": register.name, "id": register.id, "offset": register.offset,
        "count": register.count, "stride": register.stride, "tag": register.tag,
        "written_by": register.access.word(), "reset": register.reset,
        "docs": one_line(&register.docs), "fields": fields.collect::<Vec<_>>(),
    })
}

/// All that is known of a register.
pub fn explain(register: &Register) -> String {
    let mut text = format!("{}\n  base card's name: ", place(register));
    let _ = writeln!(text, "{}", register.id.to_ascii_uppercase());
    let _ = writeln!(text, "  written by: {}", register.access.word());
    let _ = writeln!(text, "  after a reset: {}", register.show(register.reset));
    let _ = writeln!(text, "  {}", one_line(&register.docs));
    for field in register.fields.iter().filter(|_| !register.is_plain()) {
        let (high, low, name) = (field.high(), field.shift, &field.name);
        let id = field.id.to_ascii_uppercase();
        let _ = writeln!(text, "  {high:>2}:{low:<2} {name} ({id}): {}", one_line(&field.docs));
        for value in &field.values {
            let id = value.id.to_ascii_uppercase();
            let _ = writeln!(
                text,
                "        {} {} ({id}): {}",
                value.value,
                value.name,
                one_line(&value.docs)
            );
        }
    }
    text
}
