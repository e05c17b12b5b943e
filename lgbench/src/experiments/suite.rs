//! Running experiments: every run of every plan, kept as results whatever happens.

use std::time::Duration;

use labstats::results::{Environment, Experiment, Parameter, Results, Variable, experiment};

use lgbench_payload::abi::Payload;

use super::catalogue::Plan;
use super::collect;
use super::sizes::Sizes;
use crate::backend::lguest::{LguestBackend, LguestOptions};
use crate::backend::{Backend, BackendError, Placement};
#[cfg(target_arch = "x86_64")]
use crate::backend::{kvm::KvmBackend, kvm_linux::KvmLinuxBackend, native::NativeBackend};
use crate::controller::Interrupted;
use crate::controller::mailbox::Mailbox;
use crate::linux::{self, LinuxOptions};
use crate::memory::{GuestSpec, MAX_BYTES};
use crate::session::{self, Conditions, Session, SessionError};

/// Which backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Virtual machines.
    Kvm,
    /// Virtual machines that run Linux.
    KvmLinux,
    /// Guests of lguest.
    Lguest,
    /// Processes.
    Native,
}

/// What the backends that run Linux need to know.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Kernel and command line of guests.
    pub linux: LinuxOptions,
    /// How guests of lguest are started.
    pub lguest: LguestOptions,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Kvm, Self::KvmLinux, Self::Lguest, Self::Native];

    /// Bytes of a guest's memory, at most, that its payload does not get.
    pub fn own_bytes(self) -> u64 {
        match self {
            Self::KvmLinux => linux::own_bytes(MAX_BYTES),
            _ => 0,
        }
    }

    /// The best one that works here.
    pub fn best() -> Self {
        if Self::Kvm.make(&Options::default()).is_ok() { Self::Kvm } else { Self::Native }
    }

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kvm => experiment::KVM,
            Self::KvmLinux => experiment::KVM_LINUX,
            Self::Lguest => experiment::LGUEST,
            Self::Native => experiment::NATIVE,
        }
    }

    /// A backend of this kind, without guests.
    ///
    /// # Errors
    /// It does not work here.
    pub fn make(self, options: &Options) -> Result<Box<dyn Backend + Send>, BackendError> {
        Ok(match self {
            #[cfg(target_arch = "x86_64")]
            Self::Kvm => Box::new(KvmBackend::new()?),
            #[cfg(target_arch = "x86_64")]
            Self::KvmLinux => Box::new(KvmLinuxBackend::new(options.linux.clone())?),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Kvm | Self::KvmLinux | Self::Native => return Err(crate::backend::only_lguest()),
            Self::Lguest => Box::new(LguestBackend::new(options.lguest.clone())?),
            #[cfg(target_arch = "x86_64")]
            Self::Native => Box::new(NativeBackend::new()),
        })
    }
}

/// How and where experiments run.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// Which backend.
    pub kind: Kind,
    /// What it needs to know.
    pub options: &'a Options,
    /// Where.
    pub placement: Placement,
    /// How large.
    pub sizes: &'a Sizes,
    /// How long a guest may get nowhere.
    pub patience: Duration,
    /// Where changes of mode come from.
    pub mailbox: &'a Mailbox,
    /// Whether the user wants to stop.
    pub interrupted: &'a dyn Interrupted,
    /// Whether the kernel's tracepoints are asked about switches.
    pub tracepoints: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome<E> {
    /// All that was measured; experiments that were not finished say so.
    pub results: Results,
    /// Why it ended early, if it was no interruption.
    pub failure: Option<E>,
    /// Whether the user stopped it.
    pub interrupted: bool,
}

/// Runs all plans; `told` hears what is being done, `keep` gets what there is after each of them.
pub fn run(
    plans: &[Plan],
    setting: &Setting<'_>,
    started: &str,
    environment: Environment,
    mut told: impl FnMut(&str),
    mut keep: impl FnMut(&Results),
) -> Outcome<SessionError> {
    let mut results = Results::new(started, environment);
    let mut failure = None;
    for plan in plans {
        let mut one = begin(plan, setting);
        failure = runs(plan, setting, &mut one, &mut told).err();
        one.mark(&results.environment);
        results.experiments.push(one);
        keep(&results);
        if failure.is_some() || setting.interrupted.is_raised() {
            break;
        }
    }
    let interrupted = failure.is_none() && setting.interrupted.is_raised();
    Outcome { results, failure, interrupted }
}

fn begin(plan: &Plan, setting: &Setting<'_>) -> Experiment {
    let mut one = Experiment::new(plan.name, plan.scenario, setting.kind.name());
    let mut parameter = |name: &str, value| one.parameters.insert(name.to_owned(), value);
    parameter("run_s", Parameter::Number(plan.length().as_secs_f64()));
    // Pages that are allocated are as many as an array's where that is small.
    if plan.guests.iter().any(|payload| matches!(payload, Payload::Stream | Payload::Stress)) {
        parameter("array_bytes", Parameter::Number(setting.sizes.array_bytes as f64));
    }
    if setting.kind == Kind::KvmLinux {
        one.parameters.extend(setting.options.linux.parameters());
    }
    one.x = plan.x.as_ref().map(|_| Variable { name: "slice".into(), unit: "ms".into() });
    if setting.sizes.too_small && plan.guests.contains(&Payload::Stream) {
        one.marks.push("arrays smaller than 4 times the last cache".into());
    }
    if plan.is_gated() && setting.placement.shares_cpu() {
        one.marks.push("controller on the guests' CPU".into());
    }
    one
}

fn runs(
    plan: &Plan,
    setting: &Setting<'_>,
    one: &mut Experiment,
    told: &mut impl FnMut(&str),
) -> Result<(), SessionError> {
    for number in 1..=plan.runs {
        if setting.interrupted.is_raised() {
            return Ok(());
        }
        let (name, scenario, all) = (plan.name, plan.scenario, plan.runs);
        told(&format!(
            "{name} {scenario}: run {number} of {all}, {:.1} s",
            plan.length().as_secs_f64()
        ));
        setting.mailbox.begin(&format!("{name} {scenario}"), plan.guests.len());
        let session = session(plan, setting)?;
        let interrupted = session.ledger.interrupted;
        collect::merge(&mut one.series, collect::samples(plan, setting.sizes, &session));
        note(one, &session);
        if interrupted {
            return Ok(());
        }
    }
    let measured = !one.series.is_empty() && one.series.iter().all(|series| !series.is_empty());
    if !measured {
        one.marks.push("a guest without a sample: its runs were too short".into());
    }
    one.complete = measured;
    Ok(())
}

/// One run of a plan.
///
/// # Errors
/// See [`SessionError`].
pub fn session(plan: &Plan, setting: &Setting<'_>) -> Result<Session, SessionError> {
    let specs: Vec<GuestSpec> =
        plan.guests.iter().map(|payload| setting.sizes.spec(*payload)).collect();
    let mut backend = setting.kind.make(setting.options)?;
    let conditions = Conditions {
        placement: setting.placement,
        patience: setting.patience,
        mailbox: setting.mailbox,
        interrupted: setting.interrupted,
        tracepoints: setting.tracepoints && plan.shows_switches(),
    };
    session::run(backend.as_mut(), &specs, &plan.phases, conditions)
}

/// What of a run is to be known beside its samples.
fn note(one: &mut Experiment, session: &Session) {
    if let Some(trace) = &session.trace {
        // They cost something themselves, so results with and without are not the same experiment's.
        let source = Parameter::Text(trace.source.to_owned());
        one.parameters.entry("tracepoints".to_owned()).or_insert(source);
    }
    // A kernel whose clock is another one is another guest.
    for clocksource in session.logs.iter().filter_map(|log| log.clocksource.clone()) {
        let source = Parameter::Text(clocksource);
        one.parameters.entry("guest_clocksource".to_owned()).or_insert(source);
    }
    let mut mark = |text: String| {
        if !one.marks.contains(&text) {
            one.marks.push(text);
        }
    };
    if session.ledger.windows.iter().any(|window| window.changed) {
        mark("mode changed by lgbench ctl".into());
    }
    if session.without_fifo {
        mark("guests without SCHED_FIFO: in a part of it nobody holds them".into());
    }
    let uncertain = session.logs.iter().map(|log| log.clock_uncertainty).max().unwrap_or(0);
    if uncertain > 0 {
        let ns = session.scale.ns(uncertain);
        mark(format!("guests' clocks known to {ns:.0} ns"));
    }
}
