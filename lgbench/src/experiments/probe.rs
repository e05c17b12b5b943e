//! What measuring itself costs: an event, a switch's lateness, being in a virtual machine.

use std::time::Duration;

use labstats::describe::Sorted;
use labstats::results::metric::{self, Metric};
use lgbench_payload::abi::Payload;
use lgbench_payload::probe::{TAG_LOOKS, TAG_RECORDED};
use serde::Serialize;

use super::catalogue::Plan;
use super::collect;
use super::suite::{self, Kind, Setting};
use crate::controller::{Mode, Phase};
use crate::session::SessionError;

/// Pairs of runs in which STREAM is measured on both backends, which alternate.
const PAIRS: u32 = 5;

/// The slice under which the controller is watched.
const SLICE: Duration = Duration::from_millis(1);

/// What it costs.
#[derive(Clone, Debug, Serialize)]
pub struct Costs {
    /// The backend.
    pub backend: &'static str,
    /// Cycles of recording one event, beyond those of reading the clock.
    pub record_cycles: f64,
    /// Cycles of reading the clock.
    pub clock_cycles: f64,
    /// From a deadline to taking the guest's turn.
    pub taken: Lateness,
    /// From a deadline to the gate being closed, the guest out.
    pub closed: Lateness,
    /// Missed deadlines, of all.
    pub missed: (u64, u64),
    /// STREAM on this backend beside processes; none where this backend is processes.
    pub stream: Option<Stream>,
}

/// Nanoseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Lateness {
    /// The middle one.
    pub p50_ns: f64,
    /// One in a hundred is later.
    pub p99_ns: f64,
    /// The latest.
    pub max_ns: f64,
    /// How many there are.
    pub n: usize,
}

/// Medians of STREAM's triad in runs that alternate.
#[derive(Clone, Debug, Serialize)]
pub struct Stream {
    /// In a virtual machine, MB/s.
    pub guest_mb_s: Vec<f64>,
    /// In a process, MB/s.
    pub process_mb_s: Vec<f64>,
    /// The median of their ratios.
    pub ratio: f64,
}

/// Measures all of it; `told` hears what is being done. `None` when the user has stopped it.
///
/// # Errors
/// See [`SessionError`].
pub fn run(
    setting: &Setting<'_>,
    length: Duration,
    mut told: impl FnMut(&str),
) -> Result<Option<Costs>, SessionError> {
    told("recording an event");
    let log = suite::session(&plan(&[Payload::Probe], Mode::Off, length), setting)?;
    if log.ledger.interrupted {
        return Ok(None);
    }
    let events = setting.sizes.spec(Payload::Probe).elements as f64;
    let cycles = |tag: u64| {
        let records = log.logs.iter().flat_map(|log| &log.records).filter(|r| r.tag == tag);
        quantile(records.map(|r| (r.end - r.start) as f64 / events).collect(), 0.5)
    };
    let (clock_cycles, recorded) = (cycles(TAG_LOOKS), cycles(TAG_RECORDED));
    told("the controller");
    let mode = Mode::Alternate { interval: SLICE };
    let session = suite::session(&plan(&[Payload::Gap; 2], mode, length), setting)?;
    if session.ledger.interrupted {
        return Ok(None);
    }
    let switches = &session.ledger.switches;
    let lateness = |ns: Vec<f64>| Lateness {
        p50_ns: quantile(ns.clone(), 0.5),
        p99_ns: quantile(ns.clone(), 0.99),
        max_ns: quantile(ns.clone(), 1.0),
        n: ns.len(),
    };
    let deadlines = session.ledger.deadlines.iter();
    let stream = match setting.kind {
        Kind::Kvm => match stream(setting, length, &mut told)? {
            None => return Ok(None),
            some => some,
        },
        Kind::KvmLinux | Kind::Lguest | Kind::Native => None,
    };
    Ok(Some(Costs {
        backend: setting.kind.name(),
        record_cycles: recorded - clock_cycles,
        clock_cycles,
        taken: lateness(switches.iter().map(|switch| switch.late_ns as f64).collect()),
        closed: lateness(switches.iter().map(|switch| switch.closed_after_ns as f64).collect()),
        missed: deadlines.fold((0, 0), |(missed, all), d| (missed + d.missed, all + d.all)),
        stream,
    }))
}

fn stream(
    setting: &Setting<'_>,
    length: Duration,
    told: &mut impl FnMut(&str),
) -> Result<Option<Stream>, SessionError> {
    let plan = plan(&[Payload::Stream], Mode::Off, length);
    let triad = |kind| -> Result<f64, SessionError> {
        let session = suite::session(&plan, &Setting { kind, ..*setting })?;
        Ok(median_of(&collect::samples(&plan, setting.sizes, &session), &metric::STREAM_TRIAD))
    };
    let (mut guest_mb_s, mut process_mb_s) = (Vec::new(), Vec::new());
    for pair in 1..=PAIRS {
        told(&format!("STREAM in a virtual machine and in a process: pair {pair} of {PAIRS}"));
        if setting.interrupted.is_raised() {
            return Ok(None);
        }
        // Who is first takes turns, too: a machine that gets slower is not to favour one of them.
        if pair % 2 == 0 {
            process_mb_s.push(triad(Kind::Native)?);
            guest_mb_s.push(triad(Kind::Kvm)?);
        } else {
            guest_mb_s.push(triad(Kind::Kvm)?);
            process_mb_s.push(triad(Kind::Native)?);
        }
    }
    let ratios = guest_mb_s.iter().zip(&process_mb_s).map(|(guest, process)| guest / process);
    let ratio = quantile(ratios.collect(), 0.5);
    // The last of them may have been cut short.
    let whole = !setting.interrupted.is_raised();
    Ok(whole.then_some(Stream { guest_mb_s, process_mb_s, ratio }))
}

fn plan(guests: &[Payload], mode: Mode, length: Duration) -> Plan {
    Plan {
        name: "probe",
        scenario: "probe",
        guests: guests.to_vec(),
        phases: vec![Phase { mode, length }],
        x: None,
        runs: 1,
        of_guest: None,
    }
}

fn median_of(series: &[labstats::results::Series], metric: &Metric) -> f64 {
    let ours = series.iter().filter(|series| series.metric == metric.name);
    quantile(ours.flat_map(|s| s.runs.iter().flat_map(|run| run.samples.clone())).collect(), 0.5)
}

/// The value below which a part of them lies; no number when there are none.
fn quantile(values: Vec<f64>, part: f64) -> f64 {
    Sorted::new(values).quantile(part).unwrap_or(f64::NAN)
}
