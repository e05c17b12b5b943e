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
    /// How many windows after the step it came near to that to stay.
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
    let k = number(&stats, "scale.k")?;
    let epochs = stats.pointer("/scale/epochs").and_then(Value::as_array).context("no epochs")?;
    let (mut passed, mut arrived, mut settled, mut late) = (0.0, begun, 0.0, 0.0);
    for epoch in epochs {
        let (requests, epoch_k) = (number(epoch, "requests")?, number(epoch, "k")?);
        if NEAR.contains(&(epoch_k / k)) && passed + requests > begun {
            settled += requests;
            late += number(epoch, "late")?;
        } else {
            (settled, late) = (0.0, 0.0);
            arrived = (passed + requests).max(begun);
        }
        passed += requests;
    }
    Ok(Step { delay_ms, k, windows: (arrived - begun) / WINDOW, settled, late })
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
