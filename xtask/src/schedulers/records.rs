//! Reading what a run has written, and the figures made of it.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is needed of a line of `ublk stats --trace` or `ublk replay --requests`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Record {
    /// First sector of 512 bytes.
    pub sector: u64,
    /// Distance moved, as a fraction of the stroke.
    pub stroke: f64,
    /// Start of service, nanoseconds.
    pub start_ns: u64,
    /// When the model has it done, nanoseconds.
    pub due_ns: u64,
}

/// Reads lines of JSON.
pub fn records(text: &str) -> Result<Vec<Record>> {
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let record: Record = serde_json::from_str(line)
                .with_context(|| format!("no line of a trace: {line:?}"))?;
            if !record.stroke.is_finite() || record.due_ns < record.start_ns {
                bail!("a request that ends before it begins: {line:?}");
            }
            Ok(record)
        })
        .collect()
}

/// How the arm has moved for a list of requests.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Travel {
    /// Mean distance, as a fraction of the stroke.
    pub stroke: f64,
    /// Mean modelled time of a request, milliseconds.
    pub service_ms: f64,
    /// Every distance, for the plot.
    #[serde(skip)]
    pub strokes: Vec<f64>,
}

impl Travel {
    /// The means of at least one record.
    pub fn of(records: &[Record]) -> Result<Self> {
        if records.is_empty() {
            bail!("a trace without requests");
        }
        let n = records.len() as f64;
        let strokes: Vec<f64> = records.iter().map(|record| record.stroke).collect();
        let total_ns: u64 = records.iter().map(|record| record.due_ns - record.start_ns).sum();
        Ok(Self {
            stroke: strokes.iter().sum::<f64>() / n,
            service_ms: total_ns as f64 / n / 1e6,
            strokes,
        })
    }
}

/// The sectors that fio has read, in its order, from an iolog of version 3.
pub fn issued(iolog: &str) -> Result<Vec<u64>> {
    let mut lines = iolog.lines();
    if lines.next() != Some("fio version 3 iolog") {
        bail!("fio wrote no iolog of version 3");
    }
    let mut sectors = Vec::new();
    for line in lines {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let [_, _, "read", offset, _] = fields[..] {
            let offset: u64 =
                offset.parse().with_context(|| format!("no offset in fio's iolog: {line:?}"))?;
            sectors.push(offset / 512);
        }
    }
    Ok(sectors)
}

/// Whether the disk has served just what fio has asked for: nothing else read it meanwhile.
pub fn same_requests(issued: &[u64], served: &[Record]) -> bool {
    let mut issued = issued.to_vec();
    let mut served: Vec<u64> = served.iter().map(|record| record.sector).collect();
    issued.sort_unstable();
    served.sort_unstable();
    issued == served
}

/// fio's view: wall-clock times, which say little under emulation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// Requests per second.
    pub iops: f64,
    /// Mean time from being asked for to completion, milliseconds.
    pub mean_ms: f64,
    /// 99 of 100 took at most that, milliseconds.
    pub p99_ms: f64,
}

impl Seen {
    /// Reads fio's report; warnings may come before its object.
    pub fn parse(text: &str) -> Result<Self> {
        let object = text.find('{').map_or("", |at| &text[at..]);
        let value: Value = serde_json::from_str(object).context("fio printed no report")?;
        let number = |path: &str| {
            let found = value.pointer(path).and_then(Value::as_f64);
            found.with_context(|| format!("fio's report lacks {path}"))
        };
        Ok(Self {
            iops: number("/jobs/0/read/iops")?,
            mean_ms: number("/jobs/0/read/lat_ns/mean")? / 1e6,
            p99_ms: number("/jobs/0/read/lat_ns/percentile/99.000000")? / 1e6,
        })
    }
}
