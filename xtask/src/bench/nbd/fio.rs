//! The client.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::run::{self, Interrupt, json};

/// How long a run takes; half a second before it does not count.
const SECONDS: u32 = 2;

/// What to run.
#[derive(Clone, Debug)]
pub(in crate::bench) struct Job<'a> {
    /// `randread` or `randwrite`.
    pub(in crate::bench) kind: &'a str,
    pub(in crate::bench) depth: u32,
}

/// Requests per second at the server with this URI.
pub(in crate::bench) fn iops(uri: &str, job: &Job<'_>, interrupt: &Interrupt) -> Result<f64> {
    let mut fio = Command::new("fio");
    fio.args(["--name=nbd", "--ioengine=nbd", "--bs=4k", "--size=256m", "--randseed=1"]);
    fio.args(["--output-format=json", "--time_based", "--ramp_time=500ms", "--thread"]);
    fio.arg(format!("--uri={uri}")).arg(format!("--rw={}", job.kind));
    fio.arg(format!("--iodepth={}", job.depth)).arg(format!("--runtime={SECONDS}"));
    let text = run::output(&mut fio, Duration::from_secs(60), interrupt)?;
    // Warnings may come before the object.
    let value = json(text.find('{').map_or("", |at| &text[at..]), "fio")?;
    let way = job.kind.trim_start_matches("rand");
    let path = format!("/jobs/0/{way}/iops");
    value.pointer(&path).and_then(Value::as_f64).with_context(|| format!("fio reported no {path}"))
}
