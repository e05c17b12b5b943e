//! The machine as results record it.

use std::collections::BTreeMap;
use std::time::Duration;

use labstats::results::{Environment, Kvm};

use super::{cpuid, proc};
use crate::backend::Placement;
use crate::sys::policy;
use crate::sys::time::Scale;

/// How long the time stamp counter is compared with the clock.
const COMPARE: Duration = Duration::from_millis(100);

/// Looks at the machine. Takes a tenth of a second.
pub fn look(placement: Option<Placement>) -> Environment {
    let flags = proc::cpuinfo("flags").unwrap_or_default();
    let has = |flag: &str| flags.split_whitespace().any(|word| word == flag);
    let guest_cpu = placement.and_then(|placement| placement.guest_cpu);
    let cpu_file = |name: &str| {
        proc::text(&format!("/sys/devices/system/cpu/cpu{}/{name}", guest_cpu.unwrap_or(0)))
    };
    let mut other = BTreeMap::new();
    for (name, path) in [
        ("clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        ("transparent_hugepage_shmem", "/sys/kernel/mm/transparent_hugepage/shmem_enabled"),
        ("nohz_full", "/sys/devices/system/cpu/nohz_full"),
        ("microcode", "/sys/devices/system/cpu/cpu0/microcode/version"),
    ] {
        other.extend(proc::text(path).map(|text| (name.to_owned(), text)));
    }
    Environment {
        cpu_model: proc::cpuinfo("model name").unwrap_or_else(|| "unknown".into()),
        cpus: online(),
        tsc_hz: Some(Scale::measure(COMPARE).hz()),
        tsc_invariant: Some(has("constant_tsc") && has("nonstop_tsc")),
        kernel: proc::text("/proc/sys/kernel/osrelease").unwrap_or_else(|| "unknown".into()),
        hypervisor: cpuid::hypervisor(),
        kvm: kvm_kind(),
        emulated: cpuid::is_emulated(),
        governor: cpu_file("cpufreq/scaling_governor"),
        turbo: turbo(),
        smt: proc::number("/sys/devices/system/cpu/smt/active").map(|active| active != 0),
        caches: proc::caches(guest_cpu.unwrap_or(0)),
        memory_bytes: proc::memory_bytes("MemTotal"),
        isolated_cpus: Some(proc::text("/sys/devices/system/cpu/isolated").unwrap_or_default()),
        guest_cpu,
        controller_cpu: placement.map(|placement| placement.controller_cpu),
        scheduler: placement.map(|placement| match placement.fifo {
            true => format!("SCHED_FIFO {} and {}", policy::GUEST, policy::CONTROLLER),
            false => "SCHED_OTHER".to_owned(),
        }),
        load_average: proc::load_average(),
        rt_period_us: proc::number("/proc/sys/kernel/sched_rt_period_us"),
        rt_runtime_us: proc::number("/proc/sys/kernel/sched_rt_runtime_us"),
        other,
    }
}

fn online() -> u32 {
    let count = std::thread::available_parallelism().map_or(1, |count| count.get());
    let configured = proc::text("/proc/cpuinfo")
        .map(|text| text.lines().filter(|line| line.starts_with("processor")).count());
    u32::try_from(configured.unwrap_or(count)).unwrap_or(u32::MAX)
}

/// Which KVM there is.
pub fn kvm_kind() -> Kvm {
    if !std::path::Path::new("/dev/kvm").exists() {
        return Kvm::None;
    }
    let flags = proc::cpuinfo("flags").unwrap_or_default();
    let has = |flag: &str| flags.split_whitespace().any(|word| word == flag);
    match (std::path::Path::new("/sys/module/kvm_pvm").exists(), has("vmx"), has("svm")) {
        (true, ..) => Kvm::Pvm,
        (_, true, _) => Kvm::Vmx,
        (_, _, true) => Kvm::Svm,
        _ => Kvm::Unknown,
    }
}

fn turbo() -> Option<bool> {
    let none = proc::number("/sys/devices/system/cpu/intel_pstate/no_turbo").map(|none| none == 0);
    none.or_else(|| proc::number("/sys/devices/system/cpu/cpufreq/boost").map(|boost| boost != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_can_be_looked_at() {
        let environment =
            look(Some(Placement { guest_cpu: Some(0), controller_cpu: 0, fifo: true }));
        assert!(environment.cpus > 0);
        assert!(environment.tsc_hz.is_some_and(|hz| hz > 100_000_000));
        assert_eq!(environment.scheduler.as_deref(), Some("SCHED_FIFO 10 and 20"));
    }
}
