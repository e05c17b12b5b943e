//! `lgbench env`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result};
use labstats::results::{Environment, Kvm};
use serde_json::json;

use super::cli::EnvArgs;
use crate::environment::advice::advice;
use crate::environment::look;
use crate::experiments::suite::{Kind, Options};
use crate::files::put;
use crate::sys::policy;
use crate::tracepoints::Tracer;

pub(super) fn run(args: &EnvArgs) -> Result<ExitCode> {
    let environment = look(None);
    let advice = advice(&environment);
    let options = Options::default();
    let backends = Kind::ALL.map(|kind| {
        let made = kind.make(&options).map(|_| ());
        (kind.name(), made.map_err(|error| format!("{:#}", anyhow::Error::from(error))))
    });
    let fifo = may_be_real_time();
    let tracepoints =
        Tracer::attach(&[std::process::id()], 0).map(|tracer| tracer.names().join(", "));
    let tracepoints = tracepoints.map_err(|error| format!("{:#}", anyhow::Error::from(error)));
    if args.json {
        let works: BTreeMap<_, _> =
            backends.iter().map(|(name, made)| (name, made.is_ok())).collect();
        let all = json!({
            "environment": environment,
            "backends": works,
            "fifo": fifo,
            "tracepoints": tracepoints.is_ok(),
            "disturbs": advice,
        });
        let text = serde_json::to_string_pretty(&all).context("cannot write JSON")?;
        put(&(text + "\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let table = lines(&environment);
    let permitted =
        if fifo { "permitted" } else { "not permitted: run as root, or raise the limit rtprio" };
    let mut text: String =
        table.iter().map(|(name, value)| format!("{name:<22} {value}\n")).collect();
    for (name, made) in backends {
        let words = made.err().unwrap_or_else(|| "works".to_owned());
        text.push_str(&format!("{:<22} {words}\n", format!("backend {name}")));
    }
    let more = [
        ("SCHED_FIFO (--fifo)", permitted.to_owned()),
        ("kernel tracepoints", tracepoints.unwrap_or_else(|why| why)),
    ];
    text.extend(more.iter().map(|(name, value)| format!("{name:<22} {value}\n")));
    text.push_str(match advice.is_empty() {
        true => "\nnothing is known that would disturb measurements\n",
        false => "\nwhat will disturb measurements:\n",
    });
    text.extend(advice.iter().map(|line| format!("- {line}\n")));
    put(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Tries it, in a thread that ends with the answer.
fn may_be_real_time() -> bool {
    std::thread::spawn(|| policy::set_fifo(policy::GUEST).is_ok()).join().unwrap_or(false)
}

fn lines(environment: &Environment) -> Vec<(&str, String)> {
    let unknown = || "unknown".to_owned();
    let yes_no = |flag: Option<bool>| {
        flag.map_or_else(unknown, |flag| if flag { "yes" } else { "no" }.to_owned())
    };
    let mhz = environment.tsc_hz.map_or_else(unknown, |hz| format!("{:.3} MHz", hz as f64 / 1e6));
    let caches: Vec<String> = environment
        .caches
        .iter()
        .map(|cache| format!("L{} {} {} KiB", cache.level, cache.kind, cache.bytes >> 10))
        .collect();
    let isolated = environment.isolated_cpus.clone().filter(|list| !list.is_empty());
    let mut lines = vec![
        ("processor", environment.cpu_model.clone()),
        ("CPUs", environment.cpus.to_string()),
        ("time stamp counter", mhz),
        ("  invariant", yes_no(environment.tsc_invariant)),
        ("kernel", environment.kernel.clone()),
        ("hypervisor below", environment.hypervisor.clone().unwrap_or_else(|| "none".into())),
        ("emulated", if environment.emulated { "yes: no timing value" } else { "no" }.into()),
        ("/dev/kvm", kvm(environment.kvm).into()),
        ("governor", environment.governor.clone().unwrap_or_else(unknown)),
        ("turbo", yes_no(environment.turbo)),
        ("SMT", yes_no(environment.smt)),
        ("caches", caches.join(", ")),
        ("isolated CPUs", isolated.unwrap_or_else(|| "none".into())),
    ];
    if let Some(load) = environment.load_average {
        lines.push(("load average", format!("{} {} {}", load[0], load[1], load[2])));
    }
    if let (Some(runtime), Some(period)) = (environment.rt_runtime_us, environment.rt_period_us) {
        lines.push(("real-time throttling", format!("{runtime} us of {period} us")));
    }
    lines.extend(environment.other.iter().map(|(name, value)| (name.as_str(), value.clone())));
    lines
}

fn kvm(kvm: Kvm) -> &'static str {
    match kvm {
        Kvm::None => "none",
        Kvm::Vmx => "VMX (Intel)",
        Kvm::Svm => "SVM (AMD)",
        Kvm::Pvm => "PVM (no hardware below; guests at level 3 run natively)",
        Kvm::Unknown => "of an unknown kind",
    }
}
