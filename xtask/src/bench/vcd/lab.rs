//! Part (c): a program, the card's driver, the shim and the daemon in the kernel lab, beside part (b) in
//! the same boot. An emulator whose clock counts instructions runs both: the ratio is that of all the
//! instructions of all that takes part, and is no speed.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{TABLE, release};
use crate::bench::report::{median, range};
use crate::bench::vpt::lab::progress;
use crate::bench::{Report, in_lab};
use crate::run::Interrupt;
use crate::vgpu;
use crate::vm::{self, Accel, Choice, LabRun};
use crate::workspace;

/// What runs in the guest.
const SCRIPT: &str = include_str!("guest.sh");
/// Triangles in each run.
const COUNT: u32 = 10_000;
const ROUNDS: usize = 3;
/// The boot included.
const LIMIT: Duration = Duration::from_secs(1200);

/// Measures, where the lab can be had; else says in the report why not.
pub(super) fn measure(report: &mut Report, interrupt: &Interrupt) -> Result<()> {
    match measured(interrupt) {
        Ok(runs) => tell(report, &runs),
        Err(error) => {
            interrupt.check()?;
            report.extra("(c) not measured", format!("{error:#}"));
        }
    }
    Ok(())
}

/// Seconds of the emulated clock for the same triangles.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pair {
    height: u32,
    /// Part (b): one process.
    process: f64,
    /// Part (c): through the kernel.
    kernel: f64,
}

fn measured(interrupt: &Interrupt) -> Result<Vec<Pair>> {
    progress("building for the kernel lab");
    let mut files = vgpu::base(&vm::bring(&Choice::default())?, interrupt)?;
    // Not those of the tests, which check themselves: both sides as users have them.
    let what = ["-p", "vcd-drm", "--bin", "vcd", "--example", "card_load"];
    let built = release(&what, interrupt)?;
    let folder = built.with_file_name("vgpu").join("release");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for name in ["vcd", "examples/card_load"] {
        let stripped = folder.join(name.trim_start_matches("examples/"));
        files.push(workspace::stripped(&built.join(name), &stripped)?);
    }
    progress("triangles in the kernel lab: takes some minutes");
    let mut lab = LabRun::new(command(&files));
    lab.timeout = LIMIT;
    lab.accel = Accel::Counted;
    // One after the other: the sum of all their work.
    lab.cpus = 1;
    parse(&in_lab::output(&lab, interrupt)?)
}

fn command(files: &[PathBuf]) -> Vec<String> {
    let heights = TABLE.map(|row| row.height.to_string()).join(" ");
    ["sh".to_owned(), "-c".to_owned(), SCRIPT.to_owned(), "guest.sh".to_owned()]
        .into_iter()
        .chain([COUNT.to_string(), ROUNDS.to_string(), heights])
        .chain(files.iter().map(|file| file.display().to_string()))
        .collect()
}

fn parse(text: &str) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &["pair", height, process, kernel] = &words[..] else {
            anyhow::bail!("the lab says: {line}")
        };
        let said = || format!("the lab says: {line}");
        let seconds = |word: &str| word.parse::<f64>().with_context(said);
        let (process, kernel) = (seconds(process)?, seconds(kernel)?);
        ensure!(process > 0.0 && kernel > 0.0, said());
        pairs.push(Pair { height: height.parse().with_context(said)?, process, kernel });
    }
    Ok(pairs)
}

fn tell(report: &mut Report, pairs: &[Pair]) {
    for row in &TABLE {
        let height = row.height;
        let of: Vec<f64> = pairs
            .iter()
            .filter(|pair| pair.height == height)
            .map(|pair| pair.kernel / pair.process)
            .collect();
        if of.is_empty() {
            continue;
        }
        let (least, most) = range(&of);
        let name = format!("(c) program, driver, shim and daemon, height {height}: against (b)");
        let note = format!(
            "emulated, instructions of both; median of {} ({least:.2} to {most:.2})",
            of.len()
        );
        report.figure(&name, median(of), "times the work", &note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_become_ratios() {
        let pairs = parse("pair 20 0.5 1.0\npair 20 0.5 2.0\npair 20 0.5 1.5\n").expect("pairs");
        let mut report = Report::new("vcd");
        tell(&mut report, &pairs);
        assert_eq!(report.targets.len(), 1);
        assert_eq!(report.targets[0].value, Some(3.0));
    }

    #[test]
    fn what_is_no_pair_is_told() {
        for text in ["pair 20 0 1.0", "pair 20 1.0", "oops", "pair x 1 1"] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}
