//! Ten thousand simulated comparisons in which nothing changed: how often is a change seen?
#![allow(clippy::unwrap_used)]

#[path = "support/simulate.rs"]
mod simulate;

use labstats::compare::{Options, compare};
use labstats::describe::Sorted;
use labstats::multiple::holm;
use labstats::random::Random;
use labstats::rank::mann_whitney;
use labstats::results::{Environment, Experiment, Results, Series, experiment};
use simulate::{Bench, naive_verdict, series, shares, verdict};

const ALPHA: f64 = 0.05;
const PAIRS: usize = 10_000;

const BENCH: Bench = Bench { runs: 10, samples: 30, between: 0.02, within: 0.05, lag1: 0.8 };

#[test]
fn false_alarms_stay_at_or_below_the_stated_level() {
    // A margin of 0 leaves no refuge in "same": every difference that is believed is counted.
    for (runs, between, lag1) in [(4, 0.02, 0.8), (5, 0.0, 0.0), (10, 0.02, 0.8), (10, 0.1, 0.95)] {
        let bench = Bench { runs, between, lag1, ..BENCH };
        let found = shares(&bench, 0.0, 0.0, PAIRS, 20_260_131);
        let alarms = found.faster + found.slower;
        println!("{runs} runs, between {between}, lag 1 {lag1}: {:.2} % alarms", 100.0 * alarms);
        assert!(alarms <= ALPHA, "{bench:?}: {alarms}");
        // And not because nothing is ever seen.
        assert!(alarms > 0.005, "{bench:?}: {alarms}");
    }
}

#[test]
fn same_is_rarely_said_of_what_lies_outside_the_margin() {
    let found = shares(&BENCH, 0.012, 0.01, PAIRS, 3);
    assert!(found.same <= ALPHA / 2.0, "{found:?}");
    assert!(found.faster <= ALPHA / 2.0, "the wrong direction: {found:?}");
    // Steady runs that changed by nothing are called the same.
    let steady = Bench { between: 0.001, within: 0.005, ..BENCH };
    assert!(shares(&steady, 0.0, 0.01, 1000, 4).same > 0.99);
}

#[test]
fn an_effect_is_seen_and_the_larger_it_is_the_more_often() {
    let power = |effect| shares(&BENCH, effect, 0.0, 2000, 5).slower;
    let (small, middle, large) = (power(0.02), power(0.05), power(0.1));
    println!("power at 2, 5 and 10 %: {small:.3}, {middle:.3}, {large:.3}");
    assert!(small < middle && middle < large && large > 0.95);
}

#[test]
fn counting_samples_as_experiments_would_cry_wolf() {
    let mut random = Random::new(6);
    let alarms = (0..500)
        .filter(|_| {
            let (old, new) = (series(&BENCH, 1e5, &mut random), series(&BENCH, 1e5, &mut random));
            naive_verdict(&old, &new, ALPHA).is_difference()
        })
        .count();
    println!("taking samples for experiments: {:.1} % alarms", alarms as f64 / 5.0);
    assert!(alarms > 100, "{alarms} of 500: the simulation is too tame to test anything");
}

#[test]
fn holm_keeps_the_level_for_a_family() {
    let mut random = Random::new(8);
    let mut alarms = 0;
    for _ in 0..PAIRS {
        let mut draw = || Sorted::new((0..7).map(|_| random.normal()).collect());
        let p: Vec<f64> = (0..6).map(|_| mann_whitney(&draw(), &draw()).unwrap().p).collect();
        alarms += usize::from(holm(&p).iter().any(|&p| p <= ALPHA));
    }
    let share = alarms as f64 / PAIRS as f64;
    println!("families of 6: {:.2} % with an alarm", 100.0 * share);
    assert!(share <= ALPHA && share > 0.005, "{share}");
}

#[test]
fn the_simulated_verdict_is_that_of_compare() {
    let results = |series: &Series| {
        let mut one = Experiment::new(experiment::EXP1, "idle-idle", "kvm");
        one.complete = true;
        one.series.push(series.clone());
        let mut results = Results::new("2026-01-31T12:00:00Z", Environment::default());
        results.experiments.push(one);
        results
    };
    let mut random = Random::new(9);
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..30 {
        let effect = 1.0 + 0.004 * f64::from(n);
        let bench = Bench { between: 0.004, ..BENCH };
        let old = series(&bench, 1e5, &mut random);
        let new = series(&bench, 1e5 * effect, &mut random);
        let options = Options::default();
        let found = compare(("a", &results(&old)), ("b", &results(&new)), &options).unwrap();
        let expected = verdict(&old, &new, options.alpha, options.margin);
        assert_eq!(found.pairs[0].verdict, expected);
        seen.insert(expected);
    }
    assert!(seen.len() >= 2, "{seen:?}");
}
