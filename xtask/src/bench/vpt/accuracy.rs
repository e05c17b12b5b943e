//! Does every request take the modelled time, seen from inside and from outside?

use std::path::Path;

use anyhow::Result;

use super::fio::{Job, run_one};
use super::lab::{Beside, Lab, number, progress};
use crate::bench::{Is, Report};

const DISKS: [&str; 2] = ["barracuda-st32171w", "cheetah-9lp"];
const REQUESTS: u32 = 2000;
const FIXED: [&str; 4] = ["--mode", "fixed", "--k", "1"];

/// Quiet machine: two disks, depth 1 and 8.
pub(super) fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    for disk in DISKS {
        for depth in [1, 8] {
            progress(&format!("accuracy: {disk}, depth {depth}, {REQUESTS} random reads"));
            let device = lab.disk(disk, &FIXED)?;
            let job = Job { depth, requests: Some(REQUESTS), ..Job::default() };
            let path = Path::new(&device.path);
            let mut seen = run_one(lab, path, &job)?;
            let stats = lab.stats(&device)?;
            let mut how = "sleeping";
            if depth == 1 {
                // Alone, a request ends with fio's own wake-up on an idle processor, tens of
                // microseconds here. So once more, the same requests, with a fio that does not sleep.
                seen = run_one(lab, path, &Job { poll: true, ..job })?;
                how = "polling";
            }
            device.delete()?;
            let name = |what: &str| format!("{disk} depth {depth}: {what}");
            let figure = |path: &str| number(&stats, path);
            let inside = "service time against the model's, each request, in the daemon";
            report.target(
                &name("within 1 %"),
                figure("within_1pct")?,
                "share",
                Is::AtLeast(0.995),
                inside,
            );
            report.target(
                &name("within 2 %"),
                figure("within_2pct")?,
                "share",
                Is::AtLeast(0.999),
                inside,
            );
            let late = "completion after due, data being there";
            report.target(
                &name("late p50"),
                figure("timer_late_us.p50")?,
                "us",
                Is::AtMost(20.0),
                late,
            );
            report.target(
                &name("late p99"),
                figure("timer_late_us.p99")?,
                "us",
                Is::AtMost(100.0),
                late,
            );
            // One arm: with n under way a request waits for n-1 others. The first n-1 wait less.
            let n = f64::from(depth);
            let started = 1.0 - (n - 1.0) / (2.0 * f64::from(REQUESTS));
            let expected = figure("expected_ms.mean")? * n * started;
            let off = (seen.mean_ms / expected - 1.0).abs() * 100.0;
            let outside = format!("fio, {how}, {:.3} ms; model {expected:.3} ms", seen.mean_ms);
            report.target(&name("fio's mean off by"), off, "%", Is::AtMost(1.0), &outside);
            report.extra(&name("stats"), stats);
        }
    }
    Ok(())
}

/// With every processor kept busy by other programs.
pub(super) fn measure_while_busy(lab: &Lab, report: &mut Report) -> Result<()> {
    let disk = "cheetah-9lp";
    progress(&format!("accuracy with all processors busy: {disk}, {REQUESTS} random reads"));
    let device = lab.disk(disk, &FIXED)?;
    let hogs = Beside::hogs()?;
    let job = Job { requests: Some(REQUESTS), ..Job::default() };
    run_one(lab, Path::new(&device.path), &job)?;
    drop(hogs);
    let stats = lab.stats(&device)?;
    device.delete()?;
    let note = format!(
        "{disk} depth 1; late p99 {:.0} us, max {:.0} us",
        number(&stats, "timer_late_us.p99")?,
        number(&stats, "timer_late_us.max")?
    );
    let share = number(&stats, "within_2pct")?;
    report.target("all processors busy: within 2 %", share, "share", Is::AtLeast(0.99), &note);
    report.extra("all processors busy: stats", stats);
    Ok(())
}
