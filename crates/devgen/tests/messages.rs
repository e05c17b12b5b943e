//! What teachers are told about broken semesters, word for word: file, line, column and remedy.
//!
//! `UPDATE_EXPECT=1` writes the `.expected` files anew: read the difference before you commit it.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

use std::fs;
use std::path::Path;

use devgen::source;
use regmap::passes::parse_semester;

fn refusal(name: &str, text: &str) -> String {
    match parse_semester(name, text) {
        Err(errors) => errors.to_string(),
        Ok(semester) => {
            let made = source::made(source::template().unwrap(), semester, name, text);
            made.err().unwrap_or_else(|| panic!("{name} was accepted")).to_string()
        }
    }
}

#[test]
fn broken_semesters_are_told_so() {
    let accept = std::env::var_os("UPDATE_EXPECT").is_some_and(|v| v == "1");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut cases = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        cases += 1;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let told = refusal(&name, &fs::read_to_string(&path).unwrap());
        for line in told.lines() {
            let place = line.strip_prefix(&format!("{name}:")).unwrap_or_else(|| panic!("{line}"));
            let numbers: Vec<&str> = place.splitn(3, ':').collect();
            assert!(numbers[..2].iter().all(|one| one.parse::<u32>().is_ok()), "{line}");
            assert!(line.contains(';') || line.contains("did you mean"), "no remedy: {line}");
        }
        let expected = path.with_extension("expected");
        if accept {
            fs::write(&expected, format!("{told}\n")).unwrap();
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(format!("{told}\n"), wanted, "UPDATE_EXPECT=1 accepts it");
    }
    assert!(cases >= 20, "only {cases}");
}
