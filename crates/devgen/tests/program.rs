//! The program, as teachers and their scripts call it.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn devgen(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_devgen")).args(arguments).output().unwrap()
}

fn semester(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/semesters");
    root.join(name).display().to_string()
}

fn bad(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad").join(name)
}

#[track_caller]
fn json(output: &Output) -> Value {
    assert!(output.stderr.is_empty(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn mistakes_are_told_once_each() {
    let file = bad("seed-text.toml").display().to_string();
    let output = devgen(&["check", &file]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("seed-text.toml:").count(), 1, "{said}");
    assert!(output.stdout.is_empty());

    let output = devgen(&["check", "--json", &file]);
    assert_eq!(output.status.code(), Some(1));
    let told = json(&output);
    assert_eq!(told["ok"], false);
    let mistakes = told["mistakes"].as_array().unwrap();
    let place = format!("seed-text.toml:{}:{}:", mistakes[0]["line"], mistakes[0]["column"]);
    assert!(mistakes.len() == 1 && said.contains(&place), "{told}; {said}");
}

#[test]
fn a_file_that_is_not_there_is_one_line() {
    for arguments in [&["check", "nowhere.toml"][..], &["check", "--json", "nowhere.toml"]] {
        let output = devgen(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && output.stdout.is_empty(), "{said}");
        assert!(
            said.starts_with("cannot read nowhere.toml; ") && said.lines().count() == 1,
            "{said}"
        );
    }
}

#[test]
fn scripts_get_json() {
    let (spring, fall) = (semester("2027-spring.toml"), semester("2027-fall.toml"));
    let told = json(&devgen(&["check", "--json", &spring]));
    assert!(told["ok"] == true && told["registers"].as_u64() > Some(40), "{told}");

    let told = json(&devgen(&["diff", "--json", &spring, &fall]));
    let about = |what: &str| {
        let all = told.as_array().unwrap();
        all.iter().find(|one| one["what"] == what).cloned().unwrap_or_default()
    };
    assert_eq!(about("prefix")["one"], "MVX");
    assert_eq!(about("prefix")["other"], "KTD");
    // The fall's card has no messages, and so not the feature.
    assert!(about("feature msi")["one"].is_string() && about("feature msi")["other"].is_null());
    assert_eq!(json(&devgen(&["diff", "--json", &fall, &fall])), Value::Array(Vec::new()));

    let told = json(&devgen(&["explain", "--json", &fall, "ring_put"]));
    let name = told["name"].as_str().unwrap();
    assert_eq!(json(&devgen(&["explain", "--json", &fall, name])), told, "by either name");
    assert!(told["id"] == "ring_put" && told["offset"].as_u64() > Some(0), "{told}");
    let text = String::from_utf8(devgen(&["explain", &fall, name]).stdout).unwrap();
    assert!(text.starts_with(&format!("{name} at ")) && text.contains("RING_PUT"), "{text}");
}
