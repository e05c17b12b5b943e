//! Disks, clients and statistics for the model's tests.
#![allow(dead_code)] // every test file needs its own part of this
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use proptest::test_runner::{Config, RngSeed};
use vpt_model::spec::{Geometry, Latency, Mapping, Policy, Queue, Rotation, Seek, Transfer, Zone};
use vpt_model::units::from_ms;
use vpt_model::{
    Disk, DiskSpec, Instant, KController, KSettings, Observation, Op, Request, RequestId, Sectors,
    Verdict,
};

/// Seeded randomness of the tests' own, so that the model's generator is not its own judge.
pub(crate) struct Gen(u64);

impl Gen {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1)
    }

    /// xorshift64*.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// A property-test configuration whose cases are the same in every run: for properties with a
/// statistical tolerance, which some seed somewhere would always break.
pub(crate) fn same_cases(cases: u32) -> Config {
    Config { cases, rng_seed: RngSeed::Fixed(0x5eed), ..fresh_cases(cases) }
}

/// New cases in every run: for properties that hold exactly.
pub(crate) fn fresh_cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

pub(crate) fn at_ms(ms: f64) -> Instant {
    Instant::from_nanos((ms * 1e6).round() as u64)
}

pub(crate) fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

pub(crate) fn ms_between(from: Instant, to: Instant) -> f64 {
    ms(to.saturating_since(from))
}

pub(crate) fn request(id: u64, op: Op, start: u64, len: u64) -> Request {
    Request { id: RequestId(id), op, start: Sectors::new(start), len: Sectors::new(len) }
}

pub(crate) fn read(id: u64, start: u64, len: u64) -> Request {
    request(id, Op::Read, start, len)
}

pub(crate) fn write(id: u64, start: u64, len: u64) -> Request {
    request(id, Op::Write { fua: false }, start, len)
}

pub(crate) fn flush(id: u64) -> Request {
    request(id, Op::Flush, 0, 0)
}

pub(crate) fn disk(spec: &DiskSpec, capacity: u64) -> Disk {
    Disk::new(spec, Sectors::new(capacity)).unwrap()
}

pub(crate) fn queue(depth: usize, policy: Policy) -> Queue {
    Queue { depth, policy, age_limit_ms: 0.0 }
}

/// Barracuda ST32171W: 5172 cylinders, 7200 rpm, two-piece seek curve.
pub(crate) fn barracuda() -> DiskSpec {
    DiskSpec {
        geometry: Geometry { cylinders: 5172, heads: 5, sectors: 0, mapping: Mapping::Uniform },
        seek: Seek::Curve {
            knee_cylinders: 879.0,
            short_base_ms: 2.574,
            short_sqrt_ms: 0.1629,
            long_base_ms: 5.996,
            long_per_cylinder_ms: 0.002143,
        },
        rotation: Rotation { period_ms: 60e3 / 7200.0, latency: Latency::Half },
        ..DiskSpec::null()
    }
}

/// The same disk with three zones, each holding much less than the one outside it.
pub(crate) fn zoned(mapping: Mapping) -> DiskSpec {
    let zone = |first_cylinder, sectors_per_track| Zone { first_cylinder, sectors_per_track };
    let mut spec = barracuda();
    spec.geometry.mapping = mapping;
    spec.transfer = Transfer::Zones(vec![zone(0, 400.0), zone(1500, 240.0), zone(4000, 80.0)]);
    spec
}

/// Every way to say what a seek costs and where a sector is.
pub(crate) fn families() -> Vec<(&'static str, DiskSpec)> {
    let with = |seek| DiskSpec { seek, ..barracuda() };
    let rate = |spec| DiskSpec { transfer: Transfer::Rate { mb_per_s: 10.0 }, ..spec };
    vec![
        ("none", with(Seek::None)),
        ("linear", rate(DiskSpec::linear(8.333, 16.0))),
        ("affine", with(Seek::Affine { base_ms: 2.0, full_ms: 11.0 })),
        ("curve", rate(barracuda())),
        (
            "table",
            with(Seek::Table {
                points: vec![(1.0, 1.5), (300.0, 5.0), (2000.0, 9.0), (5171.0, 17.0)],
            }),
        ),
        ("zoned, uniform mapping", zoned(Mapping::Uniform)),
        ("zoned, zoned mapping", zoned(Mapping::Zoned)),
    ]
}

/// Takes all decisions there are.
pub(crate) fn drain(disk: &mut Disk) -> Vec<Verdict> {
    std::iter::from_fn(|| disk.poll()).collect()
}

/// `depth` clients, each issuing its next request when its last is due, until `total` are issued.
/// Verdicts in order of decision. Panics if a request is lost.
pub(crate) fn closed_loop(
    disk: &mut Disk,
    depth: usize,
    total: usize,
    mut next: impl FnMut(u64) -> Request,
) -> Vec<Verdict> {
    let mut issued = 0;
    let mut submit = |disk: &mut Disk, at| {
        if issued < total as u64 {
            disk.submit(at, next(issued));
            issued += 1;
        }
    };
    let mut ends = BinaryHeap::new();
    let mut all = Vec::with_capacity(total);
    for _ in 0..depth {
        submit(disk, Instant::ZERO);
    }
    loop {
        for v in drain(disk) {
            ends.push(Reverse(v.due));
            all.push(v);
        }
        if all.len() == total {
            return all;
        }
        match (ends.peek().copied(), disk.next_event()) {
            (Some(Reverse(end)), event) if event.is_none_or(|event| event >= end) => {
                ends.pop();
                submit(disk, end);
            }
            (_, Some(event)) => disk.advance(event),
            (_, None) => panic!("nobody waits and nothing is due: a request was lost"),
        }
    }
}

/// Keeps exactly `waiting` requests in the queue whenever the arm chooses.
pub(crate) fn always_waiting(
    disk: &mut Disk,
    waiting: usize,
    total: usize,
    mut next: impl FnMut(u64) -> Request,
) -> Vec<Verdict> {
    let mut id = 0;
    let mut now = Instant::ZERO;
    let mut all: Vec<Verdict> = Vec::with_capacity(total);
    while all.len() < total {
        while disk.waiting() < waiting {
            disk.submit(now, next(id));
            id += 1;
        }
        now = disk.next_event().unwrap();
        disk.advance(now);
        all.extend(drain(disk));
    }
    all.truncate(total);
    all
}

/// A sample's moments. The standard error comes from the means of 40 consecutive batches, so that it
/// stays honest for correlated samples (a seek begins where the last one ended).
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) mean: f64,
    pub(crate) variance: f64,
    pub(crate) standard_error: f64,
}

impl Sample {
    const BATCHES: usize = 40;

    pub(crate) fn of(values: &[f64]) -> Self {
        let (mean, variance) = moments(values);
        let size = values.len() / Self::BATCHES;
        assert!(size > 0, "too few values");
        let means: Vec<f64> = values.chunks_exact(size).map(|b| moments(b).0).collect();
        let standard_error = (moments(&means).1 / means.len() as f64).sqrt();
        Self { mean, variance, standard_error }
    }

    /// Whether `expected` is within `errors` standard errors of the mean, or within rounding.
    pub(crate) fn mean_is(&self, expected: f64, errors: f64) -> bool {
        (self.mean - expected).abs() <= errors * self.standard_error + 2e-6 + 1e-9 * expected
    }
}

pub(crate) fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n)
}

pub(crate) fn service_ms(verdicts: &[Verdict]) -> Vec<f64> {
    verdicts.iter().map(|v| ms_between(v.start, v.due)).collect()
}

pub(crate) fn latency_ms(verdicts: &[Verdict]) -> Vec<f64> {
    verdicts.iter().map(|v| ms_between(v.arrival, v.due)).collect()
}

/// What the backing store takes, in ms, for the request with this number.
pub(crate) type Backing = Box<dyn FnMut(u64, &mut Gen) -> f64>;

/// Lognormal around `median_ms`.
pub(crate) fn steady(median_ms: f64, sd: f64) -> Backing {
    Box::new(move |_, rng| median_ms * (sd * rng.normal()).exp())
}

/// Lognormal with sd 0.15 around `before`, and from request `at` on around `after`.
pub(crate) fn step(before: f64, after: f64, at: u64) -> Backing {
    Box::new(move |i, rng| if i < at { before } else { after } * (0.15 * rng.normal()).exp())
}

/// The engine's part, on a virtual clock: disk, controller and a backing store that serves every
/// request by itself from its arrival on.
pub(crate) struct Loop {
    pub(crate) disk: Disk,
    pub(crate) controller: KController,
    /// Scale in force after each completion.
    pub(crate) k: Vec<f64>,
    /// Whether it was late.
    pub(crate) late: Vec<bool>,
    /// Every verdict, in order of decision.
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) end: Instant,
}

impl Loop {
    /// `depth` clients issue `total` random reads of 4 KiB, each 50 us after its last has completed.
    pub(crate) fn run(
        spec: &DiskSpec,
        settings: KSettings,
        depth: u64,
        total: u64,
        seed: u64,
        mut backing: Backing,
    ) -> Self {
        const CAPACITY: u64 = 1 << 30;
        let mut disk = disk(spec, CAPACITY);
        disk.set_k(settings.k);
        let controller = KController::new(settings, Instant::ZERO).unwrap();
        let (k, late, verdicts) = (Vec::new(), Vec::new(), Vec::new());
        let mut this = Self { disk, controller, k, late, verdicts, end: Instant::ZERO };
        let mut rng = Gen::new(seed);
        let mut backing_done = Vec::new();
        let mut seen: Vec<Option<Observation>> = Vec::new();
        // (when, Some(a request is complete) or None (a client issues one)).
        let mut events: BinaryHeap<Reverse<(Instant, Option<u64>)>> = BinaryHeap::new();
        events.extend((0..depth).map(|i| Reverse((Instant::from_nanos(i * 10_000), None))));
        while this.k.len() < total as usize {
            while let Some(v) = this.disk.poll() {
                let done = backing_done[v.id.0 as usize];
                let observation = Observation {
                    arrival: v.arrival,
                    backing_done: done,
                    due: v.due,
                    k: v.parts.k,
                };
                seen[v.id.0 as usize] = Some(observation);
                events.push(Reverse((v.due.max(done), Some(v.id.0))));
                this.verdicts.push(v);
            }
            let next = events.peek().map(|e| e.0.0);
            if let Some(at) = this.disk.next_event().filter(|&at| next.is_none_or(|n| at <= n)) {
                this.disk.advance(at);
                continue;
            }
            let Reverse((now, what)) = events.pop().unwrap();
            match what {
                Some(id) => {
                    let observation = seen[id as usize].unwrap();
                    let k = this.controller.observe(now, &observation);
                    this.disk.set_k(k);
                    this.k.push(k);
                    this.late.push(observation.backing_done > observation.due);
                    this.end = now;
                    events.push(Reverse((now + Duration::from_micros(50), None)));
                }
                None => {
                    let id = backing_done.len() as u64;
                    backing_done.push(now + from_ms(backing(id, &mut rng)));
                    seen.push(None);
                    this.disk.submit(now, read(id, rng.below(CAPACITY - 8), 8));
                }
            }
        }
        this
    }

    pub(crate) fn late_share(&self, from: usize) -> f64 {
        let late = &self.late[from..];
        late.iter().filter(|l| **l).count() as f64 / late.len() as f64
    }
}
