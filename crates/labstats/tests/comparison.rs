//! Two files of results, compared: what matches, what is refused, what is said.
#![allow(clippy::unwrap_used)]

use labstats::compare::{self, CompareError, Comparison, Options, Statistic};
use labstats::random::Random;
use labstats::results::{
    Cache, Environment, Experiment, Kvm, Parameter, Results, Run, Series, Variable, experiment,
    metric,
};
use labstats::verdict::Verdict;

/// Switches of about `center` ns: eight runs of fifty samples.
fn switches(center: f64, seed: u64) -> Series {
    let mut random = Random::new(seed);
    let run = |_| {
        let offset = 0.002 * random.normal();
        let sample = |_: u32| center * (1.0 + offset + 0.02 * random.normal());
        Run { samples: (0..50).map(sample).collect(), ..Run::default() }
    };
    Series { runs: (0..8).map(run).collect(), ..Series::of(&metric::SWITCH_GUEST_TO_GUEST) }
}

fn results(series: Vec<Series>) -> Results {
    let mut one = Experiment::new(experiment::EXP1, experiment::IDLE_IDLE, experiment::KVM);
    one.complete = true;
    one.series = series;
    let mut results = Results::new("2026-01-31T12:00:00Z", Environment::default());
    results.experiments.push(one);
    results
}

fn run(old: &Results, new: &Results) -> Result<Comparison, CompareError> {
    compare::compare(("old.json", old), ("new.json", new), &Options::default())
}

#[test]
fn verdicts_follow_the_metrics_good_direction() {
    let old = results(vec![switches(75_000.0, 1)]);
    let verdict = |new: &Results| run(&old, new).unwrap().pairs[0].verdict;
    assert_eq!(verdict(&results(vec![switches(75_000.0, 2)])), Verdict::Same);
    assert_eq!(verdict(&results(vec![switches(80_000.0, 2)])), Verdict::Slower);
    assert_eq!(verdict(&results(vec![switches(70_000.0, 2)])), Verdict::Faster);

    let triad = |center: f64, seed| Series {
        runs: switches(center, seed).runs,
        ..Series::of(&metric::STREAM_TRIAD)
    };
    let (old, new) = (results(vec![triad(20_000.0, 1)]), results(vec![triad(22_000.0, 2)]));
    let found = run(&old, &new).unwrap();
    assert_eq!(found.pairs[0].verdict, Verdict::Faster, "more MB/s");
    assert_eq!(run(&new, &old).unwrap().pairs[0].verdict, Verdict::Slower);
    let pair = &found.pairs[0];
    assert!((pair.relative.unwrap() - 0.1).abs() < 0.01);
    assert_eq!(pair.delta, 1.0);
    assert!((pair.p.unwrap() - 2.0 / 12_870.0).abs() < 1e-12, "all 8 above all 8");
    assert!(pair.old.mean_interval.unwrap().low < pair.old.samples.mean);
    assert_eq!(pair.old.samples.n, 400);
}

#[test]
fn too_few_runs_are_undecided_with_the_number_that_would_do() {
    let few = |center: f64, runs: usize| {
        let mut series = switches(center, 3);
        series.runs.truncate(runs);
        results(vec![series])
    };
    let note = |runs: usize| {
        let found = run(&few(75_000.0, runs), &few(95_000.0, runs)).unwrap();
        assert_eq!(found.pairs[0].verdict, Verdict::Undecided);
        found.pairs[0].note.clone()
    };
    assert_eq!(note(1), "one run says nothing about the next: repeat with --runs");
    assert_eq!(note(3), "too few runs to show any difference: 4 on each side could");
}

#[test]
fn emulated_results_are_refused_without_leave() {
    let mut emulated = results(vec![switches(75_000.0, 1)]);
    emulated.environment.emulated = true;
    let fine = results(vec![switches(75_000.0, 1)]);
    let error = run(&fine, &emulated).unwrap_err().to_string();
    assert!(error.starts_with("new.json was measured in an emulator"), "{error}");
    let options = Options { emulated: true, ..Options::default() };
    let found = compare::compare(("a", &fine), ("b", &emulated), &options).unwrap();
    assert!(found.warnings.iter().any(|w| w.contains("emulated: no timing value")));
    assert!(found.warnings.iter().any(|w| w == "emulation differs: false, now true"));
}

#[test]
fn different_experiments_are_not_compared() {
    let old = results(vec![switches(75_000.0, 1)]);
    let mut other = old.clone();
    other.experiments[0].backend = experiment::NATIVE.into();
    let error = run(&old, &other).unwrap_err().to_string();
    assert_eq!(
        error,
        "old.json and new.json have nothing in common: \
         one has exp1 idle-idle kvm, the other exp1 idle-idle native"
    );
    let sized = |bytes: f64| {
        let mut one = old.clone();
        let parameters = &mut one.experiments[0].parameters;
        parameters.insert("array_bytes".into(), Parameter::Number(bytes));
        one
    };
    let error = run(&sized(1e6), &sized(2e6)).unwrap_err().to_string();
    assert!(
        error.contains("array_bytes was 1000000 and is 2000000: a different experiment"),
        "{error}"
    );
    let options = Options { only: vec!["stream".into()], ..Options::default() };
    assert!(compare::compare(("a", &old), ("b", &old), &options).is_err());
}

#[test]
fn series_are_matched_by_metric_guest_and_x() {
    let slices = |all: &[f64]| {
        let series = all.iter().map(|&x| Series {
            x: Some(x),
            guest: Some(1),
            runs: switches(20_000.0, 4).runs,
            ..Series::of(&metric::STREAM_ADD)
        });
        let mut one = results(series.collect());
        one.experiments[0].x = Some(Variable { name: "slice".into(), unit: "ms".into() });
        one
    };
    let found = run(&slices(&[0.25, 1.0, 4.0]), &slices(&[1.0, 4.0, 16.0])).unwrap();
    let names: Vec<String> = found.pairs.iter().map(|p| p.key.series_line()).collect();
    assert_eq!(names, ["stream.add, guest 1, slice 1 ms", "stream.add, guest 1, slice 4 ms"]);
    let refused: Vec<String> =
        found.refused.iter().map(|r| format!("{}: {}", r.what, r.why)).collect();
    assert_eq!(
        refused,
        [
            "exp1 idle-idle kvm: stream.add, guest 1, slice 0.25 ms: only in the old results",
            "exp1 idle-idle kvm: stream.add, guest 1, slice 16 ms: only in the new results",
        ]
    );
}

#[test]
fn every_difference_of_the_machines_is_warned_of() {
    let old = Environment::default();
    let new = Environment {
        cpu_model: "another".into(),
        cpus: 8,
        tsc_hz: Some(2_700_000_000),
        tsc_invariant: Some(false),
        kernel: "6.12.0".into(),
        hypervisor: Some("KVMKVMKVM".into()),
        kvm: Kvm::Pvm,
        governor: Some("powersave".into()),
        turbo: Some(true),
        smt: Some(true),
        caches: vec![Cache { level: 3, kind: "unified".into(), bytes: 4 << 20 }],
        isolated_cpus: Some("1".into()),
        guest_cpu: Some(1),
        controller_cpu: Some(0),
        scheduler: Some("SCHED_FIFO 50".into()),
        load_average: Some([2.0, 1.0, 0.5]),
        rt_runtime_us: Some(950_000),
        rt_period_us: Some(1_000_000),
        ..Environment::default()
    };
    let found = compare::mismatches(&old, &new);
    assert_eq!(found.len(), 17, "{found:#?}");
    assert!(compare::mismatches(&old, &old).is_empty());
    let same_clock = |hz| Environment { tsc_hz: Some(hz), ..Environment::default() };
    assert!(compare::mismatches(&same_clock(2_700_000_123), &same_clock(2_700_004_567)).is_empty());
}

#[test]
fn lost_deadlines_and_interruptions_are_told() {
    let old = results(vec![switches(75_000.0, 1)]);
    let mut new = results(vec![switches(75_000.0, 2)]);
    new.experiments[0].complete = false;
    let run_of_new = &mut new.experiments[0].series[0].runs[3];
    (run_of_new.deadlines, run_of_new.missed_deadlines) = (1000, 14);
    run_of_new.throttled = true;
    run_of_new.lost = 5;
    let found = run(&old, &new).unwrap();
    let expected = "new: exp1 idle-idle kvm: incomplete, missed deadlines 1.4 %, RT throttled, \
                    samples lost: 5 in one run";
    assert!(found.warnings.contains(&expected.to_owned()), "{:?}", found.warnings);
    assert_eq!(found.pairs[0].new.lost, 5);
}

#[test]
fn the_table_and_the_csv_say_it() {
    let old = results(vec![switches(75_000.0, 1)]);
    let new = results(vec![switches(80_000.0, 2)]);
    let found = run(&old, &new).unwrap();
    let table = compare::table(&found);
    println!("{table}");
    assert!(table.contains("slower") && table.ends_with("1 slower\n"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() < 200), "{table}");
    let csv = compare::csv(&found);
    let lines: Vec<Vec<&str>> = csv.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].len(), lines[1].len());
    let at = lines[0].iter().position(|c| *c == "verdict").unwrap();
    assert_eq!(lines[1][at], "slower");
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["pairs"][0]["verdict"], "slower");
    assert_eq!(json["pairs"][0]["metric"], "switch.guest_to_guest");
}

#[test]
fn a_base_of_zero_has_no_relative_shift() {
    let zeros = |v: f64| {
        let run = Run { samples: vec![v; 4], ..Run::default() };
        results(vec![Series { runs: vec![run; 6], ..Series::of(&metric::GAP) }])
    };
    let found = run(&zeros(0.0), &zeros(5.0)).unwrap();
    assert_eq!((found.pairs[0].relative, found.pairs[0].verdict), (None, Verdict::Slower));
    assert!(compare::table(&found).contains("slower"));
    assert_eq!(run(&zeros(0.0), &zeros(0.0)).unwrap().pairs[0].verdict, Verdict::Same);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let one = results(vec![switches(75_000.0, 1)]);
    for options in [
        Options { alpha: 0.0, ..Options::default() },
        Options { alpha: f64::NAN, ..Options::default() },
        Options { margin: -0.1, ..Options::default() },
        Options { margin: f64::INFINITY, ..Options::default() },
    ] {
        let error = compare::compare(("a", &one), ("b", &one), &options).unwrap_err();
        assert!(matches!(error, CompareError::Option { .. }), "{error}");
    }
}

#[test]
fn table_1_stands_beside_the_minima_of_runs() {
    let measured = results(vec![switches(75_000.0, 1)]);
    let rows = compare::paper(&measured);
    assert_eq!(rows.len(), 1);
    let minima = Statistic::Min.of_runs(&measured.experiments[0].series[0]);
    assert_eq!(rows[0].minima.n, minima.len());
    assert_eq!(rows[0].minima.min, minima.iter().copied().fold(f64::INFINITY, f64::min));
    let text = compare::paper_table(&rows);
    assert!(text.contains("75 cycles/ns") && text.contains("4512"), "{text}");
    let mut other = measured.clone();
    other.experiments[0].name = experiment::FIG3.into();
    assert!(compare::paper(&other).is_empty());
}
