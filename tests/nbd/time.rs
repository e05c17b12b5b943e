//! That it takes its time over a socket as well. No bound here is on the wall clock, except that
//! nothing may be early.

use std::time::Instant;

use e2e::{Disk, Fio, Lab, need};
use serde_json::Value;

use crate::clients::serve;
use crate::raw::Client;

fn ns(record: &Value, key: &str) -> i64 {
    record[key].as_i64().unwrap_or_else(|| panic!("no {key} in {record}"))
}

/// The lab's model `slow` over NBD, with no data behind it, at exactly its own time.
fn slow<'lab>(lab: &'lab Lab, size: &str) -> Disk<'lab> {
    let served = ["--front", "nbd", "--listen", "127.0.0.1:0", "--mode", "fixed"];
    lab.add_model("slow", &[&served[..], &["--back", "null", "--size", size]].concat())
}

#[test]
fn never_early_and_one_after_the_other_at_any_depth() {
    need!(Fio);
    let lab = Lab::new();
    // 1 ms + a third of 3 ms.
    lab.model("slow", 2.0, 3.0);
    for depth in [1, 32] {
        let disk = slow(&lab, "64M");
        let job = Fio::nbd(&disk.path).set("size", "64m").set("iodepth", depth);
        let job = job.set("number_ios", 300).run();
        let records = disk.trace(1000);
        assert_eq!(records.len(), 300);
        let mut free = 0;
        for record in &records {
            let [start, due, done] = ["start_ns", "due_ns", "done_ns"].map(|key| ns(record, key));
            assert!(done >= due, "{} ns early: {record}", due - done);
            assert!(start >= free, "begun before the last one was due: {record}");
            free = due;
        }
        let busy: i64 = records.iter().map(|r| ns(r, "due_ns") - ns(r, "start_ns")).sum();
        // Mean and deviation of the linear model: R/2 + S/3 and S/sqrt(18).
        let (mean, deviation) = (2.0, 3.0 / 18_f64.sqrt());
        let error = (busy as f64 / 1e6 / 300.0 - mean) / (deviation / 300_f64.sqrt());
        assert!(error.abs() < 5.0, "depth {depth}: {error} standard errors from {mean} ms");
        // The same from outside: fio cannot see a request end before it was due.
        let outside = job.figure("/read/lat_ns/mean") / 1e6;
        assert!(outside >= disk.stat("/response_ms/mean") * 0.999, "fio: {outside} ms");
        disk.del();
    }
}

/// By the client's own clock: a revolution of 40 ms, half of it for each request.
#[test]
fn a_client_waits_for_its_answer() {
    let lab = Lab::new();
    lab.model("slow", 40.0, 0.001);
    let disk = slow(&lab, "1M");
    let mut client = Client::new(&disk.path);
    for offset in [0_u64, 1 << 19, 4096] {
        let begun = Instant::now();
        client.read(offset, 4096);
        assert!(begun.elapsed().as_micros() >= 20_000, "{:?}", begun.elapsed());
    }
    client.disconnect();
    disk.del();
}

/// At the end of the disk what waits is answered at once.
#[test]
fn del_keeps_nobody_waiting() {
    let lab = Lab::new();
    let disk = serve(&lab, &["--back", "null", "--size", "1M", "--mode", "fixed", "--k", "100000"]);
    let mut client = Client::new(&disk.path);
    for cookie in 0..10 {
        client.ask(crate::raw::READ, cookie, (cookie * 8192, 512), &[]);
    }
    disk.wait_in_flight(10);
    let said = disk.run("del", &["--force"]);
    assert!(said.status.success() && said.err.is_empty(), "{said}");
    let mut seen: Vec<u64> = (0..10)
        .map(|_| {
            let answer = client.answer();
            assert_eq!(answer.error, 0);
            client.data(512);
            answer.cookie
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
    assert!(crate::raw::is_hung_up(&mut client.socket));
    lab.assert_nothing_left();
}
