//! The one instant type and the one sector type of the whole toolbox.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// Bytes in one sector: the unit in which block devices are addressed.
pub const SECTOR_BYTES: u64 = 512;

/// A point on the caller's monotonic clock, in nanoseconds since an epoch of the caller's choice.
///
/// The model never reads a clock: every instant it knows was given to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);
    /// An instant later than any other; stands for "never".
    pub const MAX: Self = Self(u64::MAX);

    /// The instant `ns` nanoseconds after the epoch.
    pub const fn from_nanos(ns: u64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to `self`, or zero if `earlier` is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// `self` moved back by `by`, but never before the epoch.
    pub fn saturating_back(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(by)))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanos(by)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, by: Duration) {
        *self = *self + by;
    }
}

/// A duration in whole nanoseconds; saturates after 584 years.
pub fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

/// A duration from milliseconds, rounded to the nanosecond. Negative and NaN become zero.
pub fn from_ms(ms: f64) -> Duration {
    if ms > 0.0 { Duration::from_nanos((ms * 1e6).round() as u64) } else { Duration::ZERO }
}

/// A duration in milliseconds.
pub fn as_ms(d: Duration) -> f64 {
    nanos(d) as f64 / 1e6
}

/// The address or a count of 512-byte sectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sectors(u64);

impl Sectors {
    /// `n` sectors, or sector number `n`.
    pub const fn new(n: u64) -> Self {
        Self(n)
    }

    /// The number of sectors that hold `bytes`; a started sector counts whole.
    pub const fn holding(bytes: u64) -> Self {
        Self(bytes.div_ceil(SECTOR_BYTES))
    }

    /// The plain number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The size in bytes, or the largest number there is if that is not enough.
    pub const fn bytes(self) -> u64 {
        self.0.saturating_mul(SECTOR_BYTES)
    }

    /// Distance between two sectors, whichever comes first.
    pub const fn distance(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }
}

impl Add for Sectors {
    type Output = Self;
    fn add(self, n: Self) -> Self {
        Self(self.0.saturating_add(n.0))
    }
}

impl Sub for Sectors {
    type Output = Self;
    fn sub(self, n: Self) -> Self {
        Self(self.0.saturating_sub(n.0))
    }
}

impl fmt::Display for Sectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
