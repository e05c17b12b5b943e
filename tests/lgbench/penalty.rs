//! `lgbench penalty`: small runs on the metal and in real virtual machines.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::support::{lgbench, stderr};
use labstats::results::{Parameter, Results};

fn penalty(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = lgbench();
    command.args(["penalty", "--size", "8", "--steps", "20", "--watchdog", "60s"]).args(arguments);
    command.arg("--out").arg(folder.join("out"));
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn results(folder: &Path) -> Results {
    super::support::results(folder)
}

/// A line with single spaces.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_four_are_measured_and_told() {
    e2e::need!(Kvm);
    let folder = tempfile::tempdir().unwrap();
    let output = penalty(folder.path(), &["--runs", "6"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stdout(&output);
    let results = results(folder.path());
    let cells: Vec<(&str, &str)> = results
        .experiments
        .iter()
        .map(|one| (one.scenario.as_str(), one.backend.as_str()))
        .collect();
    let expected =
        [("unpinned", "native"), ("unpinned", "kvm"), ("pinned", "native"), ("pinned", "kvm")];
    assert_eq!(cells, expected);
    let checksum = &results.experiments[0].parameters["checksum"];
    let Parameter::Text(text) = checksum else { panic!("{checksum:?}") };
    assert_eq!(text.len(), 16);
    for one in &results.experiments {
        assert!(one.complete && one.name == "penalty");
        // A run whose checksum differs would have ended it.
        assert_eq!(&one.parameters["checksum"], checksum);
        assert_eq!(one.parameters["steps"], Parameter::Number(20.0));
        let [series] = &one.series[..] else { panic!("{} series", one.series.len()) };
        assert_eq!((series.metric.as_str(), series.unit.as_str()), ("cfd.runtime", "s"));
        assert_eq!(series.runs.len(), 6);
        assert!(series.runs.iter().all(|run| run.samples.len() == 1 && run.samples[0] > 0.0));
    }
    // The table: what was measured, on what, and the proposal's figures.
    let work = format!(
        "fluid dynamics in a box of 8 x 8 x 8 cells, 20 steps; checksum {text} in every run"
    );
    assert!(said.lines().any(|line| line == work), "{said}");
    let machine = said.lines().next().unwrap();
    assert!(machine.starts_with(&results.environment.cpu_model), "{said}");
    assert!(machine.contains(", KVM: ") && said.contains(&results.started), "{said}");
    let lines: Vec<String> = said.lines().map(words).collect();
    let has = |start: &str| lines.iter().any(|line| line.starts_with(start));
    assert!(has("median runtime [s] metal VM backend rounds penalty 95 % interval"), "{said}");
    assert!(has("unpinned, Table 2 1634.56 1678.88 1 +2.71 %"), "{said}");
    assert!(has("pinned, Table 2 1651.86 1652.68 1 +0.05 %"), "{said}");
    assert!(has("pinned, kvm 6") && has("unpinned, native 6"), "{said}");
    for scenario in ["unpinned", "pinned"] {
        let row = lines.iter().find(|line| line.starts_with(&format!("{scenario} "))).unwrap();
        assert!(row.contains(" kvm 6 ") && row.contains(" % to "), "{row}");
    }
    // Progress, a line for each run.
    let told = stderr(&output);
    assert_eq!(told.lines().filter(|line| line.starts_with("round ")).count(), 24, "{told}");
    let page = std::fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(page.contains("<h1>What a virtual machine costs a program that computes</h1>"));
    assert!(page.contains("Table 2: the penalty"));
    assert!(folder.path().join("out/penalty-box.svg").exists());
}

#[test]
fn json_has_the_machine_the_work_and_both_rows() {
    e2e::need!(Kvm);
    let folder = tempfile::tempdir().unwrap();
    let output = penalty(folder.path(), &["--runs", "1", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["complete"], true);
    assert!(json["environment"]["cpu_model"].is_string() && json["environment"]["kvm"].is_string());
    assert_eq!(json["work"]["cells_per_edge"], 8.0);
    assert_eq!(json["work"]["steps"], 20.0);
    assert_eq!(json["work"]["checksum"].as_str().unwrap().len(), 16);
    for (row, scenario) in ["unpinned", "pinned"].into_iter().enumerate() {
        let row = &json["penalties"][row];
        assert_eq!((&row["scenario"], &row["rounds"]), (&scenario.into(), &1.into()));
        assert_eq!(
            (&row["metal"]["backend"], &row["vm"]["backend"]),
            (&"native".into(), &"kvm".into())
        );
        assert!(row["vm"]["described"]["median"].as_f64().unwrap() > 0.0);
        assert!(row["of_medians"]["share"].is_f64() && row["of_medians"]["interval"].is_null());
        assert_eq!(row["finding"], "too-few-rounds");
    }
}

#[test]
fn an_interrupted_penalty_keeps_what_there_is() {
    e2e::need!(Kvm);
    let folder = tempfile::tempdir().unwrap();
    let mut command = penalty(folder.path(), &["--runs", "10000", "--json"]);
    let child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let file = folder.path().join("out/results.json");
    // A whole round has been kept once the file is there.
    let begun = std::time::Instant::now();
    while !file.exists() {
        assert!(begun.elapsed().as_secs() < 120, "no round ends");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    e2e::send_signal(child.id(), "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&json["complete"], &json["marks"]),
        (&false.into(), &serde_json::json!(["incomplete"]))
    );
    let results = results(folder.path());
    assert!(results.experiments.iter().all(|one| !one.complete && !one.series[0].is_empty()));
    let said = stderr(&output);
    let last = "lgbench: interrupted; what there was is kept and marked incomplete";
    assert_eq!(said.lines().last(), Some(last), "{said}");
}

#[test]
fn wrong_arguments_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let mut command = lgbench();
        let output = command.arg("penalty").args(arguments).current_dir(folder.path()).output();
        let output = output.unwrap();
        assert!(!output.status.success(), "{}", stderr(&output));
        stderr(&output).lines().next().unwrap_or_default().to_owned()
    };
    for (arguments, message) in [
        (["--backend", "native"], "error: invalid value 'native' for '--backend <NAME>'"),
        (["--backend", "lguest"], "error: invalid value 'lguest' for '--backend <NAME>'"),
        (["--runs", "0"], "error: invalid value '0' for '--runs <N>': 0 is not in 1..=10000"),
        (["--steps", "1"], "error: invalid value '1' for '--steps <N>': 1 is not in 2..=1000000"),
        (["--size", "3"], "error: invalid value '3' for '--size <CELLS>': 3 is not in 4..=192"),
        (
            ["--size", "193"],
            "error: invalid value '193' for '--size <CELLS>': 193 is not in 4..=192",
        ),
        (
            ["--watchdog", "5"],
            "error: invalid value '5' for '--watchdog <TIME>': \"5\" is no duration: a number with us, \
             ms or s, like 0.25ms",
        ),
    ] {
        assert_eq!(said(&arguments), message);
    }
    if e2e::Resource::Kvm.missing().is_none() {
        let line = said(&["--guest-cpu", "4000"]);
        assert!(line.starts_with("lgbench: --guest-cpu 4000: this process may use CPU "), "{line}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was begun");
}

#[test]
fn no_kvm_is_said_without_advice_that_does_not_help() {
    e2e::need!(Root);
    let folder = tempfile::tempdir().unwrap();
    let program = penalty(folder.path(), &[]);
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && exec \"$@\"";
    command.args(["-m", "sh", "-c", script, "sh"]);
    command.arg(program.get_program()).args(program.get_args());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "lgbench: cannot open /dev/kvm; load the module kvm_intel or kvm_amd: No such file or directory \
         (os error 2)\n"
    );
}
