//! What users are told about broken disk files, word for word.
//!
//! Every `tests/config/bad-*.toml` is refused with exactly the lines of the `.expected` file beside
//! it. `UPDATE_EXPECT=1 cargo test -p vpt-model --test config_errors` writes those files anew: read the
//! difference before you commit it.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use vpt_model::config::parse_disk;

fn cases() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry of it").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    cases.sort();
    cases
}

#[test]
fn messages_are_as_expected() {
    let accept = std::env::var_os("UPDATE_EXPECT").is_some_and(|v| v == "1");
    let cases = cases();
    assert!(cases.len() >= 30, "only {} cases found", cases.len());
    let mut wrong = String::new();
    for path in cases {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let got = match parse_disk(name, &text) {
            Err(errors) => format!("{errors:#}\n"),
            Ok(_) => {
                writeln!(wrong, "{name} was accepted").unwrap();
                continue;
            }
        };
        let expected = path.with_extension("expected");
        if accept {
            fs::write(&expected, &got).unwrap();
            continue;
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if got != wanted {
            writeln!(wrong, "{name}\n--- expected\n{wanted}--- got\n{got}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}UPDATE_EXPECT=1 accepts all of these");
}

/// Every complaint can be read alone: place, key, reason and remedy in one line.
#[test]
fn every_message_has_a_place_a_reason_and_a_remedy() {
    for path in cases() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let errors = parse_disk(name, &fs::read_to_string(&path).unwrap()).unwrap_err();
        for error in &errors {
            let line = error.to_string();
            assert!(
                line.starts_with(&format!("{name}:{}:{}: ", error.line, error.column)),
                "{line}"
            );
            assert!(!line.contains('\n'), "{line}");
            assert!(line.contains(';') || line.contains("did you mean"), "no remedy: {line}");
        }
    }
}
