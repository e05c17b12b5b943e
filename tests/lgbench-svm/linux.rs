//! Guests that run Linux: the kernel of the lab, in the lab.

use std::path::Path;
use std::process::{Command, Output};

use labstats::results::Parameter;
use serde_json::Value;

use crate::support::{lgbench, run, stderr};
use crate::{load_kvm, measured};

/// Guests' kernel: xtask tells which.
fn kernel() -> String {
    std::env::var("LGBENCH_KERNEL").expect("LGBENCH_KERNEL")
}

fn linux(command: &mut Command) -> Output {
    booted(command.args(["--backend", "kvm-linux"]))
}

fn booted(command: &mut Command) -> Output {
    load_kvm();
    let output = command.args(["--kernel", &kernel()]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    output
}

/// The report's page, made once more of the results alone.
fn report(folder: &Path) -> String {
    let made = lgbench().arg("report").arg(folder.join("out")).output().unwrap();
    assert!(made.status.success(), "{}", stderr(&made));
    std::fs::read_to_string(folder.join("out/report.html")).unwrap()
}

#[test]
fn experiment_1_runs_and_is_drawn() {
    e2e::need!(Lab);
    let folder = tempfile::tempdir().unwrap();
    linux(run(folder.path(), &["exp1", "--runs", "1", "--length", "8s"]).arg("--no-tracepoints"));
    let all = measured(folder.path());
    let scenarios: Vec<&str> = all.iter().map(|one| one.scenario.as_str()).collect();
    assert_eq!(scenarios, ["idle-idle", "busy-idle"]);
    for one in &all {
        assert_eq!(one.backend, "kvm-linux");
        assert_eq!(one.parameters["guest_clocksource"], Parameter::Text("kvm-clock".into()));
        let Parameter::Text(kernel) = &one.parameters["guest_kernel"] else { panic!("{one:?}") };
        assert!(kernel.starts_with("6.") && kernel.contains("deb"), "{kernel}");
        let switches = one.series.iter().find(|s| s.metric == "switch.guest_to_guest").unwrap();
        assert!(switches.len() > 1, "{}: {} switches", one.scenario, switches.len());
    }
    let page = report(folder.path());
    for words in
        ["Experiment 1", "idle-idle, kvm-linux", "emulated: no timing value", "data:image/svg+xml"]
    {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn figure_6_runs_and_is_drawn() {
    e2e::need!(Lab);
    let folder = tempfile::tempdir().unwrap();
    let slices = ["fig6", "--runs", "1", "--slices", "50ms,200ms", "--length", "3s"];
    linux(&mut run(folder.path(), &slices));
    let all = measured(folder.path());
    let triad = all[0].series.iter().filter(|series| series.metric == "stream.triad");
    let found: Vec<_> = triad.filter(|series| !series.is_empty()).map(|s| (s.guest, s.x)).collect();
    let expected = [(1, 50.0), (2, 50.0), (1, 200.0), (2, 200.0)];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    assert!(
        expected.iter().all(|(guest, x)| found.contains(&(Some(*guest), Some(*x)))),
        "{found:?}"
    );
    let switches = all[0].series.iter().find(|series| series.metric == "switch.exit");
    assert!(switches.is_none_or(|series| !series.is_empty()));
    let page = report(folder.path());
    for words in
        ["Figure 6", "Figure 7", "kvm-linux", "emulated: no timing value", "data:image/svg+xml"]
    {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn clocks_are_those_that_were_asked_for() {
    e2e::need!(Lab);
    let folder = tempfile::tempdir().unwrap();
    let mut command = lgbench();
    command.args(["skew", "--clock", "kvm-clock,jiffies", "--load", "none", "--length", "4s"]);
    command.args(["--json", "--out"]).arg(folder.path().join("out"));
    let output = booted(&mut command);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = found["rows"].as_array().unwrap();
    let clocks: Vec<_> = rows.iter().map(|row| row["clocksource"].as_str().unwrap()).collect();
    assert_eq!(clocks, ["kvm-clock", "jiffies"]);
    for row in rows {
        assert!(row["readings"].as_u64().unwrap() > 5, "{row}");
        assert!(row["seconds"].as_f64().unwrap() > 2.0, "{row}");
        assert!(row["skew_ms"].as_f64().unwrap().is_finite(), "{row}");
    }
    // By the paravirtual clock the guest knows what the host knows.
    assert!(rows[0]["skew_ms"].as_f64().unwrap().abs() < 500.0, "{}", rows[0]);
    for one in measured(folder.path()) {
        assert_eq!(one.parameters["load"], Parameter::Text("idle".into()));
    }
    assert!(report(folder.path()).contains("Guest's clock less host's"));
}

#[test]
fn a_program_that_computes_pays_in_linux_too() {
    e2e::need!(Lab);
    let folder = tempfile::tempdir().unwrap();
    let mut command = lgbench();
    command.args(["penalty", "--runs", "1", "--size", "8", "--steps", "4", "--watchdog", "60s"]);
    command.arg("--out").arg(folder.path().join("out"));
    let output = linux(&mut command);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    for words in ["kvm-linux", "unpinned", "pinned", "emulated: no timing value", "KVM: SVM"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    assert_eq!(measured(folder.path()).len(), 4);
}

#[test]
fn a_kernel_that_cannot_go_on_says_so() {
    e2e::need!(Lab);
    load_kvm();
    let folder = tempfile::tempdir().unwrap();
    let mut command = run(folder.path(), &["fig3", "--runs", "1", "--backend", "kvm-linux"]);
    command.args(["--kernel", &kernel(), "--append", "rdinit=/nothing"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("guest 1 has failed: Kernel panic - not syncing"), "{said}");
    assert!(said.contains("its console ended: "), "{said}");
}

#[test]
fn what_is_no_kernel_is_refused() {
    e2e::need!(Lab);
    load_kvm();
    let folder = tempfile::tempdir().unwrap();
    for (file, why) in [
        ("/nothing", "lgbench: cannot boot /nothing: there is no such file; give a kernel"),
        ("/bin/sh", "lgbench: cannot boot /bin/sh: neither a bzImage"),
    ] {
        let mut command = run(folder.path(), &["fig3", "--runs", "1", "--backend", "kvm-linux"]);
        let output = command.args(["--kernel", file]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(why), "{file}: {}", stderr(&output));
    }
}
