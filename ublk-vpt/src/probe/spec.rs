//! A disk that behaves as the target did.

use vpt_model::DiskSpec;
use vpt_model::spec::{Geometry, Latency, Mapping, Rotation, Seek, Transfer};

use super::fit::Shape;
use super::report::ProbeReport;

/// Cylinders to express a two-piece curve in: the target's own cannot be seen from outside, and the
/// model only needs distances as a fraction of all.
pub const NOMINAL_CYLINDERS: u64 = 10_000;

impl ProbeReport {
    /// The target as a disk to be served: its better fit, its sequential rate.
    ///
    /// A fit's time at distance 0 is half a revolution, transfer and overhead in one. The transfer of one
    /// block at the sequential rate is taken out of it; half a revolution only if `rpm` says how long
    /// that is, otherwise the disk does not turn and the seek carries it. The mean is the same either
    /// way. Without a fit (depth above 1, too few requests) the disk takes the random requests' median
    /// for everything.
    pub fn to_spec(&self, rpm: Option<f64>) -> DiskSpec {
        let rate = self.mb_per_s();
        let period_ms = rpm.filter(|r| *r > 0.0).map_or(0.0, |r| 60_000.0 / r);
        let transfer_ms = rate.map_or(0.0, |rate| self.block_bytes as f64 / 1e3 / rate);
        let taken_out = period_ms / 2.0 + transfer_ms;
        let rest = |ms: f64| (ms - taken_out).max(0.0);
        let cylinders = NOMINAL_CYLINDERS as f64;

        let (seek, lowest, how) = match self.fit {
            Some(fit) => match (fit.better, fit.two_piece) {
                (Shape::TwoPiece, Some(c)) => (
                    Seek::Curve {
                        knee_cylinders: c.knee * cylinders,
                        short_base_ms: rest(c.short_base_ms),
                        short_sqrt_ms: c.short_sqrt_ms / cylinders.sqrt(),
                        long_base_ms: rest(c.long_base_ms),
                        long_per_cylinder_ms: c.long_full_ms / cylinders,
                    },
                    c.short_base_ms.min(c.long_base_ms),
                    format!("two-piece fit of {} requests, rms {:.3} ms", fit.points, c.rms_ms),
                ),
                _ => (
                    Seek::Affine { base_ms: rest(fit.linear.base_ms), full_ms: fit.linear.full_ms },
                    fit.linear.base_ms,
                    format!(
                        "linear fit of {} requests, rms {:.3} ms",
                        fit.points, fit.linear.rms_ms
                    ),
                ),
            },
            None => {
                let flat = self.random.as_ref().map_or(0.0, |r| r.latency_ms.p50);
                (
                    Seek::Affine { base_ms: rest(flat), full_ms: 0.0 },
                    flat,
                    "no fit, median only".into(),
                )
            }
        };
        let mut source = format!("measured by ublk probe on {}: {how}", self.target);
        if lowest < taken_out {
            source.push_str(&format!(
                "; half a revolution and transfer ({taken_out:.3} ms) exceed the shortest time measured ({lowest:.3} ms)"
            ));
        }
        let curved = matches!(seek, Seek::Curve { .. });
        DiskSpec {
            name: format!("probe of {}", self.target),
            source,
            geometry: Geometry {
                cylinders: if curved { NOMINAL_CYLINDERS } else { 0 },
                heads: 1,
                sectors: self.size_bytes / vpt_model::SECTOR_BYTES,
                mapping: Mapping::Uniform,
            },
            seek,
            rotation: Rotation { period_ms, latency: Latency::Half },
            transfer: rate.map_or(Transfer::Instant, |mb_per_s| Transfer::Rate { mb_per_s }),
            ..DiskSpec::null()
        }
    }
}
