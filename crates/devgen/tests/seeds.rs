//! A thousand cards: each is sound, its numbers come back, compilers take its tables without a warning.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod support;

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::thread;

use devgen::source;
use regmap::Card;
use regmap::emit::{Output, emit};
use support::made;

const SEEDS: u32 = 1000;

/// Cards that one process compiles.
const BATCH: usize = 100;

/// Made once for all tests.
static CARDS: LazyLock<Vec<Card>> = LazyLock::new(|| {
    let template = source::template().unwrap();
    (0..SEEDS).map(|seed| made(&template, seed).card).collect()
});

/// What is encoded is decoded, at both ends of every field and for every value.
fn numbers_come_back(card: &Card) {
    for register in card.registers() {
        for end in [false, true] {
            let most = |field: &regmap::Field| if end { field.range().1 } else { field.range().0 };
            let fields = register.fields.iter().map(|field| (field.id.as_str(), most(field)));
            let word = register.encode(fields).unwrap();
            for (field, value) in register.decode(word) {
                assert_eq!(value, most(field), "{}: {}.{}", card.id, register.id, field.id);
            }
        }
        for field in &register.fields {
            for value in &field.values {
                let word = field.insert(u32::MAX, value.value.into()).unwrap();
                assert_eq!(field.extract(word), i64::from(value.value));
                assert_eq!(word | field.mask(), u32::MAX, "no other bit has changed");
            }
        }
    }
}

#[test]
fn cards_differ_are_read_again_and_their_numbers_come_back() {
    let mut hashes = Vec::new();
    for card in CARDS.iter() {
        numbers_come_back(card);
        let text = emit(card, Output::Description, &card.id).unwrap();
        let again = regmap::parse(&card.id, &text).unwrap_or_else(|errors| panic!("{errors:#}"));
        assert_eq!(regmap::layout_hash(&again), regmap::layout_hash(card), "{}", card.id);
        let resets = |card: &Card| card.registers().map(|one| one.reset).collect::<Vec<_>>();
        assert_eq!(resets(&again), resets(card), "{}", card.id);
        vgpu_card::Layout::bind(&again).unwrap();
        hashes.push(regmap::layout_hash(card));
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), CARDS.len(), "no two layouts are one");
}

/// One more register leaves the others where they are and what they are called.
#[test]
fn one_more_register_does_not_reshuffle_the_rest() {
    let template = source::template().unwrap();
    let mut more = template.clone();
    let mut extra = more.register("frame_count").unwrap().clone();
    (extra.id, extra.name, extra.offset) = ("spare".into(), "SPARE".into(), 0x58);
    more.blocks.iter_mut().find(|one| one.id == "progress").unwrap().registers.insert(0, extra);
    for seed in 0..40 {
        let (before, after) = (made(&template, seed).card, made(&more, seed).card);
        let moved = before.registers().filter(|one| {
            let other = after.register(&one.id).unwrap();
            assert_eq!(one.name, other.name);
            assert_eq!(one.fields, other.fields);
            (one.offset, one.tag) != (other.offset, other.tag)
        });
        assert!(moved.count() <= 2, "seed {seed}");
    }
}

fn compile(program: &str, arguments: &[&str], folder: &Path, files: &[String]) {
    let mut compiler = Command::new(program);
    let output = compiler.current_dir(folder).args(arguments).args(files).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said:.2000}");
}

/// Gives batches of files to two processes at a time.
fn in_batches(files: &[String], compile: impl Fn(&[String]) + Sync) {
    let batches: Vec<&[String]> = files.chunks(BATCH).collect();
    thread::scope(|scope| {
        for part in 0..2 {
            let (batches, compile) = (&batches, &compile);
            scope.spawn(move || batches.iter().skip(part).step_by(2).for_each(|one| compile(one)));
        }
    });
}

#[test]
fn compilers_take_every_header_without_a_warning() {
    if Command::new("gcc").arg("--version").output().is_err() {
        println!("SKIP: compilers_take_every_header_without_a_warning: there is no gcc here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for card in CARDS.iter() {
        let mut text = emit(card, Output::CHeader, &card.id).unwrap();
        let prefix = &card.prefix;
        // Every field is used once, so that what it is defined as is looked at.
        for register in card.registers().filter(|one| !one.is_plain()) {
            for field in &register.fields {
                let name = format!("{prefix}_{}_{}", register.name, field.name);
                let (mask, most) = (field.mask(), field.range().1);
                let word = field.insert(0, most).unwrap();
                writeln!(text, "_Static_assert({name} == {mask}UL, \"\");").unwrap();
                writeln!(text, "_Static_assert(FIELD_PREP({name}, {most}) == {word}UL, \"\");")
                    .unwrap();
            }
        }
        let file = format!("{}.c", card.id);
        fs::write(folder.path().join(&file), text).unwrap();
        files.push(file);
    }
    let arguments = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"];
    in_batches(&files, |files| compile("gcc", &arguments, folder.path(), files));
}

#[test]
fn the_compiler_takes_every_table_in_rust_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for card in CARDS.iter() {
        let file = format!("{}.rs", card.id.replace('-', "_"));
        let text = emit(card, Output::RustConstants, &card.id).unwrap();
        fs::write(folder.path().join(&file), text).unwrap();
        files.push(file);
    }
    in_batches(&files, |files| {
        // Only what nobody uses is no matter here.
        let mut all = String::from("#![deny(warnings)]\n#![allow(dead_code)]\n");
        for file in files {
            writeln!(all, "pub mod {};", file.trim_end_matches(".rs")).unwrap();
        }
        let name = format!("all_{}", files[0]);
        fs::write(folder.path().join(&name), all).unwrap();
        let arguments = ["--edition", "2024", "--crate-type", "lib", "--emit", "metadata"];
        compile("rustc", &arguments, folder.path(), &[name]);
    });
}
