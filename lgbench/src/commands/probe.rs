//! `lgbench probe`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::cli::ProbeArgs;
use super::interrupt::Interrupt;
use super::kept::INTERRUPTED;
use super::place::{kind, options, place};
use super::run::sizes;
use crate::controller::mailbox::Mailbox;
use crate::environment::look;
use crate::experiments::probe;
use crate::experiments::suite::Kind;
use crate::experiments::suite::Setting;
use crate::files::put;

pub(super) fn run(args: &ProbeArgs) -> Result<ExitCode> {
    let kind = kind(args.place.backend);
    let options = options(kind, &args.place)?;
    let placement = place(kind, &args.place.cpus, &options, &[Kind::Kvm, Kind::Native])?;
    if placement.shares_cpu() && !args.place.share_cpu {
        bail!(
            "the controller needs a CPU beside the guests', and this process may use only CPU {}; give \
             --share-cpu",
            placement.controller_cpu
        );
    }
    let environment = look(Some(placement));
    let interrupt = Interrupt::install()?;
    let setting = Setting {
        kind,
        options: &options,
        placement,
        sizes: &sizes(&environment, args.place.array, kind),
        patience: args.place.watchdog,
        mailbox: &Mailbox::default(),
        interrupted: &interrupt,
        tracepoints: false,
    };
    let Some(costs) = probe::run(&setting, args.length, |line| eprintln!("{line}"))? else {
        eprintln!("lgbench: interrupted; nothing is kept");
        return Ok(ExitCode::from(INTERRUPTED));
    };
    if args.json {
        let text = serde_json::to_string_pretty(&costs).context("cannot write JSON")?;
        put(&(text + "\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    let mut line = |words: String| text.extend([words.as_str(), "\n"]);
    if environment.emulated {
        line("the processor is emulated: no timing value".to_owned());
    }
    line(format!("recording an event          {:>10.1} cycles", costs.record_cycles));
    line(format!("reading the clock           {:>10.1} cycles", costs.clock_cycles));
    for (what, late) in [("turn taken", costs.taken), ("gate closed", costs.closed)] {
        line(format!(
            "deadline to {what:<15} {:>10.0} ns p50, {:.0} ns p99, {:.0} ns at most, {} of them",
            late.p50_ns, late.p99_ns, late.max_ns, late.n
        ));
    }
    line(format!("missed deadlines            {:>10} of {}", costs.missed.0, costs.missed.1));
    if let Some(stream) = &costs.stream {
        line(format!("STREAM, guest by process    {:>10.4}", stream.ratio));
    }
    put(&text)?;
    Ok(ExitCode::SUCCESS)
}
