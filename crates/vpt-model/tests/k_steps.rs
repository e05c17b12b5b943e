//! The k controller in a closed loop with the disk and a backing store: the bounds it promises.
//!
//! The store is random, so a bound is a statement about many runs: 20 seeds each. With 60 seeds, 1 or
//! 2 runs settle later than the bound, by up to a third, because a rare burst of slow requests moves
//! k again; so 1 of 20 may here. The seeds are
//! fixed: with new ones, 2 of 20 would be later by chance in one case of seven.

mod support;

use support::{Gen, Loop, moments, steady, step};
use vpt_model::kcontrol::WINDOW;
use vpt_model::{DiskSpec, KSettings};

const TOTAL: usize = 20_000;
const AT: usize = 8000;
/// Measured after everything has settled.
const AFTER: usize = 14_000;
const SEEDS: u64 = 20;
const DEPTHS: [u64; 3] = [1, 8, 32];

fn disk() -> DiskSpec {
    DiskSpec::linear(8.333, 16.0)
}

/// Allowed to go below 1, so that it follows the store both ways.
fn both_ways() -> KSettings {
    KSettings { k_min: 0.001, ..KSettings::default() }
}

fn steps(depth: u64, before_ms: f64, after_ms: f64) -> Vec<Loop> {
    let run = |seed| {
        let backing = step(before_ms, after_ms, AT as u64);
        Loop::run(&disk(), both_ways(), depth, TOTAL as u64, seed, backing)
    };
    (1..=SEEDS).map(run).collect()
}

/// Windows from the step until k stays within 0.8 to 1.25 of its later mean for 200 requests.
fn settled(run: &Loop) -> f64 {
    let after = moments(&run.k[AFTER..]).0;
    let near = |k: &f64| (0.8 * after..=1.25 * after).contains(k);
    let first = (AT..TOTAL - 200).find(|&i| run.k[i..i + 200].iter().all(near));
    (first.unwrap_or(usize::MAX) - AT) as f64 / WINDOW as f64
}

fn holds_in_all_but_one(what: &str, times_and_bounds: &[(f64, f64)]) {
    let beyond = times_and_bounds.iter().filter(|(time, bound)| time > bound).count();
    let worst = times_and_bounds.iter().fold(0.0f64, |w, (time, bound)| w.max(time / bound));
    assert!(
        beyond <= 1 && worst <= 1.5,
        "{what}: {beyond} beyond, {worst} at worst: {times_and_bounds:?}"
    );
}

#[test]
fn k_goes_up_within_6_windows_and_far_enough() {
    for depth in DEPTHS {
        let runs = steps(depth, 2.0, 40.0);
        let times: Vec<_> = runs.iter().map(|run| (settled(run), 6.0)).collect();
        holds_in_all_but_one(&format!("depth {depth}"), &times);
        for run in &runs {
            assert!(run.late_share(AFTER) <= 0.01);
            // One request waits for `depth` services: k*depth*T must be worth the store's 40 ms. The
            // disk's mean T is 9.5 ms; the tail asks for more, a lone request with a short seek for most.
            let k = moments(&run.k[AFTER..]).0 * depth as f64 * 9.5 / 40.0;
            assert!((1.0..4.0).contains(&k), "depth {depth}: k is {k} times the mean need");
        }
    }
}

#[test]
fn k_comes_down_as_fast_as_a_quarter_a_window() {
    for depth in DEPTHS {
        let runs = steps(depth, 40.0, 2.0);
        let bound = |run: &Loop| {
            let (before, after) = (moments(&run.k[5000..AT]).0, moments(&run.k[AFTER..]).0);
            assert!(before / after > 10.0, "depth {depth}: k only went from {before} to {after}");
            (before / after).ln() / 0.288 + 2.0
        };
        let times: Vec<_> = runs.iter().map(|run| (settled(run), bound(run))).collect();
        holds_in_all_but_one(&format!("depth {depth}"), &times);
        for run in &runs {
            assert!(run.late_share(AFTER) <= 0.01);
        }
    }
}

/// Root mean square over the runs: a single run of 6000 requests, with one step in it or none, has
/// anything between 0 and 9 %.
#[test]
fn on_a_constant_store_k_ripples_by_5_percent_at_most_and_few_are_late() {
    for depth in DEPTHS {
        let mut squares = 0.0;
        for seed in 1..=SEEDS {
            let run =
                Loop::run(&disk(), both_ways(), depth, TOTAL as u64, seed, steady(10.0, 0.15));
            let (mean, variance) = moments(&run.k[AFTER..]);
            squares += variance / (mean * mean);
            assert!(run.late_share(AFTER) <= 0.01, "depth {depth}: {}", run.late_share(AFTER));
        }
        let ripple = (squares / SEEDS as f64).sqrt();
        assert!(ripple <= 0.05, "depth {depth}: {ripple}");
    }
}

/// 0.2 % of the requests take 60 ms on a store that is otherwise fast. By chance 3 of them fall
/// into one window once in 65 windows, and then k goes up for a few windows; it must come back.
#[test]
fn rare_stalls_do_not_drive_k_away() {
    for depth in DEPTHS {
        let mut means = Vec::new();
        for seed in 1..=SEEDS {
            let stalls = |_, rng: &mut Gen| {
                if rng.unit() < 0.002 { 60.0 } else { (0.6 * rng.normal()).exp() }
            };
            let settings = KSettings::default();
            let run = Loop::run(&disk(), settings, depth, TOTAL as u64, seed, Box::new(stalls));
            let at_home = run.k.iter().filter(|k| **k == 1.0).count() as f64 / TOTAL as f64;
            assert!(run.k.iter().all(|k| *k >= 1.0));
            assert!(
                at_home >= 0.7,
                "depth {depth}, seed {seed}: k is 1 for {at_home} of the requests"
            );
            assert!(run.late_share(0) <= 0.01);
            means.push(moments(&run.k).0);
        }
        let mean = moments(&means).0;
        let allowed = if depth == 1 { 1.25 } else { 1.0 };
        assert!(mean <= allowed, "depth {depth}: k is {mean} on average");
    }
}

/// However fast the store, however often it changes.
#[test]
fn k_never_leaves_its_bounds() {
    for depth in DEPTHS {
        let settings = KSettings { k: 2.0, k_min: 1.5, k_max: 5.0, ..KSettings::default() };
        let backing = |i: u64, rng: &mut Gen| {
            let scale = [0.1, 400.0, 5.0][(i / 1500 % 3) as usize];
            scale * (0.5 * rng.normal()).exp()
        };
        let run = Loop::run(&disk(), settings, depth, TOTAL as u64, 1, Box::new(backing));
        let (low, high) = run.k.iter().fold((9.0f64, 0.0f64), |(l, h), k| (l.min(*k), h.max(*k)));
        assert_eq!((low, high), (1.5, 5.0), "depth {depth}");
        let report = run.controller.report(run.end);
        assert_eq!((report.min, report.max), (1.5, 5.0));
    }
}
