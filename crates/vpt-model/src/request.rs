//! What the disk is asked to do, and what it answers: when, and why then.

use std::time::Duration;

use crate::units::{Instant, Sectors};

/// The caller's name for a request; unique among those in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Kinds of request a disk can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Read sectors.
    Read,
    /// Write sectors; with `fua` (force unit access) not into the volatile cache.
    Write {
        /// Complete only when the data is on the medium.
        fua: bool,
    },
    /// Make everything completed so far durable.
    Flush,
    /// Sectors no longer needed; costs no mechanical time.
    Discard,
    /// Write zeroes; the head moves and waits as for a write.
    WriteZeroes,
}

impl Op {
    /// Whether the arm has to go to the sectors for this.
    pub const fn moves_arm(self) -> bool {
        matches!(self, Self::Read | Self::Write { .. } | Self::WriteZeroes)
    }

    /// Whether this changes what is on the medium.
    pub const fn is_write(self) -> bool {
        matches!(self, Self::Write { .. } | Self::WriteZeroes)
    }

    /// A short name for logs, traces and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write { fua: false } => "write",
            Self::Write { fua: true } => "write-fua",
            Self::Flush => "flush",
            Self::Discard => "discard",
            Self::WriteZeroes => "write-zeroes",
        }
    }
}

/// One request as the disk sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Given back in the verdict.
    pub id: RequestId,
    /// What to do.
    pub op: Op,
    /// First sector. Ignored for a flush.
    pub start: Sectors,
    /// How many sectors. Ignored for a flush.
    pub len: Sectors,
}

impl Request {
    /// The sector after the last one.
    pub fn end(&self) -> Sectors {
        self.start + self.len
    }
}

/// The parts of one request's delay, unscaled except for `wait`: `due = arrival + wait + k * service`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts {
    /// From arrival to the moment the arm turned to this request. Wall-clock time, not scaled by k.
    pub wait: Duration,
    /// Fixed command overhead, or the cache's.
    pub overhead: Duration,
    /// Moving the arm.
    pub seek: Duration,
    /// Waiting for the sector to come round.
    pub rotation: Duration,
    /// Passing the sectors under the head, or over the bus for the cache.
    pub transfer: Duration,
    /// Head and cylinder switches inside the transfer.
    pub head_switch: Duration,
    /// Extra settling before a write.
    pub settle: Duration,
    /// The scale that was in force.
    pub k: f64,
}

impl Parts {
    /// The modelled service time T, before scaling.
    pub fn service(&self) -> Duration {
        self.overhead + self.seek + self.rotation + self.transfer + self.head_switch + self.settle
    }

    /// The service time as it is to be seen on the wall clock: k*T.
    pub fn scaled_service(&self) -> Duration {
        scale(self.service(), self.k)
    }
}

/// `k` times `t`, to the nanosecond.
pub(crate) fn scale(t: Duration, k: f64) -> Duration {
    if k == 1.0 {
        return t; // exact, and the common case
    }
    Duration::from_nanos((crate::units::nanos(t) as f64 * k).round() as u64)
}

/// The disk's decision about one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Which request.
    pub id: RequestId,
    /// When it reached the disk.
    pub arrival: Instant,
    /// When the arm (or the cache) turned to it.
    pub start: Instant,
    /// When it must complete: not before this, and not before its data is there.
    pub due: Instant,
    /// Distance the arm moved, as a fraction of the full stroke.
    pub stroke: f64,
    /// Whether the arm served it, and not the cache or nobody.
    pub by_arm: bool,
    /// Whether it followed the last request on the medium without a gap.
    pub contiguous: bool,
    /// What the time was made of.
    pub parts: Parts,
}

impl Verdict {
    /// For a request that the disk was not asked about: due when it came.
    pub fn unmodelled(id: RequestId, arrival: Instant) -> Self {
        Self {
            id,
            arrival,
            start: arrival,
            due: arrival,
            stroke: 0.0,
            by_arm: false,
            contiguous: false,
            parts: Parts::default(),
        }
    }
}
