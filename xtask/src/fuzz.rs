//! `cargo xtask fuzz`: every fuzz target of fuzz/Cargo.toml for a while, from its committed corpus.
//!
//! Built without a sanitizer: the code under test is safe, so what is looked for are panics (overflows
//! and failed assertions among them, as in every build for development) and hangs. So a stable compiler
//! does, and building takes a quarter of the time.
//!
//! What a run finds interesting goes to target/fuzz/corpus, not into the repository: `cargo fuzz cmin`
//! chooses what is worth committing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use crate::test::tally;
use crate::{deps, run, table, workspace};

/// No input may take longer, seconds, nor need more memory, MiB.
const SLOWEST_S: u64 = 10;
const LARGEST_MIB: u64 = 2048;
/// Most bytes of an input: images with small clusters fit.
const LONGEST_BYTES: u64 = 64 << 10;

/// How a target fared.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    executions: u64,
    corpus: u64,
    crash: Option<String>,
}

/// Runs one target or all of them, `seconds` each; true when none failed. Where there is no cargo-fuzz,
/// that is only told, unless this is continuous integration.
pub fn main(target: Option<&str>, seconds: u64) -> Result<bool> {
    let folder = workspace::root().join("fuzz");
    let manifest = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest)
        .with_context(|| format!("cannot read {}", manifest.display()))?;
    let targets = chosen(&targets(&text), target)?;
    if let Err(why) = deps::ensure_cargo_fuzz() {
        if tally::in_ci() {
            return Err(why);
        }
        println!("SKIP: fuzz: {why:#}");
        return Ok(true);
    }
    eprintln!("building the fuzz targets");
    let start = Instant::now();
    if !run::passes(cargo_fuzz(&folder, "build").args(target))? {
        bail!("cannot build the fuzz targets");
    }
    eprintln!("building took {} s", start.elapsed().as_secs());
    let mut rows = Vec::new();
    let mut all_well = true;
    for (name, outcome) in targets.iter().zip(fuzz_all(&folder, &targets, seconds)?) {
        let result = match &outcome.crash {
            None => "ok".to_owned(),
            Some(input) => {
                all_well = false;
                format!("FAILED: {input}")
            }
        };
        let (executions, corpus) = (outcome.executions.to_string(), outcome.corpus.to_string());
        rows.push(vec![name.clone(), executions, corpus, result]);
    }
    print!("{}", table::plain(&["target", "executions", "corpus", "result"], &rows));
    Ok(all_well)
}

/// The names of the programs in a manifest.
fn targets(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut in_bin = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_bin = line == "[[bin]]";
        } else if let (true, Some(name)) = (in_bin, line.strip_prefix("name = ")) {
            names.push(name.trim_matches('"').to_owned());
        }
    }
    names
}

fn chosen(targets: &[String], wanted: Option<&str>) -> Result<Vec<String>> {
    match wanted {
        None => Ok(targets.to_vec()),
        Some(name) if targets.iter().any(|target| target == name) => Ok(vec![name.to_owned()]),
        Some(name) => bail!("no fuzz target {name:?}; there are: {}", targets.join(", ")),
    }
}

/// Each uses one processor, so as many run at a time as there are.
fn fuzz_all(folder: &Path, targets: &[String], seconds: u64) -> Result<Vec<Outcome>> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut outcomes = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(name) = targets.get(at) else { return outcomes };
            outcomes.push((at, fuzz(folder, name, seconds)));
        }
    };
    let mut all = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| anyhow!("a fuzzer's thread died"))?);
        }
        Ok::<_, anyhow::Error>(all)
    })?;
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, outcome)| outcome).collect()
}

fn fuzz(folder: &Path, target: &str, seconds: u64) -> Result<Outcome> {
    let found = place().join("corpus").join(target);
    std::fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
    // libFuzzer ends without cleaning up.
    let temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
    eprintln!("{target}: {seconds} s");
    let mut command = cargo_fuzz(folder, "run");
    command.env("TMPDIR", temporary.path()).arg(target).arg(&found);
    let committed: PathBuf = folder.join("corpus").join(target);
    if committed.is_dir() {
        command.arg(committed);
    }
    command.arg("--").args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={LONGEST_BYTES}"),
        format!("-timeout={SLOWEST_S}"),
        format!("-rss_limit_mb={LARGEST_MIB}"),
        "-print_final_stats=1".into(),
    ]);
    let (passed, text) = run::quietly(&mut command)?;
    let outcome = judge(passed, &text);
    if let Some(input) = &outcome.crash {
        // cargo-fuzz prints the input byte by byte as well: nobody reads that.
        let lines = text.lines().filter(|line| line.len() < 400);
        eprintln!("{}", lines.collect::<Vec<_>>().join("\n"));
        eprintln!("{target}: the input is {input}");
    }
    Ok(outcome)
}

/// Where it is built, and where inputs are kept that a run found.
fn place() -> PathBuf {
    workspace::root().join("target/fuzz")
}

/// `cargo fuzz build` or `run`, the same build for both.
fn cargo_fuzz(folder: &Path, what: &str) -> Command {
    let mut command = workspace::cargo();
    command.current_dir(folder).args(["fuzz", what, "--sanitizer", "none", "--dev"]);
    command.arg("--target-dir").arg(place().join("build"));
    command
}

/// Takes libFuzzer's report apart.
fn judge(passed: bool, text: &str) -> Outcome {
    let number = |word: &str| word.trim().parse::<u64>().ok();
    let executions = text
        .lines()
        .filter_map(|line| number(line.strip_prefix("stat::number_of_executed_units:")?))
        .next_back();
    // `#123 DONE cov: 1 ft: 2 corp: 3/45b ...`, and the like on the way.
    let corpus = text
        .lines()
        .filter_map(|line| number(line.split_once("corp: ")?.1.split('/').next()?))
        .next_back();
    let input = text.lines().find_map(|line| line.split_once("Test unit written to ").map(|l| l.1));
    let crash = (!passed).then(|| {
        input
            .map_or_else(|| "no input was written; see above".into(), |path| path.trim().to_owned())
    });
    Outcome { executions: executions.unwrap_or(0), corpus: corpus.unwrap_or(0), crash }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_targets() {
        let text = "[package]\nname = \"fuzz\"\n[[bin]]\nname = \"a\"\npath = \"x\"\n\n[[bin]]\nname = \"b\"\n";
        assert_eq!(targets(text), ["a", "b"]);
        let own = std::fs::read_to_string(workspace::root().join("fuzz/Cargo.toml"));
        let own = targets(&own.expect("our own file"));
        assert!(own.contains(&"qcow2_header".to_owned()), "{own:?}");
        for target in &own {
            let source = workspace::root().join(format!("fuzz/fuzz_targets/{target}.rs"));
            assert!(source.is_file(), "{}", source.display());
        }
        assert_eq!(chosen(&own, None).expect("all"), own);
        let error = chosen(&own, Some("none")).expect_err("unknown").to_string();
        assert!(error.contains("there are: ") && error.contains("qcow2_header"), "{error}");
    }

    #[test]
    fn understands_the_report() {
        let text = "#8\tINITED cov: 4 ft: 5 corp: 2/9b exec/s: 0\n#99\tDONE   cov: 4 ft: 5 corp: 7/19b\n\
                    stat::number_of_executed_units: 99\n";
        assert_eq!(judge(true, text), Outcome { executions: 99, corpus: 7, crash: None });
        let text = "artifact_prefix='/x/'; Test unit written to /x/crash-1\nBase64: AA==\n";
        assert_eq!(judge(false, text).crash.as_deref(), Some("/x/crash-1"));
        assert!(judge(false, "").crash.is_some(), "a failure without an input is one too");
    }
}
