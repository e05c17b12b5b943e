//! Results in a few lines, for the one who waits at the terminal.

use labstats::describe::{Sorted, mean};
use labstats::results::{Experiment, Kvm, Results, Series};

/// The machine, in two lines.
pub(super) fn machine(results: &Results) -> String {
    let machine = &results.environment;
    let below = machine.hypervisor.as_ref().map(|name| format!(", itself on {name}"));
    let kvm = match machine.kvm {
        Kvm::None => "none",
        Kvm::Vmx => "VMX",
        Kvm::Svm => "SVM",
        Kvm::Pvm => "PVM",
        Kvm::Unknown => "of an unknown kind",
    };
    format!(
        "{}, {} CPUs, Linux {}, KVM: {kvm}{}\n{}, lgbench {}\n",
        machine.cpu_model,
        machine.cpus,
        machine.kernel,
        below.unwrap_or_default(),
        results.started,
        results.tool,
    )
}

/// A table for each experiment, with what must be known before believing it.
pub(super) fn text(results: &Results) -> String {
    let mut text = String::new();
    for one in &results.experiments {
        text.push_str(&experiment(one));
    }
    text
}

fn experiment(one: &Experiment) -> String {
    let mut text = format!("\n{} {} on {}\n", one.name, one.scenario, one.backend);
    for mark in &one.marks {
        text.push_str(&format!("  ! {mark}\n"));
    }
    let unit = one.x.as_ref().map_or_else(String::new, |x| format!("{} {}", x.name, x.unit));
    text.push_str(&format!(
        "  {:<24} {:>5} {:>9} {:>8} {:>11} {:>11} {:>11} {:>11}\n",
        "metric", "guest", unit, "n", "min", "median", "mean", "max"
    ));
    for series in one.series.iter().filter(|series| !series.is_empty()) {
        text.push_str(&line(series));
    }
    text
}

fn line(series: &Series) -> String {
    let samples = series.runs.iter().flat_map(|run| run.samples.iter().copied());
    let values = Sorted::new(samples.collect());
    let mean = mean(values.values()).unwrap_or(f64::NAN);
    let at = |share| values.quantile(share).unwrap_or(f64::NAN);
    let optional = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    format!(
        "  {:<24} {:>5} {:>9} {:>8} {:>11.1} {:>11.1} {:>11.1} {:>11.1}\n",
        format!("{} [{}]", series.metric, series.unit),
        optional(series.guest.map(|guest| guest.to_string())),
        optional(series.x.map(|x| x.to_string())),
        values.values().len(),
        at(0.0),
        at(0.5),
        mean,
        at(1.0)
    )
}
