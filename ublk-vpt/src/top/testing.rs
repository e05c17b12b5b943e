//! Reports made up for the tests.

use crate::report::{Count, Distribution, Epoch, ScaleReport, StatsReport, Timekeeping};

/// An idle device.
pub(super) fn report(id: u32, uptime_seconds: f64) -> StatsReport {
    StatsReport {
        id,
        disk: "Cheetah 9LP".into(),
        front: "fuse".into(),
        uptime_seconds,
        within_1pct: 1.0,
        within_2pct: 1.0,
        scale: ScaleReport {
            mode: "adapt".into(),
            k: 1.0,
            k_min_seen: 1.0,
            k_mean: 1.0,
            k_max_seen: 1.0,
            valid: true,
            ..ScaleReport::default()
        },
        timekeeping: Timekeeping {
            scheduler: "SCHED_FIFO".into(),
            spin: true,
            lead_us: 60.0,
            note: None,
        },
        ..StatsReport::default()
    }
}

/// All percentiles alike but the largest value.
pub(super) fn values(count: u64, mean: f64) -> Distribution {
    Distribution {
        count,
        mean,
        min: mean / 2.0,
        p50: mean,
        p90: mean * 1.5,
        p99: mean * 2.0,
        p999: mean * 3.0,
        max: mean * 4.0,
    }
}

/// After `reads` reads of 4 KiB with a mean of `ms`, each having waited as long as it was served.
pub(super) fn with_load(mut r: StatsReport, reads: u64, ms: f64) -> StatsReport {
    r.read = Count { requests: reads, bytes: reads * 4096, errors: 0 };
    r.service_ms = values(reads, ms);
    r.expected_ms = values(reads, ms);
    r.response_ms = values(reads, ms * 2.0);
    r.backing_ms = values(reads, 0.1);
    r.timer_late_us = values(reads, 8.0);
    r.in_flight = 1;
    r
}

/// Times and scales of epochs.
pub(super) fn epochs(changes: &[(f64, f64)]) -> Vec<Epoch> {
    changes.iter().map(|&(at_seconds, k)| Epoch { at_seconds, k, requests: 10, late: 0 }).collect()
}
