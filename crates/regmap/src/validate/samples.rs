//! Cards, registers and fields for tests.

use crate::model::{Access, Block, Card, Command, Feature, Field, Kind, Pci, Register, Value};
use crate::{Place, Report};

pub(crate) fn field(id: &str, shift: u32, width: u32) -> Field {
    Field {
        id: id.into(),
        name: id.to_ascii_uppercase(),
        shift,
        width,
        kind: Kind::Unsigned,
        docs: "A field.".into(),
        values: Vec::new(),
        feature: None,
        place: Place::default(),
    }
}

pub(crate) fn value(id: &str, value: u32) -> Value {
    let (docs, place) = ("A value.".into(), Place::default());
    Value { id: id.into(), name: id.to_ascii_uppercase(), value, feature: None, docs, place }
}

pub(crate) fn register(id: &str, offset: u32) -> Register {
    Register {
        id: id.into(),
        name: id.to_ascii_uppercase(),
        offset,
        access: Access::Driver,
        count: 1,
        stride: 4,
        reset: 0,
        tag: None,
        feature: None,
        fields_of: None,
        pinned: false,
        together: None,
        align: 4,
        docs: "A register.".into(),
        fields: vec![field("value", 0, 32)],
        place: Place::default(),
    }
}

/// Two registers, a feature and a command.
pub(crate) fn small() -> Card {
    let mut hash = register("hash", 0);
    hash.access = Access::Card;
    let mut mode = register("mode", 4);
    mode.fields = vec![field("format", 0, 4), field("on", 8, 1)];
    mode.fields[0].values = vec![value("none", 0), value("rgb", 3)];
    let place = Place::default();
    Card {
        id: "small".into(),
        title: "A small card".into(),
        prefix: "SC".into(),
        version: (1, 2),
        docs: "For tests.".into(),
        pci: Pci { vendor: 0x1234, msi_vectors: 1, ..Pci::default() },
        register_bytes: 0x1000,
        framebuffer_bytes: 0x1000,
        hash_register: "hash".into(),
        features_register: String::new(),
        one_of: Vec::new(),
        reserved: Vec::new(),
        features: vec![Feature {
            id: "copy".into(),
            name: "COPY".into(),
            bit: 0,
            docs: "It copies.".into(),
            requires: Vec::new(),
            conflicts: Vec::new(),
            default: true,
            place,
        }],
        blocks: vec![Block {
            id: "all".into(),
            title: "All".into(),
            docs: "All there is.".into(),
            registers: vec![hash, mode],
            place,
        }],
        commands: vec![Command {
            id: "nop".into(),
            name: "NOP".into(),
            tag: 1,
            feature: None,
            docs: "Nothing.".into(),
            place,
        }],
        place,
    }
}

/// What one check says about a changed [`small`].
pub(crate) fn complaints(check: super::Check, change: impl FnOnce(&mut Card)) -> Vec<String> {
    let mut card = small();
    change(&mut card);
    let report = Report::new("f", "");
    check(&card, &report);
    let errors = report.finish().err();
    errors
        .iter()
        .flat_map(|all| all.iter())
        .map(|one| format!("{}: {}", one.item, one.message))
        .collect()
}
