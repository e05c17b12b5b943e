//! `lgbench run`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use labstats::results::Environment;

use super::cli::RunArgs;
use super::interrupt::Interrupt;
use super::kept::Kept;
use super::place::{kind, options, place};
use super::{control, summary};
use crate::controller::mailbox::Mailbox;
use crate::controller::mode::SHORTEST;
use crate::environment::look;
use crate::experiments::catalogue::{Wish, plans};
use crate::experiments::sizes::{Lengths, Sizes};
use crate::experiments::suite::{self, Kind, Setting};
use crate::sys::time::{Moment, Scale};

pub(super) fn run(args: &RunArgs) -> Result<ExitCode> {
    let kind = kind(args.place.backend);
    let options = options(kind, &args.place)?;
    let placement = place(kind, &args.place.cpus, &options, &[Kind::Kvm, Kind::Native])?;
    let environment = look(Some(placement));
    let plans = plans(&wish(args)?, &lengths(args, environment.emulated))?;
    if args.slices.is_some() && plans.iter().all(|plan| plan.x.is_none()) {
        bail!("--slices: {} has none to choose; run fig6", args.experiment);
    }
    if placement.shares_cpu()
        && !args.place.share_cpu
        && let Some(plan) = plans.iter().find(|plan| plan.is_gated())
    {
        bail!(
            "{} needs a CPU for the controller beside the guests', and this process may use only CPU {}; \
             run exp1, fig3 or fig4, or give --share-cpu",
            plan.name,
            placement.controller_cpu
        );
    }
    let mut kept = Kept::within(&args.out)?;
    let interrupt = Interrupt::install()?;
    let mailbox = Arc::new(Mailbox::default());
    let path = args.control.clone().unwrap_or_else(control::usual_path);
    let server = control::listen(&path, Arc::clone(&mailbox), interrupt.flag())?;
    let sizes = sizes(&environment, args.place.array, kind);
    let setting = Setting {
        kind,
        options: &options,
        placement,
        sizes: &sizes,
        patience: args.place.watchdog,
        mailbox: &mailbox,
        interrupted: &interrupt,
        tracepoints: !args.no_tracepoints,
    };
    let total: Duration = plans.iter().map(|plan| plan.length() * plan.runs).sum();
    let guest_cpu = placement.guest_cpu.unwrap_or_default();
    eprintln!(
        "backend {}, guests on CPU {guest_cpu}, controller on CPU {}, about {:.0} s and the guests' preparations",
        kind.name(),
        placement.controller_cpu,
        total.as_secs_f64()
    );
    let told = |line: &str| eprintln!("{line}");
    let outcome =
        suite::run(&plans, &setting, &now(), environment, told, |results| kept.take(results));
    drop(server);
    kept.end(outcome, |results| match args.json {
        true => results.to_json().context("cannot print the results"),
        false => Ok(summary::text(results)),
    })
}

/// Sizes for this machine.
pub(super) fn sizes(environment: &Environment, array: Option<u64>, kind: Kind) -> Sizes {
    let hz = environment.tsc_hz.unwrap_or(1_000_000_000);
    let scale = Scale::between(Moment { ns: 0, tsc: 0 }, Moment { ns: 1_000_000_000, tsc: hz });
    Sizes::new(environment, array, kind.own_bytes(), &scale)
}

fn wish(args: &RunArgs) -> Result<Wish> {
    if let Some(slice) = args.slices.iter().flatten().find(|slice| **slice < SHORTEST) {
        bail!("--slices: {slice:?} is too short: at least {SHORTEST:?}");
    }
    let mut slices = args.slices.clone();
    if let Some(slices) = &mut slices {
        slices.sort_unstable();
        slices.dedup();
    }
    Ok(Wish {
        experiment: args.experiment.clone(),
        scenario: args.scenario.clone(),
        runs: args.runs,
        slices,
    })
}

fn lengths(args: &RunArgs, emulated: bool) -> Lengths {
    let mut lengths = match (args.quick, emulated) {
        (true, true) => Lengths::emulated(),
        (true, false) => Lengths::quick(),
        (false, _) => Lengths::full(),
    };
    if let Some(length) = args.length {
        lengths.flat = length;
        lengths.switching = length;
        lengths.each_slice = length;
    }
    lengths
}

/// The time as RFC 3339 writes it, in UTC.
pub(super) fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    labstats::results::rfc3339(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_is_a_time() {
        assert!(labstats::results::is_rfc3339(&now()));
    }
}
