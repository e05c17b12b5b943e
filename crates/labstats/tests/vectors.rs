//! Every statistic equals what scipy and numpy say, or the definition by brute force, to 1e-9.
#![allow(clippy::unwrap_used)]

use labstats::bootstrap::Runs;
use labstats::correlation::autocorrelation;
use labstats::describe::{Description, Sorted};
use labstats::interval::{self, Interval};
use labstats::multiple::holm;
use labstats::rank::{EXACT_UP_TO, cliffs_delta, mann_whitney};
use labstats::shift::hodges_lehmann;
use labstats::special;
use serde_json::Value;

const LEVEL: f64 = 0.95;

fn vectors(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Equal to 1e-9, relative to numbers above 1.
#[track_caller]
fn same(what: &str, found: f64, expected: f64) {
    let error = (found - expected).abs() / expected.abs().max(1.0);
    assert!(error <= 1e-9, "{what}: {found:?} instead of {expected:?}");
}

/// Equal to 1e-9 of the number itself, however small.
#[track_caller]
fn same_digits(what: &str, found: f64, expected: f64) {
    let error = (found - expected).abs() / expected.abs().max(f64::MIN_POSITIVE);
    assert!(error <= 1e-9, "{what}: {found:?} instead of {expected:?}");
}

#[track_caller]
fn same_interval(what: &str, found: Option<Interval>, expected: &Value) {
    match (found, expected.as_array()) {
        (None, None) => {}
        (Some(found), Some(_)) => {
            let expected = floats(expected);
            same(&format!("{what}, low"), found.low, expected[0]);
            same(&format!("{what}, high"), found.high, expected[1]);
        }
        (found, _) => panic!("{what}: {found:?} instead of {expected}"),
    }
}

#[test]
fn distributions() {
    let all = vectors(include_str!("vectors/special.json"));
    let rows =
        |key: &str| -> Vec<Vec<f64>> { all[key].as_array().unwrap().iter().map(floats).collect() };
    for row in rows("normal_tail") {
        same_digits(&format!("normal tail {row:?}"), special::normal_tail(row[0]), row[1]);
    }
    for row in rows("normal_quantile") {
        same(&format!("normal quantile {row:?}"), special::normal_quantile(row[0]), row[1]);
    }
    for row in rows("t_tails") {
        same_digits(&format!("t tails {row:?}"), special::t_tails(row[0], row[1]), row[2]);
    }
    for row in rows("t_critical") {
        same(&format!("t critical {row:?}"), special::t_critical(row[0], row[1]), row[2]);
    }
    for row in rows("binomial") {
        let (n, p, share, k) = (row[0] as u64, row[1], row[2], row[3] as u64);
        assert_eq!(special::binomial_quantile(share, n, p), k, "{row:?}");
        same(&format!("binomial {row:?}"), special::binomial_at_most(k, n, p), row[4]);
    }
    assert_eq!(special::normal_quantile(0.0), f64::NEG_INFINITY);
    assert_eq!(special::normal_quantile(1.0), f64::INFINITY);
    assert!(special::normal_quantile(1.5).is_nan());
}

#[test]
fn descriptions_and_closed_intervals() {
    let all = vectors(include_str!("vectors/describe.json"));
    for case in all.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let samples = floats(&case["samples"]);
        let sorted = Sorted::new(samples.clone());
        let found = Description::of(&sorted).unwrap();
        for (key, value) in [
            ("min", found.min),
            ("q1", found.q1),
            ("median", found.median),
            ("q3", found.q3),
            ("p99", found.p99),
            ("max", found.max),
            ("mean", found.mean),
        ] {
            same(&format!("{name}, {key}"), value, case[key].as_f64().unwrap());
        }
        assert_eq!(found.sd.is_some(), case["sd"].is_number(), "{name}");
        if let Some(sd) = found.sd {
            same(&format!("{name}, sd"), sd, case["sd"].as_f64().unwrap());
        }
        let counts = [
            ("tukey", found.outliers.tukey),
            ("tukey_far", found.outliers.tukey_far),
            ("mad", found.outliers.mad),
        ];
        for (key, count) in counts {
            assert_eq!(count as u64, case[key].as_u64().unwrap(), "{name}, {key}");
        }
        if found.sd.is_some_and(|sd| sd > 0.0) {
            same_interval(name, interval::of_mean(&samples, LEVEL), &case["mean_interval"]);
        }
        let median = interval::of_quantile(&sorted, 0.5, LEVEL);
        same_interval(&format!("{name}, median"), median, &case["median_interval"]);
        let p99 = interval::of_quantile(&sorted, 0.99, LEVEL);
        same_interval(&format!("{name}, p99"), p99, &case["p99_interval"]);
        if let Some(lag1) = case["lag1"].as_f64() {
            same(&format!("{name}, lag 1"), autocorrelation(&samples).unwrap().lag1, lag1);
        }
    }
}

#[test]
fn two_sets() {
    let all = vectors(include_str!("vectors/pairs.json"));
    for case in all.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let (x, y) = (Sorted::new(floats(&case["x"])), Sorted::new(floats(&case["y"])));
        let test = mann_whitney(&x, &y).unwrap();
        same(&format!("{name}, U"), test.u, case["u"].as_f64().unwrap());
        same(&format!("{name}, p"), test.p, case["p"].as_f64().unwrap());
        let few = x.values().len() + y.values().len() <= EXACT_UP_TO;
        assert_eq!(test.exact, few, "{name}");
        let delta = cliffs_delta(&x, &y).unwrap();
        same(&format!("{name}, delta"), delta, case["delta"].as_f64().unwrap());
        let shift = hodges_lehmann(&x, &y, LEVEL).unwrap();
        same(&format!("{name}, shift"), shift.estimate, case["shift"].as_f64().unwrap());
        same_interval(&format!("{name}, shift"), shift.interval, &case["interval"]);
    }
}

#[test]
fn holms_correction() {
    for case in vectors(include_str!("vectors/holm.json")).as_array().unwrap() {
        let (found, expected) = (holm(&floats(&case[0])), floats(&case[1]));
        assert_eq!(found.len(), expected.len());
        found.iter().zip(&expected).for_each(|(f, e)| same("holm", *f, *e));
    }
}

#[test]
fn a_bootstrap_of_three_runs_meets_the_ends_of_all_its_draws() {
    // Expanded for three runs, the interval takes in nearly every draw; there are 27 different ones.
    let all = vectors(include_str!("vectors/draws.json"));
    let runs: Vec<Vec<f64>> = all["runs"].as_array().unwrap().iter().map(floats).collect();
    let slices: Vec<&[f64]> = runs.iter().map(Vec::as_slice).collect();
    let found = Runs::new(&slices).intervals(&[0.5], LEVEL, 1).unwrap();
    same_interval("mean", Some(found.mean), &all["mean"]);
    same_interval("median", Some(found.quantiles[0]), &all["median"]);
}
