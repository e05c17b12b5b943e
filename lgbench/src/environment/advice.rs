//! What of a machine disturbs measurements, and what to do about it.

use labstats::results::{Environment, Kvm};

/// Load above this means that somebody else computes, too.
const BUSY: f64 = 0.5;

/// One line for each thing that disturbs: what it is, and what to do.
pub fn advice(environment: &Environment) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut say = |line: &str| lines.push(line.to_owned());
    if environment.emulated {
        say("the processor is emulated: times mean nothing here, only whether it works");
    } else if let Some(hypervisor) = &environment.hypervisor {
        say(&format!(
            "this machine is itself a guest ({hypervisor}): others share its processor; watch the steal \
             time"
        ));
    }
    match environment.kvm {
        Kvm::None => {
            say("there is no /dev/kvm: only --backend native works; load kvm_intel or kvm_amd")
        }
        Kvm::Pvm => {
            say("/dev/kvm is PVM: entering and leaving a guest costs more than with VMX or SVM")
        }
        _ => {}
    }
    if environment.cpus < 2 {
        say("one CPU: the controller needs another than the guests; only exp1, fig3 and fig4 work");
    }
    if environment.tsc_invariant == Some(false) {
        say("the time stamp counter is not invariant: fix the frequency, or times are wrong");
    }
    if let Some(governor) = environment.governor.as_deref().filter(|name| *name != "performance") {
        say(&format!(
            "governor {governor}: set it to performance (cpupower frequency-set -g performance)"
        ));
    }
    if environment.turbo == Some(true) {
        say("turbo is on: the frequency depends on temperature and on other cores; turn it off");
    }
    if environment.smt == Some(true) {
        say("SMT is on: a sibling thread shares the guests' core; leave it idle or turn SMT off");
    }
    if environment.isolated_cpus.as_deref().is_none_or(str::is_empty) {
        say(
            "no CPU is isolated: boot with isolcpus=N nohz_full=N rcu_nocbs=N and use --guest-cpu N",
        );
    }
    if let Some([load, ..]) = environment.load_average.filter(|load| load[0] > BUSY) {
        say(&format!("load average {load}: other programs run; end them"));
    }
    if environment.rt_runtime_us.is_some_and(|us| us >= 0) {
        say("real-time tasks are stopped for part of every period: with --fifo set \
             kernel.sched_rt_runtime_us to -1");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_machine_needs_none_and_a_noisy_one_much() {
        let quiet = Environment {
            cpus: 4,
            kvm: Kvm::Vmx,
            isolated_cpus: Some("3".into()),
            governor: Some("performance".into()),
            rt_runtime_us: Some(-1),
            ..Environment::default()
        };
        assert_eq!(advice(&quiet), Vec::<String>::new());
        let noisy = Environment {
            cpus: 1,
            emulated: true,
            turbo: Some(true),
            smt: Some(true),
            load_average: Some([3.0, 2.0, 1.0]),
            governor: Some("powersave".into()),
            rt_runtime_us: Some(950_000),
            ..Environment::default()
        };
        assert_eq!(advice(&noisy).len(), 9);
    }
}
