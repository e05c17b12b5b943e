//! The machine that was measured on, as far as it changes what is measured.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What may make the same program give other numbers. What could not be found out is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// As /proc/cpuinfo names it.
    pub cpu_model: String,
    /// CPUs online.
    pub cpus: u32,
    /// Frequency of the time-stamp counter, by which all times are scaled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tsc_hz: Option<u64>,
    /// Whether the counter keeps its pace in every power state (`constant_tsc` and `nonstop_tsc`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tsc_invariant: Option<bool>,
    /// Release of the running kernel.
    pub kernel: String,
    /// The hypervisor this machine itself runs on, by its CPUID signature; absent on bare metal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypervisor: Option<String>,
    /// What /dev/kvm is made of.
    pub kvm: Kvm,
    /// Whether the CPU itself is emulated (QEMU without acceleration): such times mean nothing.
    pub emulated: bool,
    /// Frequency governor of the guests' CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// Whether the CPU may exceed its nominal frequency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turbo: Option<bool>,
    /// Whether simultaneous multithreading is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smt: Option<bool>,
    /// Caches of the guests' CPU.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caches: Vec<Cache>,
    /// Main memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// CPUs that the kernel's scheduler leaves alone, as a list such as `2-3`; empty when none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolated_cpus: Option<String>,
    /// CPU of the guests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_cpu: Option<u32>,
    /// CPU of the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller_cpu: Option<u32>,
    /// Policy under which guests and controller ran: `SCHED_OTHER`, `SCHED_FIFO 50`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<String>,
    /// Load over 1, 5 and 15 minutes before the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_average: Option<[f64; 3]>,
    /// `kernel.sched_rt_period_us`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rt_period_us: Option<i64>,
    /// `kernel.sched_rt_runtime_us`; -1: real-time tasks are never stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rt_runtime_us: Option<i64>,
    /// Anything else worth knowing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other: BTreeMap<String, String>,
}

/// What /dev/kvm is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kvm {
    /// There is none, or it was not used.
    #[default]
    None,
    /// Intel's virtual-machine extensions.
    Vmx,
    /// AMD's secure virtual machine.
    Svm,
    /// A pagetable-based virtual machine: no hardware support, guests' user mode runs natively.
    Pvm,
    /// There is one and it cannot be told which.
    Unknown,
}

/// One cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// 1 is nearest to the CPU.
    pub level: u32,
    /// `data`, `instruction` or `unified`.
    pub kind: String,
    /// Its size.
    pub bytes: u64,
}
