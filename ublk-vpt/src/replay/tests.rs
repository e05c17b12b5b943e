//! Parsers on what the tools really write, the virtual clock on an exact tiny model, closed forms.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use vpt_model::{Op, Parts, Request, Verdict};

use super::*;

/// T = 1 ms + 8 ms * x/D, one at a time, decided at once: small enough to be right by reading it.
/// It also checks what it is told: time must not run backwards.
struct Tiny {
    capacity: u64,
    head: u64,
    free: Instant,
    clock: Instant,
    busy: Duration,
    decided: VecDeque<Verdict>,
}

impl Tiny {
    fn new(capacity: Sectors) -> Self {
        Self {
            capacity: capacity.get(),
            head: 0,
            free: Instant::ZERO,
            clock: Instant::ZERO,
            busy: Duration::ZERO,
            decided: VecDeque::new(),
        }
    }
}

impl Model for Tiny {
    fn submit(&mut self, now: Instant, req: Request) {
        assert!(now >= self.clock, "time ran backwards");
        self.clock = now;
        let stroke = req.start.get().abs_diff(self.head) as f64 / self.capacity as f64;
        let parts = Parts {
            wait: self.free.saturating_since(now),
            overhead: Duration::from_millis(1),
            seek: Duration::from_nanos((8e6 * stroke).round() as u64),
            k: 1.0,
            ..Parts::default()
        };
        let start = now.max(self.free);
        self.head = req.start.get();
        self.free = start + parts.service();
        self.busy += parts.service();
        self.decided.push_back(Verdict {
            by_arm: true,
            id: req.id,
            arrival: now,
            start,
            due: self.free,
            stroke,
            contiguous: false,
            parts,
        });
    }
    fn advance(&mut self, now: Instant) {
        assert!(now >= self.clock, "time ran backwards");
        self.clock = now;
    }
    fn poll(&mut self) -> Option<Verdict> {
        self.decided.pop_front()
    }
    fn next_event(&self) -> Option<Instant> {
        None
    }
    fn busy(&self) -> Duration {
        self.busy
    }
}

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/replay").join(name)
}

fn open(name: &str, read: &ReadOptions) -> Result<Trace, ReplayError> {
    Trace::open(&data(name), read)
}

fn load(name: &str) -> Trace {
    open(name, &ReadOptions::default()).unwrap()
}

fn parse(file: &str, text: &str, lenient: bool) -> Result<Trace, ReplayError> {
    let read = ReadOptions { lenient, ..ReadOptions::default() };
    Trace::read(&mut text.as_bytes(), file, &read)
}

/// (arrival in µs, sector, sectors, measured µs) of every request.
fn rows(trace: &Trace) -> Vec<(u64, u64, u32, Option<u64>)> {
    let row = |r: &TraceRequest| {
        (r.arrival_ns / 1000, r.sector, r.sectors, r.measured_ns().map(|ns| ns / 1000))
    };
    trace.requests.iter().map(row).collect()
}

fn through_tiny(options: &Options, trace: Trace) -> ReplayReport {
    replay(options, trace, "tiny", |c| Ok(Tiny::new(c))).unwrap()
}

/// An iolog of 1-sector reads.
fn iolog(sectors: impl IntoIterator<Item = u64>) -> String {
    let reads = sectors.into_iter().map(|s| format!("f read {} 512\n", s * 512));
    std::iter::once("fio version 2 iolog\n".to_string()).chain(reads).collect()
}

fn closed(depth: usize) -> Options {
    Options { mode: Some(Mode::Closed { depth }), ..Options::new("-") }
}

#[test]
fn an_iolog_of_version_3_has_microseconds() {
    let trace = load("v3.iolog");
    assert_eq!((trace.format, trace.timing, trace.lines), (Format::Iolog, Timing::Fine, 24));
    assert_eq!(trace.requests.len(), 20);
    assert_eq!(rows(&trace)[0], (187, 984, 8, None));
    assert_eq!(trace.requests[0].op, Op::Write { fua: false });
    assert_eq!((trace.requests[2].op, trace.requests[2].line), (Op::Read, 6));
}

#[test]
fn a_datasync_of_an_iolog_is_a_flush() {
    let trace = load("v3-datasync.iolog");
    let flushes = trace.requests.iter().filter(|r| r.op == Op::Flush).count();
    let written = std::fs::read_to_string(data("v3-datasync.iolog")).unwrap();
    assert_eq!(flushes, written.matches("datasync").count());
    assert!(flushes > 0);
}

#[test]
fn an_iolog_of_version_2_waits_from_its_start() {
    let trace = load("v2.iolog");
    assert_eq!(
        rows(&trace),
        [(0, 0, 8, None), (200_000, 8, 8, None), (200_000, 0, 0, None), (200_000, 16, 8, None)]
    );
    let ops: Vec<Op> = trace.requests.iter().map(|r| r.op).collect();
    assert_eq!(ops, [Op::Write { fua: false }, Op::Read, Op::Flush, Op::Discard]);
    assert_eq!(parse("f", &iolog([1]), false).unwrap().timing, Timing::None);
}

#[test]
fn a_fio_log_has_latencies_whatever_it_logs() {
    let latency = load("lat.log");
    assert_eq!((latency.format, latency.requests.len()), (Format::FioLog, 20));
    assert_eq!(latency.requests[0].measured_ns(), Some(23_025));
    assert_eq!(load("clat-prio.log").requests[0].measured_ns(), Some(15_603));
    // The same run's bandwidth says the same as its clat log did: 21312 ns.
    let bandwidth = load("fio_bw.1.log").requests[0].measured_ns().unwrap();
    assert!(bandwidth.abs_diff(21_312) <= 1, "{bandwidth}");
}

#[test]
fn blkparse_issues_are_arrivals_and_completions_measure() {
    let trace = load("blkparse.txt");
    assert_eq!(trace.format, Format::Blkparse);
    assert_eq!(
        rows(&trace),
        [
            (8, 223_488, 8, Some(8115)),
            (9010, 1000, 16, Some(6000)), // two merged
            (20_003, 4096, 1024, Some(10_000)),
            (20_006, 5120, 1024, Some(15_000)),
            (37_100, 2048, 1, Some(8000)), // issued again
            (50_001, 300_000, 8, None),    // not done when the trace ended
        ]
    );
    assert_eq!(trace.requests[4].op, Op::Write { fua: true });
    assert_eq!(trace.ignored, 3); // flush, discard, and the other device's read
    let notes = trace.notes.join("\n");
    assert!(notes.contains("replayed 8,0 only; the trace has 8,0 (6 requests), 8,16 (1 requests)"));
    assert!(notes.contains("1 requests were issued again"), "{notes}");
}

#[test]
fn blkparse_queue_events_end_with_their_last_piece() {
    let read = ReadOptions { event: BlkEvent::Queue, ..ReadOptions::default() };
    let rows = rows(&open("blkparse.txt", &read).unwrap());
    assert_eq!(rows[1], (9000, 1000, 8, Some(6010))); // both halves of the merge
    assert_eq!(rows[2], (9002, 1008, 8, Some(6008)));
    assert_eq!(rows[3], (20_000, 4096, 2048, Some(15_006))); // both halves of the split
    assert_eq!(rows.len(), 6);
}

#[test]
fn a_device_can_be_chosen_and_must_be_there() {
    let read = |device: &str| ReadOptions { device: Some(device.into()), ..Default::default() };
    assert_eq!(rows(&open("blkparse.txt", &read("8,16")).unwrap()), [(9504, 64, 8, Some(2496))]);
    let error = open("blkparse.txt", &read("9,9")).unwrap_err().to_string();
    assert!(
        error.ends_with("no request for 9,9; the trace has 8,0 (6 requests), 8,16 (1 requests)")
    );
}

#[test]
fn bad_lines_say_where_and_what() {
    let v3 = "fio version 3 iolog\n";
    let event = "8,0 0 1 0.5 7 D R";
    let cases = [
        (
            "fio version 1 iolog\n",
            "x:1: expected \"fio version 2 iolog\" or \"fio version 3 iolog\"",
        ),
        (&format!("{v3}f read 0 512\n"), "x:2: expected TIMESTAMP FILE ACTION [OFFSET LENGTH]"),
        (&format!("{v3}\n1 f chew 0 512\n"), "x:3: expected one of the actions read,"),
        (&format!("{v3}1 f wait 5\n"), "x:2: expected one of the actions read,"),
        (&format!("{v3}1 f read -1 512\n"), "x:2: expected an OFFSET in bytes"),
        (&format!("{v3}1 f read 0 0\n"), "x:2: expected a LENGTH in bytes, at least 1"),
        (
            &format!("{v3}1 f read 18446744073709551615 512\n"),
            "x:2: expected OFFSET and LENGTH inside a disk",
        ),
        ("0, 1, 0, 4096\n", "x:1: expected an OFFSET (fio writes it with log_offset=1)"),
        ("0, 1, 0, 0, 0, 0\n", "x:1: expected a BLOCKSIZE of at least 1"),
        ("0, 1, 7, 512, 0, 0\n", "x:1: expected a DIRECTION of 0 (read), 1 (write) or 2 (trim)"),
        (&format!("{event} 1 + 8 [dd]\n8,0 0 x\n"), "x:2: expected DEVICE CPU SEQUENCE SECONDS"),
        (&format!("{event} 1 + many [dd]\n"), "x:1: expected SECTOR + SECTORS after the action"),
        ("{\"id\":1}\n", "x:1: expected a trace record, as `ublk stats --trace` prints them"),
        ("{\"id\":\n\n1", "x:3: expected the end of the last trace record"),
        ("hello\n", "x:1: neither a fio iolog, a fio log, blkparse output nor a JSON trace"),
        ("", "x: no request to replay (the file is empty)"),
        ("fio version 2 iolog\nf add\n", "x: no request to replay (2 lines, 0 bad, 0 ignored)"),
    ];
    for (text, message) in cases {
        let error = parse("x", text, false).unwrap_err().to_string();
        assert!(error.starts_with(message), "{text:?}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
    let averaged = open("averaged_lat.log", &ReadOptions::default()).unwrap_err().to_string();
    assert!(averaged.contains("log_avg_msec"), "{averaged}");
    let missing = open("none", &ReadOptions::default()).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read trace ") && missing.ends_with("none"), "{missing}");
}

#[test]
fn lenient_counts_what_it_skips() {
    let text = "fio version 2 iolog\nf read 0 512\nf chew 0 512\nf read x\nf read 512 512\n";
    let trace = parse("x", text, true).unwrap();
    assert_eq!((trace.requests.len(), trace.skipped), (2, 2));
    let record =
        r#"{"id":0,"arrival_ns":0,"op":0,"sector":0,"sectors":8,"wait_ns":0,"overhead_ns":0,
        "seek_ns":0,"rotation_ns":0,"transfer_ns":0,"k":1.0,"stroke":0.0,"start_ns":0,"due_ns":5,
        "backing_done_ns":0,"done_ns":7,"errno":0}"#
            .replace('\n', "");
    // A record that was cut off does not take the next one with it.
    let trace = parse("x", &format!("{}\n{record}\n", &record[..40]), true).unwrap();
    assert_eq!((trace.requests.len(), trace.skipped), (1, 1));
    assert_eq!(trace.requests[0].measured_ns(), Some(7));
    // Pretty-printed, in an array, several on a line: all the same.
    let pretty = format!("[ {},\n {record}, {record}\n]\n", record.replace(',', ",\n"));
    let trace = parse("x", &pretty, false).unwrap();
    assert_eq!((trace.requests.len(), trace.requests[1].line), (3, 18));
}

#[test]
fn alternating_ends_pay_the_full_stroke() {
    // 0 and D: 1 + 8*999/1000 ms each, but for the first, which is there already.
    let trace = parse("x", &iolog((0..100).map(|i| i % 2 * 999)), false).unwrap();
    let report = through_tiny(&closed(1), trace);
    let expected = (100.0 + 99.0 * 8.0 * 0.999) / 100.0;
    assert!((report.service_ms.mean - expected).abs() < 1e-6, "{}", report.service_ms.mean);
    assert!((report.parts.seek.mean_ms - (expected - 1.0)).abs() < 1e-6);
    assert!((report.makespan_s - expected / 10.0).abs() < 1e-9);
    assert!((report.utilisation - 1.0).abs() < 1e-9);
    assert_eq!(report.wait_ms.max, 0.0);
}

#[test]
fn in_a_closed_loop_rate_does_not_depend_on_depth() {
    let places: Vec<u64> = (0..2000_u64).map(|i| i * 7919 % 1000).collect();
    let spec = DiskSpec::linear(8.33, 16.68);
    let at = |depth, disk: bool| {
        let trace = parse("x", &iolog(places.iter().copied()), false).unwrap();
        if disk {
            let make = |c| Ok(Disk::new(&spec, c)?);
            replay(&closed(depth), trace, "linear", make).unwrap()
        } else {
            through_tiny(&closed(depth), trace)
        }
    };
    for disk in [false, true] {
        let one = at(1, disk);
        for depth in [2, 8, 32] {
            let many = at(depth, disk);
            assert!((many.iops / one.iops - 1.0).abs() < 1e-9, "{} {}", many.iops, one.iops);
            let times = many.response_ms.mean / one.response_ms.mean / depth as f64;
            assert!((0.97..=1.0).contains(&times), "depth {depth}: {times}");
        }
    }
}

#[test]
fn the_disk_itself_takes_what_its_closed_form_says() {
    let spec = DiskSpec::linear(8.0, 15.0);
    let trace = parse("x", &iolog((0..1000).map(|i| i % 2 * 999)), false).unwrap();
    let report = replay(&closed(1), trace, "linear", |c| Ok(Disk::new(&spec, c)?)).unwrap();
    assert_eq!(report.parts.rotation.mean_ms, 4.0);
    assert!(report.service_ms.p50 > 18.9 && report.service_ms.max <= 19.0 + 1e-9);
    assert_eq!(report.utilisation, 1.0);
}

#[test]
fn open_arrivals_wait_for_each_other_and_scale() {
    let text = "fio version 3 iolog\n100 f read 0 512\n600 f read 0 512\n9100 f read 0 512\n";
    let run = |time_scale| {
        let options = Options { mode: Some(Mode::Open { time_scale }), ..Options::new("-") };
        through_tiny(&options, parse("x", text, false).unwrap())
    };
    let plain = run(1.0);
    // 0 to 1 ms, 0.5 waits until 1 and is done at 2, 9 to 10.
    assert_eq!((plain.wait_ms.max, plain.response_ms.max), (0.5, 1.5));
    assert!((plain.makespan_s - 0.010).abs() < 1e-12 && (plain.utilisation - 0.3).abs() < 1e-9);
    let slow = run(2.0);
    assert!((slow.makespan_s - 0.019).abs() < 1e-12);
    assert_eq!(slow.wait_ms.max, 0.0);
    let error = replay(
        &Options { mode: Some(Mode::Open { time_scale: 1.0 }), ..Options::new("-") },
        parse("x", &iolog([1]), false).unwrap(),
        "tiny",
        |c| Ok(Tiny::new(c)),
    );
    assert!(matches!(error, Err(ReplayError::NoTimes { .. })));
}

#[test]
fn requests_beyond_the_end_are_named_or_folded() {
    let capacity = Some(Sectors::new(100));
    let refuse = Options { capacity, ..closed(1) };
    let text = iolog([0, 99, 100, 250]);
    let trace = parse("x", &text, false).unwrap();
    let error = replay(&refuse, trace, "t", |c| Ok(Tiny::new(c))).unwrap_err().to_string();
    assert!(error.starts_with("x:4: sectors 100 to 101 are beyond the disk's 100;"), "{error}");
    let fold = Options { wrap: true, ..refuse };
    let mut trace = parse("x", &text, false).unwrap();
    assert_eq!(fit(&mut trace, 100, true).unwrap(), 2);
    assert_eq!(trace.requests[3].sector, 50);
    let report = through_tiny(&fold, parse("x", &text, false).unwrap());
    assert_eq!((report.wrapped, report.requests, report.capacity_sectors), (2, 4, 100));
}

#[test]
fn impossible_options_are_refused() {
    for bad in [
        Options { k: 0.0, ..closed(1) },
        Options { k: f64::NAN, ..closed(1) },
        Options { capacity: Some(Sectors::new(0)), ..closed(1) },
        closed(0),
        Options { mode: Some(Mode::Open { time_scale: -1.0 }), ..Options::new("-") },
    ] {
        let error = run(&bad, &DiskSpec::null()).unwrap_err();
        assert!(matches!(error, ReplayError::Option { .. }), "{error}");
    }
}

#[test]
fn measured_latencies_are_compared() {
    // The model takes 1 ms for each.
    let measured_us = [1000, 1015, 1025, 1080, 500];
    let line = |us| format!("0, {us}000, 0, 512, 0, 0\n");
    let text: String = measured_us.into_iter().map(line).collect();
    let report = through_tiny(&closed(1), parse("x_lat.1.log", &text, false).unwrap());
    let m = report.measured.clone().unwrap();
    assert_eq!((m.requests, m.within_1pct, m.within_2pct), (5, 0.2, 0.4));
    assert_eq!((m.within_5pct, m.within_10pct), (0.6, 0.8));
    assert!((m.measured_mean_ms - 0.924).abs() < 1e-12 && m.model_mean_ms == 1.0);
    let lines: Vec<u64> = m.largest.iter().map(|d| d.line).collect();
    assert_eq!(lines, [5, 4, 3, 2]);
    let table = report.to_string();
    assert!(table.contains("line 5") && table.contains("2 %: 40.0 %"), "{table}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["measured"]["largest"][0]["line"], 5);
    assert!(json.get("plots").is_none());
}

#[test]
fn what_is_written_can_be_replayed_again() {
    let dir = tempfile::tempdir().unwrap();
    let spec = DiskSpec::linear(8.33, 16.68);
    let path = dir.path().join("out.jsonl");
    let output = Some(Output { path: path.clone(), format: OutputFormat::JsonLines });
    let options = Options { output, ..Options::new(data("v3.iolog")) };
    let first = run(&options, &spec).unwrap();
    let capacity = Some(Sectors::new(first.capacity_sectors));
    let again = run(&Options { capacity, ..Options::new(path) }, &spec).unwrap();
    assert_eq!(again.mode, "open");
    assert_eq!(again.response_ms, first.response_ms);
    // The same disk measured what it models.
    let measured = again.measured.unwrap();
    assert_eq!((measured.requests, measured.within_1pct), (20, 1.0));
    assert_eq!(measured.largest, []);

    let path = dir.path().join("out.csv");
    let output = Some(Output { path: path.clone(), format: OutputFormat::Csv });
    run(&Options { output, ..options }, &spec).unwrap();
    let csv = std::fs::read_to_string(path).unwrap();
    let columns: Vec<usize> = csv.lines().map(|l| l.split(',').count()).collect();
    assert_eq!(columns, [19; 21]);
    let nowhere = Output { path: dir.path().join("no/dir"), format: OutputFormat::Csv };
    let error = run(&Options { output: Some(nowhere), ..Options::new(data("v3.iolog")) }, &spec);
    assert!(matches!(error, Err(ReplayError::Write { .. })));
}

#[test]
fn plots_hold_all_requests_in_bounded_memory() {
    let n = 20_000_u64;
    let trace = parse("x", &iolog((0..n).map(|i| i * 7919 % 1000)), false).unwrap();
    let report = through_tiny(&closed(4), trace);
    let plots = &report.plots;
    assert!(plots.response_over_time.len() <= 256 && plots.response_over_time.len() > 64);
    let bin = plots.rate_over_time[1].0 - plots.rate_over_time[0].0;
    let all: f64 = plots.rate_over_time.iter().map(|(_, rate)| rate * bin).sum();
    assert!((all - n as f64).abs() < 1e-3, "{all}");
    assert!((2048..=4096).contains(&plots.service_by_stroke.len()));
    for (stroke, ms) in &plots.service_by_stroke {
        assert!((1.0 + 8.0 * stroke - ms).abs() < 1e-6);
    }
    assert!((plots.response_cdf.last().unwrap().1 - 1.0).abs() < 1e-12);
    assert!(plots.response_cdf.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1));
}

#[test]
fn the_benchmark_replays_what_it_says() {
    let report = benchmark(600_000, &DiskSpec::linear(8.33, 16.68)).unwrap();
    assert_eq!(report.requests, 600_000);
    assert!(report.requests_per_second > 0.0 && report.parse_mb_per_s > 0.0);
}

/// Decisions of a [`Tiny`] or a [`Disk`], checked one by one.
fn check_decisions<M: Model>(model: &mut M, requests: &[TraceRequest], mode: Mode) {
    let mut seen = vec![false; requests.len()];
    let mut spans = Vec::new();
    drive(model, requests, mode, |r, v| {
        let id = v.id.0 as usize;
        assert!(!std::mem::replace(&mut seen[id], true), "decided twice");
        assert_eq!(&requests[id], r);
        assert!(v.start >= v.arrival && v.due == v.start + v.parts.scaled_service());
        spans.push((v.arrival, v.due));
        Ok(())
    })
    .unwrap();
    assert!(seen.iter().all(|s| *s));
    // Nothing completes before it is due: else more would be under way than the loop allows.
    if let Mode::Closed { depth } = mode {
        for &(now, _) in &spans {
            let under_way = spans.iter().filter(|(a, due)| *a <= now && now < *due).count();
            assert!(under_way <= depth, "{under_way} under way, not {depth}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), lenient: bool) {
        for format in [None].into_iter().chain(Format::ALL.map(Some)) {
            let read = ReadOptions { format, lenient, ..ReadOptions::default() };
            let _ = Trace::read(&mut &bytes[..], "x_bw.log", &read);
        }
    }

    #[test]
    fn no_likely_words_panic(
        words in proptest::collection::vec(
            prop::sample::select(vec![
                "8,0", "0", "1", "0.000000001", "9999999999.9", "D", "C", "Q", "R", "WS", "FWFS",
                "+", "/", "\n", "\n", "\n", "fio version 3 iolog\n", "f", "read", "write", "trim",
                "wait", "18446744073709551615", "4096", ",", "{", "}", "[", "]", "\"", "\\", "CPU0",
            ]),
            0..80,
        ),
        queue: bool,
    ) {
        let text = words.join(" ");
        for format in [None].into_iter().chain(Format::ALL.map(Some)) {
            let event = if queue { BlkEvent::Queue } else { BlkEvent::Issue };
            let read = ReadOptions { format, lenient: true, event, device: None };
            if let Ok(trace) = Trace::read(&mut text.as_bytes(), "x", &read) {
                let options = Options { capacity: Some(Sectors::new(77)), wrap: true, ..Options::new("-") };
                replay(&options, trace, "t", |c| Ok(Tiny::new(c))).unwrap();
            }
        }
    }

    #[test]
    fn every_request_is_decided_once_and_time_runs_on(
        requests in proptest::collection::vec((0..1000_u64, 1..9_u32, 0..20_000_000_u64, 0..4_u8), 1..60),
        depth in 1..10_usize,
        cache: bool,
        policy in prop::sample::select(vec![
            vpt_model::spec::Policy::Fcfs,
            vpt_model::spec::Policy::Sstf,
            vpt_model::spec::Policy::Look,
        ]),
    ) {
        let mut at = 0;
        let requests: Vec<TraceRequest> = requests
            .into_iter()
            .map(|(sector, sectors, gap, op)| {
                at += gap;
                let op = [Op::Read, Op::Write { fua: false }, Op::Flush, Op::Discard][usize::from(op)];
                let mut r = TraceRequest::new(op, sector, sectors);
                r.arrival_ns = at;
                r
            })
            .collect();
        let mut spec = DiskSpec::linear(8.33, 16.68);
        spec.queue.depth = 4;
        spec.queue.policy = policy;
        if cache {
            spec.write_cache =
                Some(vpt_model::spec::WriteCache { bytes: 8192, bus_mb_per_s: 100.0, idle_ms: 5.0 });
        }
        let capacity = Sectors::new(1008);
        for mode in [Mode::Closed { depth }, Mode::Open { time_scale: 0.5 }] {
            check_decisions(&mut Tiny::new(capacity), &requests, mode);
            check_decisions(&mut Disk::new(&spec, capacity).unwrap(), &requests, mode);
        }
    }
}
