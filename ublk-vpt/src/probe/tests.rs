//! Probes of files that hold nothing but zeroes: what goes wrong, and that what comes out is whole.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::fit::{Fit, LinearFit, Shape, TwoPieceFit};
use super::*;
use vpt_model::spec::{Seek, Transfer};

/// A directory where files are on a disk (/tmp may be in memory, without O_DIRECT) with a file of `bytes` bytes.
fn file(bytes: u64) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let path = dir.path().join("disk.img");
    File::create(&path).unwrap().set_len(bytes).unwrap();
    (dir, path)
}

fn quick(path: &Path) -> Options {
    Options { buckets: 8, passes: 2, per_pass: 2, random: 40, ..Options::new(path) }
}

/// Counts what it is told and stops after `limit` requests of a phase.
#[derive(Default)]
struct Counting {
    phases: Vec<(String, u64, u64)>,
    limit: Option<u64>,
}

impl ProgressSink for Counting {
    fn phase(&mut self, name: &str, requests: u64) {
        self.phases.push((name.to_owned(), requests, 0));
    }

    fn done(&mut self, done: u64) {
        self.phases.last_mut().unwrap().2 = done;
    }

    fn keep_going(&self) -> bool {
        let done = self.phases.iter().map(|p| p.2).max().unwrap_or(0);
        self.limit.is_none_or(|limit| done < limit)
    }
}

fn refusal(options: &Options) -> String {
    let text = run(options, &mut ()).unwrap_err().to_string();
    assert!(!text.contains('\n'), "one line: {text}");
    text
}

#[test]
fn a_whole_probe_reports_every_part() {
    let (_dir, path) = file(8 << 20);
    let mut sink = Counting::default();
    let report = run(&Options { cached: true, ..quick(&path) }, &mut sink).unwrap();
    assert_eq!(report.samples.len(), 8 * 4 + 40);
    assert_eq!(report.buckets.iter().map(|b| b.n).sum::<usize>(), 32);
    assert_eq!(report.buckets.last().unwrap().stroke, 1.0);
    assert_eq!(report.random.as_ref().unwrap().latency_ms.count, 40);
    assert_eq!(report.cached.as_ref().unwrap().samples.len(), 32);
    assert_eq!(report.sequential.len(), 3);
    assert!(report.fit.is_some() && report.errors == 0 && report.interrupted.is_none());
    assert!(report.notes.iter().any(|n| n.starts_with("100 % of the file is holes")));
    let names: Vec<_> = sink.phases.iter().map(|p| p.0.as_str()).collect();
    assert_eq!(
        names,
        ["moves", "filling the cache", "moves, cached", "random requests", "sequential reads"]
    );
    assert!(sink.phases[..4].iter().all(|p| p.1 == p.2), "{:?}", sink.phases);

    let json = report.to_json().unwrap();
    let back: ProbeReport = serde_json::from_str(&json).unwrap();
    // Decimal and back may round the last bit of a time.
    assert_eq!((back.samples.len(), &back.notes), (report.samples.len(), &report.notes));
    let table = report.table();
    for part in ["stroke", "random, depth 1: 40", "linear", "cached: median", "sequential: "] {
        assert!(table.contains(part), "{part} in\n{table}");
    }
    assert!(report.svg().contains("Seek curve, not cached and cached"));
    assert!(report.png().unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn the_same_seed_measures_the_same_moves() {
    let (_dir, path) = file(4 << 20);
    let strokes = |seed| {
        let report = run(&Options { seed, ..quick(&path) }, &mut ()).unwrap();
        report.samples.iter().map(|s| s.0).collect::<Vec<_>>()
    };
    assert_eq!(strokes(7), strokes(7));
    assert_ne!(strokes(7), strokes(8));
}

#[test]
fn depth_gives_latencies_and_no_distances() {
    let (_dir, path) = file(4 << 20);
    let model = Model {
        name: "m".into(),
        expected_ms: Arc::new(|u| 1.0 + u),
        between_ms: None,
        random_mean_ms: None,
    };
    let options = Options { depth: 4, model: Some(model), ..Options::random_only(&path, 300) };
    let report = run(&options, &mut ()).unwrap();
    let random = report.random.as_ref().unwrap();
    assert_eq!((random.depth, random.latencies_ms.len()), (4, 300));
    assert!(report.samples.is_empty() && report.fit.is_none() && report.model.is_none());
    assert!(report.notes.iter().any(|n| n.contains("order of service")));
    assert!(report.svg().contains("depth 4"));
    assert!(report.table().contains("random, depth 4: 300 requests"));
}

#[test]
fn stopping_early_reports_what_there_is() {
    let (_dir, path) = file(4 << 20);
    let mut sink = Counting { limit: Some(20), ..Counting::default() };
    let report = run(&quick(&path), &mut sink).unwrap();
    assert_eq!(report.samples.len(), 10);
    assert_eq!(report.interrupted.as_deref(), Some("interrupted"));
    assert!(report.random.is_none() && report.sequential.is_empty());

    let mut sink = Counting { limit: Some(50), ..Counting::default() };
    let report =
        run(&Options { depth: 3, ..Options::random_only(&path, 1 << 20) }, &mut sink).unwrap();
    let n = report.random.unwrap().latency_ms.count;
    assert!((50..10_000).contains(&n), "{n} of a million");

    let mut at_once = Counting { limit: Some(0), ..Counting::default() };
    let error = run(&quick(&path), &mut at_once).unwrap_err().to_string();
    assert!(error.ends_with("stopped before anything was measured; give it more time"), "{error}");
    let now = Options { time_limit: Some(Duration::ZERO), ..quick(&path) };
    assert!(refusal(&now).contains("give it more time"));
}

#[test]
fn hopeless_targets_are_refused_in_one_line() {
    let (dir, path) = file(4 << 20);
    assert!(refusal(&Options::new(dir.path().join("none"))).contains("no such file or device"));
    assert!(refusal(&Options::new(dir.path())).contains("is a directory"));
    assert!(refusal(&Options::new("/dev/null")).contains("is a character device"));
    let pipe = dir.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    assert!(refusal(&Options::new(&pipe)).contains("is a pipe"), "and does not wait for a writer");
    assert!(refusal(&Options::new(path.join("below"))).contains("cannot look at it"));
    for bytes in [0, (1 << 20) - 1] {
        let (_dir, small) = file(bytes);
        assert!(refusal(&Options::new(small)).contains(&format!("only {bytes} bytes")));
    }
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o000)).unwrap();
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: root may read a file without permissions, so that refusal is not seen");
    } else {
        assert!(refusal(&Options::new(&path)).contains("not allowed to read it"));
    }
}

#[test]
fn senseless_options_are_refused() {
    let (_dir, path) = file(4 << 20);
    let o = || quick(&path);
    for (options, word) in [
        (Options { block_bytes: 0, ..o() }, "block size"),
        (Options { block_bytes: 1000, ..o() }, "block size"),
        (Options { block_bytes: 1 << 40, ..o() }, "block size"),
        (Options { buckets: 0, ..o() }, "buckets"),
        (Options { passes: 0, ..o() }, "passes"),
        (Options { passes: usize::MAX, ..o() }, "requests"),
        (Options { depth: 0, ..o() }, "depth"),
        (Options { rpm: Some(f64::NAN), ..o() }, "rpm"),
        (Options::random_only(&path, 0), "random requests"),
        (Options { cached: true, ..Options::random_only(&path, 5) }, "cached"),
    ] {
        assert!(refusal(&options).starts_with(&format!("bad {word}: ")), "{word}");
    }
    assert!(refusal(&Options { block_bytes: 1 << 20, ..o() }).contains("needs at least 16777216"));
}

#[test]
fn without_o_direct_the_report_says_so() {
    let (_dir, path) = file(4 << 20);
    let report = run(&Options { direct: false, ..quick(&path) }, &mut ()).unwrap();
    assert!(!report.direct && report.notes[0].starts_with("O_DIRECT was not asked for"));
    // 512-byte reads are below what some file systems take directly; either way they are measured.
    let report = run(&Options { block_bytes: 512, ..quick(&path) }, &mut ()).unwrap();
    assert!(report.direct || report.notes[0].starts_with("O_DIRECT is refused here"));
    assert!(refusal(&Options::new("/proc/self/status")).contains("cannot find its size"));
}

#[test]
fn points_lie_over_the_models_curve() {
    // The published Barracuda, each request up to 60 us late and one in 500 by milliseconds.
    let curve = |u: f64| {
        let d = u * 5172.0;
        4.1667 + 0.36 + if d < 879.0 { 2.574 + 0.1629 * d.sqrt() } else { 5.996 + 0.002143 * d }
    };
    let mut rng = Rng::new(3);
    let samples: Vec<(f64, f64)> = (0..2000)
        .map(|_| {
            let u = (rng.unit() - rng.unit()).abs();
            let late = if rng.up_to(499) == 0 { 30.0 * rng.unit() } else { 0.06 * rng.unit() };
            (u, curve(u) + late)
        })
        .collect();
    let model = Model {
        name: "Seagate Barracuda ST32171W".into(),
        expected_ms: Arc::new(curve),
        between_ms: None,
        random_mean_ms: Some(13.49),
    };
    let expected: Vec<f64> = samples.iter().map(|s| curve(s.0)).collect();
    let report = ProbeReport {
        target: "/tmp/lab/disk".into(),
        kind: "regular file".into(),
        size_bytes: 1 << 30,
        block_bytes: 4096,
        direct: true,
        buckets: by_width(&samples, 24),
        fit: fit(&samples),
        model: Some(compare::with_model(&model, &samples, &expected)),
        samples,
        ..ProbeReport::default()
    };
    if let Some(dir) = std::env::var_os("PROBE_SAVE") {
        std::fs::write(PathBuf::from(dir).join("model.png"), report.png().unwrap()).unwrap();
    }
    let model = report.model.as_ref().unwrap();
    assert!(model.within_1pct > 0.99 && model.within_1pct < 1.0, "{model:?}");
    assert!(report.table().contains("against Seagate Barracuda ST32171W: 2000 requests"));
    let svg = report.svg();
    // From the plot area on: the legend has dots of its own.
    let plot = svg.find("clip-path=").unwrap();
    let (line, dot) = (svg[plot..].find("<path").unwrap(), svg[plot..].find("<circle").unwrap());
    assert!(line < dot, "the model's line is drawn before the points");
    assert!(svg.contains("outside the axes"), "late requests do not flatten the rest");
}

fn measured(fit: Fit) -> ProbeReport {
    let rate = SequentialRate { at: 0.0, mb_per_s: 8.192 };
    ProbeReport {
        target: "t".into(),
        size_bytes: 1 << 30,
        block_bytes: 4096,
        fit: Some(fit),
        sequential: vec![rate],
        ..ProbeReport::default()
    }
}

#[test]
fn the_spec_takes_rotation_and_transfer_out_of_the_base() {
    let linear = LinearFit { base_ms: 6.0, full_ms: 12.0, rms_ms: 0.1, r_squared: 0.99 };
    let mut fit = Fit {
        points: 100,
        outliers: 0,
        linear,
        two_piece: None,
        better: Shape::Linear,
        two_piece_advantage: 0.0,
    };
    // 4096 bytes at 8.192 MB/s: 0.5 ms.
    let spec = measured(fit).to_spec(None);
    assert_eq!(spec.seek, Seek::Affine { base_ms: 5.5, full_ms: 12.0 });
    assert_eq!((spec.rotation.period_ms, spec.geometry.sectors), (0.0, 1 << 21));
    assert_eq!(spec.transfer, Transfer::Rate { mb_per_s: 8.192 });
    let spec = measured(fit).to_spec(Some(7500.0));
    assert_eq!(spec.rotation.period_ms, 8.0);
    assert_eq!(spec.seek, Seek::Affine { base_ms: 1.5, full_ms: 12.0 });
    let spec = measured(fit).to_spec(Some(3000.0));
    assert_eq!(spec.seek, Seek::Affine { base_ms: 0.0, full_ms: 12.0 });
    assert!(spec.source.contains("exceed the shortest time measured"));

    fit.better = Shape::TwoPiece;
    fit.two_piece = Some(TwoPieceFit {
        knee: 0.25,
        short_base_ms: 4.5,
        short_sqrt_ms: 10.0,
        long_base_ms: 8.5,
        long_full_ms: 8.0,
        continuous: false,
        rms_ms: 0.01,
        r_squared: 1.0,
    });
    let spec = measured(fit).to_spec(None);
    assert_eq!(spec.geometry.cylinders, spec::NOMINAL_CYLINDERS);
    let Seek::Curve {
        knee_cylinders,
        short_base_ms,
        short_sqrt_ms,
        long_base_ms,
        long_per_cylinder_ms,
    } = spec.seek
    else {
        panic!("a curve, not {:?}", spec.seek)
    };
    assert_eq!((knee_cylinders, short_base_ms, long_base_ms), (2500.0, 4.0, 8.0));
    assert!((short_sqrt_ms * 2500f64.sqrt() - 5.0).abs() < 1e-12);
    assert!((long_per_cylinder_ms * 10_000.0 - 8.0).abs() < 1e-12);
}
