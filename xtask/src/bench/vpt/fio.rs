//! fio: the independent witness.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::lab::Lab;
use crate::run::{self, json};

/// What to run: random 4 KiB direct reads.
#[derive(Clone, Debug)]
pub(super) struct Job<'a> {
    pub(super) depth: u32,
    /// Ends after so many requests, or
    pub(super) requests: Option<u32>,
    /// after so many seconds.
    pub(super) seconds: Option<u32>,
    /// At most so many a second.
    pub(super) rate: Option<u32>,
    /// Past the page cache.
    pub(super) direct: bool,
    /// Look for completions all the time instead of sleeping: what is measured shall be the disk, not
    /// how long an idle processor takes to wake fio.
    pub(super) poll: bool,
    /// Instead of a file.
    pub(super) nbd: Option<&'a str>,
}

impl Default for Job<'_> {
    fn default() -> Self {
        Self {
            depth: 1,
            requests: None,
            seconds: None,
            rate: None,
            direct: true,
            poll: false,
            nbd: None,
        }
    }
}

/// What came out of one job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) iops: f64,
    /// Submission to completion, mean, milliseconds.
    pub(super) mean_ms: f64,
}

/// Runs the same job on each of the files at once, in one fio.
pub(super) fn run(lab: &Lab, files: &[&Path], job: &Job<'_>) -> Result<Vec<Seen>> {
    let mut fio = Command::new("fio");
    if job.poll {
        fio.arg("--iodepth_batch_complete_min=0");
    }
    fio.args(["--output-format=json", "--rw=randread", "--bs=4k", "--randseed=1", "--thread"]);
    // fio would drop the files from the page cache, also those that a server beside it reads.
    fio.arg("--invalidate=0");
    fio.arg(format!("--iodepth={}", job.depth));
    fio.arg(format!("--direct={}", u8::from(job.direct)));
    if let Some(requests) = job.requests {
        fio.arg(format!("--number_ios={requests}"));
    }
    if let Some(seconds) = job.seconds {
        fio.args(["--time_based".to_owned(), format!("--runtime={seconds}")]);
    }
    if let Some(rate) = job.rate {
        fio.arg(format!("--rate_iops={rate}"));
    }
    match job.nbd {
        Some(uri) => {
            fio.args(["--ioengine=nbd".to_owned(), format!("--uri={uri}"), "--size=1g".to_owned()]);
            fio.arg("--name=peer");
        }
        None => {
            fio.arg("--ioengine=libaio");
            for (i, file) in files.iter().enumerate() {
                fio.arg(format!("--name=disk{i}")).arg("--filename").arg(file);
            }
        }
    }
    let text = run::output(&mut fio, Duration::from_secs(600), &lab.interrupt)?;
    // Warnings may come before the object.
    let object = text.find('{').map_or("", |at| &text[at..]);
    let value = json(object, "fio")?;
    let jobs = value.get("jobs").and_then(Value::as_array).context("fio reported no jobs")?;
    jobs.iter()
        .map(|job| {
            let read = |path: &str| job.pointer(path).and_then(Value::as_f64);
            Some(Seen { iops: read("/read/iops")?, mean_ms: read("/read/lat_ns/mean")? / 1e6 })
        })
        .collect::<Option<Vec<_>>>()
        .context("fio's report lacks iops or latencies")
}

/// Runs a job on one file.
pub(super) fn run_one(lab: &Lab, file: &Path, job: &Job<'_>) -> Result<Seen> {
    run(lab, &[file], job)?.first().copied().context("fio reported nothing")
}
