//! The program as people call it, as far as it needs no kernel module.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

use std::path::Path;
use std::process::{Command, Output};

fn vcd(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vcd")).args(arguments).output().unwrap()
}

#[track_caller]
fn good(arguments: &[&str]) -> String {
    let output = vcd(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// One line on standard error, and this exit status.
#[track_caller]
fn refused(arguments: &[&str], status: i32, part: &str) {
    let output = vcd(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    assert!(said.contains(part), "{arguments:?}: {said}");
    if status == 1 {
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("vcd: "), "{said}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_demo_leaves_its_last_picture_and_a_trace_that_gives_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let (picture, trace, again) = (file("a.png"), file("a.trace"), file("b.png"));
    let told = good(&[
        "demo",
        "--frames",
        "7",
        "--scene",
        "triangles",
        "--json",
        "--png",
        text(&picture),
        "--trace",
        text(&trace),
    ]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["frames"], &told["buffers"]), (&7.into(), &7.into()));
    assert_eq!(told["card"]["faults"], 0);
    good(&["trace", "play", text(&trace), "--png", text(&again)]);
    let picture = std::fs::read(picture).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    assert!(picture == std::fs::read(again).unwrap(), "the trace gives another picture");
}

#[test]
fn mistakes_are_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    let file = folder.path().join("card.toml");
    std::fs::write(&file, "[card]\nid = 1\n").unwrap();
    refused(&["demo"], 1, "nobody could look");
    refused(&["demo", "--frames", "1", "--png", "/nowhere/out.png"], 1, "/nowhere/out.png");
    refused(&["demo", "--frames", "1", "--trace", "/nowhere/t"], 1, "/nowhere/t");
    refused(&["demo", "--browser", "192.0.2.1:1", "--frames", "1"], 1, "192.0.2.1:1");
    refused(&["shot", "--socket", text(&socket), "x.png"], 1, "vcd run");
    refused(&["stats", "--socket", text(&socket)], 1, "vcd run");
    refused(&["trace", "play", text(&socket)], 1, "none.sock");
    refused(&["trace", "play", text(&file)], 1, "line 1");
    refused(&["run", "--card", "/nowhere.toml"], 1, "/nowhere.toml");
    refused(&["demo", "--scene", "sea"], 2, "solid, triangles, rectangles");
    refused(&["dance"], 2, "dance");
}

#[test]
fn a_description_with_mistakes_is_refused_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("card.toml");
    let base = include_str!("../../configs/cards/base.toml");
    let wrong = base.replace("offset = 0x004,", "offset = 0x002,");
    std::fs::write(&file, wrong).unwrap();
    let output = vcd(&["run", "--card", text(&file)]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    let line = base.lines().position(|line| line.contains("id = \"layout_hash\"")).unwrap() + 1;
    assert!(said.contains(&format!("card.toml:{line}:")), "{said}");
}
