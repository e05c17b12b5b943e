//! Cards described: registers, fields, values and commands out of a TOML file, checked, encoded, printed.
//!
//! Pure: no clock, no file, no unsafe. The caller reads the text and writes what is generated.
//!
//! ```text
//!   text --read--> Card --validate--> Card --+-- emit --> regs.h, regs.rs, ids.rs, registers.md
//!                                            +-- codec -> register values by field
//!                                            '-- hash --> tells one layout from another
//! ```
//!
//! The passes make other cards of one: [`passes::make`].
//!
//! Everything in a card has an `id`, by which a program that plays the card finds it, and a `name`, which
//! is what people see. The names, places and codes of one card may be others than those of the next
//! while the ids stay, so a pass that changes a card takes a [`Card`] and touches no
//! id.
//!
//! ```
//! let text = r#"
//! [card]
//! id = "tiny"
//! title = "A tiny card"
//! prefix = "TINY"
//! version = "1.0"
//! docs = "One register."
//! vendor = 0x1234
//! device = 0x0001
//! class = 0x038000
//! registers = 0x1000
//! framebuffer = 0
//! hash_register = "hash"
//!
//! [[block]]
//! id = "main"
//! title = "All of it"
//! docs = "There is no more."
//! registers = [
//!     { id = "hash", offset = 0, access = "card", docs = "The layout's hash." },
//!     { id = "size", offset = 4, access = "driver", docs = "How large.", fields = [
//!         { id = "width", bits = "15:0", docs = "Pixels in a line." },
//!         { id = "height", bits = "31:16", docs = "Lines." },
//!     ] },
//! ]
//! "#;
//! let card = regmap::parse("tiny.toml", text)?;
//! let size = card.register("size").expect("it is there");
//! assert_eq!(size.encode([("width", 640), ("height", 480)]), Ok(0x01e0_0280));
//! # Ok::<(), regmap::Diagnostics>(())
//! ```
#![forbid(unsafe_code)]

pub mod codec;
pub mod emit;
pub mod hash;
pub mod model;
pub mod passes;
pub mod validate;

mod diagnostics;
mod read;

pub use codec::CodecError;
pub use diagnostics::{Diagnostic, Diagnostics, Place, Report};
pub use hash::layout_hash;
pub use model::{Access, Block, Card, Command, Feature, Field, Kind, Register, Value};

/// Reads a card's description and checks it: the card with what it has if nothing is chosen. `file` is
/// used in messages only.
///
/// # Errors
/// Everything that is wrong with the text, by place: all syntax errors, or all else.
pub fn parse(file: &str, text: &str) -> Result<Card, Diagnostics> {
    parse_template(file, text).map(|template| passes::select::default(&template))
}

/// The same with all that can be chosen.
///
/// # Errors
/// As [`parse`].
pub fn parse_template(file: &str, text: &str) -> Result<Card, Diagnostics> {
    let report = Report::new(file, text);
    let Some(card) = read::card(&report, text) else { return Err(report.into_diagnostics()) };
    validate::validate(&card, &report);
    report.finish().map(|()| card)
}
