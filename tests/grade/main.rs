//! The grader in the kernel lab: our own driver gets all points, and each mistake is found by the check
//! that is for it, and by no other. `cargo xtask test --only grade`; all in one boot.
//!
//! The drivers with mistakes are in `broken.toml`, as edits of the generated one.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

use std::path::PathBuf;
use std::process::Command;

use e2e::{Said, need};
use serde_json::Value;

/// What a grader's line begins with.
const MARK: &str = "devgen-grade: ";

fn lab() -> PathBuf {
    std::env::var_os("GRADE_LAB").unwrap_or_default().into()
}

/// Checks that find none of the mistakes but by chance, and take long: made for our own driver only.
const OTHERS: &str = "stranger,map,picture,dma,interrupts,burst,unload,unplug,reload";

/// All results, by check, and whether the grader came to its end. Checks in `done` are not made.
fn graded(driver: &str, done: &str) -> (Vec<Value>, bool) {
    let mut command = Command::new(lab().join("devgen"));
    command.arg("grade-inside").arg(lab().join("ready").join(driver));
    let text = Said::of(command.args(["--done", done])).ok();
    let lines = || text.lines().filter_map(|line| line.strip_prefix(MARK));
    let results = lines().filter_map(|line| line.strip_prefix("end "));
    let results: Vec<Value> = results.map(|json| serde_json::from_str(json).unwrap()).collect();
    for result in &results {
        println!("{driver}: {} {} ms {}", result["id"], result["milliseconds"], result["parts"]);
    }
    (results, lines().any(|line| line == "done"))
}

fn failed(result: &Value) -> bool {
    result["parts"].as_array().unwrap().iter().any(|part| part["ok"] != true)
}

fn ids(results: &[Value]) -> Vec<&str> {
    results.iter().filter(|one| failed(one)).map(|one| one["id"].as_str().unwrap()).collect()
}

fn broken(name: &str) -> toml::Table {
    let all: toml::Table = toml::from_str(include_str!("broken.toml")).unwrap();
    let drivers = all["driver"].as_array().unwrap();
    let one = drivers.iter().find(|one| one["name"].as_str() == Some(name)).unwrap();
    one.as_table().unwrap().clone()
}

fn list(table: &toml::Table, key: &str) -> Vec<String> {
    let values = table.get(key).and_then(|value| value.as_array()).cloned().unwrap_or_default();
    values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

/// The checks that are to fail do, saying why, and no others.
#[track_caller]
fn fails_for_the_right_reason(name: &str) {
    need!(Lab, Root);
    let about = broken(name);
    let (results, done) = graded(name, OTHERS);
    assert!(done && results.len() == 7, "{name}: {results:#?}");
    let fails = list(&about, "fails");
    for id in &fails {
        let result = results.iter().find(|one| one["id"] == **id).unwrap();
        let says = about["says"].as_str().unwrap();
        assert!(failed(result) && result.to_string().contains(says), "{name}: {id}: {result:#}");
    }
    assert_eq!(ids(&results), fails, "{name}");
}

#[test]
fn our_own_driver_passes_everything() {
    need!(Lab, Root);
    let (results, done) = graded("ours", "");
    assert!(done && results.len() == 16, "{results:#?}");
    assert_eq!(ids(&results), [""; 0]);
}

#[test]
fn no_lock_in_the_interrupt_handler() {
    fails_for_the_right_reason("no-lock");
}

#[test]
fn lost_wake_up() {
    fails_for_the_right_reason("lost-wake-up");
}

#[test]
fn wrong_dma_mask() {
    fails_for_the_right_reason("dma-mask");
}

#[test]
fn leak_at_unload() {
    fails_for_the_right_reason("leak");
}

#[test]
fn no_request_regions() {
    fails_for_the_right_reason("no-regions");
}

#[test]
fn busy_wait() {
    fails_for_the_right_reason("busy-wait");
}
