//! The disks that come with the toolbox, the way back from a description to a file, and random text.

use proptest::prelude::*;

use super::*;
use crate::spec::*;

macro_rules! disks {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../../configs/disks/", $name, ".toml")))),*]
    };
}

const DISKS: [(&str, &str); 11] = disks![
    "cheetah-9lp",
    "cheetah-4lp",
    "barracuda-st32171w",
    "atlas-10k",
    "atlas-iii",
    "ibm-18es",
    "maxtor-300g",
    "ultrastar-7k8",
    "st2000dm006",
    "linear-example",
    "null",
];

fn disk(name: &str) -> DiskSpec {
    let (_, text) = DISKS.iter().find(|d| d.0 == name).expect("a disk of the toolbox");
    parse_disk(name, text).unwrap_or_else(|e| panic!("{e:#}")).spec
}

/// Seek time in milliseconds for a distance of `d` cylinders, or of a fraction of the stroke.
fn seek_ms(seek: &Seek, d: f64) -> f64 {
    match *seek {
        _ if d == 0.0 => 0.0,
        Seek::None => 0.0,
        Seek::Linear { full_ms } => full_ms * d,
        Seek::Affine { base_ms, full_ms } => base_ms + full_ms * d,
        Seek::Curve { knee_cylinders, short_base_ms, short_sqrt_ms, .. } if d < knee_cylinders => {
            short_base_ms + short_sqrt_ms * d.sqrt()
        }
        Seek::Curve { long_base_ms, long_per_cylinder_ms, .. } => {
            long_base_ms + long_per_cylinder_ms * d
        }
        Seek::Table { .. } => panic!("no disk of the toolbox is a table"),
    }
}

/// Mean seek over two uniformly random cylinders: distance d has the weight 2(1 - d/C)/C.
fn mean_seek_ms(spec: &DiskSpec) -> f64 {
    let cells = 100_000;
    let stroke = match spec.geometry.cylinders {
        0 => 1.0,
        cylinders => (cylinders - 1) as f64,
    };
    (0..cells)
        .map(|i| (f64::from(i) + 0.5) / f64::from(cells))
        .map(|u| 2.0 * (1.0 - u) * seek_ms(&spec.seek, u * stroke) / f64::from(cells))
        .sum()
}

#[test]
fn every_disk_is_valid_and_named_as_its_file() {
    for (name, _) in DISKS {
        assert_eq!(disk(name).name, name);
        assert!(!disk(name).source.is_empty(), "{name}");
    }
}

#[test]
fn no_disk_is_left_out_of_these_tests() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/disks");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap().replace(".toml", ""))
        .collect();
    let mut tested = DISKS.map(|d| d.0.to_owned()).to_vec();
    files.sort();
    tested.sort();
    assert_eq!(files, tested);
}

/// Published: average seek, depth-1 mean (ms), and media rate outside and inside (MB/s).
#[test]
fn drives_meet_their_published_means() {
    for (name, average, depth_1, outer, inner) in [
        ("cheetah-9lp", 5.47, 8.45, 21.8, 14.3),
        ("cheetah-4lp", 7.96, 10.95, 16.7, 11.2),
        ("barracuda-st32171w", 9.32, 13.49, 11.4, 7.3),
        ("atlas-10k", 5.60, 8.59, 28.6, 19.6),
        ("atlas-iii", 8.31, 12.48, 15.7, 10.3),
        ("ibm-18es", 7.20, 11.37, 24.0, 15.2),
        ("maxtor-300g", 4.84, 7.84, 99.8, 55.4),
        ("ultrastar-7k8", 8.0, 12.167, 205.0, 205.0),
        ("st2000dm006", 13.3, 17.47, 156.0, 156.0),
        ("linear-example", 5.0, 9.167, 0.0, 0.0),
        ("null", 0.0, 0.0, 0.0, 0.0),
    ] {
        let spec = disk(name);
        let near = |what: &str, is: f64, should: f64, share: f64| {
            assert!((is - should).abs() <= share * should, "{name}: {what} {is}, not {should}");
        };
        let seek = mean_seek_ms(&spec);
        near("average seek", seek, average, 0.002);
        near("depth-1 mean", seek + spec.rotation.period_ms / 2.0, depth_1, 0.001);
        let rate = |sectors: f64| sectors * 512.0 / spec.rotation.period_ms / 1e3;
        let (outside, inside) = match &spec.transfer {
            Transfer::Instant => (0.0, 0.0),
            Transfer::Rate { mb_per_s } => (*mb_per_s, *mb_per_s),
            Transfer::Zones(zones) => (
                rate(zones.first().unwrap().sectors_per_track),
                rate(zones.last().unwrap().sectors_per_track),
            ),
        };
        near("outer rate", outside, outer, 0.005);
        near("inner rate", inside, inner, 0.005);
    }
}

/// The zones hold about what the drive is sold as; spare sectors make them hold a little more.
#[test]
fn zones_hold_the_capacity() {
    for (name, _) in DISKS {
        let spec = disk(name);
        let Transfer::Zones(zones) = &spec.transfer else { continue };
        let ends = zones.iter().skip(1).map(|z| z.first_cylinder).chain([spec.geometry.cylinders]);
        let per_surface: f64 = zones
            .iter()
            .zip(ends)
            .map(|(z, end)| (end - z.first_cylinder) as f64 * z.sectors_per_track)
            .sum();
        let ratio = per_surface * spec.geometry.heads as f64 / spec.geometry.sectors as f64;
        assert!((0.99..1.05).contains(&ratio), "{name}: {ratio}");
    }
}

/// ST2000DM006 with 32 waiting, nearest first among the 4 oldest, serves 1.7 times as many.
#[test]
fn st2000dm006_gains_1_7_from_its_queue() {
    let spec = disk("st2000dm006");
    assert_eq!((spec.queue.depth, spec.queue.policy), (4, Policy::Sstf));
    let mut state = 1_u64;
    let mut random = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let fixed = spec.rotation.period_ms / 2.0 + 4.096 / 156.0;
    let mut mean = |depth: usize| {
        let mut waiting: Vec<f64> = (0..32).map(|_| random()).collect();
        let (mut head, mut total, n) = (0.5_f64, 0.0, 100_000);
        for _ in 0..n {
            let distance = |p: &f64| (p - head).abs();
            let (i, _) = waiting[..depth]
                .iter()
                .enumerate()
                .min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)))
                .unwrap();
            let next = waiting.remove(i);
            total += seek_ms(&spec.seek, (next - head).abs()) + fixed;
            head = next;
            waiting.push(random());
        }
        total / f64::from(n)
    };
    let (alone, queued) = (mean(1), mean(4));
    assert!((alone / 17.5 - 1.0).abs() < 0.005, "{alone}");
    assert!((alone / queued / 1.7 - 1.0).abs() < 0.02, "{alone} / {queued}");
}

const REFERENCE: &str = include_str!("../../../../docs/disk-files.md");

#[test]
fn the_examples_of_the_reference_are_valid() {
    let examples: Vec<&str> =
        REFERENCE.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 6, "{} examples", examples.len());
    for example in examples {
        parse_disk("docs/disk-files.md", example).unwrap_or_else(|e| panic!("{e:#}\n{example}"));
    }
}

#[test]
fn the_reference_names_every_table_and_key() {
    for (table, keys) in tables::TABLES {
        let heading = format!("## `[{table}]`\n");
        let (_, section) = REFERENCE.split_once(&heading).unwrap_or_else(|| panic!("{heading}"));
        let section = section.split("\n## ").next().unwrap();
        for key in keys.iter().filter(|&&key| key != "zone") {
            assert!(section.contains(&format!("`{key}`")), "{table}.{key} is not described");
        }
    }
}

#[test]
fn the_k_table_is_read() {
    let text = "[disk]\nname='x'\n[seek]\nfamily='none'\n[k]\nmode='calibrate-then-lock'\nk=2\nk_min=0.5\nk_max=8.0\ncalibrate_requests=500";
    let k = parse_disk("x", text).unwrap().k;
    let mode = Some(KModeName::CalibrateThenLock);
    let wanted = KDefaults {
        mode,
        k: Some(2.0),
        k_min: Some(0.5),
        k_max: Some(8.0),
        calibrate_requests: Some(500),
    };
    assert_eq!(k, wanted);
}

#[test]
fn outer_and_inner_rates_become_even_zones() {
    let text = "[disk]\nname='x'\n[seek]\nfamily='none'\n[geometry]\ncylinders=10\n\
        [rotation]\nperiod_ms=5.12\n[transfer]\nouter_mb_per_s=30\ninner_mb_per_s=10\nzones=3";
    let Transfer::Zones(zones) = parse_disk("x", text).unwrap().spec.transfer else {
        panic!("zones")
    };
    let starts: Vec<u64> = zones.iter().map(|z| z.first_cylinder).collect();
    assert_eq!(starts, [0, 3, 6]);
    for (zone, sectors) in zones.iter().zip([300.0, 200.0, 100.0]) {
        assert!((zone.sectors_per_track - sectors).abs() < 1e-9, "{zone:?}");
    }
}

#[test]
fn errors_come_with_the_line_and_a_caret() {
    let text = "[disk]\nname = \"x\"\n[seek]\nfamily = \"linear\"\n\tfull_ms = -3\n";
    let errors = parse_disk("bad.toml", text).unwrap_err();
    assert_eq!(
        format!("{errors:#}"),
        "bad.toml:5:12: seek.full_ms: -3 is negative; a time must be 0 or more milliseconds, at most \
         3600000\n  |\n5 | \tfull_ms = -3\n  | \t          ^^"
    );
    assert_eq!(errors.iter().count(), 1);
}

fn ms() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.0..50.0, 1e-9..1e-3, Just(3_600_000.0)]
}

fn rate() -> impl Strategy<Value = f64> {
    prop_oneof![1e-3..1e6, Just(205.0)]
}

fn seek(cylinders: u64) -> BoxedStrategy<Seek> {
    let stroke = cylinders as f64;
    let curve =
        (0.0..1.0, ms(), 0.0..1.0, ms(), 0.0..1.0).prop_map(move |(knee, a, b, extra, e)| {
            let knee_cylinders = f64::max(knee * stroke, 1.0);
            let below = a + b * knee_cylinders.sqrt();
            Seek::Curve {
                knee_cylinders,
                short_base_ms: a,
                short_sqrt_ms: b,
                long_base_ms: f64::max(below + extra - e * knee_cylinders, 0.0).min(3_600_000.0),
                long_per_cylinder_ms: e,
            }
        });
    let table = proptest::collection::vec((0.001..1.0, 0.0..9.0), 2..20).prop_map(move |steps| {
        let total: f64 = steps.iter().map(|s| s.0).sum();
        let mut at = (0.0, 0.0);
        let points = steps.iter().map(|&(step, up)| {
            at = (at.0 + step / total * stroke * 0.99, at.1 + up);
            at
        });
        Seek::Table { points: points.collect() }
    });
    let fractions = prop_oneof![
        Just(Seek::None),
        ms().prop_map(|full_ms| Seek::Linear { full_ms }),
        (ms(), ms()).prop_map(|(base_ms, full_ms)| Seek::Affine { base_ms, full_ms }),
    ];
    if cylinders < 2 { fractions.boxed() } else { prop_oneof![fractions, curve, table].boxed() }
}

fn transfer(cylinders: u64, turns: bool) -> BoxedStrategy<Transfer> {
    let flat = prop_oneof![
        Just(Transfer::Instant),
        rate().prop_map(|mb_per_s| Transfer::Rate { mb_per_s })
    ];
    if cylinders == 0 || !turns {
        return flat.boxed();
    }
    let starts = proptest::collection::btree_set(0..cylinders, 0..12);
    let zones = (starts, 0.1..2000.0).prop_map(|(mut starts, sectors)| {
        starts.insert(0);
        let zone = |first_cylinder: u64| Zone {
            first_cylinder,
            sectors_per_track: sectors / (first_cylinder + 1) as f64,
        };
        Transfer::Zones(starts.into_iter().map(zone).collect())
    });
    prop_oneof![flat, zones].boxed()
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9-]{1,20}", "\\PC{1,20}", "[\"'\\\\\n\r\t#=\u{1}\u{7f}a]{1,12}"]
        .prop_filter("not blank", |name| !name.trim().is_empty())
}

fn config() -> impl Strategy<Value = DiskConfig> {
    let cylinders = prop_oneof![Just(0_u64), 1..100_000_u64, Just(1_000_000_000)];
    let shape = (cylinders, prop_oneof![Just(0.0), 0.06..60.0], 1..64_u64, 0..1_u64 << 55);
    shape
        .prop_flat_map(|(cylinders, period_ms, heads, sectors)| {
            let turns = period_ms > 0.0;
            let latency = match (turns, cylinders) {
                (true, 1..) => prop_oneof![
                    Just(Latency::Half),
                    any::<u64>().prop_map(|seed| Latency::Random { seed }),
                    Just(Latency::Phase),
                ]
                .boxed(),
                _ => prop_oneof![
                    Just(Latency::Half),
                    any::<u64>().prop_map(|seed| Latency::Random { seed })
                ]
                .boxed(),
            };
            let texts = (name(), prop_oneof![Just(String::new()), "\\PC{0,40}"]);
            let parts = (seek(cylinders), transfer(cylinders, turns), latency, any::<bool>());
            let service = (ms(), ms(), ms(), any::<[bool; 2]>());
            let policies = prop_oneof![
                Just(Policy::Fcfs),
                Just(Policy::Sptf),
                Just(Policy::Sstf),
                Just(Policy::Look),
                Just(Policy::Clook),
            ];
            let queue = (1..65_537_usize, policies, ms())
                .prop_map(|(depth, policy, age_limit_ms)| Queue { depth, policy, age_limit_ms });
            let cache = proptest::option::of((1..1_u64 << 40, rate(), ms()).prop_map(
                |(bytes, bus_mb_per_s, idle_ms)| WriteCache { bytes, bus_mb_per_s, idle_ms },
            ));
            let mode = proptest::option::of(prop_oneof![
                Just(KModeName::Adapt),
                Just(KModeName::CalibrateThenLock),
                Just(KModeName::Fixed),
            ]);
            let k =
                (
                    mode,
                    proptest::option::of(1.0..10.0),
                    proptest::option::of(1e-6..1.0),
                    proptest::option::of(10.0..1e6),
                    proptest::option::of(1..1_000_000_000_u64),
                )
                    .prop_map(|(mode, k, k_min, k_max, calibrate_requests)| {
                        KDefaults { mode, k, k_min, k_max, calibrate_requests }
                    });
            (texts, parts, service, queue, cache, k).prop_map(
                move |(texts, parts, service, queue, write_cache, k)| {
                    let (seek, transfer, latency, zoned) = parts;
                    let (overhead_ms, head_switch_ms, write_settle_ms, [contiguous, parallel]) =
                        service;
                    let mapping = match transfer {
                        Transfer::Zones(_) if zoned => Mapping::Zoned,
                        _ => Mapping::Uniform,
                    };
                    let has_tracks = match transfer {
                        Transfer::Instant => false,
                        Transfer::Rate { .. } => turns,
                        Transfer::Zones(_) => true,
                    };
                    let spec = DiskSpec {
                        name: texts.0,
                        source: texts.1,
                        geometry: Geometry { cylinders, heads, sectors, mapping },
                        seek,
                        rotation: Rotation { period_ms, latency },
                        transfer,
                        overhead_ms,
                        contiguous,
                        head_switch_ms: if has_tracks { head_switch_ms } else { 0.0 },
                        write_settle_ms,
                        queue,
                        actuator: if parallel { Actuator::Parallel } else { Actuator::Serial },
                        write_cache,
                    };
                    DiskConfig { spec, k, serve: None }
                },
            )
        })
        .prop_filter("the knee must not fall", |config| match config.spec.seek {
            Seek::Curve {
                knee_cylinders,
                short_base_ms,
                short_sqrt_ms,
                long_base_ms,
                long_per_cylinder_ms,
            } => {
                let below = short_base_ms + short_sqrt_ms * knee_cylinders.sqrt();
                long_base_ms + long_per_cylinder_ms * knee_cylinders >= below
            }
            _ => true,
        })
}

proptest! {
    #[test]
    fn what_is_dumped_reads_back_the_same(config in config()) {
        let text = dump_disk(&config);
        let back = parse_disk("dump", &text).map_err(|e| TestCaseError::fail(format!("{e:#}\n{text}")))?;
        prop_assert_eq!(back, config, "{}", text);
    }

    #[test]
    fn random_text_is_an_error_with_a_place(text in "\\PC{0,200}|[\\[\\]{}=\"'#.,\\n a-e0-9_-]{0,200}") {
        if let Err(errors) = parse_disk("x", &text) {
            prop_assert!(errors.iter().count() > 0);
            for error in &errors {
                prop_assert!(error.line >= 1 && error.column >= 1);
                prop_assert!(!error.to_string().contains('\n'), "{}", error);
            }
        }
    }

    /// Bytes of a real file cut out, doubled, or replaced by something from another one.
    #[test]
    fn a_broken_file_never_panics(
        which in 0..DISKS.len(),
        other in 0..DISKS.len(),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0..30_usize, any::<prop::sample::Index>(), 0..30_usize), 1..5),
        values in proptest::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            Just("-1"), Just("nan"), Just("inf"), Just("1e999"), Just("99999999999999999999999999999999999999999999"),
            Just("[]"), Just("{}"), Just("\"x\""), Just("true"), Just("1979-05-27"), Just("0"), Just("[[1, 2], [1]]"),
        ]), 0..4),
    ) {
        let mut text: Vec<char> = DISKS[which].1.chars().collect();
        let from: Vec<char> = DISKS[other].1.chars().collect();
        for (at, len, source, take) in cuts {
            let (at, source) = (at.index(text.len() + 1), source.index(from.len()));
            let end = (at + len).min(text.len());
            let piece = from[source..(source + take).min(from.len())].to_vec();
            text.splice(at..end, piece);
        }
        let mut lines: Vec<String> =
            text.into_iter().collect::<String>().lines().map(str::to_owned).collect();
        for (line, value) in values {
            if lines.is_empty() { break; }
            let i = line.index(lines.len());
            if let Some(key) = lines[i].split_once('=').map(|(key, _)| key.to_owned()) {
                lines[i] = format!("{key}= {value}");
            }
        }
        if let Err(errors) = parse_disk("x", &lines.join("\n")) {
            for error in &errors {
                prop_assert!(!error.to_string().contains('\n'), "{}", error);
            }
            let long = format!("{errors:#}");
            prop_assert!(!long.is_empty());
        }
    }
}
