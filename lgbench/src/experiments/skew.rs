//! How far a guest's clock gets from its host's.
//!
//! The guest's program reads the time stamp counter and the kernel's clock at one moment, again and again,
//! and tells both. The counter is the host's, too, so the host knows when that was by its own clock,
//! however long the line took.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use labstats::results::{
    Environment, Experiment, Parameter, Results, Run, Series, experiment, metric,
};
use lgbench_payload::abi::{Payload, STATE_PREPARING};
use lgbench_payload::wire::Clocks;

use crate::backend::kvm_linux::KvmLinuxBackend;
use crate::backend::{Backend, BackendError, Placement};
use crate::controller::Interrupted;
use crate::experiments::suite::Outcome;
use crate::linux::LinuxOptions;
use crate::linux::clocks::{Clock, Load};
use crate::memory::GuestSpec;
use crate::session::{self, SessionError};
use crate::sys::cpu;
use crate::sys::time::{Moment, Scale};

/// Between two looks at the guest.
const LOOK: Duration = Duration::from_millis(20);

/// How to measure.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// Guests' kernel.
    pub options: &'a LinuxOptions,
    /// Where.
    pub placement: Placement,
    /// For how long each.
    pub length: Duration,
    /// How often the clocks are read.
    pub period: Duration,
    /// Programs beside the guest on a busy host.
    pub rivals: u32,
    /// Whether the user wants to stop.
    pub interrupted: &'a dyn Interrupted,
}

/// Measures each clock under each load.
pub fn run(
    pairs: &[(Clock, Load)],
    setting: &Setting<'_>,
    started: &str,
    environment: Environment,
    mut told: impl FnMut(&str),
    mut keep: impl FnMut(&Results),
) -> Outcome<SessionError> {
    let mut results = Results::new(started, environment);
    let mut failure = None;
    for (number, (clock, load)) in (1..).zip(pairs) {
        let (all, name) = (pairs.len(), clock.name());
        let seconds = setting.length.as_secs_f64();
        told(&format!("{number} of {all}: {name}, {}: boot, then {seconds:.0} s", load.name()));
        match session::on_controller(|| one(*clock, *load, setting)) {
            Ok(Some(mut one)) => {
                one.mark(&results.environment);
                results.experiments.push(one);
                keep(&results);
            }
            Ok(None) => {}
            Err(error) => failure = Some(error),
        }
        if failure.is_some() || setting.interrupted.is_raised() {
            break;
        }
    }
    let interrupted = failure.is_none() && setting.interrupted.is_raised();
    Outcome { results, failure, interrupted }
}

/// One pair; `None` when the user has stopped it before the guest was there.
fn one(
    clock: Clock,
    load: Load,
    setting: &Setting<'_>,
) -> Result<Option<Experiment>, SessionError> {
    cpu::pin(setting.placement.controller_cpu)
        .map_err(|source| SessionError::Thread { what: "pin", source })?;
    let append = format!("{} {}", clock.command_line(), setting.options.append);
    let options = LinuxOptions { append, ..setting.options.clone() };
    let backend = KvmLinuxBackend::new(options)?;
    let mut backend = backend.with_duties(setting.period, load == Load::None);
    backend.start(&[computing()], setting.placement, &|| setting.interrupted.is_raised())?;
    while backend.look(0)?.state == STATE_PREPARING {
        if setting.interrupted.is_raised() {
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
    let begun = Moment::now();
    let rivals = Rivals::start(if load == Load::Host { setting.rivals } else { 0 }, setting)?;
    let end = begun.ns + u64::try_from(setting.length.as_nanos()).unwrap_or(u64::MAX / 2);
    let interrupted = || setting.interrupted.is_raised();
    let inbox = backend.inbox(0)?;
    let mut readings = Vec::new();
    while crate::sys::time::monotonic_ns() < end && !interrupted() {
        backend.look(0)?;
        readings.extend(inbox.clocks());
        std::thread::sleep(LOOK);
    }
    drop(rivals);
    let ended = Moment::now();
    let complete = !interrupted();
    // Those that come while the guest is asked are not wanted.
    readings.extend(inbox.clocks());
    let log = backend.collect()?.into_iter().next().unwrap_or_default();
    let clocksource = log.clocksource.unwrap_or_else(|| "unknown".to_owned());
    let offset = log.clock_offset.cast_unsigned();
    let scale = Scale::between(begun, ended);
    let series = skew(&readings, begun.tsc, offset, &scale);
    let scenario = format!("{}, {}", clock.name(), load.name());
    let mut one = Experiment::new(experiment::SKEW, &scenario, experiment::KVM_LINUX);
    let mut parameter = |name: &str, value| one.parameters.insert(name.to_owned(), value);
    parameter("clock", Parameter::Text(clock.name().to_owned()));
    parameter("load", Parameter::Text(load.name().to_owned()));
    parameter("run_s", Parameter::Number(setting.length.as_secs_f64()));
    let reinjection = if setting.options.pit_reinjection { "on" } else { "off" };
    parameter("pit_reinjection", Parameter::Text(reinjection.to_owned()));
    parameter("guest_clocksource", Parameter::Text(clocksource.clone()));
    if load == Load::Host {
        parameter("rivals", Parameter::Number(f64::from(setting.rivals)));
    }
    one.parameters.extend(setting.options.parameters());
    if clocksource != clock.name() {
        one.marks.push(format!("{scenario}: the guest's clocksource was {clocksource}"));
    }
    // By one reading alone no clock has gained or lost anything.
    one.complete = complete && series.len() > 1;
    one.series = vec![series];
    Ok(Some(one))
}

/// The guest's clock beyond the host's, from the first reading on.
fn skew(readings: &[Clocks], begun: u64, offset: u64, scale: &Scale) -> Series {
    let mut run = Run::default();
    let mut times = Vec::new();
    let mut first = None;
    for reading in readings {
        let at = reading.cycles.wrapping_sub(offset);
        if at < begun {
            continue;
        }
        let (host, guest) = (scale.monotonic_at(at), reading.monotonic_ns as f64);
        let (host_0, guest_0) = *first.get_or_insert((host, guest));
        times.push(scale.ns(at - begun) as u64);
        run.samples.push((guest - guest_0) - (host - host_0));
    }
    run.time_ns = Some(times);
    let mut series = Series::of(&metric::CLOCK_SKEW);
    series.guest = Some(1);
    series.runs = vec![run];
    series
}

/// A guest that computes and records next to nothing.
fn computing() -> GuestSpec {
    GuestSpec {
        payload: Payload::Factorial,
        elements: 0,
        threshold: u64::MAX,
        tick_ns: 1_000_000,
        log_capacity: 64,
        heap_bytes: 0,
    }
}

/// Threads that want the guest's CPU, until dropped.
#[derive(Debug)]
struct Rivals {
    stop: std::sync::Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Rivals {
    fn start(count: u32, setting: &Setting<'_>) -> Result<Self, BackendError> {
        let mut this = Self { stop: std::sync::Arc::default(), threads: Vec::new() };
        let guest_cpu = setting.placement.guest_cpu;
        for _ in 0..count {
            let stop = std::sync::Arc::clone(&this.stop);
            let busy = move || {
                // Where it cannot be kept there it is no rival, which the figures show.
                let _ = guest_cpu.map(cpu::pin);
                while !stop.load(Relaxed) {
                    std::hint::spin_loop();
                }
            };
            let thread = std::thread::Builder::new().name("rival".into()).spawn(busy);
            let failed = |source| BackendError::Host { what: "start a rival of", guest: 1, source };
            this.threads.push(thread.map_err(failed)?);
        }
        Ok(this)
    }
}

impl Drop for Rivals {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| {
            // It only counted.
            let _ = thread.join();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_gains_is_ahead() {
        // A cycle is half a nanosecond; the guest's clock gains one part in a thousand.
        let scale = Scale::between(Moment { ns: 0, tsc: 1000 }, Moment { ns: 500, tsc: 2000 });
        let reading = |at: u64| Clocks {
            cycles: 7 + 1000 + at * 2,
            monotonic_ns: 5_000_000 + at + at / 1000,
            realtime_ns: 0,
        };
        let before = Clocks { cycles: 20, monotonic_ns: 1, realtime_ns: 0 };
        let readings = [before, reading(1_000), reading(2_000_000), reading(4_000_000)];
        let series = skew(&readings, 1000, 7, &scale);
        assert_eq!(series.runs[0].samples, [0.0, 1999.0, 3999.0]);
        assert_eq!(
            series.runs[0].time_ns.as_deref(),
            Some([1_000, 2_000_000, 4_000_000].as_slice())
        );
    }
}
