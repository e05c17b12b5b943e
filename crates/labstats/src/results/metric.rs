//! What is measured: the one place where metrics get their names, units and directions.

use serde::{Deserialize, Serialize};

/// Which direction of a metric is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Times and costs.
    Lower,
    /// Throughputs and rates.
    Higher,
    /// Neither: a change is worth knowing and is neither progress nor loss.
    Neither,
}

/// One kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name in files and on the command line.
    pub name: &'static str,
    /// Unit of its samples.
    pub unit: &'static str,
    /// Which direction is good.
    pub better: Better,
    /// What it is, in a few words.
    pub about: &'static str,
}

const fn metric(
    name: &'static str,
    unit: &'static str,
    better: Better,
    about: &'static str,
) -> Metric {
    Metric { name, unit, better, about }
}

/// Last time stamp in one guest to the first in the next.
pub const SWITCH_GUEST_TO_GUEST: Metric =
    metric("switch.guest_to_guest", "ns", Better::Lower, "switch, guest to guest");
/// Last time stamp in the guest to the host's first after it left.
pub const SWITCH_EXIT: Metric = metric("switch.exit", "ns", Better::Lower, "switch, way out");
/// The host's last time stamp before it enters the guest to the guest's first.
pub const SWITCH_ENTRY: Metric = metric("switch.entry", "ns", Better::Lower, "switch, way in");
/// From the stop of one guest to the start of the next, as the kernel's tracepoints see it.
pub const SWITCH_KERNEL: Metric =
    metric("switch.kernel", "ns", Better::Lower, "switch, kernel tracepoints");
/// STREAM: `c[i] = a[i]`.
pub const STREAM_COPY: Metric = metric("stream.copy", "MB/s", Better::Higher, "STREAM copy");
/// STREAM: `b[i] = q * c[i]`.
pub const STREAM_SCALE: Metric = metric("stream.scale", "MB/s", Better::Higher, "STREAM scale");
/// STREAM: `c[i] = a[i] + b[i]`.
pub const STREAM_ADD: Metric = metric("stream.add", "MB/s", Better::Higher, "STREAM add");
/// STREAM: `a[i] = b[i] + q * c[i]`.
pub const STREAM_TRIAD: Metric = metric("stream.triad", "MB/s", Better::Higher, "STREAM triad");
/// Memory allocated, touched and freed: bytes touched by time for all three.
pub const STRESS_TOUCH: Metric =
    metric("stress.touch", "MB/s", Better::Higher, "allocate, touch, free");
/// Dhrystone 2.1: passes through its loop.
pub const DHRYSTONE: Metric = metric("dhrystone", "1/s", Better::Higher, "Dhrystones per second");
/// Longest time in which a guest that only reads the clock did not run.
pub const GAP: Metric = metric("gap", "ns", Better::Lower, "longest time not running");
/// A fixed amount of fluid dynamics, from beginning to end.
pub const CFD_RUNTIME: Metric =
    metric("cfd.runtime", "s", Better::Lower, "fluid dynamics, runtime");
/// From the deadline of a switch to the gate being closed.
pub const CONTROLLER_LATENESS: Metric =
    metric("controller.lateness", "ns", Better::Lower, "deadline to gate closed");
/// What a guest's clock says beyond the time that has passed by its host's.
pub const CLOCK_SKEW: Metric = metric("clock.skew", "ns", Better::Neither, "guest's clock, ahead");

/// All of them, in the order of reports.
pub const ALL: &[Metric] = &[
    SWITCH_GUEST_TO_GUEST,
    SWITCH_EXIT,
    SWITCH_ENTRY,
    SWITCH_KERNEL,
    STREAM_COPY,
    STREAM_SCALE,
    STREAM_ADD,
    STREAM_TRIAD,
    STRESS_TOUCH,
    DHRYSTONE,
    GAP,
    CFD_RUNTIME,
    CONTROLLER_LATENESS,
    CLOCK_SKEW,
];

/// STREAM's four kernels, in its order.
pub const STREAM: &[Metric] = &[STREAM_COPY, STREAM_SCALE, STREAM_ADD, STREAM_TRIAD];

/// The known metric of that name.
pub fn find(name: &str) -> Option<&'static Metric> {
    ALL.iter().find(|metric| metric.name == name)
}
