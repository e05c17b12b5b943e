//! A card as templates see it: plain values under short names.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::hash::layout_hash;
use crate::model::{self, Access, Card, Kind};
use crate::passes::select::text;

/// The card.
#[derive(Debug, Serialize)]
pub struct View {
    /// A sentence about where it comes from.
    origin: String,
    /// Every feature that templates ask for, and whether the card has it.
    has: BTreeMap<String, bool>,
    /// Whatever else templates are told.
    words: BTreeMap<String, String>,
    id: String,
    title: String,
    prefix: String,
    version: String,
    docs: String,
    hash: u32,
    hash_register: String,
    /// Ids of two registers.
    hash_id: String,
    features_id: String,
    pci: PciView,
    register_bytes: u32,
    framebuffer_bytes: u32,
    features: Vec<FeatureView>,
    blocks: Vec<BlockView>,
    commands: Vec<CommandView>,
    /// Everything that has a tag, by tag.
    tags: Vec<TagView>,
}

#[derive(Debug, Serialize)]
struct PciView {
    vendor: u16,
    device: u16,
    subsystem_vendor: u16,
    subsystem_device: u16,
    class: u32,
    revision: u8,
    msi_vectors: u8,
    pin: bool,
}

#[derive(Debug, Serialize)]
struct FeatureView {
    id: String,
    name: String,
    bit: u32,
    docs: String,
    requires: Vec<String>,
    conflicts: Vec<String>,
}

#[derive(Debug, Serialize)]
struct BlockView {
    id: String,
    title: String,
    docs: String,
    registers: Vec<RegisterView>,
}

#[derive(Debug, Serialize)]
struct RegisterView {
    id: String,
    name: String,
    offset: u32,
    last: u32,
    count: u32,
    stride: u32,
    array: bool,
    /// One value without parts.
    plain: bool,
    access: &'static str,
    /// Who writes it, as a sentence.
    written: &'static str,
    reset: u32,
    /// The same as a description has it.
    stored_reset: u32,
    tag: Option<u32>,
    feature: Option<String>,
    /// Id of the register that has the same fields.
    fields_of_id: Option<String>,
    /// Its name.
    fields_of: Option<String>,
    docs: String,
    fields: Vec<FieldView>,
}

#[derive(Debug, Serialize)]
struct FieldView {
    id: String,
    name: String,
    high: u32,
    low: u32,
    width: u32,
    mask: u32,
    /// `31:16`, or one number.
    bits: String,
    /// Id of the feature without which it is not there.
    feature_id: Option<String>,
    signed: bool,
    /// `unsigned`, `signed`, `16.16`.
    kind: String,
    /// The keys of a description that say so.
    kind_key: String,
    /// Its bits after a reset.
    reset: u32,
    docs: String,
    values: Vec<ValueView>,
}

#[derive(Debug, Serialize)]
struct ValueView {
    id: String,
    name: String,
    value: u32,
    docs: String,
}

#[derive(Debug, Serialize)]
struct CommandView {
    id: String,
    name: String,
    tag: u32,
    feature: Option<String>,
    docs: String,
}

#[derive(Debug, Serialize)]
struct TagView {
    name: String,
    tag: u32,
    count: u32,
    docs: String,
    /// Whether it is a register too.
    register: bool,
}

impl View {
    /// Tells whether the card has each of these features, and other words under names.
    #[must_use]
    pub fn with(mut self, known: &[&str], words: &[(&str, &str)]) -> Self {
        known.iter().for_each(|id| {
            self.has.entry((*id).to_owned()).or_insert(false);
        });
        self.words = words.iter().map(|(key, word)| ((*key).into(), (*word).into())).collect();
        self
    }

    /// The view of a card.
    pub fn of(card: &Card, origin: &str) -> Self {
        Self::told(&retold(card), origin)
    }

    fn told(card: &Card, origin: &str) -> Self {
        let feature = |reference: &Option<model::Reference>| {
            let id = &reference.as_ref()?.id;
            Some(card.feature(id).map_or_else(|| id.clone(), |feature| feature.name.clone()))
        };
        let register = |one: &model::Register| RegisterView {
            id: one.id.clone(),
            name: one.name.clone(),
            offset: one.offset,
            last: one.offset_of(one.count.saturating_sub(1)),
            count: one.count,
            stride: one.stride,
            array: one.is_array(),
            plain: one.is_plain(),
            access: one.access.word(),
            written: written(one.access),
            // The description cannot know it.
            reset: if one.id == card.hash_register { layout_hash(card) } else { one.reset },
            stored_reset: one.reset,
            tag: one.tag,
            feature: feature(&one.feature),
            fields_of_id: one.fields_of.as_ref().map(|of| of.id.clone()),
            fields_of: one
                .fields_of
                .as_ref()
                .and_then(|of| Some(card.register(&of.id)?.name.clone())),
            docs: one.docs.clone(),
            fields: one.fields.iter().map(|part| field(part, one)).collect(),
        };
        let block = |one: &model::Block| BlockView {
            id: one.id.clone(),
            title: one.title.clone(),
            docs: one.docs.clone(),
            registers: one.registers.iter().map(register).collect(),
        };
        let command = |one: &model::Command| CommandView {
            id: one.id.clone(),
            name: one.name.clone(),
            tag: one.tag,
            feature: feature(&one.feature),
            docs: one.docs.clone(),
        };
        Self {
            origin: origin.to_owned(),
            has: card.features.iter().map(|one| (one.id.clone(), true)).collect(),
            words: BTreeMap::new(),
            id: card.id.clone(),
            title: card.title.clone(),
            prefix: card.prefix.clone(),
            version: format!("{}.{}", card.version.0, card.version.1),
            docs: card.docs.trim().to_owned(),
            hash: layout_hash(card),
            hash_register: card
                .register(&card.hash_register)
                .map_or_else(String::new, |register| register.name.clone()),
            hash_id: card.hash_register.clone(),
            features_id: card.features_register.clone(),
            pci: pci(&card.pci),
            register_bytes: card.register_bytes,
            framebuffer_bytes: card.framebuffer_bytes,
            features: card.features.iter().map(|one| feature_view(card, one)).collect(),
            blocks: card.blocks.iter().map(block).collect(),
            commands: card.commands.iter().map(command).collect(),
            tags: tags(card),
        }
    }
}

/// With docs that do not ask what the card has.
fn retold(card: &Card) -> Card {
    let features = card.features.iter().filter(|one| one.default).map(|one| one.id.clone());
    let features: Vec<String> = features.collect();
    let has = |id: &str| features.iter().any(|one| one == id);
    let mut retold = card.clone();
    for block in &mut retold.blocks {
        block.docs = text(&block.docs, &has);
        for register in &mut block.registers {
            register.docs = text(&register.docs, &has);
            register.fields.iter_mut().for_each(|field| field.docs = text(&field.docs, &has));
        }
    }
    retold
}

fn written(access: Access) -> &'static str {
    match access {
        Access::Driver => "Written by the driver.",
        Access::Card => "Written by the card.",
        Access::Command => {
            "Command: the driver writes it while it is 0, the card writes 0 when done."
        }
    }
}

fn pci(pci: &model::Pci) -> PciView {
    PciView {
        vendor: pci.vendor,
        device: pci.device,
        subsystem_vendor: pci.subsystem_vendor,
        subsystem_device: pci.subsystem_device,
        class: pci.class,
        revision: pci.revision,
        msi_vectors: pci.msi_vectors,
        pin: pci.pin,
    }
}

fn feature_view(card: &Card, one: &model::Feature) -> FeatureView {
    let names = |references: &[model::Reference]| {
        let found = references.iter().filter_map(|reference| card.feature(&reference.id));
        found.map(|feature| feature.name.clone()).collect()
    };
    FeatureView {
        id: one.id.clone(),
        name: one.name.clone(),
        bit: one.bit,
        docs: one.docs.clone(),
        requires: names(&one.requires),
        conflicts: names(&one.conflicts),
    }
}

fn field(one: &model::Field, register: &model::Register) -> FieldView {
    let value = |value: &model::Value| ValueView {
        id: value.id.clone(),
        name: value.name.clone(),
        value: value.value,
        docs: value.docs.clone(),
    };
    FieldView {
        id: one.id.clone(),
        name: one.name.clone(),
        high: one.high(),
        low: one.shift,
        width: one.width,
        mask: one.mask(),
        bits: match one.width {
            1 => one.shift.to_string(),
            _ => format!("{}:{}", one.high(), one.shift),
        },
        feature_id: one.feature.as_ref().map(|feature| feature.id.clone()),
        signed: one.kind != Kind::Unsigned,
        kind: match one.kind {
            Kind::Unsigned => "unsigned".into(),
            Kind::Signed => "signed".into(),
            Kind::Fixed { fraction } => {
                format!("signed, {}.{fraction}", one.width.saturating_sub(fraction))
            }
        },
        kind_key: match one.kind {
            Kind::Unsigned => String::new(),
            Kind::Signed => ", kind = \"signed\"".into(),
            Kind::Fixed { fraction } => format!(", kind = \"fixed\", fraction = {fraction}"),
        },
        reset: (register.reset & one.mask()).checked_shr(one.shift).unwrap_or(0),
        docs: one.docs.clone(),
        values: one.values.iter().map(value).collect(),
    }
}

fn tags(card: &Card) -> Vec<TagView> {
    let registers = card.registers().filter_map(|one| {
        let (name, docs) = (one.name.clone(), one.docs.clone());
        Some(TagView { name, tag: one.tag?, count: one.count, docs, register: true })
    });
    let commands = card.commands.iter().map(|one| TagView {
        name: one.name.clone(),
        tag: one.tag,
        count: 1,
        docs: one.docs.clone(),
        register: false,
    });
    let mut tags: Vec<TagView> = registers.chain(commands).collect();
    tags.sort_by_key(|tag| tag.tag);
    tags
}
