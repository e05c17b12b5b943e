//! That it takes its time: never less than the model says, one request after the other at any depth,
//! with every part of every delay accounted for. No bound here is on the wall clock: a loaded machine
//! may make everything later, and nothing earlier.

use std::fs;

use e2e::{Disk, Fio, Lab, need};
use serde_json::Value;

/// What the tests below do to a disk: random 4 KiB reads.
fn read(disk: &Disk, depth: u32, requests: u32) -> e2e::Job {
    Fio::on(&disk.path).set("size", "64m").set("iodepth", depth).set("number_ios", requests).run()
}

fn ns(record: &Value, key: &str) -> i64 {
    record[key].as_i64().unwrap_or_else(|| panic!("no {key} in {record}"))
}

/// One arm: served one after the other, each begun when it came or when the arm was free, due after
/// what its parts say, and done no earlier.
#[track_caller]
fn check_one_arm(records: &[Value]) {
    let mut free = 0;
    for record in records {
        let [arrival, start, due] = ["arrival_ns", "start_ns", "due_ns"].map(|key| ns(record, key));
        let [backed, done] = ["backing_done_ns", "done_ns"].map(|key| ns(record, key));
        assert!(done >= due, "{} ns early: {record}", due - done);
        assert!(done >= backed, "before its data: {record}");
        assert!(start >= free, "begun before the last one was due: {record}");
        // When the model had it; of two that come at once, one may overtake the other on the way.
        let known = start - ns(record, "wait_ns");
        assert!(known >= arrival, "the model knew it before it came: {record}");
        // From then on the arm does not idle, however late the clock was.
        assert_eq!(start, known.max(free), "the arm waited: {record}");
        let parts =
            ["overhead_ns", "seek_ns", "rotation_ns", "transfer_ns", "head_switch_ns", "settle_ns"];
        let service: i64 = parts.iter().map(|part| ns(record, part)).sum();
        let k = record["k"].as_f64().unwrap();
        assert!(((due - start) as f64 - k * service as f64).abs() <= 4.0, "{record}");
        assert_eq!(record["errno"], 0);
        free = due;
    }
}

#[test]
fn never_early_and_one_after_the_other_at_any_depth() {
    need!(Fuse, Fio);
    let lab = Lab::new();
    // 1 ms + a third of 3 ms.
    lab.model("slow", 2.0, 3.0);
    for depth in [1, 8, 32] {
        let disk = lab.add_model("slow", &["--back", "null", "--size", "64M", "--mode", "fixed"]);
        let job = read(&disk, depth, 300);
        let records = disk.trace(1000);
        assert_eq!(records.len(), 300);
        check_one_arm(&records);
        let busy: i64 = records.iter().map(|r| ns(r, "due_ns") - ns(r, "start_ns")).sum();
        let span = ns(&records[299], "done_ns") - ns(&records[0], "start_ns");
        // A disk that delays in parallel would take a 32nd of it.
        assert!(span >= busy, "depth {depth}: {busy} ns of service in {span} ns");
        let stats = disk.stats();
        let figure = |path: &str| stats.pointer(path).and_then(Value::as_f64).unwrap();
        let accounted = figure("/scale/busy_seconds") / (busy as f64 / 1e9);
        assert!((accounted - 1.0).abs() < 1e-3, "busy {accounted} times what the trace says");
        if depth > 1 {
            // The arm finds another request waiting whenever it is done with one. A machine that stands
            // still is late with a few, for however long.
            let idle = records.iter().filter(|r| ns(r, "wait_ns") == 0).count();
            assert!(idle < 150, "depth {depth}: {idle} of 300 found the arm idle");
            // How many the arm has before it on average, by the model's times: never more than are asked
            // for, and one if they did not wait for each other. Where all the answers are late, the next
            // ones come at once: half the depth.
            let known = |r| ns(r, "start_ns") - ns(r, "wait_ns");
            let inside: i64 = records.iter().map(|r| ns(r, "due_ns") - known(r)).sum();
            let (queue, depth) = (inside as f64 / busy as f64, f64::from(depth));
            assert!((0.3 * depth..1.001 * depth).contains(&queue), "depth {depth}: waits {queue}");
        }
        // The same from outside: fio cannot see a request end before it was due.
        let outside = job.figure("/read/lat_ns/mean") / 1e6;
        assert!(outside >= figure("/response_ms/mean") * 0.999, "fio: {outside} ms");
        assert_eq!(figure("/scale/k"), 1.0);
        disk.del();
    }
}

/// The closed form of the linear model: R/2 + S/3, standard deviation S/sqrt(18).
#[test]
fn takes_the_modelled_time_on_average() {
    need!(Fuse, Fio);
    let lab = Lab::new();
    let disk = lab.add_model(
        "linear-example",
        &["--back", "null", "--size", "64M", "--mode", "fixed", "--k", "0.1"],
    );
    let requests = 600;
    read(&disk, 1, requests);
    let stats = disk.stats();
    let figure = |path: &str| stats.pointer(path).and_then(Value::as_f64).unwrap();
    let (mean, deviation) = (0.1 * (8.333 / 2.0 + 15.0 / 3.0), 0.1 * 15.0 / 18_f64.sqrt());
    let error = (figure("/expected_ms/mean") - mean) / (deviation / f64::from(requests).sqrt());
    // Neighbouring distances share a request, so the mean wanders a little more than that.
    assert!(error.abs() < 5.0, "{error} standard errors from {mean} ms");
    assert!(figure("/service_ms/mean") >= figure("/expected_ms/mean") * 0.999);
    assert!(figure("/timer_late_us/min") >= 0.0);
    let k = figure("/scale/busy_seconds") / figure("/scale/device_seconds");
    assert!((k - 0.1).abs() < 1e-6, "k = 0.1 as {k}");
    disk.del();
}

#[test]
fn a_change_of_k_changes_the_next_requests() {
    need!(Fuse, Fio);
    let lab = Lab::new();
    let disk = lab.add(&["--back", "null", "--size", "64M", "--mode", "fixed", "--k", "1"]);
    read(&disk, 1, 50);
    disk.run("set", &["k=4"]).ok();
    read(&disk, 1, 50);
    let records = disk.trace(1000);
    check_one_arm(&records);
    let ks: Vec<f64> = records.iter().map(|record| record["k"].as_f64().unwrap()).collect();
    assert!(ks[..50].iter().all(|&k| k == 1.0) && ks[50..].iter().all(|&k| k == 4.0), "{ks:?}");
    disk.run("set", &["mode=adapt", "k_min=2", "k_max=3"]).ok();
    assert_eq!(disk.stat("/scale/k"), 3.0);
    assert_eq!(disk.stats()["scale"]["mode"], "adapt");
    disk.del();
}

/// A store that cannot keep up moves k, and nothing else does.
#[test]
fn a_slow_store_raises_k() {
    need!(Fuse, Fio);
    let lab = Lab::new();
    let disk = lab.add(&["--back", "mem", "--size", "64M"]);
    disk.run("set", &["backing_delay_ms=3"]).ok();
    read(&disk, 1, 600);
    let stats = disk.stats();
    let k = stats["scale"]["k"].as_f64().unwrap();
    // The slowest is 0.2 ms + 0.2 ms, the fastest 0.2 ms.
    assert!(k > 5.0, "k = {k} with 3 ms of backing time");
    assert!(stats["scale"]["late"].as_u64() > Some(0));
    assert!(stats["backing_ms"]["p50"].as_f64() >= Some(3.0));
    check_one_arm(&disk.trace(100));
    disk.del();
}

#[test]
fn the_trace_file_has_every_request() {
    need!(Fuse, Fio);
    let lab = Lab::new();
    let disk =
        lab.add(&["--image", "lab.img", "--size", "64M", "--trace", "t.json", "--mode", "fixed"]);
    read(&disk, 16, 500);
    Fio::on(&disk.path)
        .set("rw", "randwrite")
        .set("size", "64m")
        .set("iodepth", 4)
        .set("number_ios", 100)
        .run();
    let shown = disk.trace(10);
    disk.del();
    let text = fs::read_to_string(lab.file("t.json")).unwrap();
    assert!(text.ends_with('\n'));
    let records: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<u64> = records.iter().map(|record| record["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (1..=600).collect::<Vec<_>>());
    assert_eq!(records.iter().filter(|record| record["op"] == 1).count(), 100);
    assert_eq!(records[590..], shown);
    check_one_arm(&records);
    for key in ["sector", "sectors", "stroke"] {
        assert!(records.iter().all(|record| record[key].is_number()), "{key}");
    }
    // And it is a trace that `replay` takes.
    lab.run(&["replay", "t.json", "--disk", "quick.toml", "--json"]).ok();
}
