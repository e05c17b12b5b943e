//! What is generated: word for word for a small card, and the C header by what a compiler says of it.

mod support;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regmap::Card;
use regmap::emit::{Output, emit};
use support::Golden;

const OUTPUTS: [(Output, &str); 4] = [
    (Output::CHeader, "regs.h"),
    (Output::RustConstants, "regs.rs"),
    (Output::RustIds, "ids.rs"),
    (Output::Chapter, "registers.md"),
];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> Card {
    let text = fs::read_to_string(here(path)).expect("a description");
    regmap::parse(path, &text).unwrap_or_else(|errors| panic!("{errors:#}"))
}

#[test]
fn outputs_are_as_expected() {
    let card = read("tests/golden/small.toml");
    let mut golden = Golden::new();
    for (output, name) in OUTPUTS {
        let text = emit(&card, output, "small.toml").expect("a template that fits");
        golden.compare(&here("tests/golden").join(format!("small.{name}")), &text);
    }
    golden.finish();
}

/// A program in C that includes the header and compares every field with the codec.
fn program(card: &Card) -> String {
    let mut text = String::from("#include \"regs.h\"\n#include \"regs.h\"\n");
    let mut same = |what: String, value: u64| {
        writeln!(text, "_Static_assert(({what}) == {value}UL, \"\");").expect("a text takes it");
    };
    let prefix = &card.prefix;
    for register in card.registers() {
        for index in 0..register.count.min(3) {
            let name = match register.is_array() {
                true => format!("{prefix}_{}({index})", register.name),
                false => format!("{prefix}_{}", register.name),
            };
            same(name, register.offset_of(index).into());
        }
        for field in register.fields.iter().filter(|_| !register.is_plain()) {
            let name = format!("{prefix}_{}_{}", register.name, field.name);
            same(name.clone(), field.mask().into());
            let (_, most) = field.range();
            let word = field.insert(0, most).expect("the largest value fits");
            same(format!("FIELD_PREP({name}, {most})"), word.into());
            same(format!("FIELD_GET({name}, {word}UL)"), most as u64);
            for value in &field.values {
                same(format!("{name}_{}", value.name), value.value.into());
            }
        }
    }
    let hash = &card.register(&card.hash_register).expect("it is there").name;
    same(format!("{prefix}_{hash}_VALUE"), regmap::layout_hash(card).into());
    text
}

#[test]
fn a_compiler_takes_the_header_and_agrees() {
    if Command::new("gcc").arg("--version").output().is_err() {
        println!("SKIP: a_compiler_takes_the_header_and_agrees: there is no gcc on this machine");
        return;
    }
    for path in ["tests/golden/small.toml", "../../configs/cards/base.toml"] {
        let card = read(path);
        let folder = tempfile::tempdir().expect("a folder");
        let header = emit(&card, Output::CHeader, path).expect("a template that fits");
        fs::write(folder.path().join("regs.h"), header).expect("the header");
        fs::write(folder.path().join("use.c"), program(&card)).expect("the program");
        let mut gcc = Command::new("gcc");
        gcc.current_dir(folder.path()).args(["-std=gnu11", "-Wall", "-Wextra", "-Werror"]);
        let output = gcc.args(["-fsyntax-only", "use.c"]).output().expect("gcc runs");
        assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
