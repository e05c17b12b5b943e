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

#[cfg(test)]
mod tests {
    use super::*;

    /// From a run in the lab: bfq, the Barracuda.
    const TRACE: &str = r#"{"id":1204,"arrival_ns":66226369779,"op":0,"sector":126480,"sectors":8,"wait_ns":0,"overhead_ns":0,"seek_ns":4431346,"rotation_ns":4166667,"transfer_ns":358423,"head_switch_ns":0,"settle_ns":0,"k":1.0,"stroke":0.025234711282115595,"start_ns":66226369779,"due_ns":66235326215,"backing_done_ns":66229940797,"done_ns":66235660914,"errno":0}
{"id":1205,"arrival_ns":66241253490,"op":0,"sector":1552496,"sectors":8,"wait_ns":0,"overhead_ns":0,"seek_ns":13532931,"rotation_ns":4166667,"transfer_ns":450450,"head_switch_ns":0,"settle_ns":0,"k":1.0,"stroke":0.6799744033691423,"start_ns":66241253490,"due_ns":66259403538,"backing_done_ns":66246152076,"done_ns":66261258000,"errno":0}
"#;

    /// As fio 3.33 wrote it.
    const IOLOG: &str = "fio version 3 iolog\n313 /dev/ublkb0 add\n14870 /dev/ublkb0 open\n\
                         16043 /dev/ublkb0 read 794877952 4096\n\
                         22524 /dev/ublkb0 read 64757760 4096\n9377267 /dev/ublkb0 close\n";

    #[test]
    fn a_trace_gives_distance_and_modelled_time() {
        let travel = Travel::of(&records(TRACE).expect("records")).expect("two");
        assert!((travel.stroke - 0.352604557).abs() < 1e-9, "{travel:?}");
        // 8.956436 and 18.150048 ms: what the arm took, not how late the guest was.
        assert!((travel.service_ms - 13.553242).abs() < 1e-9, "{travel:?}");
        assert_eq!(travel.strokes.len(), 2);
    }

    #[test]
    fn traces_that_make_no_sense_are_refused() {
        assert!(Travel::of(&[]).is_err());
        assert!(records("device 0: no trace").is_err());
        let backwards = TRACE.replace("\"due_ns\":66235326215", "\"due_ns\":1");
        assert!(records(&backwards).is_err());
    }

    #[test]
    fn requests_are_the_same_in_any_order_and_number() {
        let (issued, served) = (issued(IOLOG).expect("iolog"), records(TRACE).expect("trace"));
        assert_eq!(issued, [1_552_496, 126_480]);
        assert!(same_requests(&issued, &served));
        assert!(!same_requests(&issued[..1], &served));
        assert!(!same_requests(&[1_552_496, 126_488], &served));
        assert!(super::issued("fio version 2 iolog\n").is_err());
        assert!(super::issued(&IOLOG.replace("64757760", "x")).is_err());
    }

    #[test]
    fn fio_s_report_is_read_behind_its_warnings() {
        let text = r#"fio: this platform does not support something
{"jobs":[{"jobname":"random","read":{"total_ios":400,"iops":87.565674,"clat_ns":{"mean":363086866.8675},
"lat_ns":{"min":23173947,"max":911718723,"mean":363391122.905,"N":400,"percentile":{"99.000000":801112064}}}}]}"#;
        let seen = Seen::parse(text).expect("report");
        assert_eq!(seen, Seen { iops: 87.565674, mean_ms: 363.391122905, p99_ms: 801.112064 });
        assert!(Seen::parse("fio: no such device").is_err());
        let error = Seen::parse("{\"jobs\":[]}").expect_err("no jobs").to_string();
        assert_eq!(error, "fio's report lacks /jobs/0/read/iops");
    }
}
