//! What a device says about itself: the one shape behind `ublk stats`, `top` and the benchmarks. Times carry their unit in the name.

use serde::{Deserialize, Serialize};
use vpt_model::Op;

/// A distribution, by its percentiles. All zero while `count` is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// How many values.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Smallest value.
    pub min: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p999: f64,
    /// Largest value; outliers are counted, never hidden.
    pub max: f64,
}

/// A distribution by fixed bounds, for programs that add up several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Upper bounds in seconds, rising, and how many values are not above each. Values are kept to
    /// about 1 %, so one that is nearer than that to a bound may count on either side of it.
    pub buckets: Vec<(f64, u64)>,
    /// Sum of all values, seconds.
    pub sum_seconds: f64,
    /// How many values.
    pub count: u64,
}

/// Every distribution of a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histograms {
    /// Arrival to completion.
    pub response: Histogram,
    /// Start of service to completion.
    pub service: Histogram,
    /// What the backing store took.
    pub backing: Histogram,
    /// How late it was, when it was.
    pub backing_late: Histogram,
    /// The clock's own lateness.
    pub timer_late: Histogram,
}

/// Requests and bytes of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Completed requests, failed ones included.
    pub requests: u64,
    /// Bytes moved.
    pub bytes: u64,
    /// Requests that ended in an error.
    pub errors: u64,
}

/// The state of k and its history; see `vpt_model::KReport` for the meaning of each figure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScaleReport {
    /// `adapt`, `calibrate-then-lock` or `fixed`.
    pub mode: String,
    /// The scale in force.
    pub k: f64,
    /// Lowest scale so far.
    pub k_min_seen: f64,
    /// Time-weighted mean.
    pub k_mean: f64,
    /// Highest scale so far.
    pub k_max_seen: f64,
    /// Whether k can no longer move.
    pub locked: bool,
    /// Requests judged.
    pub requests: u64,
    /// Of these, backing store later than due.
    pub late: u64,
    /// Device time V: busy seconds of the modelled disk, the integral of dt/k.
    pub device_seconds: f64,
    /// Busy seconds on the wall clock.
    pub busy_seconds: f64,
    /// False when k was locked and more than 1 % of the requests were late: results do not convert.
    pub valid: bool,
    /// Every stretch of constant k: its start, the k, requests judged and late ones in it.
    pub epochs: Vec<Epoch>,
}

/// One stretch of constant k.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Start, in seconds since the device started.
    pub at_seconds: f64,
    /// The scale in it.
    pub k: f64,
    /// Requests judged in it.
    pub requests: u64,
    /// Of these, late.
    pub late: u64,
}

/// Everything about a running device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatsReport {
    /// Device id.
    pub id: u32,
    /// Name of the modelled disk.
    pub disk: String,
    /// `fuse`, `fuse-loop`.
    pub front: String,
    /// Seconds since the device went live.
    pub uptime_seconds: f64,
    /// Requests inside the device now.
    pub in_flight: u64,
    /// Reads.
    pub read: Count,
    /// Writes.
    pub write: Count,
    /// Flushes.
    pub flush: Count,
    /// Discards and write-zeroes.
    pub discard: Count,
    /// Start of service to completion, as seen by the engine, in milliseconds.
    pub service_ms: Distribution,
    /// The model's k*T for the same requests, in milliseconds.
    pub expected_ms: Distribution,
    /// Arrival to completion, in milliseconds.
    pub response_ms: Distribution,
    /// Time the backing store took, in milliseconds.
    pub backing_ms: Distribution,
    /// How much later than due the data was there (requests the backing store made late), in microseconds.
    pub backing_late_us: Distribution,
    /// How much later than due, data being there, the completion was handed over, in microseconds.
    pub timer_late_us: Distribution,
    /// Share of requests whose service time is within 1 % of the model's, 0 to 1.
    pub within_1pct: f64,
    /// Share within 2 %.
    pub within_2pct: f64,
    /// The scale.
    pub scale: ScaleReport,
    /// How time is kept: `fifo` or `normal`, and the spin lead.
    pub timekeeping: Timekeeping,
}

/// How the engine keeps time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timekeeping {
    /// `SCHED_FIFO` or `SCHED_OTHER`.
    pub scheduler: String,
    /// Whether it spins before a deadline, or only sleeps.
    pub spin: bool,
    /// How long before a deadline it wakes, in microseconds.
    pub lead_us: f64,
    /// Why it is not better, when it is not: one line for people.
    pub note: Option<String>,
}

/// One finished request with every part of its delay; what `ublk stats --trace` prints and `replay` reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceRecord {
    /// Serial number within the device.
    pub id: u64,
    /// Arrival, nanoseconds of the monotonic clock.
    pub arrival_ns: u64,
    /// 0 read, 1 write, 2 write with FUA, 3 flush, 4 discard, 5 write zeroes.
    pub op: u8,
    /// First sector of 512 bytes.
    pub sector: u64,
    /// Sectors of 512 bytes.
    pub sectors: u64,
    /// Waiting for the arm, nanoseconds.
    pub wait_ns: u64,
    /// Fixed overhead, unscaled, nanoseconds.
    pub overhead_ns: u64,
    /// Seek, unscaled, nanoseconds.
    pub seek_ns: u64,
    /// Rotation, unscaled, nanoseconds.
    pub rotation_ns: u64,
    /// Transfer, unscaled, nanoseconds.
    pub transfer_ns: u64,
    /// Head and cylinder switches inside the transfer, unscaled, nanoseconds.
    #[serde(default)]
    pub head_switch_ns: u64,
    /// Settling before a write, unscaled, nanoseconds.
    #[serde(default)]
    pub settle_ns: u64,
    /// The scale.
    pub k: f64,
    /// Distance moved as a fraction of the stroke.
    pub stroke: f64,
    /// Start of service, nanoseconds of the monotonic clock.
    pub start_ns: u64,
    /// When it was due, nanoseconds of the monotonic clock.
    pub due_ns: u64,
    /// When the backing store was done, nanoseconds of the monotonic clock.
    pub backing_done_ns: u64,
    /// When it was handed back, nanoseconds of the monotonic clock.
    pub done_ns: u64,
    /// 0, or the errno it failed with.
    pub errno: i32,
}

/// The number of an operation in [`TraceRecord::op`].
pub fn op_code(op: Op) -> u8 {
    match op {
        Op::Read => 0,
        Op::Write { fua: false } => 1,
        Op::Write { fua: true } => 2,
        Op::Flush => 3,
        Op::Discard => 4,
        Op::WriteZeroes => 5,
    }
}

/// What people call the operation of that number.
pub fn op_name(code: u8) -> &'static str {
    match code {
        0 => "read",
        1 => "write",
        2 => "write-fua",
        3 => "flush",
        4 => "discard",
        5 => "write-zeroes",
        _ => "unknown",
    }
}
