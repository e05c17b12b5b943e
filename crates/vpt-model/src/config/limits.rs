//! What numbers may be, and how to say so.
//!
//! The upper ends are far beyond any disk; they keep sums of times and products of counts inside
//! 64-bit nanoseconds and bytes.

/// Bounds of a number that may have a fraction.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    /// Smallest value; not itself allowed if `above`.
    min: f64,
    above: bool,
    max: f64,
    /// What to write instead, after "must be".
    pub(super) must: &'static str,
}

impl Limit {
    /// Why `value` is outside, if it is.
    pub(super) fn complaint(&self, value: f64) -> Option<&'static str> {
        if value.is_nan() {
            Some("is not a number")
        } else if value.is_infinite() {
            Some("is infinite")
        } else if value < 0.0 {
            Some("is negative")
        } else if value < self.min || (self.above && value == self.min) {
            Some("is too small")
        } else if value > self.max {
            Some("is too large")
        } else {
            None
        }
    }
}

/// A duration in milliseconds; an hour at most.
pub(super) const TIME: Limit = Limit {
    min: 0.0,
    above: false,
    max: 3_600_000.0,
    must: "a time must be 0 or more milliseconds, at most 3600000",
};

/// Milliseconds per cylinder or its square root.
pub(super) const SLOPE: Limit = Limit {
    min: 0.0,
    above: false,
    max: 3_600_000.0,
    must: "a seek curve must not fall, so this must be 0 or more milliseconds",
};

/// A distance in cylinders.
pub(super) const DISTANCE: Limit = Limit {
    min: 0.0,
    above: true,
    max: MAX_CYLINDERS as f64,
    must: "a distance must be more than 0 cylinders, at most 1000000000",
};

/// 10^6 bytes per second.
pub(super) const RATE: Limit = Limit {
    min: 0.0,
    above: true,
    max: 1e6,
    must: "a rate must be more than 0 MB/s (10^6 bytes per second), at most 1000000",
};

/// Revolutions per minute.
pub(super) const RPM: Limit = Limit {
    min: 1.0,
    above: false,
    max: 1e6,
    must: "a spindle turns 1 to 1000000 times a minute; \
           for a disk that does not turn leave [rotation] out",
};

/// Sectors under the head in one revolution.
pub(super) const SECTORS_PER_TRACK: Limit = Limit {
    min: 0.0,
    above: true,
    max: 1e9,
    must: "a track must have more than 0 sectors, at most 1000000000",
};

/// The scale k.
pub(super) const SCALE: Limit = Limit {
    min: 0.0,
    above: true,
    max: 1e6,
    must: "k must be more than 0, at most 1000000 (1 is the disk's own speed)",
};

/// Cylinders of a disk.
pub(super) const MAX_CYLINDERS: u64 = 1_000_000_000;
/// Surfaces of a disk.
pub(super) const MAX_HEADS: u64 = 1024;
/// Sectors of a disk: 16 EiB.
pub(super) const MAX_SECTORS: u64 = 1 << 55;
/// Requests a disk chooses from: SCSI tags are 8 or 16 bits wide.
pub(super) const MAX_NCQ: u64 = 65_536;
/// Bytes of write cache: 1 TiB.
pub(super) const MAX_CACHE_BYTES: u64 = 1 << 40;
/// Zones made out of an outer and an inner rate.
pub(super) const MAX_EVEN_ZONES: u64 = 1000;
/// Requests the controller may calibrate with.
pub(super) const MAX_CALIBRATE_REQUESTS: u64 = 1_000_000_000;

/// Largest device number: the state directory's names have four digits.
pub(super) const MAX_NUMBER: u64 = 9999;
/// Most hardware queues a front end offers.
pub(super) const MAX_QUEUES: u64 = 32;
/// Most requests inside a device.
pub(super) const MAX_DEPTH: u64 = 1024;
/// Bytes of an image: half of the largest file.
pub(super) const MAX_DISK_BYTES: u64 = 1 << 62;
