//! One device as shown: the figures of a table row, a line of text and a JSON object alike.

use serde::Serialize;

use super::board::Entry;
use super::rates::Rates;

/// Whether a device works, as far as can be seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Status {
    /// Its daemon is opening it, or was not yet heard of.
    Starting,
    /// It answers.
    Live,
    /// Its daemon lives but does not answer.
    Silent,
    /// Its daemon died.
    Dead,
    /// It was deleted.
    Gone,
}

impl Status {
    /// In at most six letters.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Starting => "START",
            Self::Live => "LIVE",
            Self::Silent => "SILENT",
            Self::Dead => "DEAD",
            Self::Gone => "GONE",
        }
    }
}

/// What a device says of itself beside its rates; since it started.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Standing {
    pub(super) uptime_seconds: f64,
    pub(super) in_flight: u64,
    pub(super) errors: u64,
    pub(super) k: f64,
    pub(super) k_mode: String,
    /// False: k was locked and too many requests were late, so results do not convert.
    pub(super) valid: bool,
    /// Share of all judged requests that the backing store made late, 0 to 1.
    pub(super) total_late_share: f64,
    pub(super) timer_late_p99_us: f64,
    /// Shares of all timed requests, 0 to 1.
    pub(super) total_within_1pct: f64,
    pub(super) total_within_2pct: f64,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    pub(super) id: u32,
    pub(super) pid: u32,
    pub(super) disk: String,
    pub(super) front: String,
    #[serde(rename = "state")]
    pub(super) status: Status,
    /// Why it is in no better state.
    pub(super) message: Option<String>,
    /// As last told; `None` before.
    #[serde(rename = "since_start")]
    pub(super) standing: Option<Standing>,
    /// Over the last interval; `None` when it was not heard of twice.
    #[serde(rename = "interval")]
    pub(super) rates: Option<Rates>,
    /// The last values of k, oldest first.
    #[serde(skip)]
    pub(super) trend: Vec<f64>,
}

impl Row {
    pub(super) fn new(id: u32, entry: &Entry, disk: String, front: String) -> Self {
        let standing = entry.report.as_ref().map(|r| Standing {
            uptime_seconds: r.uptime_seconds,
            in_flight: r.in_flight,
            errors: [r.read, r.write, r.flush, r.discard].iter().map(|c| c.errors).sum(),
            k: r.scale.k,
            k_mode: r.scale.mode.clone(),
            valid: r.scale.requests == 0 || r.scale.valid,
            total_late_share: match r.scale.requests {
                0 => 0.0,
                all => r.scale.late as f64 / all as f64,
            },
            timer_late_p99_us: r.timer_late_us.p99,
            total_within_1pct: r.within_1pct,
            total_within_2pct: r.within_2pct,
        });
        Self {
            id,
            pid: entry.pid,
            disk,
            front,
            status: entry.status,
            message: entry.message.clone(),
            standing,
            rates: entry.rates,
            trend: entry.trend.iter().copied().collect(),
        }
    }

    /// Whether its results cannot be used.
    pub(super) fn is_invalid(&self) -> bool {
        self.standing.as_ref().is_some_and(|s| !s.valid)
    }
}
