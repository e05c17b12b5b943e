//! Experiments that run, whatever happens to them meanwhile.

use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use super::support::{lgbench, results, run, stderr};
use labstats::results::{Results, Series};

/// `lgbench ctl` for the run of a folder.
fn ctl(folder: &Path, words: &str) -> Output {
    let mut command = lgbench();
    command.arg("ctl").arg("--control").arg(folder.join("ctl")).args(words.split(' '));
    command.output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn backends() -> Vec<&'static str> {
    let kvm = e2e::Resource::Kvm.missing();
    if let Some(why) = &kvm {
        println!("without the backend kvm: {why}");
    }
    ["native", "kvm"].into_iter().filter(|name| *name == "native" || kvm.is_none()).collect()
}

fn find<'a>(results: &'a Results, metric: &str, guest: Option<u32>) -> &'a Series {
    let all = results.experiments.iter().flat_map(|one| &one.series);
    let mut ours = all.filter(|series| series.metric == metric && series.guest == guest);
    ours.next().unwrap_or_else(|| panic!("no {metric} of guest {guest:?}"))
}

#[test]
fn slices_are_measured_end_to_end() {
    for backend in backends() {
        let folder = tempfile::tempdir().unwrap();
        let arguments =
            ["fig6", "--backend", backend, "--slices", "5ms,40ms", "--length", "600ms", "--json"];
        let output = run(folder.path(), &arguments).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let results = results(folder.path());
        assert_eq!(Results::from_json("out", stdout(&output).as_bytes()).unwrap(), results);
        let one = &results.experiments[0];
        assert!(one.complete && one.backend == backend);
        for guest in [Some(1), Some(2)] {
            let triad =
                one.series.iter().filter(|s| s.metric == "stream.triad" && s.guest == guest);
            let x: Vec<_> = triad.map(|series| series.x.unwrap()).collect();
            assert_eq!(x, [5.0, 40.0]);
        }
        assert!(find(&results, "controller.lateness", None).len() > 1);
        let deadlines = find(&results, "stream.copy", Some(1)).runs[0].deadlines;
        assert!((1..=120).contains(&deadlines), "{deadlines} deadlines in 600 ms of 5 ms");
    }
}

#[test]
fn switches_of_idle_guests_are_seen() {
    let machine = lgbench().args(["env", "--json"]).output().unwrap();
    let machine: serde_json::Value = serde_json::from_slice(&machine.stdout).unwrap();
    let tracepoints = machine["tracepoints"].as_bool().unwrap();
    if !tracepoints {
        println!("without the kernel's tracepoints: lgbench env says why");
    }
    for backend in backends() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["exp1", "--backend", backend, "--runs", "2", "--length", "500ms"];
        let output = run(folder.path(), &arguments).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let results = results(folder.path());
        assert_eq!(results.experiments.len(), 2);
        let switch = find(&results, "switch.guest_to_guest", None);
        assert_eq!(switch.runs.len(), 2);
        assert!(switch.len() > 10, "{} switches", switch.len());
        // Between processes the scheduler's step is mostly one, which has no length.
        if tracepoints && backend == "kvm" {
            let kernel = find(&results, "switch.kernel", None);
            assert!(!kernel.is_empty() && kernel.len() <= switch.len(), "{backend}");
            assert!(results.experiments[0].parameters.contains_key("tracepoints"));
        }
        assert!(stdout(&output).contains("exp1 idle-idle on"), "a summary ends it");
    }
}

#[test]
fn results_that_are_there_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut started = Vec::new();
    for file in ["out/results.json", "out/results.old.json"] {
        let arguments = ["fig3", "--backend", "native", "--length", "300ms"];
        let output = run(folder.path(), &arguments).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        started.push(std::fs::read(folder.path().join(file)).unwrap());
    }
    assert_eq!(started[0], started[1], "the first run's file has another name");
}

#[test]
fn one_shot_shows_the_hold() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["fig8", "--scenario", "one-shot", "--backend", "native"];
    let output = run(folder.path(), &arguments).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let results = results(folder.path());
    let series = find(&results, "stress.touch", Some(1));
    let run = &series.runs[0];
    let closed = run.gates.iter().find(|gate| gate.guest == 1 && !gate.open).unwrap().at_ns;
    let opened = run.gates.iter().find(|gate| gate.guest == 1 && gate.open && gate.at_ns > closed);
    let opened = opened.unwrap().at_ns;
    assert!(opened - closed > 1_900_000_000, "held for {} ns", opened - closed);
    let inside = run.time_ns.as_ref().unwrap().iter().filter(|at| (closed..opened).contains(at));
    assert_eq!(inside.count(), 0, "nothing begins while the guest is held");
}

/// Waits until the run answers that it is in a mode.
fn wait_for_mode(folder: &Path, child: &mut Child, mode: &str) -> String {
    for _ in 0..1200 {
        let said = stdout(&ctl(folder, "status"));
        if said.contains(mode) {
            return said;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended: {said}");
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it never came to mode {mode}");
}

#[test]
fn the_mode_of_a_running_experiment_can_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["fig4", "--backend", "native", "--length", "1000s"];
    let mut child =
        run(folder.path(), &arguments).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let said = wait_for_mode(folder.path(), &mut child, "mode off");
    assert_eq!(said.trim(), "fig4 two-guests, 2 guests, mode off");
    assert_eq!(stdout(&ctl(folder.path(), "alternate 8ms")).trim(), "mode alternate 8ms");
    wait_for_mode(folder.path(), &mut child, "mode alternate 8ms");
    let wrong = ctl(folder.path(), "once 3 1s");
    assert_eq!(stderr(&wrong).trim(), "lgbench: there is no guest 3: 2 run");
    let second = run(folder.path(), &arguments).output().unwrap();
    assert!(stderr(&second).contains("another lgbench is measuring"), "{}", stderr(&second));
    assert_eq!(stdout(&ctl(folder.path(), "stop")).trim(), "stopping");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let results = results(folder.path());
    assert!(results.experiments[0].marks.iter().any(|mark| mark == "mode changed by lgbench ctl"));
}

#[test]
fn an_interrupted_experiment_keeps_what_there_is() {
    for backend in backends() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["fig3", "--backend", backend, "--length", "1000s"];
        let mut command = run(folder.path(), &arguments);
        let mut child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        wait_for_mode(folder.path(), &mut child, "mode off");
        std::thread::sleep(Duration::from_millis(500));
        e2e::send_signal(child.id(), "INT");
        assert_eq!(child.wait().unwrap().code(), Some(130));
        let results = results(folder.path());
        assert!(!results.experiments[0].complete);
        assert!(results.experiments[0].marks.iter().any(|mark| mark == "incomplete"));
        assert!(find(&results, "stream.copy", Some(1)).len() > 1);
    }
}

#[test]
fn the_machine_is_described() {
    let output = lgbench().args(["env", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json["environment"]["tsc_hz"].as_u64().unwrap() > 0);
    assert_eq!(json["backends"]["native"], true);
    assert!(json["fifo"].is_boolean() && json["tracepoints"].is_boolean());
    let text = lgbench().arg("env").output().unwrap();
    assert!(stdout(&text).contains("time stamp counter"));
}
