//! Where the head is, and what moving it, turning to a sector and passing sectors costs.
//!
//! Everything is in the *device's* time, before scaling by k. Positions are stretched: the image's
//! sectors are spread over the modelled surface whatever the two capacities are.

use std::time::Duration;

use crate::request::{Parts, Request};
use crate::rng::Rng;
use crate::spec::{DiskSpec, Latency, Mapping, Seek, Transfer};
use crate::units::{SECTOR_BYTES, from_ms};

/// What rounding to nanoseconds may add up to, with room for k far below 1. A few thousandths of a degree
/// matter to no disk.
const JUST_PASSED_MS: f64 = 1e-4;

/// What serving one request would take, and how far the arm goes for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Service {
    pub(crate) parts: Parts,
    pub(crate) stroke: f64,
    pub(crate) contiguous: bool,
}

/// Moments of the service time of uniformly random requests, in ms and ms^2.
pub(crate) struct RandomMoments {
    pub(crate) mean: f64,
    pub(crate) variance: f64,
    pub(crate) mean_seek: f64,
}

/// One zone in the image's own addresses.
#[derive(Clone, Copy, Debug)]
struct ZoneRun {
    first_sector: f64,
    first_cylinder: f64,
    /// Cylinders per image sector inside this zone.
    cylinders_per_sector: f64,
    /// Sectors of the real disk that one revolution passes; infinite when transfers take no time.
    sectors_per_track: f64,
}

/// The moving parts.
#[derive(Clone, Debug)]
pub(crate) struct Mechanics {
    spec: DiskSpec,
    /// D: the largest distance between two sectors.
    span: f64,
    zones: Vec<ZoneRun>,
    /// The sector the head is over.
    head: u64,
    /// The sector that would follow without a gap; none before the first request.
    follows: Option<u64>,
    rng: Rng,
}

impl Mechanics {
    /// `spec` must have been checked; `capacity` in sectors, at least 1.
    pub(crate) fn new(spec: &DiskSpec, capacity: u64) -> Self {
        let seed = match spec.rotation.latency {
            Latency::Random { seed } => seed,
            Latency::Half | Latency::Phase => 0,
        };
        Self {
            zones: zone_runs(spec, capacity as f64),
            spec: spec.clone(),
            span: capacity.saturating_sub(1).max(1) as f64,
            head: 0,
            follows: None,
            rng: Rng::new(seed),
        }
    }

    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// Seek time for a distance between two sectors.
    fn seek_between(&self, from: u64, to: u64) -> f64 {
        if from == to {
            return 0.0;
        }
        let u = from.abs_diff(to) as f64 / self.span;
        match &self.spec.seek {
            Seek::Curve { .. } | Seek::Table { .. } => {
                let distance = (self.cylinder(from) - self.cylinder(to)).abs();
                seek_cylinders(&self.spec.seek, distance)
            }
            _ => seek_fraction(&self.spec, u),
        }
    }

    /// The whole cylinder a sector is on.
    fn cylinder(&self, sector: u64) -> f64 {
        let zone = self.zone(sector);
        let into = (sector as f64 - zone.first_sector) * zone.cylinders_per_sector;
        (zone.first_cylinder + into).floor()
    }

    fn zone(&self, sector: u64) -> &ZoneRun {
        let after = self.zones.partition_point(|z| z.first_sector <= sector as f64);
        &self.zones[after.saturating_sub(1)]
    }

    /// Where on its track a sector is, as a fraction of a revolution.
    fn angle(&self, sector: u64) -> f64 {
        let zone = self.zone(sector);
        let cylinders = (sector as f64 - zone.first_sector) * zone.cylinders_per_sector;
        (cylinders * self.spec.geometry.heads as f64).fract()
    }

    pub(crate) fn follows(&self, start: u64) -> bool {
        self.spec.contiguous && self.follows == Some(start)
    }

    /// Seek, settling and rotational wait if the arm turned to `req` at device time `at_ms`: what a drive that
    /// knows its own mechanics minimises. A random latency is not known beforehand: its mean counts.
    pub(crate) fn positioning_ms(&self, at_ms: f64, req: &Request) -> f64 {
        let start = req.start.get();
        if self.follows(start) {
            return 0.0;
        }
        // A write is only ready for its sector when it has settled: the turn of a read may be too early.
        let settle = if req.op.is_write() { self.spec.write_settle_ms } else { 0.0 };
        let there = self.seek_between(self.head, start) + settle;
        let rotation = match self.spec.rotation.latency {
            Latency::Phase => self.phase_wait(at_ms + self.spec.overhead_ms + there, start),
            Latency::Half | Latency::Random { .. } => self.spec.rotation.period_ms / 2.0,
        };
        there + rotation
    }

    fn phase_wait(&self, at_ms: f64, sector: u64) -> f64 {
        let period = self.spec.rotation.period_ms;
        let under_head = (at_ms / period).fract();
        let wait = (self.angle(sector) - under_head).rem_euclid(1.0) * period;
        // Instants are whole nanoseconds. A sector that comes just in time, as the next one does when
        // nothing lies between two requests, must not seem to have just passed.
        if wait > period - JUST_PASSED_MS { 0.0 } else { wait }
    }

    /// Serves `req` from device time `at_ms`: says what it takes and leaves the head behind it.
    pub(crate) fn serve(&mut self, at_ms: f64, req: &Request) -> Service {
        let start = req.start.get();
        let contiguous = self.follows(start);
        let (mut seek, mut rotation, mut settle) = (0.0, 0.0, 0.0);
        let stroke = self.head.abs_diff(start) as f64 / self.span;
        if !contiguous {
            seek = self.seek_between(self.head, start);
            if req.op.is_write() {
                settle = self.spec.write_settle_ms;
            }
            rotation = match self.spec.rotation.latency {
                Latency::Half => self.spec.rotation.period_ms / 2.0,
                Latency::Random { .. } => self.rng.unit() * self.spec.rotation.period_ms,
                Latency::Phase => {
                    self.phase_wait(at_ms + self.spec.overhead_ms + seek + settle, start)
                }
            };
        }
        let (transfer, tracks) = self.transfer_ms(start, req.len.get());
        let switches = match self.spec.head_switch_ms {
            0.0 => 0.0,
            each => (self.angle(start) + tracks).floor() * each,
        };
        self.head = req.end().get().saturating_sub(1).max(start);
        self.follows = Some(req.end().get());
        let parts = Parts {
            wait: Duration::ZERO,
            overhead: from_ms(self.spec.overhead_ms),
            seek: from_ms(seek),
            rotation: from_ms(rotation),
            transfer: from_ms(transfer),
            head_switch: from_ms(switches),
            settle: from_ms(settle),
            k: 1.0,
        };
        Service { parts, stroke: if contiguous { 0.0 } else { stroke }, contiguous }
    }

    /// Milliseconds to pass `len` sectors from `start`, and the tracks they take up.
    fn transfer_ms(&self, start: u64, len: u64) -> (f64, f64) {
        let period = self.spec.rotation.period_ms;
        match &self.spec.transfer {
            Transfer::Instant => (0.0, 0.0),
            Transfer::Rate { mb_per_s } => {
                let ms = (len as f64 * SECTOR_BYTES as f64) / (mb_per_s * 1e3);
                (ms, if period > 0.0 { ms / period } else { 0.0 })
            }
            Transfer::Zones(_) => {
                let (mut at, mut left, mut tracks) = (start as f64, len as f64, 0.0);
                let mut i = self.zones.partition_point(|z| z.first_sector <= at).saturating_sub(1);
                while left > 0.0 {
                    let end = self.zones.get(i + 1).map_or(f64::INFINITY, |z| z.first_sector);
                    let here = left.min((end - at).max(0.0));
                    tracks += here / self.zones[i].sectors_per_track;
                    left -= here;
                    at += here;
                    i += 1;
                }
                (tracks * period, tracks)
            }
        }
    }

    /// Mean service time in ms of a read of `len` sectors at `to` with the head over `from`.
    pub(crate) fn expected_move(&self, from: u64, to: u64, len: u64) -> f64 {
        let seek = self.seek_between(from, to);
        let (transfer, tracks) = self.transfer_ms(to, len);
        let switches = (self.angle(to) + tracks).floor() * self.spec.head_switch_ms;
        let overhead = self.spec.overhead_ms + self.spec.rotation.period_ms / 2.0;
        overhead + seek + transfer + switches
    }

    /// A bound on what a request of `len` sectors takes: all of the stroke, a whole revolution, the
    /// slowest tracks, settled as a write.
    pub(crate) fn longest(&self, len: u64) -> f64 {
        let innermost = (self.span as u64).saturating_sub(len);
        let (outside, tracks) = self.transfer_ms(0, len);
        let (inside, more_tracks) = self.transfer_ms(innermost, len);
        let switches = (tracks.max(more_tracks).ceil() + 1.0) * self.spec.head_switch_ms;
        let positioning = self.seek_for_stroke(1.0) + self.spec.rotation.period_ms;
        let fixed = self.spec.overhead_ms + self.spec.write_settle_ms;
        fixed + positioning + outside.max(inside) + switches
    }

    /// Seek time for a movement over this fraction of the stroke.
    pub(crate) fn seek_for_stroke(&self, stroke: f64) -> f64 {
        match &self.spec.seek {
            Seek::Curve { .. } | Seek::Table { .. } => {
                let last = self.spec.geometry.cylinders.saturating_sub(1) as f64;
                seek_cylinders(&self.spec.seek, (stroke * last).round())
            }
            _ => seek_fraction(&self.spec, stroke),
        }
    }

    /// Mean and variance of the unscaled service time, in ms and ms^2, of reads of `len` sectors at uniformly
    /// random places with nothing waiting. Seeks by quadrature over pairs of places at equal shares
    /// of the capacity, so that zoned mappings count; rotation R/2 with variance R^2/12 unless fixed.
    pub(crate) fn expected_random(&self, len: u64) -> RandomMoments {
        const CELLS: u64 = 1024;
        let capacity = (self.span as u64).saturating_add(1);
        let places: Vec<u64> = (0..CELLS)
            .map(|i| ((2 * i + 1) as f64 / (2 * CELLS) as f64 * capacity as f64) as u64)
            .collect();
        let (mut seek, mut seek2) = (0.0, 0.0);
        if let Seek::Linear { full_ms } = &self.spec.seek {
            seek = full_ms / 3.0; // exact: no need for quadrature
            seek2 = full_ms * full_ms / 6.0;
        } else {
            for (i, &a) in places.iter().enumerate() {
                for &b in &places[i + 1..] {
                    let ms = self.seek_between(a, b);
                    seek += 2.0 * ms;
                    seek2 += 2.0 * ms * ms;
                }
                // Two places in the same cell are a third of a cell apart on average.
                let near = self.seek_between(a, a.saturating_add((capacity / (3 * CELLS)).max(1)));
                seek += near;
                seek2 += near * near;
            }
            let pairs = (CELLS * CELLS) as f64;
            seek /= pairs;
            seek2 /= pairs;
        }
        let (mut pass, mut pass2) = (0.0, 0.0);
        for &a in &places {
            let (transfer, tracks) = self.transfer_ms(a, len);
            // From anywhere on a track: the whole tracks' borders for sure, one more by the rest's chance.
            let each = self.spec.head_switch_ms;
            let ms = transfer + tracks * each;
            let chance = tracks.fract();
            pass += ms / CELLS as f64;
            pass2 += (ms * ms + each * each * chance * (1.0 - chance)) / CELLS as f64;
        }
        let period = self.spec.rotation.period_ms;
        let turn2 = match self.spec.rotation.latency {
            Latency::Half => 0.0,
            Latency::Random { .. } | Latency::Phase => period * period / 12.0,
        };
        let mean = self.spec.overhead_ms + seek + period / 2.0 + pass;
        let variance = seek2 - seek * seek + turn2 + (pass2 - pass * pass).max(0.0);
        RandomMoments { mean, variance: variance.max(0.0), mean_seek: seek }
    }
}

/// Seek for a fraction of the stroke; a movement of nothing costs nothing.
fn seek_fraction(spec: &DiskSpec, u: f64) -> f64 {
    match spec.seek {
        _ if u == 0.0 => 0.0,
        Seek::Linear { full_ms } => full_ms * u,
        Seek::Affine { base_ms, full_ms } => base_ms + full_ms * u,
        _ => 0.0,
    }
}

/// Seek for a distance in whole cylinders.
fn seek_cylinders(seek: &Seek, distance: f64) -> f64 {
    if distance == 0.0 {
        return 0.0;
    }
    match seek {
        Seek::Curve {
            knee_cylinders,
            short_base_ms,
            short_sqrt_ms,
            long_base_ms,
            long_per_cylinder_ms,
        } => {
            if distance < *knee_cylinders {
                short_base_ms + short_sqrt_ms * distance.sqrt()
            } else {
                long_base_ms + long_per_cylinder_ms * distance
            }
        }
        Seek::Table { points } => table(points, distance),
        Seek::None | Seek::Linear { .. } | Seek::Affine { .. } => 0.0,
    }
}

/// Straight lines between points; flat before the first and after the last.
fn table(points: &[(f64, f64)], x: f64) -> f64 {
    let after = points.partition_point(|p| p.0 <= x);
    match (after.checked_sub(1).map(|i| points[i]), points.get(after)) {
        (Some((x0, y0)), Some(&(x1, y1))) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
        (Some((_, y)), None) | (None, Some(&(_, y))) => y,
        (None, None) => 0.0,
    }
}

/// Lays the zones out over the image. A disk without zones is one zone.
fn zone_runs(spec: &DiskSpec, capacity: f64) -> Vec<ZoneRun> {
    let cylinders = spec.geometry.cylinders.max(1) as f64;
    let Transfer::Zones(zones) = &spec.transfer else {
        return vec![ZoneRun {
            first_sector: 0.0,
            first_cylinder: 0.0,
            cylinders_per_sector: cylinders / capacity,
            sectors_per_track: f64::INFINITY,
        }];
    };
    let last = |i: usize| zones.get(i + 1).map_or(cylinders, |z| z.first_cylinder as f64);
    let weight = |i: usize| match spec.geometry.mapping {
        Mapping::Uniform => 1.0,
        Mapping::Zoned => zones[i].sectors_per_track,
    };
    let size = |i: usize| (last(i) - zones[i].first_cylinder as f64) * weight(i);
    let total: f64 = (0..zones.len()).map(size).sum();
    let mut first_sector = 0.0;
    (0..zones.len())
        .map(|i| {
            let run = ZoneRun {
                first_sector,
                first_cylinder: zones[i].first_cylinder as f64,
                cylinders_per_sector: total / (capacity * weight(i)),
                sectors_per_track: zones[i].sectors_per_track,
            };
            first_sector += size(i) / total * capacity;
            run
        })
        .collect()
}
