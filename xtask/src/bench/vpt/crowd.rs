//! Many disks at once, and what one that is hardly used costs.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::fio::{Job, run, run_one};
use super::lab::{Lab, cpu_seconds, number, progress};
use crate::bench::{Is, Report};
use crate::device::Device;

const CROWD: usize = 16;
const REQUESTS: u32 = 1000;
const RATE: u32 = 100;
const SECONDS: u32 = 20;

/// Sixteen disks, each with its own image, all busy.
pub(super) fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    progress(&format!("{CROWD} disks at once, {REQUESTS} random reads each"));
    let devices: Vec<Device> = (0..CROWD)
        .map(|i| {
            let image = lab.path(&format!("crowd{i}.img"));
            let disk = if i % 2 == 0 { "barracuda-st32171w" } else { "cheetah-9lp" };
            let more = ["--size", "64M", "--mode", "fixed", "--k", "1"];
            Device::add_with(&lab.ublk, disk, &image, &more, &lab.interrupt)
        })
        .collect::<Result<_>>()?;
    let files: Vec<&Path> = devices.iter().map(|d| Path::new(&d.path)).collect();
    run(lab, &files, &Job { requests: Some(REQUESTS), ..Job::default() })?;
    let mut shares = Vec::new();
    for device in devices {
        shares.push(number(&lab.stats(&device)?, "within_2pct")?);
        device.delete()?;
    }
    let worst = shares.iter().copied().fold(f64::INFINITY, f64::min);
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    let note = format!("the worst of them; mean {mean:.4}");
    report.target("16 disks: within 2 %", worst, "share", Is::AtLeast(0.99), &note);
    report.extra("16 disks: shares within 2 %", shares);
    Ok(())
}

/// Processor time of the whole daemon at 100 requests a second.
pub(super) fn measure_idle_cost(lab: &Lab, report: &mut Report) -> Result<()> {
    progress(&format!("processor time at {RATE} requests/s, {SECONDS} s"));
    let device = lab.disk("cheetah-9lp", &["--mode", "fixed", "--k", "1"])?;
    let (before, begun) = (cpu_seconds(device.pid)?, Instant::now());
    let job = Job { seconds: Some(SECONDS), rate: Some(RATE), ..Job::default() };
    let seen = run_one(lab, Path::new(&device.path), &job)?;
    let share = (cpu_seconds(device.pid)? - before) / begun.elapsed().as_secs_f64() * 100.0;
    let lead = number(&lab.stats(&device)?, "timekeeping.lead_us")?;
    device.delete()?;
    let note = format!("cheetah-9lp at {:.0} requests/s, spin lead {lead:.0} us", seen.iops);
    report.target("CPU of one disk", share, "% of a core", Is::AtMost(4.0), &note);
    Ok(())
}
