//! Does k find its place when the backing store really changes its speed?

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::fio::{Job, run_one};
use super::lab::{Beside, Lab, number, progress};
use crate::bench::{Is, Report};
use crate::device::Device;

/// R/2 + S/3 = 2 ms on average.
const QUICK: &str = "[disk]\nname = \"quick\"\n[seek]\nfamily = \"linear\"\nfull_ms = 3\n[rotation]\nperiod_ms = 2\n";
/// Milliseconds that the backing store takes before, during and after.
const FAST: f64 = 2.0;
const SLOW: f64 = 40.0;
const DEPTH: u32 = 8;
/// Requests in one window of the law, as the model documents it.
const WINDOW: f64 = 256.0;
/// Requests over which the final k is the mean.
const LAST: f64 = 3.0 * WINDOW;
/// A k this near to where it ends up has arrived.
const NEAR: std::ops::RangeInclusive<f64> = 0.8..=1.25;

pub(super) fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    progress("k: a backing store that goes from 2 to 40 ms and back");
    let disk = lab.describe("quick.toml", QUICK)?;
    let device = lab.disk(&disk, &["--mode", "adapt", "--k-min", "0.01"])?;
    step(lab, &device, FAST, 1500)?;
    let up = step(lab, &device, SLOW, 2200)?;
    let down = step(lab, &device, FAST, 5500)?;
    let last = lab.stats(&device)?;
    device.delete()?;
    let ratio = up.k / down.k;
    let note = |s: &Step| format!("to k = {:.3}, store {} ms, depth {DEPTH}", s.k, s.delay_ms);
    report.target("k up: windows of 256 requests", up.windows, "", Is::AtMost(6.0), &note(&up));
    let bound = ratio.ln() / 0.288 + 2.0;
    report.target(
        "k down: windows of 256 requests",
        down.windows,
        "",
        Is::AtMost((bound * 10.0).round() / 10.0),
        &note(&down),
    );
    let note = "requests later than due once k has arrived, both steps";
    let late = (up.late + down.late) / (up.settled + down.settled);
    report.target("k settled: late", late * 100.0, "%", Is::AtMost(1.0), note);
    report.extra("k: report", last.get("scale").cloned().unwrap_or(Value::Null));
    Ok(())
}

/// What one step led to.
struct Step {
    delay_ms: f64,
    /// Where k ended up.
    k: f64,
    /// How many windows after the step it came near to that and stayed for one more.
    windows: f64,
    /// Requests after that, and the late ones among them.
    settled: f64,
    late: f64,
}

/// Changes the store's speed and watches `requests` requests.
fn step(lab: &Lab, device: &Device, delay_ms: f64, requests: u32) -> Result<Step> {
    // The change comes while requests are under way, as it would.
    let mut load = Command::new("fio");
    load.args(["--name=load", "--rw=randread", "--bs=4k", "--direct=1", "--ioengine=libaio"]);
    load.args(["--thread", "--randseed=2", "--time_based", "--runtime=600"]);
    load.arg(format!("--iodepth={DEPTH}")).arg(format!("--filename={}", device.path));
    let load = Beside::start(&mut load)?;
    wait_for_requests(lab, device, 50.0)?;
    device.set(&[&format!("backing_delay_ms={delay_ms}")], &lab.interrupt)?;
    let begun = judged(lab, device)?;
    drop(load);
    // fio from the front again, so that the number of requests is known.
    let job = Job { depth: DEPTH, requests: Some(requests), ..Job::default() };
    run_one(lab, Path::new(&device.path), &job)?;
    let stats = lab.stats(device)?;
    let epochs = stats.pointer("/scale/epochs").and_then(Value::as_array).context("no epochs")?;
    let (mut passed, mut seen) = (0.0, Vec::new());
    for epoch in epochs {
        let requests = number(epoch, "requests")?;
        let since = passed + requests - begun;
        passed += requests;
        if since > 0.0 {
            // Only what came after the step, of an epoch that began before it.
            let requests = requests.min(since);
            seen.push((number(epoch, "k")?, requests, number(epoch, "late")?));
        }
    }
    Ok(settle(delay_ms, &seen))
}

/// Finds where k ended up, and how many requests it took to come near to that and stay for a window.
/// `seen`: (k, requests, late ones) of each epoch after the step.
fn settle(delay_ms: f64, seen: &[(f64, f64, f64)]) -> Step {
    // The mean of the last windows: single ones still move a little.
    let (mut left, mut sum, mut count) = (LAST, 0.0, 0.0);
    for &(k, requests, _) in seen.iter().rev() {
        let part = requests.min(left);
        (left, sum, count) = (left - part, sum + k * part, count + part);
    }
    let k = sum / count;
    let near = |epoch: &(f64, f64, f64)| NEAR.contains(&(epoch.0 / k));
    let mut passed = 0.0;
    for (i, epoch) in seen.iter().enumerate() {
        let stays: f64 = seen[i..].iter().take_while(|e| near(e)).map(|e| e.1).sum();
        if stays >= WINDOW {
            let settled = seen[i..].iter().map(|e| e.1).sum();
            let late = seen[i..].iter().map(|e| e.2).sum();
            return Step { delay_ms, k, windows: passed / WINDOW, settled, late };
        }
        passed += epoch.1;
    }
    Step { delay_ms, k, windows: f64::INFINITY, settled: 0.0, late: 0.0 }
}

fn judged(lab: &Lab, device: &Device) -> Result<f64> {
    number(&lab.stats(device)?, "scale.requests")
}

fn wait_for_requests(lab: &Lab, device: &Device, count: f64) -> Result<()> {
    let begun = judged(lab, device)?;
    while judged(lab, device)? < begun + count {
        lab.interrupt.check()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrival_is_when_k_stays() {
        // Passes through on its way, comes back, stays.
        let seen = [(1.0, 100.0, 3.0), (4.0, 50.0, 1.0), (8.0, 256.0, 0.0), (4.1, 2000.0, 2.0)];
        let step = settle(40.0, &seen);
        assert!((step.k - 4.1).abs() < 1e-9);
        assert!((step.windows - 406.0 / WINDOW).abs() < 1e-9);
        assert_eq!((step.settled, step.late), (2000.0, 2.0));
    }

    #[test]
    fn a_k_that_never_settles_has_not_arrived() {
        let seen: Vec<_> =
            (0..40).map(|i| (if i % 2 == 0 { 1.0 } else { 3.0 }, 100.0, 0.0)).collect();
        assert_eq!(settle(2.0, &seen).windows, f64::INFINITY);
    }
}
