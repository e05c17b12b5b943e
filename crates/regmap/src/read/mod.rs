//! From TOML text to a [`Card`].
//!
//! ```text
//!   text --toml--> tree with spans --Table getters--> Card, every part with its place
//!                                   \-> Report: one complaint for each thing that cannot be read
//! ```
//!
//! The tree is walked by hand: a derived deserialiser stops at the first error, and cannot say where a
//! key that is *missing* should have stood. Whether what was read makes sense is [`crate::validate`]'s
//! business.

mod parts;
mod registers;
mod suggest;
mod table;

use toml::Spanned;
use toml::de::DeTable;

use crate::diagnostics::Report;
use crate::model::{Card, Pci};
use crate::passes::Semester;
use table::Table;

/// Syntax errors beyond this many are consequences of the first ones more often than not.
const SYNTAX_ERRORS: usize = 5;

const CARD_KEYS: &[&str] = &[
    "id",
    "title",
    "prefix",
    "version",
    "docs",
    "vendor",
    "device",
    "subsystem_vendor",
    "subsystem_device",
    "class",
    "revision",
    "msi_vectors",
    "pin",
    "registers",
    "framebuffer",
    "hash_register",
    "features_register",
    "one_of",
    "reserved",
];

/// The tree of a text, unless that is no TOML.
fn tree<'t>(report: &Report<'t>, text: &'t str) -> Option<Spanned<DeTable<'t>>> {
    let (root, syntax) = DeTable::parse_recoverable(text);
    for error in syntax.iter().take(SYNTAX_ERRORS) {
        let at = error.span().unwrap_or(text.len()..text.len());
        let message = format!("{}; a line is [table], key = value or # comment", error.message());
        report.add(at, "toml", message);
    }
    syntax.is_empty().then_some(root)
}

/// Reads a card; what cannot be read is left out and complained about. `None` if there is nothing at all.
pub(crate) fn card<'t>(report: &Report<'t>, text: &'t str) -> Option<Card> {
    let root = tree(report, text)?;
    let root = Table::root(report, root.get_ref(), &["card", "feature", "block", "command"]);
    let Some(head) = root.table("card", CARD_KEYS) else {
        report.add(0..0, "card", "missing; a description begins with a table [card]");
        return None;
    };
    Some(read_card(&root, &head))
}

fn read_card(root: &Table<'_>, head: &Table<'_>) -> Card {
    let id = head.id();
    let title = head.need_text("title", "say in one line what the card is");
    let prefix = head.need_text("prefix", "choose what all names in the C header begin with");
    let docs = head.need_text("docs", "describe the card");
    let version = version(head);
    let hash_register = head.need_text("hash_register", "name the register of the layout's hash");
    let vendor = head.number("vendor", 1, 0xfffe);
    let device = head.number("device", 0, 0xffff);
    let pci = Pci {
        vendor: vendor.unwrap_or(0) as u16,
        device: device.unwrap_or(0) as u16,
        subsystem_vendor: head.number_or("subsystem_vendor", 0, 0xffff, 0) as u16,
        subsystem_device: head.number_or("subsystem_device", 0, 0xffff, 0) as u16,
        class: head.number_or("class", 0, 0x00ff_ffff, 0x03_80_00),
        revision: head.number_or("revision", 0, 0xff, 0) as u8,
        msi_vectors: head.number_or("msi_vectors", 0, 32, 1) as u8,
        pin: head.flag_or("pin", true),
    };
    let register_bytes = head.number("registers", 0, u32::MAX);
    let framebuffer_bytes = head.number("framebuffer", 0, u32::MAX);
    let features_register = head.text("features_register").unwrap_or_default();
    let one_of = head.lists("one_of");
    let reserved = head.ranges("reserved");
    let features = root.elements("feature", parts::FEATURE_KEYS, parts::feature);
    let mut blocks = root.elements("block", registers::BLOCK_KEYS, registers::block);
    let commands = root.elements("command", parts::COMMAND_KEYS, parts::command);
    registers::take_fields(root, &mut blocks);
    // What could not be read has been complained about; the rest is judged with something harmless in
    // its place, so that all complaints come at once.
    Card {
        id: id.unwrap_or_else(|| "card".into()),
        title: title.unwrap_or_default(),
        prefix: prefix.unwrap_or_else(|| "PREFIX".into()),
        version: version.unwrap_or_default(),
        docs: docs.unwrap_or_else(|| "unread".into()),
        pci,
        register_bytes: register_bytes.unwrap_or(0x1_0000),
        framebuffer_bytes: framebuffer_bytes.unwrap_or(0),
        hash_register: hash_register.unwrap_or_default(),
        features_register,
        one_of,
        reserved,
        features,
        blocks,
        commands,
        place: head.place(),
    }
}

fn version(head: &Table<'_>) -> Option<(u8, u8)> {
    let text = head.need_text("version", "write major.minor, such as \"1.0\"")?;
    let parsed = text
        .split_once('.')
        .and_then(|(major, minor)| Some((major.parse::<u8>().ok()?, minor.parse::<u8>().ok()?)));
    if parsed.is_none() {
        head.complain("version", "is no version; write \"major.minor\", each 0 to 255");
    }
    parsed
}

const SEMESTER_KEYS: &[&str] = &["id", "title", "card", "seed", "prefix", "features"];

/// Reads what a semester's card is made by.
pub(crate) fn semester<'t>(report: &Report<'t>, text: &'t str) -> Option<Semester> {
    let root = tree(report, text)?;
    let root = Table::root(report, root.get_ref(), &["semester"]);
    let Some(head) = root.table("semester", SEMESTER_KEYS) else {
        report.add(0..0, "semester", "missing; the file begins with a table [semester]");
        return None;
    };
    let id = head.need_text("id", "give it one, such as \"2027-spring\"");
    let title = head.need_text("title", "say in one line what the card is");
    let seed = head.number("seed", 0, u32::MAX);
    if !head.has("features") {
        head.complain("features", "are missing; list those that the card shall have");
    }
    Some(Semester {
        id: id.unwrap_or_default(),
        title: title.unwrap_or_default(),
        card: head.text("card").unwrap_or_default(),
        seed: seed.unwrap_or(0),
        prefix: head.reference("prefix"),
        features: head.references("features"),
        place: head.place(),
    })
}
