//! Reports and comparisons from results that are made up, written to files and looked into; with
//! `LGBENCH_SAVE=DIR` they stay there, to be looked at.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use labstats::random::Random;
use labstats::results::{
    Environment, Experiment, Gate, Metric, Results, Run, Series, Variable, experiment as names,
    metric,
};
use lgbench::{compare, report};
use tempfile::TempDir;

/// One payload sample takes so long when its guest runs undisturbed.
const STEP_NS: u64 = 2_000_000;

/// A folder that is kept when somebody wants to look.
struct Folder(PathBuf, #[expect(dead_code, reason = "removed when dropped")] Option<TempDir>);

fn folder(name: &str) -> Folder {
    match std::env::var_os("LGBENCH_SAVE") {
        Some(place) => {
            let path = Path::new(&place).join(name);
            fs::create_dir_all(&path).unwrap();
            Folder(path, None)
        }
        None => {
            let temporary = tempfile::tempdir().unwrap();
            Folder(temporary.path().to_owned(), Some(temporary))
        }
    }
}

fn machine() -> Environment {
    Environment {
        cpu_model: "A CPU <&\"'> @ 2.70GHz".into(),
        cpus: 2,
        kernel: "6.12.0".into(),
        load_average: Some([0.1, 0.2, 0.3]),
        ..Environment::default()
    }
}

fn results(experiments: Vec<Experiment>) -> Results {
    let mut results = Results::new("2026-01-31T12:00:00Z", machine());
    results.experiments = experiments;
    results
}

fn experiment(name: &str, scenario: &str, series: Vec<Series>) -> Experiment {
    let mut one = Experiment::new(name, scenario, names::KVM);
    one.complete = true;
    one.series = series;
    one
}

fn switches(center: f64, seed: u64) -> Series {
    let mut random = Random::new(seed);
    let run = |_| {
        let offset = 0.01 * random.normal();
        let samples = (0..200).map(|_| center * (1.0 + offset + 0.4 * random.uniform().powi(4)));
        Run { samples: samples.collect(), ..Run::default() }
    };
    Series { runs: (0..12).map(run).collect(), ..Series::of(&metric::SWITCH_GUEST_TO_GUEST) }
}

/// Guest 1 shares the CPU, is held from 0.3 s to 0.6 s, then runs alone.
fn one_shot(metric: &Metric, full: f64, seed: u64) -> Series {
    let mut random = Random::new(seed);
    let run = |_| {
        let (mut samples, mut times, mut now) = (Vec::new(), Vec::new(), 0u64);
        while now < 1_200_000_000 {
            if (300_000_000..600_000_000).contains(&now) {
                now = 600_000_000;
            }
            let share = if now < 300_000_000 { 0.5 } else { 1.0 };
            let rate = full * share * (1.0 + 0.03 * random.normal());
            samples.push(rate);
            now += (STEP_NS as f64 * full / rate) as u64;
            times.push(now);
        }
        let gates = [(300, 1, false), (600, 1, true), (600, 2, false)]
            .map(|(ms, guest, open)| Gate { at_ns: ms * 1_000_000, guest, open });
        Run { samples, time_ns: Some(times), gates: gates.to_vec(), ..Run::default() }
    };
    Series { guest: Some(1), runs: (0..8).map(run).collect(), ..Series::of(metric) }
}

fn flat(metric: &Metric, guest: u32, rate: f64, noise: f64, runs: usize) -> Series {
    let mut random = Random::new(u64::from(guest) + rate as u64);
    let run = |_| {
        let samples: Vec<f64> = (0..300).map(|_| rate * (1.0 + noise * random.normal())).collect();
        let times = (1..=300).map(|n| n * STEP_NS).collect();
        Run { samples, time_ns: Some(times), ..Run::default() }
    };
    Series { guest: Some(guest), runs: (0..runs).map(run).collect(), ..Series::of(metric) }
}

fn slices() -> Experiment {
    let mut random = Random::new(3);
    let mut series = Vec::new();
    for guest in [1, 2] {
        for (n, metric) in metric::STREAM.iter().enumerate() {
            for x in [0.25, 1.0, 4.0, 16.0, 64.0] {
                let full = 26_000.0 + 1000.0 * n as f64;
                let run = |_| {
                    let sample = |_| {
                        let hit = random.uniform() < 0.3 / (1.0 + x);
                        full * (1.0 - 0.1 / x.max(0.2) * random.uniform())
                            * if hit { 0.5 / (1.0 + x) } else { 1.0 }
                    };
                    Run { samples: (0..150).map(sample).collect(), ..Run::default() }
                };
                series.push(Series {
                    guest: Some(guest),
                    x: Some(x),
                    runs: (0..6).map(run).collect(),
                    ..Series::of(metric)
                });
            }
        }
    }
    let mut one = experiment(names::FIG6, names::ALTERNATE, series);
    one.x = Some(Variable { name: "slice".into(), unit: "ms".into() });
    one
}

fn everything() -> Results {
    let stream = |guest, share: f64, noise| {
        metric::STREAM.iter().enumerate().map(move |(n, metric)| {
            flat(metric, guest, share * (20_000.0 + 1500.0 * n as f64), noise, 10)
        })
    };
    results(vec![
        experiment(names::EXP1, names::IDLE_IDLE, vec![switches(75_000.0, 1)]),
        experiment(names::EXP1, names::BUSY_IDLE, vec![switches(60_000.0, 2)]),
        experiment(names::FIG3, names::ONE_GUEST, stream(1, 1.0, 0.01).collect()),
        experiment(
            names::FIG4,
            names::TWO_GUESTS,
            stream(1, 0.5, 0.2).chain(stream(2, 0.5, 0.2)).collect(),
        ),
        experiment(
            names::FIG5,
            names::ONE_SHOT,
            vec![
                one_shot(&metric::STREAM_COPY, 20_000.0, 4),
                one_shot(&metric::STREAM_TRIAD, 24_000.0, 5),
            ],
        ),
        slices(),
        experiment(names::FIG8, names::ONE_SHOT, vec![one_shot(&metric::STRESS_TOUCH, 2_000.0, 6)]),
        experiment(names::DHRYSTONE, names::ONE_SHOT, vec![one_shot(&metric::DHRYSTONE, 2e7, 7)]),
        experiment(
            names::GAP,
            names::TWO_GUESTS,
            vec![Series {
                runs: switches(4e6, 8).runs,
                guest: Some(1),
                ..Series::of(&metric::GAP)
            }],
        ),
    ])
}

fn write(folder: &Path, name: &str, results: &Results) -> String {
    let file = folder.join(name);
    fs::write(&file, results.to_json().unwrap()).unwrap();
    file.display().to_string()
}

#[derive(Parser)]
struct ReportLine {
    #[command(flatten)]
    args: report::ReportArgs,
}

#[derive(Parser)]
struct CompareLine {
    #[command(flatten)]
    args: compare::CompareArgs,
}

fn run_compare(words: &[&str]) -> anyhow::Result<std::process::ExitCode> {
    let line = std::iter::once("compare").chain(words.iter().copied());
    compare::run(&CompareLine::try_parse_from(line)?.args)
}

/// Names of the SVG files in a folder.
fn figures(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".svg"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_full_report_has_the_table_and_every_figure() {
    let folder = folder("report");
    write(&folder.0, "results.json", &everything());
    let place = folder.0.display().to_string();
    let args = ReportLine::try_parse_from(["report", &place]).unwrap().args;
    report::run(&args).unwrap();
    let page = fs::read_to_string(folder.0.join(report::PAGE)).unwrap();
    for expected in [
        "Table 1",
        "report, as printed",
        "here, kvm",
        "75 cycles/ns",
        "Figure 3",
        "Figure 4, guest 2",
        "Figure 5",
        "Figure 6, guest 2",
        "Figure 7, STREAM triad",
        "Figure 8",
        "Dhrystone, without a figure",
        "A CPU &lt;&amp;&quot;'&gt;",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    // Nothing is loaded from elsewhere, nothing is run.
    assert!(!page.contains("<script") && !page.contains("<link"));
    let found = figures(&folder.0);
    let expected = [
        "dhrystone-one-shot-kvm-guest-1-step.svg",
        "dhrystone-one-shot-kvm-guest-1-time.svg",
        "exp1-busy-idle-kvm-ecdf.svg",
        "exp1-idle-idle-kvm-ecdf.svg",
        "fig3-one-guest-kvm-guest-1-step.svg",
        "fig3-one-guest-kvm-guest-1-time.svg",
        "fig4-two-guests-kvm-guest-1-step.svg",
        "fig4-two-guests-kvm-guest-1-time.svg",
        "fig4-two-guests-kvm-guest-2-step.svg",
        "fig4-two-guests-kvm-guest-2-time.svg",
        "fig5-one-shot-kvm-guest-1-step.svg",
        "fig5-one-shot-kvm-guest-1-time.svg",
        "fig6-alternate-kvm-box-stream.add.svg",
        "fig6-alternate-kvm-box-stream.copy.svg",
        "fig6-alternate-kvm-box-stream.scale.svg",
        "fig6-alternate-kvm-box-stream.triad.svg",
        "fig6-alternate-kvm-guest-1.svg",
        "fig6-alternate-kvm-guest-2.svg",
        "fig8-one-shot-kvm-guest-1-step.svg",
        "fig8-one-shot-kvm-guest-1-time.svg",
        "gap-two-guests-kvm-ecdf.svg",
    ];
    assert_eq!(found, expected);
    assert_eq!(page.matches("<figure>").count(), expected.len());
    let held = fs::read_to_string(folder.0.join("fig5-one-shot-kvm-guest-1-time.svg")).unwrap();
    assert!(held.contains("held (first run)") && held.contains("95 % confidence"));
}

#[test]
fn a_report_of_an_interrupted_run_says_so() {
    let folder = folder("partial");
    let mut partial = results(vec![
        experiment(names::FIG3, names::ONE_GUEST, vec![flat(&metric::STREAM_ADD, 1, 2e4, 0.1, 1)]),
        experiment(names::FIG6, names::ALTERNATE, Vec::new()),
    ]);
    for one in &mut partial.experiments {
        one.complete = false;
    }
    partial.experiments[0].series[0].runs[0].time_ns = None;
    partial.environment.emulated = true;
    let page = report::write(&partial, &folder.0.join("new folder")).unwrap();
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("no time on this page means anything"));
    assert!(page.contains("fig6 alternate kvm: emulated: no timing value, incomplete"));
    assert_eq!(figures(&folder.0.join("new folder")), ["fig3-one-guest-kvm-guest-1-step.svg"]);
    assert!(!page.contains("Table 1: "));
}

#[test]
fn a_comparison_goes_to_page_and_figures_and_fails_when_told_to() {
    let folder = folder("compare");
    let place = |name: &str| folder.0.join(name).display().to_string();
    let mut slower = everything();
    slower.experiments[0].series = vec![switches(83_000.0, 9)];
    let old = write(&folder.0, "old.json", &everything());
    let new = write(&folder.0, "new.json", &slower);
    let outputs = ["--svg", &place("svg"), "--html", &place("page.html")];
    let success = std::process::ExitCode::SUCCESS;
    let failed = std::process::ExitCode::from(compare::FOUND);
    let status = |words: &[&str]| run_compare(&[&[&*old, &*new], words].concat()).unwrap();
    // Figures of some, or the test would take minutes.
    assert_eq!(status(&[&outputs[..], &["--only", "switch.,gap"]].concat()), success);
    assert_eq!(status(&["--fail-on", "slower"]), failed);
    assert_eq!(status(&["--fail-on", "faster", "--csv", "--only", "switch."]), success);
    assert_eq!(status(&["--fail-on", "slower", "--only", "dhrystone", "--json"]), success);
    let page = fs::read_to_string(folder.0.join("page.html")).unwrap();
    for expected in ["Verdicts", "class=\"text slower\"", "1 slower", "Samples", "<details>"] {
        assert!(page.contains(expected), "{expected}");
    }
    let svg = folder.0.join("svg");
    let all = figures(&svg);
    assert!(
        all.contains(&"exp1-idle-idle-kvm-switch.guest-to-guest-box.svg".to_owned()),
        "{all:?}"
    );
    assert!(all.iter().filter(|name| name.ends_with("-ecdf.svg")).count() * 2 == all.len());
    let boxes = "exp1-idle-idle-kvm-switch.guest-to-guest-box.svg";
    let boxes = fs::read_to_string(svg.join(boxes)).unwrap();
    assert!(boxes.contains(">old, 12 runs<") && boxes.contains(">new, 12 runs<"));
    assert_eq!(run_compare(&["--paper", &old]).unwrap(), success);
}

#[test]
fn what_cannot_be_compared_is_refused_in_one_line() {
    let folder = folder("refused");
    let good = write(&folder.0, "good.json", &everything());
    let mut emulated = everything();
    emulated.environment.emulated = true;
    let emulated = write(&folder.0, "emulated.json", &emulated);
    let other = results(vec![experiment(
        names::FIG8,
        names::ONE_GUEST,
        vec![flat(&metric::STRESS_TOUCH, 1, 2e3, 0.1, 5)],
    )]);
    let other = write(&folder.0, "other.json", &other);
    let cut = folder.0.join("cut.json");
    fs::write(&cut, "{\"schema\":\"lgbench-results\",\"version\":1,").unwrap();
    let cut = cut.display().to_string();
    let missing = folder.0.join("missing.json").display().to_string();
    for (words, expected) in [
        (vec![good.as_str(), &emulated], "has no timing value; --emulated"),
        (vec!["--paper", &emulated], "has no timing value; --emulated"),
        (vec!["--paper", &other], "has no switches of exp1"),
        (vec![&good, &other], "have nothing in common"),
        (vec![&good, &cut], "is cut off here"),
        (vec![&good, &missing], "cannot read"),
        (vec![&good, &good, "--alpha", "2"], "alpha must be above 0 and below 1, not 2"),
        (vec![&good, &good, "--only", "gap", "--svg", &good], "is not a folder"),
    ] {
        let error = format!("{:#}", run_compare(&words).unwrap_err());
        assert!(error.contains(expected) && !error.contains('\n'), "{error}");
    }
    let all = ["--emulated", "--only", "dhrystone"];
    run_compare(&[&[good.as_str(), &emulated], &all[..]].concat()).unwrap();
}
