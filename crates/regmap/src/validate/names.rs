//! Names: identifiers, not reserved, and no two of one name where they could be mixed up.

use std::collections::BTreeMap;

use super::item;
use crate::diagnostics::{Place, Report};
use crate::emit::c_names;
use crate::model::{Card, Register};

/// Words that C (to C23), C++ and Rust keep to themselves, and macros that headers of the kernel or of
/// the C library define. Names are compared in any case: a generator may write them in either.
const RESERVED: &[&str] = &[
    "abstract",
    "alignas",
    "alignof",
    "and",
    "as",
    "asm",
    "async",
    "auto",
    "await",
    "become",
    "bit",
    "bool",
    "box",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "constexpr",
    "continue",
    "crate",
    "current",
    "default",
    "define",
    "delete",
    "do",
    "double",
    "dyn",
    "else",
    "enum",
    "eof",
    "extern",
    "false",
    "final",
    "float",
    "fn",
    "for",
    "gen",
    "genmask",
    "goto",
    "if",
    "impl",
    "in",
    "inline",
    "int",
    "let",
    "linux",
    "long",
    "loop",
    "macro",
    "match",
    "max",
    "min",
    "mod",
    "move",
    "mut",
    "new",
    "not",
    "null",
    "nullptr",
    "operator",
    "or",
    "override",
    "page_size",
    "priv",
    "private",
    "protected",
    "pub",
    "public",
    "ref",
    "register",
    "restrict",
    "return",
    "self",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "super",
    "switch",
    "template",
    "this",
    "throw",
    "trait",
    "true",
    "try",
    "type",
    "typedef",
    "typename",
    "typeof",
    "union",
    "unix",
    "unsafe",
    "unsigned",
    "unsized",
    "use",
    "using",
    "virtual",
    "void",
    "volatile",
    "where",
    "while",
    "xor",
    "yield",
];

/// Longest name: with prefix, field and value it must stay readable.
const LONGEST: usize = 31;

/// Modules that stand beside those of registers in the Rust constants.
const MODULES: &[&str] = &["feature", "tag"];

/// Whether a word is one that a language or a header keeps to itself.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word.to_ascii_lowercase().as_str())
}

/// Checks all names and ids.
pub fn check(card: &Card, report: &Report<'_>) {
    identifier(report, card.place, "card", "prefix", &card.prefix);
    let mut ids = Seen::default();
    for feature in &card.features {
        let what = format!("feature {}", feature.id);
        both(report, feature.place, &what, &feature.id, &feature.name);
        ids.add(report, feature.place, &what, &format!("feature {}", feature.id));
    }
    for block in &card.blocks {
        let what = format!("block {}", block.id);
        // Without an id it was complained about when it was read.
        if !block.id.is_empty() {
            identifier(report, block.place, &what, "id", &block.id);
        }
        ids.add(report, block.place, &what, &what);
    }
    for register in card.registers() {
        let what = item(register);
        both(report, register.place, &what, &register.id, &register.name);
        ids.add(report, register.place, &what, &format!("register or command {}", register.id));
        if MODULES.contains(&register.name.to_ascii_lowercase().as_str()) {
            let message = "is a module of the Rust constants; choose another";
            report.add(register.place, &what, format!("the name {} {message}", register.name));
        }
        parts(register, report);
    }
    for command in &card.commands {
        let what = format!("command {}", command.id);
        both(report, command.place, &what, &command.id, &command.name);
        ids.add(report, command.place, &what, &format!("register or command {}", command.id));
    }
    let mut defined = Seen::default();
    for (name, place, what) in c_names(card) {
        defined.add(report, place, &what, &format!("name {name} in the C header"));
    }
}

fn parts(register: &Register, report: &Report<'_>) {
    // They are another's, and complained about there.
    if register.fields_of.is_some() {
        return;
    }
    let mut ids = Seen::default();
    for field in &register.fields {
        let what = format!("field {}.{}", register.id, field.id);
        both(report, field.place, &what, &field.id, &field.name);
        ids.add(report, field.place, &what, &format!("field {}", field.id));
        let mut values = Seen::default();
        for value in &field.values {
            let what = format!("value {}.{}.{}", register.id, field.id, value.id);
            both(report, value.place, &what, &value.id, &value.name);
            values.add(report, value.place, &what, &format!("value {}", value.id));
        }
    }
}

fn both(report: &Report<'_>, place: Place, what: &str, id: &str, name: &str) {
    identifier(report, place, what, "id", id);
    if !name.eq_ignore_ascii_case(id) {
        identifier(report, place, what, "name", name);
    }
}

/// Complains about a word that is no identifier.
pub(crate) fn identifier(report: &Report<'_>, place: Place, what: &str, key: &str, word: &str) {
    let letters = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if word.is_empty() || !letters || !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let message = "use letters, digits and _, a letter first";
        report.add(place, what, format!("the {key} {word:?} is no identifier; {message}"));
    } else if word.len() > LONGEST {
        let message = format!("the {key} {word} is too long; use at most {LONGEST} characters");
        report.add(place, what, message);
    } else if word.ends_with('_') || word.contains("__") {
        let message = "such names belong to compilers; use single _ between words";
        report.add(place, what, format!("the {key} {word} has _ at its end or twice; {message}"));
    } else if is_reserved(word) {
        let message = format!("the {key} {word} is reserved in C or Rust; choose another");
        report.add(place, what, message);
    }
}

/// What there was before.
#[derive(Default)]
struct Seen(BTreeMap<String, Place>);

impl Seen {
    fn add(&mut self, report: &Report<'_>, place: Place, what: &str, key: &str) {
        // Case does not tell two names apart: generators change it.
        if let Some(first) = self.0.insert(key.to_ascii_lowercase(), place) {
            let line = report.line_of(first);
            report.add(place, what, format!("there is a {key} already, at {line}; choose another"));
            self.0.insert(key.to_ascii_lowercase(), first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{complaints, value};
    use super::*;

    fn named(name: &str) -> Vec<String> {
        complaints(check, |card| card.blocks[0].registers[1].name = name.into())
    }

    #[test]
    fn names_must_be_identifiers() {
        assert_eq!(named("SCREEN_2"), Vec::<String>::new());
        for (name, word) in [
            ("", "no identifier"),
            ("2D", "no identifier"),
            ("A-B", "no identifier"),
            ("_A", "no identifier"),
            ("A__B", "twice"),
            ("A_", "at its end"),
            ("Volatile", "reserved"),
            ("fn", "reserved"),
            ("TAG", "is a module"),
            (&"A".repeat(32), "too long"),
        ] {
            let found = named(name);
            assert!(found.iter().any(|one| one.contains(word)), "{name}: {found:?}");
        }
    }

    #[test]
    fn nothing_has_the_name_of_another() {
        let found = named("hash");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("there is a name SC_HASH in the C header already, at line 1"));
        let found = complaints(check, |card| card.blocks[0].registers[1].id = "hash".into());
        assert!(found[0].contains("there is a register or command hash already"), "{found:?}");
        let found = complaints(check, |card| {
            card.blocks[0].registers[1].fields[0].values.push(value("rgb", 1));
        });
        assert!(found[0].contains("there is a value rgb already"), "{found:?}");
        // Of a register with a field, and of a register with a longer name.
        let found = complaints(check, |card| card.blocks[0].registers[0].name = "MODE_ON".into());
        assert!(found[0].contains("name SC_MODE_ON in the C header"), "{found:?}");
    }

    #[test]
    fn the_reserved_words_are_in_order() {
        assert!(RESERVED.is_sorted());
    }
}
