//! lgbench on SVM, as a KVM inside the emulated processor of the kernel lab has it: what it does is
//! right, its times mean nothing, and it says so.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod linux;
mod machine;
#[path = "../lgbench/support.rs"]
mod support;

use std::sync::OnceLock;

use kvm_ioctls::VmFd;
use labstats::results::{Experiment, Kvm, Parameter};
use support::{lgbench, results, run, stderr};

/// Kept for as long as there are tests.
static KEPT: OnceLock<VmFd> = OnceLock::new();

fn load_kvm() {
    KEPT.get_or_init(machine::create);
}

/// Runs an experiment on KVM to its end.
fn experiments(arguments: &[&str]) -> Vec<Experiment> {
    load_kvm();
    let folder = tempfile::tempdir().unwrap();
    let usual = ["--backend", "kvm", "--runs", "1"];
    let mut command = run(folder.path(), arguments);
    let output = command.args(usual).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    measured(folder.path())
}

/// What a run has left, which was to be complete and marked.
fn measured(folder: &std::path::Path) -> Vec<Experiment> {
    let results = results(folder);
    assert_eq!(results.environment.kvm, Kvm::Svm);
    assert!(results.environment.emulated);
    for one in &results.experiments {
        assert!(one.complete, "{}", one.name);
        assert!(
            one.marks.iter().any(|mark| mark == "emulated: no timing value"),
            "{:?}",
            one.marks
        );
    }
    results.experiments
}

#[test]
fn the_machine_is_known_for_what_it_is() {
    e2e::need!(Lab);
    load_kvm();
    let output = lgbench().args(["env", "--json"]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["environment"]["kvm"], "svm");
    assert_eq!(json["environment"]["emulated"], true);
    assert_eq!(json["backends"]["kvm"], true);
}

#[test]
fn guests_take_turns() {
    e2e::need!(Lab);
    let all = experiments(&["fig6", "--slices", "50ms,200ms", "--length", "3s"]);
    let triad = all[0].series.iter().filter(|series| series.metric == "stream.triad");
    for series in triad.clone() {
        assert!(!series.is_empty(), "guest {:?} at {:?} ms", series.guest, series.x);
    }
    assert_eq!(triad.count(), 4);
}

#[test]
fn switches_are_seen_by_guests_host_and_kernel() {
    e2e::need!(Lab);
    let all = experiments(&["gap", "--scenario", "alternate", "--length", "3s"]);
    for metric in ["switch.guest_to_guest", "switch.exit", "switch.entry", "switch.kernel"] {
        let found = all[0].series.iter().find(|series| series.metric == metric);
        assert!(found.is_some_and(|series| series.len() > 3), "{metric}");
    }
    let source = Parameter::Text("kvm_exit, kvm_entry".to_owned());
    assert_eq!(all[0].parameters.get("tracepoints"), Some(&source));
}

#[test]
fn a_held_guest_does_nothing() {
    e2e::need!(Lab);
    let all = experiments(&["fig8", "--scenario", "one-shot"]);
    let run = &all[0].series.iter().find(|s| s.metric == "stress.touch").unwrap().runs[0];
    let gate = |open: bool, after: u64| {
        let found = run.gates.iter().find(|g| g.guest == 1 && g.open == open && g.at_ns > after);
        found.map(|gate| gate.at_ns).unwrap()
    };
    let closed = gate(false, 0);
    let opened = gate(true, closed);
    let inside = run.time_ns.as_ref().unwrap().iter().filter(|at| (closed..opened).contains(at));
    assert_eq!(inside.count(), 0);
}
