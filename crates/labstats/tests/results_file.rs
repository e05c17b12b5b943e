//! The results file: what is written is read again, what is wrong is told in one line, and the schema in
//! docs/ describes it.
#![allow(clippy::unwrap_used)]

#[path = "support/schema.rs"]
mod schema;

use labstats::results::{Environment, Experiment, Parameter, Results, Run, Series, metric};
use proptest::prelude::*;

const FULL: &str = include_str!("results/full.json");

fn sample(samples: Vec<f64>) -> Results {
    let mut one = Experiment::new("exp1", "idle-idle", "kvm");
    one.complete = true;
    one.parameters.insert("array_bytes".into(), Parameter::Number(1e6));
    one.series.push(Series {
        runs: vec![Run { samples, ..Run::default() }],
        ..Series::of(&metric::SWITCH_GUEST_TO_GUEST)
    });
    let mut results = Results::new("2026-01-31T12:00:00Z", Environment::default());
    results.experiments.push(one);
    results
}

#[track_caller]
fn complaint(text: &str) -> String {
    let message = Results::from_json("x.json", text.as_bytes()).unwrap_err().to_string();
    assert!(message.starts_with("x.json") && !message.contains('\n'), "{message}");
    message
}

#[test]
fn a_file_with_every_key_survives_reading_and_writing() {
    let read = Results::from_json("full.json", FULL.as_bytes()).unwrap();
    let again: serde_json::Value = serde_json::from_str(&read.to_json().unwrap()).unwrap();
    let before: serde_json::Value = serde_json::from_str(FULL).unwrap();
    assert_eq!(again, before, "no key is lost");
}

#[test]
fn the_schema_knows_every_key_and_no_other() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../docs/lgbench-results.schema.json")).unwrap();
    let full: serde_json::Value = serde_json::from_str(FULL).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    schema::validate(&schema, &schema, &full, "$", &mut seen).unwrap();
    // The full file has every key that the schema has, and the reader refuses keys it does not know.
    assert_eq!(seen, schema::properties(&schema));
    let plain: serde_json::Value =
        serde_json::from_str(&sample(vec![1.0]).to_json().unwrap()).unwrap();
    schema::validate(&schema, &schema, &plain, "$", &mut seen).unwrap();
    let mut wrong = full.clone();
    wrong["experiments"][0]["series"][0]["runs"][0]["samples"][0] = "1".into();
    let error = schema::validate(&schema, &schema, &wrong, "$", &mut seen).unwrap_err();
    assert!(error.contains("samples[0]"), "{error}");
    wrong = full;
    wrong["environment"]["cpu_colour"] = "red".into();
    assert!(schema::validate(&schema, &schema, &wrong, "$", &mut seen).is_err());
}

#[test]
fn every_fault_is_told_with_its_place() {
    let good = sample(vec![1.5, 2.0]).to_json().unwrap();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from} in {good}");
        complaint(&good.replace(from, to))
    };
    for (message, expected) in [
        (complaint(""), "x.json: is empty"),
        (complaint(" \n"), "x.json: is empty"),
        (complaint(&good[..good.len() / 2]), "is cut off here"),
        (complaint("{\"a\":1}"), "x.json: has no key \"schema\""),
        (complaint("[1,2]"), "x.json: is a list"),
        (complaint("samples: 3"), "x.json:1:1: is no JSON here"),
        (with("\"version\":1", "\"version\":2"), "version 2 of the format, this program reads 1"),
        (with("\"version\":1", "\"version\":\"1\""), "which is no number"),
        (with("lgbench-results", "other"), "holds \"other\""),
        (with("[1.5,2]", "[1.5,NaN]"), "JSON has no NaN"),
        (with("[1.5,2]", "[1.5,null]"), "no sample is NaN"),
        (with("[1.5,2]", "[1.5,1e999]"), "too large to be one"),
        (with("[1.5,2]", "[1.5,\"2\"]"), "invalid type: string"),
        (with("[1.5,2]", "[]"), "has no samples"),
        (with("\"tool\"", "\"tools\""), "unknown field `tools`"),
        (with("\"kernel\":\"\",", ""), "missing field `kernel`"),
        (with("2026-01-31T12", "2026-01-31 at 12"), "x.json: started: "),
        (with("\"unit\":\"ns\"", "\"unit\":\"ms\""), "switch.guest_to_guest is in ns"),
        (with("\"exp1\"", "\"\""), "x.json: experiments[0].name: is empty"),
        (with("\"complete\"", "\"complete\":true,\"complete\""), "duplicate field"),
        (with("}\n", "} more"), "is no JSON here"),
    ] {
        assert!(message.contains(expected), "{message:?} should contain {expected:?}");
    }
    let start = good.find("\"experiments\":").unwrap();
    let message = complaint(&format!("{}\"experiments\":[]}}", &good[..start]));
    assert!(message.starts_with("x.json: experiments: is empty"), "{message}");
    assert!(Results::from_json("x.json", &[0xff, 0xfe, 0x00]).is_err());
}

#[test]
fn contradictions_are_refused_on_both_sides() {
    let refused = |change: &dyn Fn(&mut Results)| {
        let mut results = sample(vec![1.0, 2.0]);
        change(&mut results);
        results.to_json().unwrap_err().to_string()
    };
    let run = |change: fn(&mut Run)| {
        refused(&|r: &mut Results| change(&mut r.experiments[0].series[0].runs[0]))
    };
    assert!(run(|r| r.samples[1] = f64::NAN).contains("runs[0].samples[1] is not finite"));
    assert!(run(|r| r.time_ns = Some(vec![1])).contains("has 1 times for 2 samples"));
    assert!(run(|r| r.time_ns = Some(vec![2, 1])).contains("goes back in time"));
    assert!(run(|r| r.missed_deadlines = 1).contains("exceeds the 0 deadlines"));
    let twice = refused(&|r| {
        let again = r.experiments[0].clone();
        r.experiments.push(again);
    });
    assert!(twice.contains("is there twice"), "{twice}");
    let series = refused(&|r| {
        let again = r.experiments[0].series[0].clone();
        r.experiments[0].series.push(again);
    });
    assert!(series.contains("is there twice"), "{series}");
    let x = refused(&|r| r.experiments[0].series[0].x = Some(1.0));
    assert!(x.contains("does not say of what"), "{x}");
}

#[test]
fn an_interrupted_experiment_may_lack_samples() {
    let mut results = sample(vec![]);
    results.experiments[0].complete = false;
    let text = results.to_json().unwrap();
    assert_eq!(Results::from_json("x", text.as_bytes()).unwrap(), results);
    results.mark();
    assert_eq!(results.experiments[0].marks, ["incomplete"]);
    results.mark();
    assert_eq!(results.experiments[0].marks.len(), 1, "marked once");
}

#[test]
fn whole_numbers_are_short() {
    let text = sample(vec![74_120.0, -0.0, 0.25, 1e300]).to_json().unwrap();
    assert!(
        text.contains("\"samples\":[74120,-0.0,0.25,1e+300]")
            || text.contains("\"samples\":[74120,-0.0,0.25,1e300]"),
        "{text}"
    );
}

proptest! {
    #[test]
    fn every_finite_sample_is_read_as_it_was(
        samples in prop::collection::vec(any::<f64>().prop_filter("finite", |v| v.is_finite()), 1..50),
    ) {
        let results = sample(samples);
        let read = Results::from_json("x", results.to_json().unwrap().as_bytes()).unwrap();
        let bits = |r: &Results| -> Vec<u64> {
            r.experiments[0].series[0].runs[0].samples.iter().map(|v| v.to_bits()).collect()
        };
        prop_assert_eq!(bits(&read), bits(&results));
    }

    #[test]
    fn no_text_makes_the_reader_panic(cut in 0usize..1500, with in "\\PC{0,6}") {
        let at = FULL.char_indices().map(|(i, _)| i).nth(cut).unwrap_or(0);
        let text = format!("{}{with}{}", &FULL[..at], &FULL[at..]);
        let _ = Results::from_json("x", text.as_bytes());
        let _ = Results::from_json("x", format!("{}{with}", &FULL[..at]).as_bytes());
    }
}
