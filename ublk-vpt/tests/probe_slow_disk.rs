//! `probe` against a file that takes a known time for each read: a small FUSE server made for this test.
//! What comes out must be what was put in. With `PROBE_SAVE=DIR` the figures are written there, to be
//! looked at.
#![allow(clippy::unwrap_used)]

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, UNIX_EPOCH};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyEntry, ReplyOpen,
    Request,
};
use tempfile::TempDir;
use ublk_vpt::probe::fit::Shape;
use ublk_vpt::probe::{self, Model, Options, ProbeReport, ProgressSink};
use vpt_model::spec::Seek;

const BYTES: u64 = 256 << 20;
/// 4 KiB take 0.1 ms.
const MB_PER_S: f64 = 40.96;

/// One file whose reads take `curve(stroke)` and the transfer.
struct SlowDisk {
    curve: fn(f64) -> f64,
    /// Whether the kernel must not cache it.
    direct_io: bool,
    /// Reads from this byte on fail.
    bad_from: u64,
    bytes: Arc<AtomicU64>,
    /// Where the last read ended.
    head: Mutex<u64>,
}

impl SlowDisk {
    fn new(curve: fn(f64) -> f64) -> Self {
        let bytes = Arc::new(AtomicU64::new(BYTES));
        Self { curve, direct_io: true, bad_from: u64::MAX, bytes, head: Mutex::new(0) }
    }

    fn attr(&self, inode: u64) -> FileAttr {
        let (kind, perm) =
            if inode == 1 { (FileType::Directory, 0o755) } else { (FileType::RegularFile, 0o444) };
        FileAttr {
            ino: INodeNo(inode),
            size: self.bytes.load(Ordering::SeqCst),
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            flags: 0,
            blksize: 4096,
        }
    }
}

impl Filesystem for SlowDisk {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name == "disk" {
            reply.entry(&Duration::ZERO, &self.attr(2), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&Duration::ZERO, &self.attr(inode.into()));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let flags = if self.direct_io { FopenFlags::FOPEN_DIRECT_IO } else { FopenFlags::empty() };
        reply.opened(FileHandle(0), flags);
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let began = Instant::now();
        let bytes = self.bytes.load(Ordering::SeqCst);
        let mut head = self.head.lock().unwrap();
        let contiguous = offset == *head;
        // Distance between starts, as the probe counts it; both are of 4 KiB where it matters.
        let stroke = (offset.abs_diff(head.saturating_sub(4096))) as f64 / (BYTES - 4096) as f64;
        let seek = if contiguous { 0.0 } else { (self.curve)(stroke) };
        let due = began + Duration::from_secs_f64((seek + f64::from(size) / 1e3 / MB_PER_S) / 1e3);
        *head = offset + u64::from(size);
        while let Some(left) = due.checked_duration_since(Instant::now()) {
            // The last stretch is not slept, because a sleep may end late.
            match left.checked_sub(Duration::from_micros(200)) {
                Some(long) => std::thread::sleep(long),
                None => std::hint::spin_loop(),
            }
        }
        if offset >= self.bad_from {
            reply.error(Errno::EIO);
        } else {
            let left = bytes.saturating_sub(offset).min(u64::from(size));
            reply.data(&vec![0; left as usize]);
        }
    }
}

/// The server, and the path of its one file; unmounts when dropped. `None` where FUSE cannot be used.
fn serve(disk: SlowDisk) -> Option<(BackgroundSession, TempDir, PathBuf)> {
    let dir = tempfile::tempdir().unwrap();
    match fuser::spawn_mount(disk, dir.path(), &Config::default()) {
        Ok(session) => {
            let path = dir.path().join("disk");
            Some((session, dir, path))
        }
        Err(e) => {
            eprintln!("skipped: FUSE cannot be used here ({e})");
            None
        }
    }
}

fn save(name: &str, report: &ProbeReport) {
    if let Some(dir) = std::env::var_os("PROBE_SAVE") {
        let stem = PathBuf::from(dir).join(name);
        std::fs::write(stem.with_extension("svg"), report.svg()).unwrap();
        std::fs::write(stem.with_extension("png"), report.png().unwrap()).unwrap();
        std::fs::write(stem.with_extension("txt"), report.table()).unwrap();
    }
}

/// Probes up to three times; once at least, nothing may be found fault with. The server is never early, but
/// a busy machine makes it late now and then; a wrong figure is wrong each time.
fn one_of_three(options: &Options, name: &str, judge: impl Fn(&ProbeReport) -> Result<(), String>) {
    let mut faults = Vec::new();
    for _ in 0..3 {
        let report = probe::run(options, &mut ()).unwrap();
        save(name, &report);
        match judge(&report) {
            Ok(()) => return,
            Err(fault) => faults.push(fault),
        }
    }
    panic!("each time: {faults:#?}");
}

/// A fault where there is one.
fn ensure(good: bool, fault: impl FnOnce() -> String) -> Result<(), String> {
    if good { Ok(()) } else { Err(fault()) }
}

/// What a read of 4 KiB takes besides the curve.
const TRANSFER_MS: f64 = 4.096 / MB_PER_S;

#[test]
fn a_linear_disk_comes_out_as_one() {
    fn curve(u: f64) -> f64 {
        1.5 + 4.0 * u
    }
    let Some((_session, _dir, path)) = serve(SlowDisk::new(curve)) else { return };
    let model = Model {
        name: "1.5 ms + 4 ms x/D + transfer".into(),
        expected_ms: Arc::new(|u| curve(u) + TRANSFER_MS),
        between_ms: None,
        random_mean_ms: Some(1.5 + 4.0 / 3.0 + TRANSFER_MS),
    };
    let options = Options {
        passes: 2,
        per_pass: 3,
        random: 200,
        rpm: Some(30_000.0),
        model: Some(model),
        ..Options::new(&path)
    };
    one_of_three(&options, "linear", |report| {
        let model = report.model.as_ref().unwrap();
        // The server never answers early. That it is not late is for benchmarks on quiet machines.
        assert!(model.deviation_us.min >= -1.0, "{model:?}");
        assert!(model.within_2pct >= model.within_1pct && model.curve.len() > 100);
        let rate = report.mb_per_s().unwrap();
        assert!(rate < 41.0, "{rate} of at most 40.96 MB/s");
        let spec = report.to_spec(options.rpm);
        assert_eq!(spec.rotation.period_ms, 2.0);
        let fit = report.fit.as_ref().unwrap();
        let random = report.random.as_ref().unwrap();
        ensure((fit.linear.base_ms - 1.6).abs() < 0.3, || format!("{fit:?}"))?;
        ensure((fit.linear.full_ms - 4.0).abs() < 0.3, || format!("{fit:?}"))?;
        ensure(rate >= 20.0, || format!("{rate} of 40.96 MB/s"))?;
        ensure((random.latency_ms.p50 - 2.8).abs() < 0.6, || format!("{random:?}"))
    });
}

#[test]
fn a_two_piece_disk_comes_out_as_one() {
    fn curve(u: f64) -> f64 {
        if u < 0.2 { 1.0 + 5.0 * u.sqrt() } else { 3.5 + 1.5 * u }
    }
    let Some((_session, _dir, path)) = serve(SlowDisk::new(curve)) else { return };
    let options = Options { passes: 3, per_pass: 2, random: 200, ..Options::new(&path) };
    one_of_three(&options, "two-piece", |report| {
        let fit = report.fit.as_ref().unwrap();
        ensure(fit.better == Shape::TwoPiece, || format!("{fit:?}"))?;
        for u in [0.02f64, 0.1, 0.17, 0.23, 0.5, 0.9] {
            let (found, expected) = (fit.at(u), curve(u) + TRANSFER_MS);
            ensure((found - expected).abs() < 0.25, || format!("{u}: {found} not {expected}"))?;
        }
        assert!(matches!(report.to_spec(None).seek, Seek::Curve { .. }));
        Ok(())
    });
}

#[test]
fn cached_and_not_cached_lie_apart() {
    let disk = SlowDisk { direct_io: false, ..SlowDisk::new(|u| 2.0 + 3.0 * u) };
    let Some((_session, _dir, path)) = serve(disk) else { return };
    let options =
        Options { passes: 2, per_pass: 1, random: 0, cached: true, ..Options::new(&path) };
    one_of_three(&options, "cached", |report| {
        assert!(report.direct);
        let cached = report.cached.as_ref().unwrap();
        assert_eq!(cached.samples.len(), report.samples.len());
        let strokes = |samples: &[(f64, f64)]| samples.iter().map(|s| s.0).collect::<Vec<_>>();
        assert_eq!(strokes(&cached.samples), strokes(&report.samples), "the same moves");
        assert!(report.samples.iter().all(|s| s.1 >= 2.0), "none of the first pass was cached");
        let (p50, ratio) = (cached.p50_ms, cached.uncached_ratio);
        ensure(p50 < 0.5 && ratio > 5.0, || format!("{p50} ms, a ratio of {ratio}"))
    });
}

#[test]
fn depth_does_not_make_one_arm_faster() {
    let Some((_session, _dir, path)) = serve(SlowDisk::new(|_| 2.0)) else { return };
    let options = Options { depth: 8, ..Options::random_only(&path, 160) };
    let report = probe::run(&options, &mut ()).unwrap();
    save("depth", &report);
    let random = report.random.unwrap();
    assert!(random.iops < 1000.0 / 2.1, "{}", random.iops);
    assert!(random.latency_ms.p50 > 8.0, "eight share one arm: {:?}", random.latency_ms);
}

#[test]
fn failing_reads_are_counted_and_many_end_it() {
    let disk = SlowDisk { bad_from: BYTES / 10 * 9, ..SlowDisk::new(|_| 0.05) };
    let Some((_session, _dir, path)) = serve(disk) else { return };
    let patient = Options { max_errors: 10_000, ..Options::random_only(&path, 300) };
    let report = probe::run(&patient, &mut ()).unwrap();
    assert!((5..100).contains(&report.errors), "{} of 300", report.errors);
    assert!(
        report.failed.iter().all(|f| f.offset >= BYTES / 10 * 9 && f.error.contains("os error 5"))
    );
    // A failed read costs its own sample, and the next one's, whose distance is unknown.
    let alone = report.errors / 2; // failures hardly ever follow each other at one in ten
    assert!(report.samples.len() as u64 <= 300 - report.errors - alone, "{}", report.samples.len());
    assert!(report.notes.iter().any(|n| n.contains("reads failed")));

    for depth in [1, 4] {
        let strict = Options { max_errors: 3, depth, ..Options::random_only(&path, 100_000) };
        let error = probe::run(&strict, &mut ()).unwrap_err().to_string();
        assert!(error.contains("gave up after 3 failed reads, the last at byte 2"), "{error}");
    }
}

#[test]
fn a_target_that_is_resized_is_told() {
    /// Shrinks the file once a few requests are done.
    struct Shrink(Arc<AtomicU64>);
    impl ProgressSink for Shrink {
        fn done(&mut self, done: u64) {
            if done == 20 {
                self.0.store(BYTES / 2, Ordering::SeqCst);
            }
        }
    }
    let disk = SlowDisk::new(|_| 0.05);
    let mut sink = Shrink(Arc::clone(&disk.bytes));
    let Some((_session, _dir, path)) = serve(disk) else { return };
    let error = probe::run(&Options::random_only(&path, 500), &mut sink).unwrap_err().to_string();
    assert!(error.contains(&format!("went from {BYTES} to {} bytes", BYTES / 2)), "{error}");
}
