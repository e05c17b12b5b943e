//! Blocks, registers, fields and values.

use super::table::Table;
use crate::model::{Access, Block, Field, Kind, Register, TAGS, Value, WORD_BITS, WORD_BYTES};

pub(super) const BLOCK_KEYS: &[&str] = &["id", "title", "docs", "registers"];

const REGISTER_KEYS: &[&str] = &[
    "id",
    "name",
    "offset",
    "access",
    "count",
    "stride",
    "reset",
    "tag",
    "feature",
    "docs",
    "fields",
    "fields_of",
    "kind",
    "fraction",
    "pinned",
    "together",
    "align",
];

const FIELD_KEYS: &[&str] =
    &["id", "name", "bits", "kind", "fraction", "docs", "values", "feature"];

const VALUE_KEYS: &[&str] = &["id", "name", "value", "docs", "feature"];

const ACCESS: &[(&str, Access)] =
    &[("driver", Access::Driver), ("card", Access::Card), ("command", Access::Command)];

/// More registers than this no BAR holds.
const MOST: u32 = 0x1_0000;

#[derive(Clone, Copy)]
enum Word {
    Unsigned,
    Signed,
    Fixed,
}

const KINDS: &[(&str, Word)] =
    &[("unsigned", Word::Unsigned), ("signed", Word::Signed), ("fixed", Word::Fixed)];

pub(super) fn block(table: &Table<'_>) -> Option<Block> {
    let id = table.id();
    let title = table.need_text("title", "give it a heading for the manual");
    let docs = table.docs();
    let registers = table.elements("registers", REGISTER_KEYS, register);
    // Its registers are read, whatever is wrong with their heading.
    let (id, title) = (id.unwrap_or_default(), title.unwrap_or_default());
    Some(Block { id, title, docs, registers, place: table.place() })
}

fn register(table: &Table<'_>) -> Option<Register> {
    let id = table.id();
    let offset = table.number("offset", 0, u32::MAX);
    if !table.has("access") {
        table.complain("access", "is missing; say who writes it: driver, card or command");
    }
    let access = table.choice("access", ACCESS);
    let count = table.number_or("count", 1, MOST, 1);
    let stride = table.number_or("stride", 0, MOST, WORD_BYTES);
    let reset = table.number_or("reset", 0, u32::MAX, 0);
    let tag = table.has("tag").then(|| table.number("tag", 0, TAGS - 1)).flatten();
    let feature = table.reference("feature");
    let fields_of = table.reference("fields_of");
    let docs = table.docs();
    let mut fields = table.elements("fields", FIELD_KEYS, field);
    let parts = table.has("fields") || fields_of.is_some();
    if parts && (table.has("kind") || table.has("fraction")) {
        table.complain("kind", "is for a register without fields; give each field its own");
    } else if !parts {
        fields.extend(whole(table));
    }
    if fields_of.is_some() && table.has("fields") {
        table.complain("fields_of", "takes the place of fields; leave one of them out");
    }
    let id = id?;
    let name = table.name_for(&id);
    Some(Register {
        name,
        id,
        offset: offset?,
        access: access?,
        count,
        stride,
        reset,
        tag,
        feature,
        fields_of,
        pinned: table.flag_or("pinned", false),
        together: table.text("together"),
        align: table.number_or("align", WORD_BYTES, MOST, WORD_BYTES),
        docs,
        fields,
        place: table.place(),
    })
}

/// The one field of a register without parts.
fn whole(table: &Table<'_>) -> Option<Field> {
    Some(Field {
        id: "value".into(),
        name: "VALUE".into(),
        shift: 0,
        width: WORD_BITS,
        kind: kind(table)?,
        docs: String::new(),
        values: Vec::new(),
        feature: None,
        place: table.place(),
    })
}

fn field(table: &Table<'_>) -> Option<Field> {
    let id = table.id();
    let bits = bits(table);
    let kind = kind(table);
    let docs = table.docs();
    let values = table.elements("values", VALUE_KEYS, value);
    let feature = table.reference("feature");
    let id = id?;
    let name = table.name_for(&id);
    let (shift, width) = bits?;
    let place = table.place();
    Some(Field { name, id, shift, width, kind: kind?, docs, values, feature, place })
}

fn kind(table: &Table<'_>) -> Option<Kind> {
    let word = if table.has("kind") { table.choice("kind", KINDS)? } else { Word::Unsigned };
    match word {
        Word::Fixed => {
            let fraction = table.number("fraction", 1, WORD_BITS)?;
            return Some(Kind::Fixed { fraction });
        }
        _ if table.has("fraction") => {
            table.complain("fraction", "has a meaning for kind = \"fixed\" only; leave it out");
        }
        _ => {}
    }
    Some(if matches!(word, Word::Signed) { Kind::Signed } else { Kind::Unsigned })
}

/// Lowest bit and width, from `"7"` or `"15:8"`.
fn bits(table: &Table<'_>) -> Option<(u32, u32)> {
    let text = table.need_text("bits", "write \"high:low\", or one number")?;
    let (high, low) = text.split_once(':').unwrap_or((&text, &text));
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|bit| *bit < WORD_BITS);
    match (number(high), number(low)) {
        (Some(high), Some(low)) if high >= low => Some((low, high - low + 1)),
        (Some(_), Some(_)) => {
            table.complain("bits", "is the wrong way round; write \"high:low\"");
            None
        }
        _ => {
            table.complain("bits", "are no bits; write \"high:low\" or one number, 0 to 31");
            None
        }
    }
}

fn value(table: &Table<'_>) -> Option<Value> {
    let id = table.id();
    let value = table.number("value", 0, u32::MAX);
    let (docs, feature) = (table.docs(), table.reference("feature"));
    let id = id?;
    let (name, place) = (table.name_for(&id), table.place());
    Some(Value { name, id, value: value?, feature, docs, place })
}

/// Gives registers with `fields_of` the fields of the register that they name.
pub(super) fn take_fields(root: &Table<'_>, blocks: &mut [Block]) {
    let given: Vec<Register> = blocks.iter().flat_map(|block| block.registers.clone()).collect();
    for register in blocks.iter_mut().flat_map(|block| &mut block.registers) {
        let Some(wanted) = &register.fields_of else { continue };
        let item = format!("register {}", register.id);
        let complain = |message: String| root.report().add(wanted.place, &item, message);
        match given.iter().find(|other| other.id == wanted.id) {
            None if root.report().is_left_out(&wanted.id) => {}
            None => complain(format!(
                "there is no register {} to take fields of; name one by its id",
                wanted.id
            )),
            Some(other) if other.fields_of.is_some() => complain(format!(
                "{} has its fields from elsewhere; name the register that has them",
                wanted.id
            )),
            Some(other) => register.fields = other.fields.clone(),
        }
    }
}
