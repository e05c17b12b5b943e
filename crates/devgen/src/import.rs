//! Cards from CMSIS-SVD. What a card's file cannot say is left out and listed.

use regmap::emit::Output;
use regmap::model::{
    Access, Block, Field, Kind, Pci, Place, Register, Value, WORD_BITS, WORD_BYTES,
};
use regmap::{Card, Diagnostics};
use svd_parser::svd::{self, MaybeArray};
use thiserror::Error;

/// Why nothing can be imported.
#[derive(Debug, Error)]
pub enum ImportError {
    /// It is no SVD.
    #[error("{file}: {reason}; give a CMSIS-SVD file, schema 1.1 or later")]
    Syntax {
        /// The file.
        file: String,
        /// In one line.
        reason: String,
    },
    /// Nothing that could be a card.
    #[error("{file}: no peripheral in it has registers; give one that has")]
    Empty {
        /// The file.
        file: String,
    },
    /// What came out is no card yet.
    #[error(transparent)]
    Card(#[from] Diagnostics),
    /// The card cannot be written.
    #[error(transparent)]
    Emit(#[from] regmap::emit::EmitError),
}

/// What was imported.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The card's file.
    pub description: String,
    /// What is not in it, a line each.
    pub losses: Vec<String>,
}

/// Imports the first peripheral that has registers. `file` is for messages.
///
/// # Errors
/// No SVD, no registers, or registers that are no card.
pub fn svd(file: &str, text: &str) -> Result<Imported, ImportError> {
    let device = svd_parser::parse(text).map_err(|error| ImportError::Syntax {
        file: file.to_owned(),
        reason: format!("{error:#}").lines().collect::<Vec<_>>().join(" "),
    })?;
    let mut losses = Vec::new();
    let has_registers = |one: &&svd::Peripheral| one.registers().next().is_some();
    let Some(peripheral) = device.peripherals.iter().find(has_registers) else {
        return Err(ImportError::Empty { file: file.to_owned() });
    };
    for other in device.peripherals.iter().filter(|one| one.name != peripheral.name) {
        losses.push(format!("peripheral {}: a card is made of one", other.name));
    }
    for cluster in peripheral.clusters() {
        losses.push(format!("cluster {}: a card has no groups of registers", cluster.name));
    }
    for interrupt in &peripheral.interrupt {
        losses.push(format!("interrupt {}: PCI has its own", interrupt.name));
    }
    let mut registers: Vec<Register> =
        peripheral.registers().filter_map(|one| register(one, &mut losses)).collect();
    let end = registers.iter().map(Register::end).max().unwrap_or(0);
    registers.push(hash_register(end));
    losses.push("vendor, device and class in PCI config space: fill them in".into());
    let bytes = (end + u64::from(WORD_BYTES)).max(0x1000).next_power_of_two();
    let card = Card {
        id: id(&peripheral.name),
        title: device.name.clone(),
        prefix: id(&peripheral.name).to_ascii_uppercase(),
        version: (1, 0),
        docs: docs(peripheral.description.as_deref()),
        pci: Pci { vendor: 0x1234, class: 0x03_80_00, msi_vectors: 1, pin: true, ..Pci::default() },
        register_bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        framebuffer_bytes: 0,
        hash_register: HASH.to_owned(),
        features_register: String::new(),
        one_of: Vec::new(),
        reserved: Vec::new(),
        features: Vec::new(),
        blocks: vec![Block {
            id: "imported".into(),
            title: "Registers".into(),
            docs: format!("As in {}.", device.name),
            registers,
            place: Place::default(),
        }],
        commands: Vec::new(),
        place: Place::default(),
    };
    let origin = format!("Imported from {file}; see what was lost");
    let description = regmap::emit::render(&card, Output::Description.template(), &origin)?;
    // Whoever imports learns now what is to be mended.
    regmap::parse("the imported card", &description)?;
    Ok(Imported { description, losses })
}

const HASH: &str = "layout_hash";

/// A card needs one; SVD has none.
fn hash_register(offset: u64) -> Register {
    Register {
        id: HASH.into(),
        name: HASH.to_ascii_uppercase(),
        offset: u32::try_from(offset.next_multiple_of(4)).unwrap_or(u32::MAX),
        access: Access::Card,
        count: 1,
        stride: WORD_BYTES,
        reset: 0,
        tag: None,
        feature: None,
        fields_of: None,
        pinned: false,
        together: None,
        align: WORD_BYTES,
        docs: "Tells the layout of registers that this card has.".into(),
        fields: vec![whole()],
        place: Place::default(),
    }
}

fn register(one: &svd::Register, losses: &mut Vec<String>) -> Option<Register> {
    let (name, count, stride) = match one {
        MaybeArray::Single(_) => (one.name.clone(), 1, WORD_BYTES),
        MaybeArray::Array(_, dim) => {
            (one.name.replace("[%s]", "").replace("%s", ""), dim.dim, dim.dim_increment)
        }
    };
    let mut lose = |what: &str| losses.push(format!("register {name}: {what}"));
    if one.properties.size.is_some_and(|size| size != WORD_BITS) {
        lose("it has not 32 bits, and is left out");
        return None;
    }
    let access = match one.properties.access {
        Some(svd::Access::ReadOnly) => Access::Card,
        Some(svd::Access::ReadWrite) | None => Access::Driver,
        Some(_) => {
            lose("that it cannot be read, or once only");
            Access::Driver
        }
    };
    if one.read_action.is_some() || one.modified_write_values.is_some() {
        lose("what reading or writing does beside");
    }
    let mut fields: Vec<Field> = one.fields().filter_map(|part| field(part, &mut lose)).collect();
    if fields.is_empty() {
        fields.push(whole());
    }
    // 0 is what it reads as when nothing is under way, and is no value.
    let is_command = |field: &Field| {
        !field.values.is_empty() && field.values.iter().all(|value| value.value != 0)
    };
    let reset = one.properties.reset_value.map_or(0, |value| value as u32);
    let access = match access {
        Access::Driver if count == 1 && reset == 0 && fields.iter().any(is_command) => {
            lose("what writes 0 to it; taken for a command register, as 0 is none of its values");
            Access::Command
        }
        other => other,
    };
    Some(Register {
        id: id(&name),
        name: name.clone(),
        offset: one.address_offset,
        access,
        count,
        stride,
        reset,
        tag: None,
        feature: None,
        fields_of: None,
        pinned: false,
        together: None,
        align: WORD_BYTES,
        docs: docs(one.description.as_deref()),
        fields,
        place: Place::default(),
    })
}

fn field(one: &svd::Field, lose: &mut impl FnMut(&str)) -> Option<Field> {
    if matches!(one, MaybeArray::Array(..)) {
        lose(&format!("the array of fields {}", one.name));
        return None;
    }
    if one.access.is_some() {
        lose(&format!("who may access field {} alone", one.name));
    }
    let values = one.enumerated_values.iter().flat_map(|all| &all.values).filter_map(|value| {
        let Some(number) = value.value.and_then(|number| u32::try_from(number).ok()) else {
            lose(&format!("the value {} of field {}, which is no number", value.name, one.name));
            return None;
        };
        Some(Value {
            id: id(&value.name),
            name: value.name.clone(),
            value: number,
            feature: None,
            docs: value.description.clone().unwrap_or_default(),
            place: Place::default(),
        })
    });
    Some(Field {
        values: values.collect(),
        id: id(&one.name),
        name: one.name.clone(),
        shift: one.bit_range.offset,
        width: one.bit_range.width,
        kind: Kind::Unsigned,
        docs: one.description.clone().unwrap_or_default(),
        feature: None,
        place: Place::default(),
    })
}

/// The one field of a register without parts.
fn whole() -> Field {
    Field {
        id: "value".into(),
        name: "VALUE".into(),
        shift: 0,
        width: WORD_BITS,
        kind: Kind::Unsigned,
        docs: String::new(),
        values: Vec::new(),
        feature: None,
        place: Place::default(),
    }
}

fn id(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn docs(text: Option<&str>) -> String {
    text.filter(|text| !text.trim().is_empty()).unwrap_or("Not described.").to_owned()
}
