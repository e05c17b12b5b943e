//! `cargo xtask bench kmod`: what a trapped write, arming and an interrupt cost, and an idle card.
//!
//! All of it runs in one boot of the kernel lab, an emulator: every cost is a ratio to an ordinary write
//! of the same run, and none is a speed.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::report::median;
use super::vpt::lab::progress;
use super::{Is, Report, in_lab};
use crate::run::Interrupt;
use crate::vgpu;
use crate::vm::{self, Choice, LabRun};

/// What runs in the guest.
const SCRIPT: &str = include_str!("guest.sh");
/// Pairs of writes: the first after arming, and the next.
const PAIRS: usize = 320;
/// How long nobody wants anything of the card.
const IDLE_SECONDS: usize = 10;
/// The boot included.
const LIMIT: Duration = Duration::from_secs(600);
const IDLE: &str = "wake-ups of an idle card's daemon";

/// Measures, where the lab can be had; else says in the report why not.
pub(super) fn run(interrupt: &Interrupt) -> Result<Report> {
    let mut report = Report::new("kmod");
    match measured(interrupt) {
        Ok(lines) => tell(&mut report, &lines),
        Err(error) => {
            interrupt.check()?;
            report.unmeasured(IDLE, "", Is::AtMost(0.0), &format!("{error:#}"));
        }
    }
    Ok(report)
}

/// What the guest said, by the lines' first words.
fn measured(interrupt: &Interrupt) -> Result<Lines> {
    progress("building");
    let choice = Choice::default();
    let files = vgpu::build(&vm::bring(&choice)?, interrupt)?;
    progress("a card in the kernel lab");
    let mut lab = LabRun::new(command(&files));
    lab.timeout = LIMIT;
    Lines::parse(&in_lab::output(&lab, interrupt)?)
}

fn command(files: &[PathBuf]) -> Vec<String> {
    ["sh".to_owned(), "-c".to_owned(), SCRIPT.to_owned(), "guest.sh".to_owned()]
        .into_iter()
        .chain([PAIRS.to_string(), IDLE_SECONDS.to_string()])
        .chain(files.iter().map(|file| file.display().to_string()))
        .collect()
}

/// All numbers of a run.
#[derive(Debug, Default, PartialEq)]
struct Lines {
    /// Cycles of a driver's first write after arming, and of its next.
    kernel: Vec<(f64, f64)>,
    /// The same of a program's.
    mapped: Vec<(f64, f64)>,
    /// Cycles from the daemon's stamp to the handler.
    latency: Vec<f64>,
    /// Cycles of each call that armed pages.
    arms: Vec<f64>,
    /// Waits and ticks of an idle card's daemon, and of one that polls.
    trapping: Option<(f64, f64)>,
    polling: Option<(f64, f64)>,
}

impl Lines {
    fn parse(text: &str) -> Result<Self> {
        let mut lines = Self::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap_or_default();
            let numbers: Option<Vec<f64>> = words.map(|word| word.parse().ok()).collect();
            let numbers = numbers.with_context(|| format!("the lab says: {line}"))?;
            match (name, &numbers[..]) {
                ("kernel", &[first, second]) => lines.kernel.push((first, second)),
                ("mapped", &[first, second]) => lines.mapped.push((first, second)),
                ("latency", &[cycles]) => lines.latency.push(cycles),
                ("arms", cycles) => lines.arms.extend(cycles),
                ("trapping", &[waits, ticks, later, more]) => {
                    lines.trapping = Some((later - waits, more - ticks));
                }
                ("polling", &[waits, ticks, later, more]) => {
                    lines.polling = Some((later - waits, more - ticks));
                }
                _ => bail!("the lab says: {line}"),
            }
        }
        Ok(lines)
    }
}

fn tell(report: &mut Report, lines: &Lines) {
    let (trapped, ordinary): (Vec<f64>, Vec<f64>) = lines.kernel.iter().copied().unzip();
    let (mapped, mapped_next): (Vec<f64>, Vec<f64>) = lines.mapped.iter().copied().unzip();
    let write = median(ordinary.clone());
    let program = median(mapped_next.clone());
    let mut ratio = |name: &str, samples: &[f64], unit: f64, about: &str| {
        let note = format!("emulated; median of {}; {about}", samples.len());
        report.figure(name, median(samples.to_vec()) / unit, "writes", &note);
    };
    ratio("trapped write of a driver", &trapped, write, "the first after arming, the next is 1");
    ratio("trapped write of a program", &mapped, program, "through mmap; the program's next is 1");
    ratio("arming", &lines.arms, write, "of calls after which a write is trapped again");
    ratio(
        "interrupt to handler",
        &lines.latency,
        write,
        "MSI, from before the daemon's call to the handler's first instruction",
    );
    let per_second = |count: f64| count / IDLE_SECONDS as f64;
    match (lines.trapping, lines.polling) {
        (Some((waits, ticks)), Some((others, others_ticks))) => {
            let note = format!(
                "in {IDLE_SECONDS} s, with a driver bound; {ticks:.0} ticks of processor time. One that \
                 looks every millisecond: {:.0} wake-ups a second, {others_ticks:.0} ticks",
                per_second(others)
            );
            report.target(IDLE, waits, "", Is::AtMost(0.0), &note);
        }
        _ => report.unmeasured(IDLE, "", Is::AtMost(0.0), "the lab has not told of it"),
    }
    report.extra("cycles of ordinary writes", ordinary);
    report.extra("cycles of trapped writes", trapped);
    report.extra("cycles of a program's ordinary writes", mapped_next);
    report.extra("cycles of a program's trapped writes", mapped);
    report.extra("cycles of arming", lines.arms.clone());
    report.extra("cycles to the handler", lines.latency.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "kernel 300 2\nkernel 500 2\nkernel 400 4\nmapped 900 3\nlatency 60\n\
                        arms 10 30 20\ntrapping 5 1 5 1\npolling 7 1 9007 201\n";

    #[test]
    fn costs_are_ratios_to_ordinary_writes() {
        let mut report = Report::new("kmod");
        tell(&mut report, &Lines::parse(TEXT).expect("lines"));
        let figure = |name: &str| {
            let found = report.targets.iter().find(|target| target.name == name).expect(name);
            (found.value.expect(name), found.note.clone())
        };
        assert_eq!(figure("trapped write of a driver").0, 200.0);
        assert_eq!(figure("trapped write of a program").0, 300.0);
        assert_eq!(figure("arming").0, 10.0);
        assert_eq!(figure("interrupt to handler").0, 30.0);
        let (wakes, note) = figure(IDLE);
        assert_eq!(wakes, 0.0);
        assert!(note.contains("900 wake-ups a second, 200 ticks"), "{note}");
        assert!(report.met());
    }

    #[test]
    fn an_idle_daemon_that_wakes_is_a_target_missed() {
        let mut report = Report::new("kmod");
        let text = TEXT.replace("trapping 5 1 5 1", "trapping 5 1 6 1");
        tell(&mut report, &Lines::parse(&text).expect("lines"));
        assert!(!report.met());
        let mut report = Report::new("kmod");
        tell(&mut report, &Lines::parse("kernel 300 2\n").expect("lines"));
        assert!(!report.met(), "not told is not zero");
        assert!(Lines::parse("kernel 300\n").is_err());
    }

    #[test]
    fn the_guest_gets_what_the_script_takes() {
        let command = command(&["/t/vgpu.ko".into()]);
        assert_eq!(command[3..], ["guest.sh", "320", "10", "/t/vgpu.ko"]);
        assert!(SCRIPT.contains("pairs=$1 seconds=$2"));
    }
}
