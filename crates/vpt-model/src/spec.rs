//! A disk described: plain numbers, checked when a [`crate::Disk`] is made of them.
//!
//! [`DiskSpec`] is what `configs/disks/*.toml` turn into. It says nothing about the image: a spec is
//! stretched over whatever capacity the image has, as the proposal does with x_v/D_v (section 5.1).

/// How long the arm takes to move.
#[derive(Clone, Debug, PartialEq)]
pub enum Seek {
    /// No arm at all: every request costs nothing to position (the null model, or a solid-state disk).
    None,
    /// The proposal's S*x/D: proportional to the fraction of the full stroke.
    Linear {
        /// S, milliseconds for the full stroke.
        full_ms: f64,
    },
    /// c0 + S*x/D for every movement.
    Affine {
        /// c0, milliseconds for the shortest movement.
        base_ms: f64,
        /// S, milliseconds more for the full stroke.
        full_ms: f64,
    },
    /// a + b*sqrt(d) below a knee, c + e*d from it on; d in cylinders (Ruemmler and Wilkes 1994).
    Curve {
        /// First distance, in cylinders, at which the straight piece holds.
        knee_cylinders: f64,
        /// a, milliseconds.
        short_base_ms: f64,
        /// b, milliseconds per square root of a cylinder.
        short_sqrt_ms: f64,
        /// c, milliseconds.
        long_base_ms: f64,
        /// e, milliseconds per cylinder.
        long_per_cylinder_ms: f64,
    },
    /// Measured points, straight lines between them.
    Table {
        /// (distance in cylinders, milliseconds), by rising distance.
        points: Vec<(f64, f64)>,
    },
}

/// What to charge for the platter's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Always half a revolution: the proposal's R/2.
    Half,
    /// Uniform in one revolution, from this seed.
    Random {
        /// Same seed, same sequence.
        seed: u64,
    },
    /// From the angle of the sector and the time.
    Phase,
}

/// The spindle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rotation {
    /// R, milliseconds for one revolution; 0 for a disk that does not turn.
    pub period_ms: f64,
    /// How the wait is found.
    pub latency: Latency,
}

/// One zone of the medium, from its first cylinder to the next zone's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Zone {
    /// Where it starts, outermost cylinder being 0.
    pub first_cylinder: u64,
    /// Sectors that pass under the head in one revolution.
    pub sectors_per_track: f64,
}

/// How long passing the data takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Transfer {
    /// No time at all.
    Instant,
    /// The same rate everywhere, in millions of bytes per second.
    Rate {
        /// 10^6 bytes per second.
        mb_per_s: f64,
    },
    /// By zone: one revolution passes one track.
    Zones(Vec<Zone>),
}

/// Which cylinder a sector is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// In proportion to its address: the proposal's x_v/D_v = x_r/D_r.
    Uniform,
    /// Outer zones hold more sectors, as on the real disk.
    Zoned,
}

/// Size and shape of the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Cylinders under the arm's full stroke. 0 for models in fractions only (linear, affine).
    pub cylinders: u64,
    /// Surfaces; 1 where it does not matter.
    pub heads: u64,
    /// Capacity of the real disk in sectors, 0 if unknown. For information and for `native`.
    pub sectors: u64,
    /// From address to cylinder.
    pub mapping: Mapping,
}

/// In what order waiting requests are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// First come, first served.
    Fcfs,
    /// Shortest positioning time (seek and rotation) first.
    Sptf,
    /// Shortest seek first.
    Sstf,
    /// Back and forth over the disk.
    Look,
    /// One way over the disk, then back to the lowest address.
    Clook,
}

/// The queue inside the disk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Queue {
    /// How many of the waiting requests, oldest first, the disk chooses from (NCQ). 1: none.
    pub depth: usize,
    /// How it chooses.
    pub policy: Policy,
    /// A request that has waited k times this long is served next, whatever the policy. 0: no limit.
    pub age_limit_ms: f64,
}

/// Whether requests share the arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actuator {
    /// One arm: one request at a time.
    Serial,
    /// Each request is delayed by itself, the proposal read literally. Impossibly fast at depth above 1.
    Parallel,
}

/// A volatile write cache.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WriteCache {
    /// How much it holds.
    pub bytes: u64,
    /// Rate over the bus into the cache, and out of it for reads that hit, in 10^6 bytes per second.
    pub bus_mb_per_s: f64,
    /// How long the disk must be without other work before it writes back: k times these milliseconds.
    pub idle_ms: f64,
}

/// A disk's whole description.
#[derive(Clone, Debug, PartialEq)]
pub struct DiskSpec {
    /// What people call it.
    pub name: String,
    /// Where the numbers come from.
    pub source: String,
    /// Size and shape.
    pub geometry: Geometry,
    /// Moving the arm.
    pub seek: Seek,
    /// Turning the platter.
    pub rotation: Rotation,
    /// Passing the data.
    pub transfer: Transfer,
    /// Milliseconds for every request before anything else happens.
    pub overhead_ms: f64,
    /// A request that starts where the last one ended pays transfer only.
    pub contiguous: bool,
    /// Milliseconds for going to the next surface or cylinder inside a transfer.
    pub head_switch_ms: f64,
    /// Milliseconds more before a write that had to be positioned.
    pub write_settle_ms: f64,
    /// Order of service.
    pub queue: Queue,
    /// One arm or none.
    pub actuator: Actuator,
    /// Volatile write cache, if any.
    pub write_cache: Option<WriteCache>,
}

impl DiskSpec {
    /// A disk that takes no time at all: for measuring what everything else costs.
    pub fn null() -> Self {
        Self {
            name: "null".into(),
            source: "no delay; for measuring overhead".into(),
            geometry: Geometry { cylinders: 0, heads: 1, sectors: 0, mapping: Mapping::Uniform },
            seek: Seek::None,
            rotation: Rotation { period_ms: 0.0, latency: Latency::Half },
            transfer: Transfer::Instant,
            overhead_ms: 0.0,
            contiguous: true,
            head_switch_ms: 0.0,
            write_settle_ms: 0.0,
            queue: Queue { depth: 1, policy: Policy::Fcfs, age_limit_ms: 0.0 },
            actuator: Actuator::Serial,
            write_cache: None,
        }
    }

    /// The proposal's model and nothing else: T = R/2 + S*x/D, both in milliseconds.
    pub fn linear(revolution_ms: f64, full_seek_ms: f64) -> Self {
        Self {
            name: "linear".into(),
            source: "T = R/2 + S*x/D".into(),
            seek: Seek::Linear { full_ms: full_seek_ms },
            rotation: Rotation { period_ms: revolution_ms, latency: Latency::Half },
            ..Self::null()
        }
    }
}
