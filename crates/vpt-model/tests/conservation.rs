//! What holds exactly, for every disk and every sequence of requests: nothing is lost, nobody is
//! served before he came, the parts add up, a late caller changes nothing, and k only stretches time.

mod support;

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use support::{
    at_ms, closed_loop, disk, drain, families, fresh_cases, latency_ms, ms_between, queue, read,
    request, same_cases,
};
use vpt_model::spec::{Actuator, Latency, Policy, WriteCache};
use vpt_model::{Disk, DiskSpec, Instant, Op, Request, Verdict};

const CAPACITY: u64 = 200_000;

fn any_spec() -> impl Strategy<Value = DiskSpec> {
    let policies = [Policy::Fcfs, Policy::Sptf, Policy::Sstf, Policy::Look, Policy::Clook];
    (
        prop::sample::select(families()),
        (0usize..3, any::<bool>(), any::<bool>(), 0u8..5),
        (1usize..40, prop::sample::select(policies.to_vec()), any::<bool>()),
        (0u64..3, prop::sample::select(vec![0.0, 3.0, 40.0])),
    )
        .prop_map(|((_, mut spec), (latency, contiguous, extras, parallel), order, cache)| {
            spec.rotation.latency = match latency {
                0 => Latency::Half,
                1 => Latency::Random { seed: 3 },
                _ if spec.geometry.cylinders > 0 => Latency::Phase,
                _ => Latency::Half,
            };
            spec.contiguous = contiguous;
            if extras {
                spec.overhead_ms = 0.2;
                spec.head_switch_ms = 0.8;
                spec.write_settle_ms = 1.1;
            }
            if parallel == 0 {
                spec.actuator = Actuator::Parallel;
            }
            let (depth, policy, aging) = order;
            spec.queue = queue(depth, policy);
            spec.queue.age_limit_ms = if aging { 60.0 } else { 0.0 };
            let (size, idle_ms) = cache;
            spec.write_cache = (size > 0).then_some(WriteCache {
                bytes: size * 100_000,
                bus_mb_per_s: 20.0,
                idle_ms,
            });
            spec
        })
}

/// Pauses in microseconds and requests: bursts, overlaps, empty ones, a few long ones.
fn any_load(n: usize) -> impl Strategy<Value = Vec<(u64, Request)>> {
    let op = prop_oneof![
        4 => Just(Op::Read),
        4 => Just(Op::Write { fua: false }),
        1 => Just(Op::Write { fua: true }),
        1 => Just(Op::Flush),
        1 => Just(Op::Discard),
        1 => Just(Op::WriteZeroes),
    ];
    let pause = prop_oneof![3 => Just(0u64), 3 => 0u64..20_000, 1 => 0u64..400_000];
    let len = prop_oneof![1 => Just(0u64), 8 => 1u64..64, 1 => 1u64..2000];
    let start = prop_oneof![3 => 0..CAPACITY - 2000, 1 => 0..300u64];
    prop::collection::vec((pause, op, start, len), 1..n).prop_map(|all| {
        all.into_iter()
            .zip(0u64..)
            .map(|((pause, op, start, len), id)| (pause, request(id, op, start, len)))
            .collect()
    })
}

/// Submits each request after its pause (stretched by k) and lets `between` happen before it.
fn play(
    spec: &DiskSpec,
    k: f64,
    load: &[(u64, Request)],
    mut between: impl FnMut(&mut Disk, Instant),
) -> (Vec<Verdict>, Disk) {
    let mut d = disk(spec, CAPACITY);
    d.set_k(k);
    let mut now = Instant::ZERO;
    for &(pause, req) in load {
        now += Duration::from_nanos((pause as f64 * 1e3 * k).round() as u64);
        between(&mut d, now);
        d.submit(now, req);
    }
    between(&mut d, Instant::MAX);
    d.advance(Instant::MAX);
    (drain(&mut d), d)
}

proptest! {
    #![proptest_config(fresh_cases(300))]

    #[test]
    fn every_request_gets_one_verdict_whose_parts_add_up(
        spec in any_spec(), load in any_load(120), k in 0.1..20.0,
    ) {
        let (all, d) = play(&spec, k, &load, |_, _| ());
        let mut ids: Vec<u64> = all.iter().map(|v| v.id.0).collect();
        ids.sort_unstable();
        prop_assert_eq!(ids, (0..load.len() as u64).collect::<Vec<_>>());
        prop_assert_eq!((d.waiting(), d.next_event()), (0, None));
        for v in &all {
            prop_assert!(v.arrival <= v.start && v.start <= v.due);
            prop_assert_eq!(v.start, v.arrival + v.parts.wait);
            prop_assert_eq!(v.due, v.start + v.parts.scaled_service());
            prop_assert_eq!(v.parts.k, k);
            let exact = v.parts.service().as_nanos() as f64 * k;
            prop_assert!((v.parts.scaled_service().as_nanos() as f64 - exact).abs() <= 0.5 + 1e-12 * exact);
        }
        // The arm's time: each destaged run and each verdict may be rounded by half a nanosecond.
        let busy = d.busy();
        let off = busy.device.as_nanos() as f64 * k - busy.wall.as_nanos() as f64;
        let rounded = (2 * load.len() + 64) as f64 * (1.0 + k);
        prop_assert!(off.abs() <= rounded, "busy.device * k - busy.wall = {} ns", off);
    }

    /// One arm: what it serves never overlaps, and is in order of arrival when first come is first served.
    #[test]
    fn the_arm_serves_one_request_at_a_time(spec in any_spec(), load in any_load(120), k in 0.1..20.0) {
        let spec = DiskSpec { actuator: Actuator::Serial, write_cache: None, ..spec };
        let (all, d) = play(&spec, k, &load, |_, _| ());
        let arm: Vec<_> = all.iter().filter(|v| load[v.id.0 as usize].1.op.moves_arm()).collect();
        for (v, next) in arm.iter().zip(arm.iter().skip(1)) {
            prop_assert!(next.start >= v.due);
            // Never idle while somebody waits.
            prop_assert!(next.start == v.due || next.start == next.arrival);
            if spec.queue.policy == Policy::Fcfs || spec.queue.depth == 1 {
                prop_assert!(next.id > v.id && next.arrival >= v.arrival);
            }
        }
        let sum: Duration = arm.iter().map(|v| v.due.saturating_since(v.start)).sum();
        prop_assert_eq!(sum, d.busy().wall);
    }

    /// Whether the caller comes exactly when something is due, at times of his own, or only to
    /// submit: the verdicts are the same, and in the same order.
    #[test]
    fn a_late_caller_changes_nothing(
        spec in any_spec(), load in any_load(100), steps in prop::collection::vec(1u64..90_000_000, 1..30),
    ) {
        let (late, _) = play(&spec, 1.0, &load, |_, _| ());
        let (exact, _) = play(&spec, 1.0, &load, |d, now| {
            while let Some(at) = d.next_event().filter(|&at| at <= now) {
                d.advance(at);
            }
        });
        let mut told = Instant::ZERO;
        let (sloppy, _) = play(&spec, 1.0, &load, |d, now| {
            for &step in &steps {
                let next = told + Duration::from_nanos(step);
                if next >= now {
                    break;
                }
                told = next;
                d.advance(told);
            }
        });
        prop_assert_eq!(&late, &exact);
        prop_assert_eq!(&late, &sloppy);
    }
}

/// Law 6, from outside: the load too is stretched by k.
fn stretches_only(spec: &DiskSpec, k: f64, load: &[(u64, Request)]) -> Result<(), TestCaseError> {
    let (one, _) = play(spec, 1.0, load, |_, _| ());
    let (many, _) = play(spec, k, load, |_, _| ());
    let due: HashMap<_, _> = one.iter().map(|v| (v.id, v)).collect();
    // Half a nanosecond for each arrival and each service so far, on either side.
    let rounding_ms = 1e-6 * (1.0 + 1.0 / k) * (2 * load.len() + 64) as f64;
    for v in &many {
        let expected = ms_between(due[&v.id].arrival, due[&v.id].due);
        let got = ms_between(v.arrival, v.due) / k;
        prop_assert!((got - expected).abs() <= rounding_ms, "{got} instead of {expected}: {v:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(same_cases(300))]

    #[test]
    fn k_stretches_time_and_does_nothing_else(
        spec in any_spec(), load in any_load(80), k in prop_oneof![0.05..1.0, 1.0..200.0],
    ) {
        stretches_only(&spec, k, &load)?;
    }

    /// In a closed loop the load stretches by itself.
    #[test]
    fn latency_over_k_does_not_depend_on_k(
        spec in any_spec(), k in prop_oneof![0.05..1.0, 1.0..200.0], depth in 1usize..33, seed in any::<u64>(),
    ) {
        let run = |k| {
            let mut d = disk(&spec, CAPACITY);
            d.set_k(k);
            let mut rng = support::Gen::new(seed);
            let mut all = closed_loop(&mut d, depth, 150, |id| {
                let op = if rng.below(3) == 0 { Op::Write { fua: false } } else { Op::Read };
                request(id, op, rng.below(CAPACITY - 8), 8)
            });
            all.sort_by_key(|v| v.id);
            latency_ms(&all).into_iter().map(|l| l / k).collect::<Vec<_>>()
        };
        for (one, many) in run(1.0).into_iter().zip(run(k)) {
            prop_assert!((one - many).abs() <= 1e-6 * 400.0 * (1.0 + 1.0 / k), "{many} instead of {one}");
        }
    }
}

/// A change of k does not touch the request under way: not its due time, and not where the platter
/// will then be.
#[test]
fn a_new_k_leaves_the_request_under_way_alone() {
    let mut spec = support::barracuda();
    spec.rotation.latency = Latency::Phase;
    let run = |change: Option<f64>| {
        let mut d = disk(&spec, CAPACITY);
        d.submit(Instant::ZERO, read(0, 150_000, 8));
        d.advance(at_ms(4.0));
        if let Some(k) = change {
            d.set_k(k);
        }
        d.submit(at_ms(5.0), read(1, 20_000, 8));
        d.advance(at_ms(900.0));
        drain(&mut d)
    };
    let (plain, changed) = (run(None), run(Some(3.0)));
    assert_eq!(plain[0], changed[0]);
    assert_eq!(plain[1].start, changed[1].start);
    assert_eq!((plain[1].parts.k, changed[1].parts.k), (1.0, 3.0));
    assert_eq!(plain[1].parts.rotation, changed[1].parts.rotation);
}

#[test]
fn no_scale_is_ignored() {
    let mut d = disk(&DiskSpec::linear(8.0, 16.0), CAPACITY);
    d.set_k(2.5);
    for k in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        d.set_k(k);
        assert_eq!(d.k(), 2.5);
    }
}
