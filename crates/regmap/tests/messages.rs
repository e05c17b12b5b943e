//! What people are told about broken descriptions, word for word.
//!
//! Every `tests/bad/*.toml` is refused with exactly the lines of the `.expected` file beside it.
//! `UPDATE_EXPECT=1 cargo test -p regmap` writes those files anew: read the difference before you commit
//! it.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::Golden;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry of it").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    cases.sort();
    cases
}

fn refusal(path: &Path) -> regmap::Diagnostics {
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let text = fs::read_to_string(path).expect("a case");
    regmap::parse(&name, &text).err().unwrap_or_else(|| panic!("{name} was accepted"))
}

#[test]
fn messages_are_as_expected() {
    let cases = cases();
    assert!(cases.len() >= 50, "only {} cases found", cases.len());
    let mut golden = Golden::new();
    for path in cases {
        golden.compare(&path.with_extension("expected"), &format!("{:#}\n", refusal(&path)));
    }
    golden.finish();
}

/// Every complaint can be read alone: place, item, reason and remedy in one line.
#[test]
fn every_message_has_a_place_a_reason_and_a_remedy() {
    for path in cases() {
        let errors = refusal(&path);
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        for error in &errors {
            let line = error.to_string();
            let place = format!("{file}:{}:{}: ", error.line, error.column);
            assert!(line.starts_with(&place), "{line}");
            assert!(!line.contains('\n'), "{line}");
            assert!(line.contains(';') || line.contains("did you mean"), "no remedy: {line}");
        }
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let several = cases().into_iter().find(|path| path.ends_with("several.toml"));
    let errors = refusal(&several.expect("the case"));
    assert!(errors.iter().count() >= 4, "{errors}");
}
