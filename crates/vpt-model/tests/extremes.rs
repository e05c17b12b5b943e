//! No number, however large, makes the model panic or lose a request; what is no disk is refused.

mod support;

use proptest::prelude::*;
use support::{barracuda, disk, drain, families, fresh_cases, queue, request, zoned};
use vpt_model::spec::{Latency, Mapping, Policy, Seek, Transfer, WriteCache, Zone};
use vpt_model::{Disk, DiskSpec, Instant, Op, Sectors};

fn any_number() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0..10u64, (u64::MAX - 10)..=u64::MAX, (0u32..64).prop_map(|b| 1 << b)]
}

proptest! {
    #![proptest_config(fresh_cases(400))]

    #[test]
    fn any_request_at_any_time_gets_its_verdict(
        family in prop::sample::select(families()),
        capacity in any_number().prop_map(|c| c.max(1)),
        requests in prop::collection::vec((any_number(), 0usize..6, any_number(), any_number()), 1..30),
        k in prop_oneof![Just(1e-9), Just(1.0), Just(1e6)],
        cache in any::<bool>(), phase in any::<bool>(),
    ) {
        let mut spec = family.1;
        spec.head_switch_ms = 1.0;
        spec.queue = queue(4, Policy::Sptf);
        if cache {
            spec.write_cache = Some(WriteCache { bytes: 1 << 26, bus_mb_per_s: 1e-9, idle_ms: 1.0 });
        }
        if phase && spec.geometry.cylinders > 0 {
            spec.rotation.latency = Latency::Phase;
        }
        let mut d = disk(&spec, capacity);
        d.set_k(k);
        let ops = [Op::Read, Op::Write { fua: false }, Op::Write { fua: true }, Op::Flush, Op::Discard,
            Op::WriteZeroes];
        for (&(at, op, start, len), id) in requests.iter().zip(0..) {
            d.submit(Instant::from_nanos(at), request(id, ops[op], start, len));
        }
        d.advance(Instant::MAX);
        prop_assert_eq!(drain(&mut d).len(), requests.len());
    }
}

#[test]
fn the_closed_form_takes_any_capacity() {
    for (name, spec) in families() {
        for capacity in [1, 2, 1000, u64::MAX] {
            let expected = disk(&spec, capacity).expected_random(Sectors::new(8));
            assert!(
                expected.mean_ms.is_finite() && expected.sd_ms.is_finite(),
                "{name}, {capacity}"
            );
        }
    }
}

/// What lies beyond the end cannot be sought: it costs no more than the last sector does.
#[test]
fn beyond_the_end_is_as_far_as_the_end() {
    let mut d = disk(&DiskSpec::linear(8.0, 16.0), 1001);
    d.submit(Instant::ZERO, request(0, Op::Read, 1_000_000, 8));
    assert_eq!(drain(&mut d)[0].due, support::at_ms(20.0));
}

#[test]
fn what_is_no_disk_is_refused_by_name() {
    let refused = |what: &str, change: &dyn Fn(&mut DiskSpec)| {
        let mut spec = zoned(Mapping::Zoned);
        change(&mut spec);
        let error = Disk::new(&spec, Sectors::new(1000)).map(|_| ()).unwrap_err();
        assert_eq!(error.what, what, "{error}");
        assert!(error.to_string().starts_with(what) && !error.why.is_empty());
    };
    let zone = |first_cylinder, sectors_per_track| Zone { first_cylinder, sectors_per_track };
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        refused("rotation.period_ms", &|s| s.rotation.period_ms = bad);
        refused("service.overhead_ms", &|s| s.overhead_ms = bad);
        refused("service.head_switch_ms", &|s| s.head_switch_ms = bad);
        refused("service.write_settle_ms", &|s| s.write_settle_ms = bad);
        refused("queue.age_limit_ms", &|s| s.queue.age_limit_ms = bad);
        refused("seek.full_ms", &|s| s.seek = Seek::Linear { full_ms: bad });
        refused("transfer.mb_per_s", &|s| s.transfer = Transfer::Rate { mb_per_s: bad });
        refused("seek.points", &|s| s.seek = Seek::Table { points: vec![(1.0, bad)] });
        let cache = WriteCache { bytes: 512, bus_mb_per_s: bad, idle_ms: 0.0 };
        refused("write_cache.bus_mb_per_s", &|s| s.write_cache = Some(cache));
    }
    refused("queue.ncq", &|s| s.queue.depth = 0);
    refused("geometry.heads", &|s| s.geometry.heads = 0);
    refused("geometry.cylinders", &|s| s.geometry.cylinders = 1);
    refused("seek.points", &|s| s.seek = Seek::Table { points: vec![(1.0, 3.0), (2.0, 2.0)] });
    refused("seek.points", &|s| s.seek = Seek::Table { points: vec![] });
    refused("transfer.zones", &|s| s.transfer = Transfer::Zones(vec![zone(1, 100.0)]));
    refused("transfer.zones", &|s| s.transfer = Transfer::Zones(vec![zone(0, 9.0), zone(0, 9.0)]));
    refused("transfer.zones", &|s| {
        s.transfer = Transfer::Zones(vec![zone(0, 9.0), zone(5172, 9.0)])
    });
    refused("rotation.latency", &|s| {
        s.seek = Seek::None;
        s.transfer = Transfer::Instant;
        s.rotation.latency = Latency::Phase;
        s.geometry.cylinders = 0;
    });
    let none = Disk::new(&barracuda(), Sectors::new(0)).map(|_| ()).unwrap_err();
    assert_eq!(none.to_string(), "capacity: a disk has at least 1 sector");
}
