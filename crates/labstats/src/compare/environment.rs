//! Two machines, or one machine in two states.

use crate::results::{Cache, Environment};

/// Above this load something else was running.
const BUSY: f64 = 0.5;

/// One line for everything in which the environments differ, and for load on either side.
pub fn mismatches(old: &Environment, new: &Environment) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, old: String, new: String| {
        if old != new {
            found.push(format!("{what} differs: {old}, now {new}"));
        }
    };
    differ("CPU", old.cpu_model.clone(), new.cpu_model.clone());
    differ("number of CPUs", old.cpus.to_string(), new.cpus.to_string());
    differ("TSC frequency", hz(old.tsc_hz), hz(new.tsc_hz));
    differ("kernel", old.kernel.clone(), new.kernel.clone());
    differ("hypervisor", shown(&old.hypervisor), shown(&new.hypervisor));
    differ("KVM flavour", format!("{:?}", old.kvm), format!("{:?}", new.kvm));
    differ("emulation", old.emulated.to_string(), new.emulated.to_string());
    differ("governor", shown(&old.governor), shown(&new.governor));
    differ("turbo", shown(&old.turbo), shown(&new.turbo));
    differ("SMT", shown(&old.smt), shown(&new.smt));
    differ("caches", caches(&old.caches), caches(&new.caches));
    differ("isolated CPUs", shown(&old.isolated_cpus), shown(&new.isolated_cpus));
    differ("guests' CPU", shown(&old.guest_cpu), shown(&new.guest_cpu));
    differ("controller's CPU", shown(&old.controller_cpu), shown(&new.controller_cpu));
    differ("scheduler", shown(&old.scheduler), shown(&new.scheduler));
    let throttle =
        |e: &Environment| format!("{} of {}", shown(&e.rt_runtime_us), shown(&e.rt_period_us));
    differ("RT throttling [us]", throttle(old), throttle(new));
    for (which, environment) in [("old", old), ("new", new)] {
        if let Some([load, ..]) = environment.load_average
            && load > BUSY
        {
            found.push(format!("{which}: load was {load:.2} before the start; something else ran"));
        }
        if environment.tsc_invariant == Some(false) {
            found.push(format!(
                "{which}: the time-stamp counter changes its pace; times are not ns"
            ));
        }
    }
    found
}

fn shown<T: ToString>(value: &Option<T>) -> String {
    value.as_ref().map_or_else(|| "unknown".to_owned(), T::to_string)
}

/// Calibration differs by some parts in a million from boot to boot; that is no other machine.
fn hz(hz: Option<u64>) -> String {
    hz.map_or_else(|| "unknown".to_owned(), |hz| format!("{:.2} GHz", hz as f64 / 1e9))
}

fn caches(caches: &[Cache]) -> String {
    let each = |c: &Cache| format!("L{} {} {} KiB", c.level, c.kind, c.bytes / 1024);
    if caches.is_empty() {
        return "unknown".to_owned();
    }
    caches.iter().map(each).collect::<Vec<_>>().join(", ")
}
