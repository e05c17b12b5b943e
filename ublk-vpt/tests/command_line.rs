//! The program as it is built, from outside: what it says to wrong words, its help, manual pages and
//! completions.

#![allow(clippy::unwrap_used)] // a test may end by a panic

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// All commands that people are to use.
const COMMANDS: [&str; 16] = [
    "add",
    "del",
    "recover",
    "list",
    "stats",
    "set",
    "top",
    "probe",
    "replay",
    "serve",
    "image",
    "features",
    "check-config",
    "dump-config",
    "completions",
    "man",
];

fn command(state: &Path, words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ublk"));
    command
        .args(words.split_whitespace())
        .env("UBLK_STATE_DIR", state)
        .current_dir(state)
        .stdin(Stdio::null());
    command
}

fn ublk(words: &str) -> Output {
    let dir = tempfile::tempdir().unwrap();
    command(dir.path(), words).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn wrong_words_end_with_2_and_say_why() {
    for (words, reason) in [
        ("", "Usage: ublk"),
        ("fly", "unrecognized subcommand 'fly'"),
        ("lst", "a similar subcommand exists: 'list'"),
        ("list --jsno", "a similar argument exists: '--json'"),
        ("del", "--number <ID>"),
        ("del -n 1 -a", "cannot be used with"),
        ("del -n x", "invalid value 'x'"),
        ("stats", "--number <ID>"),
        ("stats -n 0 --watch 0", "a number of seconds"),
        ("set -n 0", "<KEY=VALUE>..."),
        ("set -n 0 k", "not of the form KEY=VALUE"),
        ("set -n 0 k=0", "a scale is a number above 0"),
        ("add vpt x", "an image is needed"),
        ("add vpt x --image a --k NaN", "a scale is a number above 0"),
        ("add vpt x --image a -d 0", "1..=1024"),
        ("add loop x --image a", "unknown type \"loop\""),
        ("completions", "<SHELL>"),
        ("completions basic", "possible values: bash"),
        ("man", "--out <DIR>"),
        ("check-config", "<FILE>..."),
        ("probe", "<TARGET>"),
        ("replay x", "--disk <DISK>"),
    ] {
        let output = ublk(words);
        let said = err(&output);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains(reason), "{words:?}: {said}");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}

#[test]
fn what_cannot_be_done_ends_with_1() {
    for (words, reason) in [
        ("del -n 3", "no device 3"),
        ("stats -n 3", "no device 3"),
        ("set -n 3 k=1", "no device 3"),
        ("list -n 3", "no device 3"),
        ("check-config missing.toml", "missing.toml: No such file"),
        ("dump-config no-such-disk-at-all", "no disk \"no-such-disk-at-all\""),
        ("add vpt no-such-disk-at-all --image a", "known disks: "),
        ("man --out /proc/nothing", "/proc/nothing: "),
        ("__daemon", "started by `ublk add`, not by hand"),
    ] {
        let output = ublk(words);
        let said = format!("{}{}", err(&output), out(&output));
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        assert!(said.contains(reason), "{words:?}: {said}");
        assert!(!said.contains("panicked"), "{words:?}: {said}");
    }
}

#[test]
fn help_teaches_each_command() {
    let main = out(&ublk("--help"));
    assert!(main.contains("A first disk:") && main.contains("Exit codes:"), "{main}");
    assert!(!main.contains("__daemon"), "{main}");
    for name in COMMANDS {
        assert!(main.contains(&format!("\n  {name} ")), "{name}: {main}");
        let output = ublk(&format!("{name} --help"));
        assert_eq!(output.status.code(), Some(0), "{name}");
        assert!(out(&output).contains(&format!("Usage: ublk {name}")), "{name}");
    }
    assert_eq!(out(&ublk("--version")), format!("ublk {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_manual_page_for_each_command() {
    let dir = tempfile::tempdir().unwrap();
    let output = command(dir.path(), "man --out pages/man1").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let pages = dir.path().join("pages/man1");
    let names: BTreeSet<String> = fs::read_dir(&pages)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut wanted: BTreeSet<String> = COMMANDS.iter().map(|c| format!("ublk-{c}.1")).collect();
    wanted.insert("ublk.1".into());
    assert_eq!(names, wanted);
    for name in &names {
        let page = fs::read_to_string(pages.join(name)).unwrap();
        let title = name.trim_end_matches(".1");
        assert!(page.contains(&format!(".TH {title} 1")), "{name}: {page}");
        assert!(page.contains(".SH SYNOPSIS"), "{name}");
    }
    let add = fs::read_to_string(pages.join("ublk-add.1")).unwrap();
    assert!(add.contains("\\fBublk add\\fR") && add.contains("\\-\\-read\\-only"), "{add}");
}

#[test]
fn completions_for_each_shell_know_each_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = out(&ublk(&format!("completions {shell}")));
        for name in COMMANDS {
            assert!(text.contains(name), "{shell}: {name}");
        }
    }
}

#[test]
fn a_closed_output_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = command(dir.path(), "completions zsh")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(said, "");
}

#[test]
fn features_say_why_not() {
    let output = ublk("features");
    assert_eq!(output.status.code(), Some(0));
    let text = out(&output);
    let names = [
        "front-fuse",
        "front-loop",
        "front-ublk",
        "front-nbd",
        "front-vhost-user-blk",
        "confine",
        "sched-fifo",
        "io-uring",
    ];
    for name in names {
        let line = text.lines().find(|l| l.starts_with(name)).unwrap();
        match line.split_whitespace().nth(1) {
            Some("yes") => {}
            Some("no") => assert!(line.contains(": "), "no reason: {line}"),
            _ => panic!("{line}"),
        }
    }
    let json: serde_json::Value = serde_json::from_str(&out(&ublk("features --json"))).unwrap();
    assert_eq!(json.as_array().unwrap().len(), names.len());
}

#[test]
fn a_disk_file_is_printed_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine.toml"), "# mine\n").unwrap();
    let output = command(dir.path(), "dump-config ./mine.toml").output().unwrap();
    assert_eq!(out(&output), "# mine\n");
    fs::create_dir_all(dir.path().join("configs/disks")).unwrap();
    fs::write(dir.path().join("configs/disks/quantum-leap.toml"), "# leap\n").unwrap();
    let output = command(dir.path(), "dump-config quantum-leap").output().unwrap();
    assert_eq!(out(&output), "# leap\n");
    let output = command(dir.path(), "dump-config quantum-lep").output().unwrap();
    assert!(err(&output).contains("did you mean \"quantum-leap\"?"), "{}", err(&output));
    let output = command(dir.path(), "dump-config").output().unwrap();
    assert!(out(&output).contains("quantum-leap                 configs/disks/quantum-leap.toml"));
}
