//! One run: guests start, a controller leads them through a plan or waits for the end of their work, what
//! they recorded is taken.

use std::io;
use std::time::Duration;

use crate::backend::{Backend, BackendError, GuestLog, Placement};
use crate::controller::ledger::Ledger;
use crate::controller::mailbox::Mailbox;
use crate::controller::{ControlError, Controller, Interrupted, Phase};
use crate::environment::proc::{self, Waits};
use crate::memory::GuestSpec;
use crate::sys::time::{Moment, Scale};
use crate::sys::{cpu, policy, time};
use crate::tracepoints::{Trace, Tracer};

/// A real-time guest waits a few microseconds each time it comes to run,
const USUAL_WAIT_NS: u64 = 10_000;
/// and when it has waited longer than that by so much the kernel has stopped it.
const THROTTLED_NS: u64 = 10_000_000;

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'a> {
    /// Where.
    pub placement: Placement,
    /// How long a guest may get nowhere.
    pub patience: Duration,
    /// Where changes of mode come from.
    pub mailbox: &'a Mailbox,
    /// Whether the user wants to stop.
    pub interrupted: &'a dyn Interrupted,
    /// Whether to ask the kernel's tracepoints, too, where it lets us.
    pub tracepoints: bool,
}

/// What one run gave.
#[derive(Clone, Debug)]
pub struct Session {
    /// One for each guest.
    pub logs: Vec<GuestLog>,
    /// What the controller did.
    pub ledger: Ledger,
    /// What a cycle is worth.
    pub scale: Scale,
    /// What the hypervisor below took from the guests' CPU.
    pub steal_ns: Option<u64>,
    /// Whether the kernel stopped real-time guests.
    pub throttled: bool,
    /// Whether guests did not get the real-time scheduling that was asked for.
    pub without_fifo: bool,
    /// What the kernel saw; none where it was not asked or does not tell.
    pub trace: Option<Trace>,
}

impl Session {
    /// What there is when the user has stopped it before anything was measured.
    fn stopped(guests: usize, scale: Scale) -> Self {
        Self {
            logs: vec![GuestLog::default(); guests],
            ledger: Ledger { interrupted: true, ..Ledger::default() },
            scale,
            steal_ns: None,
            throttled: false,
            without_fifo: false,
            trace: None,
        }
    }
}

/// What a guest with a fixed amount of work gave.
#[derive(Clone, Debug)]
pub struct Work {
    /// All of it.
    pub log: GuestLog,
    /// What a cycle is worth.
    pub scale: Scale,
    /// What the hypervisor below took from the CPUs that the guest may run on.
    pub steal_ns: Option<u64>,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The plan could not be followed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Something about the controller's thread.
    #[error("cannot {what} the controller")]
    Thread {
        /// What it was.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl From<BackendError> for SessionError {
    fn from(error: BackendError) -> Self {
        Self::Control(error.into())
    }
}

/// Runs `specs` through `phases`, led by a thread of its own.
///
/// # Errors
/// See [`SessionError`].
pub fn run<B: Backend + Send + ?Sized>(
    backend: &mut B,
    specs: &[GuestSpec],
    phases: &[Phase],
    conditions: Conditions<'_>,
) -> Result<Session, SessionError> {
    on_controller(|| lead(backend, specs, phases, conditions))
}

/// Runs one guest, which nobody holds, until it has made so much progress; `None` when the user has
/// stopped it before.
///
/// # Errors
/// See [`SessionError`].
pub fn work<B: Backend + Send + ?Sized>(
    backend: &mut B,
    spec: &GuestSpec,
    progress: u64,
    conditions: Conditions<'_>,
) -> Result<Option<Work>, SessionError> {
    on_controller(|| await_work(backend, spec, progress, conditions))
}

/// In a thread of its own, which may be pinned and be more urgent than others.
pub(crate) fn on_controller<T: Send>(
    what: impl FnOnce() -> Result<T, SessionError> + Send,
) -> Result<T, SessionError> {
    let thread = |what| move |source| SessionError::Thread { what, source };
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name("controller".into());
        let ended = builder.spawn_scoped(scope, what).map_err(thread("start"))?.join();
        ended.unwrap_or_else(|_| Err(thread("wait for")(io::ErrorKind::Other.into())))
    })
}

fn await_work<B: Backend + ?Sized>(
    backend: &mut B,
    spec: &GuestSpec,
    progress: u64,
    conditions: Conditions<'_>,
) -> Result<Option<Work>, SessionError> {
    let Conditions { placement, patience, mailbox, interrupted, .. } = conditions;
    cpu::pin(placement.controller_cpu)
        .map_err(|source| SessionError::Thread { what: "pin", source })?;
    let steal = proc::steal_ns(placement.guest_cpu);
    let begun = Moment::now();
    match backend.start(std::slice::from_ref(spec), placement, &|| interrupted.is_raised()) {
        Err(BackendError::Stopped) => return Ok(None),
        started => started?,
    }
    let mut controller = Controller::new(&*backend, 1, patience, mailbox, interrupted);
    if !controller.wait_for_progress(progress)? {
        return Ok(None);
    }
    let scale = Scale::between(begun, Moment::now());
    let steal_ns =
        proc::steal_ns(placement.guest_cpu).zip(steal).map(|(now, then)| now.saturating_sub(then));
    let log = backend.collect()?.pop().ok_or(BackendError::Stuck { guest: 1 })?;
    Ok(Some(Work { log: log.sane(), scale, steal_ns }))
}

fn lead<B: Backend + ?Sized>(
    backend: &mut B,
    specs: &[GuestSpec],
    phases: &[Phase],
    conditions: Conditions<'_>,
) -> Result<Session, SessionError> {
    let mut placement = conditions.placement;
    cpu::pin(placement.controller_cpu)
        .map_err(|source| SessionError::Thread { what: "pin", source })?;
    time::be_punctual();
    if placement.fifo {
        policy::set_fifo(policy::CONTROLLER).map_err(BackendError::Fifo)?;
    }
    // Nobody holds guests then, and a real-time guest would keep the others out for ever.
    let ungated = specs.len() > 1 && phases.iter().any(|phase| !phase.mode.is_gated());
    let without_fifo = placement.fifo && ungated;
    placement.fifo &= !ungated;
    let begun = Moment::now();
    let stopped = |begun| Session::stopped(specs.len(), Scale::between(begun, Moment::now()));
    match backend.start(specs, placement, &|| conditions.interrupted.is_raised()) {
        Err(BackendError::Stopped) => return Ok(stopped(begun)),
        started => started?,
    }
    // Attaching changes instructions that guests' threads run: they are out meanwhile.
    for guest in 0..specs.len() {
        backend.gate(guest, false)?;
    }
    // A kernel that does not tell is not asked again: `lgbench env` says why.
    let tracer = conditions
        .tracepoints
        .then_some(placement.guest_cpu)
        .flatten()
        .and_then(|cpu| Tracer::attach(&backend.threads(), cpu).ok());
    let steal = proc::steal_ns(placement.guest_cpu);
    let begun = Moment::now();
    let Conditions { patience, mailbox, interrupted, .. } = conditions;
    let mut controller = Controller::new(&*backend, specs.len(), patience, mailbox, interrupted);
    if !controller.prepare()? {
        // Guests that have not begun have nothing to tell, and may not even hear that they are asked.
        return Ok(stopped(begun));
    }
    let ledger = controller.run(phases)?;
    let scale = Scale::between(begun, Moment::now());
    // The kernel's count has been seen to go back a little.
    let steal_ns =
        proc::steal_ns(placement.guest_cpu).zip(steal).map(|(now, then)| now.saturating_sub(then));
    let logs: Vec<GuestLog> = backend.collect()?.into_iter().map(GuestLog::sane).collect();
    let trace = tracer.map(Tracer::finish);
    let limited = proc::number("/proc/sys/kernel/sched_rt_runtime_us").is_none_or(|us| us >= 0);
    let throttled = placement.fifo
        && limited
        && logs.iter().filter_map(|log| log.waits).any(|waits| has_been_stopped(&waits));
    Ok(Session { logs, ledger, scale, steal_ns, throttled, without_fifo, trace })
}

fn has_been_stopped(waits: &Waits) -> bool {
    waits.ns.saturating_sub(waits.turns.saturating_mul(USUAL_WAIT_NS)) > THROTTLED_NS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_short_waits_are_no_throttling() {
        // Ten seconds of 0.25 ms slices, and the same with 50 ms missing of one of them.
        let switching = Waits { ns: 20_000 * 3_000, turns: 20_000 };
        assert!(!has_been_stopped(&switching));
        assert!(has_been_stopped(&Waits { ns: 50_000_000, turns: 100 }));
        assert!(!has_been_stopped(&Waits::default()));
    }
}
