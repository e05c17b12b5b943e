//! What a replay finds: one JSON object, times in milliseconds unless their name says otherwise.

use serde::Serialize;

use super::plot::Plots;
use crate::report::Distribution;

/// Everything about one replay.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayReport {
    /// Where the requests came from.
    pub trace: TraceSummary,
    /// Name of the modelled disk.
    pub disk: String,
    /// Sectors of the modelled disk.
    pub capacity_sectors: u64,
    /// `open` (arrivals of the trace) or `closed` (so many under way at a time).
    pub mode: &'static str,
    /// Requests under way at a time; absent in open mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<usize>,
    /// Factor on the arrival times; absent in closed mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_scale: Option<f64>,
    /// The scale of all service times.
    pub k: f64,
    /// Requests replayed.
    pub requests: u64,
    /// Of these, reads.
    pub reads: u64,
    /// Of these, writes and write-zeroes.
    pub writes: u64,
    /// Of these, flushes.
    pub flushes: u64,
    /// Of these, discards.
    pub discards: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Requests folded back into the disk.
    pub wrapped: u64,
    /// First arrival to last completion on the virtual clock, seconds.
    pub makespan_s: f64,
    /// Requests per virtual second.
    pub iops: f64,
    /// 10^6 bytes read and written per virtual second.
    pub mb_per_s: f64,
    /// Share of the makespan in which the arm was busy, 0 to 1.
    pub utilisation: f64,
    /// Arrival to completion.
    pub response_ms: Distribution,
    /// Start of service to completion, scaled by k.
    pub service_ms: Distribution,
    /// Arrival to start of service.
    pub wait_ms: Distribution,
    /// What the service times were made of, unscaled.
    pub parts: PartTotals,
    /// Mean distance moved, as a fraction of the full stroke, over requests that use the arm.
    pub mean_stroke: f64,
    /// Share of those requests that followed the one before without a gap, 0 to 1.
    pub contiguous: f64,
    /// Comparison with the latencies in the trace, if it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<Comparison>,
    /// How fast the replay itself was.
    pub speed: Speed,
    /// Data for plots; not part of the JSON object.
    #[serde(skip)]
    pub plots: Plots,
}

/// What was read.
#[derive(Clone, Debug, Serialize)]
pub struct TraceSummary {
    /// Path as given.
    pub file: String,
    /// Name of its format.
    pub format: &'static str,
    /// Lines read.
    pub lines: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Bad lines skipped.
    pub skipped_lines: u64,
    /// Well-formed entries that are no request to replay.
    pub ignored: u64,
    /// What a reader of the results should know.
    pub notes: Vec<String>,
}

/// One part of the service time over all requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PartTotal {
    /// Sum.
    pub total_ms: f64,
    /// Per request.
    pub mean_ms: f64,
    /// Of all service time, 0 to 1.
    pub share: f64,
}

/// The parts of the service time; see [`vpt_model::Parts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PartTotals {
    /// Fixed command overhead, or the cache's.
    pub overhead: PartTotal,
    /// Moving the arm.
    pub seek: PartTotal,
    /// Waiting for the sector.
    pub rotation: PartTotal,
    /// Passing the data.
    pub transfer: PartTotal,
    /// Head and cylinder switches.
    pub head_switch: PartTotal,
    /// Settling before writes.
    pub settle: PartTotal,
}

impl PartTotals {
    /// The parts with their names, in the order in which they pass.
    pub fn named(&self) -> [(&'static str, PartTotal); 6] {
        [
            ("overhead", self.overhead),
            ("seek", self.seek),
            ("rotation", self.rotation),
            ("transfer", self.transfer),
            ("head switch", self.head_switch),
            ("settle", self.settle),
        ]
    }
}

/// Measured latencies against the model's response times.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Requests with a measured latency.
    pub requests: u64,
    /// Mean as measured.
    pub measured_mean_ms: f64,
    /// Mean of the same requests in the model.
    pub model_mean_ms: f64,
    /// Share whose model time is within 1 % of the measured, 0 to 1.
    pub within_1pct: f64,
    /// Within 2 %.
    pub within_2pct: f64,
    /// Within 5 %.
    pub within_5pct: f64,
    /// Within 10 %.
    pub within_10pct: f64,
    /// Those furthest off, worst first.
    pub largest: Vec<Deviation>,
}

/// A request that took another time than the model says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Deviation {
    /// Line of the trace.
    pub line: u64,
    /// First sector.
    pub sector: u64,
    /// As measured.
    pub measured_ms: f64,
    /// As modelled.
    pub model_ms: f64,
}

/// Wall-clock figures of the replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Speed {
    /// Reading and parsing, seconds.
    pub parse_seconds: f64,
    /// 10^6 bytes of trace per second.
    pub parse_mb_per_s: f64,
    /// Model, queue and accounting, seconds.
    pub replay_seconds: f64,
    /// Requests per second of that.
    pub requests_per_second: f64,
}
