//! Is a description one of a possible disk? The configuration parser says where in the file a number
//! stands; this is the same judgement for descriptions made by a program.

use thiserror::Error;

use crate::spec::{DiskSpec, Latency, Seek, Transfer};

/// Why a [`DiskSpec`] cannot be a disk.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}: {why}")]
pub struct SpecError {
    /// Which number.
    pub what: &'static str,
    /// What is wrong with it and what would be right.
    pub why: String,
}

fn bad(what: &'static str, why: impl Into<String>) -> Result<(), SpecError> {
    Err(SpecError { what, why: why.into() })
}

fn time(what: &'static str, ms: f64) -> Result<(), SpecError> {
    if ms.is_finite() && (0.0..1e9).contains(&ms) {
        return Ok(());
    }
    bad(what, format!("{ms} is no time: give milliseconds, 0 or more"))
}

fn positive(what: &'static str, value: f64) -> Result<(), SpecError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    bad(what, format!("{value} must be more than 0"))
}

/// Checks everything the mechanics rely on.
pub(crate) fn check(spec: &DiskSpec) -> Result<(), SpecError> {
    time("rotation.period_ms", spec.rotation.period_ms)?;
    time("service.overhead_ms", spec.overhead_ms)?;
    time("service.head_switch_ms", spec.head_switch_ms)?;
    time("service.write_settle_ms", spec.write_settle_ms)?;
    time("queue.age_limit_ms", spec.queue.age_limit_ms)?;
    if spec.queue.depth == 0 {
        return bad("queue.ncq", "0 requests can never be served: use 1 or more");
    }
    if spec.geometry.heads == 0 {
        return bad("geometry.heads", "a disk has at least 1 surface");
    }
    seek(spec)?;
    transfer(spec)?;
    if spec.rotation.latency == Latency::Phase
        && (spec.rotation.period_ms == 0.0 || spec.geometry.cylinders == 0)
    {
        return bad("rotation.latency", "phase needs a turning platter and geometry.cylinders");
    }
    if let Some(cache) = &spec.write_cache {
        positive("write_cache.bytes", cache.bytes as f64)?;
        positive("write_cache.bus_mb_per_s", cache.bus_mb_per_s)?;
        time("write_cache.idle_ms", cache.idle_ms)?;
    }
    Ok(())
}

fn seek(spec: &DiskSpec) -> Result<(), SpecError> {
    match &spec.seek {
        Seek::None => return Ok(()),
        Seek::Linear { full_ms } => return time("seek.full_ms", *full_ms),
        Seek::Affine { base_ms, full_ms } => {
            time("seek.base_ms", *base_ms)?;
            return time("seek.full_ms", *full_ms);
        }
        Seek::Curve {
            knee_cylinders,
            short_base_ms,
            short_sqrt_ms,
            long_base_ms,
            long_per_cylinder_ms,
        } => {
            time("seek.short_base_ms", *short_base_ms)?;
            time("seek.short_sqrt_ms", *short_sqrt_ms)?;
            time("seek.long_base_ms", *long_base_ms)?;
            time("seek.long_per_cylinder_ms", *long_per_cylinder_ms)?;
            positive("seek.knee_cylinders", *knee_cylinders)?;
        }
        Seek::Table { points } => {
            if points.is_empty() {
                return bad("seek.points", "a table needs at least one point");
            }
            for &(distance, ms) in points {
                positive("seek.points", distance)?;
                time("seek.points", ms)?;
            }
            if points.windows(2).any(|w| w[1].0 <= w[0].0 || w[1].1 < w[0].1) {
                return bad("seek.points", "distances must rise and times must not fall");
            }
        }
    }
    if spec.geometry.cylinders < 2 {
        return bad("geometry.cylinders", "a seek curve in cylinders needs 2 cylinders or more");
    }
    Ok(())
}

fn transfer(spec: &DiskSpec) -> Result<(), SpecError> {
    match &spec.transfer {
        Transfer::Instant => Ok(()),
        Transfer::Rate { mb_per_s } => positive("transfer.mb_per_s", *mb_per_s),
        Transfer::Zones(zones) => {
            if spec.geometry.cylinders == 0 || spec.rotation.period_ms == 0.0 {
                return bad("transfer.zones", "zones need geometry.cylinders and a rotation");
            }
            if zones.first().is_none_or(|z| z.first_cylinder != 0) {
                return bad("transfer.zones", "the first zone must start at cylinder 0");
            }
            for zone in zones {
                positive("transfer.zones.sectors_per_track", zone.sectors_per_track)?;
                if zone.first_cylinder >= spec.geometry.cylinders {
                    return bad("transfer.zones", "a zone starts beyond the last cylinder");
                }
            }
            if zones.windows(2).any(|w| w[1].first_cylinder <= w[0].first_cylinder) {
                return bad("transfer.zones", "zones must start at rising cylinders");
            }
            Ok(())
        }
    }
}
