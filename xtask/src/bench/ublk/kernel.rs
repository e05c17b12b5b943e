//! Disks of the ublk driver, ours and rublk's, in one boot of the kernel lab.
//!
//! The lab is an emulator, here with one processor and a clock that counts its instructions: what is
//! compared is how many of them a request costs, from fio through the kernel to the server and back. So
//! the ratios come out the same on a busy machine, and no figure of one alone is a speed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::rublk;
use crate::bench::vpt::lab::progress;
use crate::bench::{Is, Report, in_lab};
use crate::run::Interrupt;
use crate::vm::{Accel, LabRun};
use crate::workspace;

/// What runs in the guest.
const SCRIPT: &str = include_str!("guest.sh");
/// Pairs of runs for each disk, kind and depth, and how long a run is by the guest's clock. Few and
/// short: they differ by less than 1 %.
const PAIRS: usize = 3;
const SECONDS: usize = 1;
const KINDS: [&str; 2] = ["randread", "randwrite"];
const DEPTHS: [u32; 2] = [1, 32];
/// What is served, and what it is against.
const DISKS: [(&str, &str); 2] = [
    ("null", "null model and back end null against rublk null"),
    ("loop", "null model over a file in memory against rublk loop (direct I/O) over the same file"),
];
const TARGET: Is = Is::AtLeast(0.9);
/// The boot included.
const LIMIT: Duration = Duration::from_secs(1200);

/// Measures, where the lab can be had and rublk be built; else says in the report why not.
pub(super) fn measure(report: &mut Report, interrupt: &Interrupt) -> Result<()> {
    let runs = match runs(interrupt) {
        Ok(runs) => runs,
        Err(error) => {
            interrupt.check()?;
            for (disk, _) in DISKS {
                report.unmeasured(&name(disk, "", 0), "ratio", TARGET, &format!("{error:#}"));
            }
            return Ok(());
        }
    };
    for (disk, about) in DISKS {
        for kind in KINDS {
            for depth in DEPTHS {
                let pairs = pairs(&runs, disk, kind, depth);
                let about = format!("emulated, by instructions; {about}");
                report.ratio(&name(disk, kind, depth), &pairs, Some(TARGET), &about);
            }
        }
    }
    report.extra("rublk", rublk::VERSION);
    Ok(())
}

fn name(disk: &str, kind: &str, depth: u32) -> String {
    match depth {
        0 => format!("ublk, {disk}, against rublk: IOPS"),
        _ => format!("ublk, {disk}, 4 KiB {kind}, depth {depth}, against rublk: IOPS"),
    }
}

/// One line of the guest's.
#[derive(Debug, PartialEq)]
struct Run {
    disk: String,
    ours: bool,
    kind: String,
    depth: u32,
    iops: f64,
}

/// Boots the lab and runs the script.
fn runs(interrupt: &Interrupt) -> Result<Vec<Run>> {
    progress("building");
    let target = workspace::metadata()?.target_directory;
    let ublk = workspace::build_ublk(interrupt)?;
    let rublk = rublk::ensure(&target, interrupt)?;
    let folder = target.join("bench/lab");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let small = |program: &Path, name: &str| workspace::stripped(program, &folder.join(name));
    let (ublk, rublk) = (small(&ublk, "ublk")?, small(&rublk, "rublk")?);
    progress(&format!("ublk in the kernel lab: {PAIRS} pairs of {SECONDS} s, eight times"));
    let mut lab = LabRun::new(command(&ublk, &rublk));
    lab.timeout = LIMIT;
    lab.accel = Accel::Counted;
    lab.cpus = 1;
    parse(&in_lab::output(&lab, interrupt)?)
}

fn command(ublk: &Path, rublk: &Path) -> Vec<String> {
    let path = |path: &Path| PathBuf::from(path).display().to_string();
    ["sh".to_owned(), "-c".to_owned(), SCRIPT.to_owned(), "guest.sh".to_owned()]
        .into_iter()
        .chain([path(ublk), path(rublk), PAIRS.to_string(), SECONDS.to_string(), KINDS.join(" ")])
        .collect()
}

/// Lines of `DISK WHOSE KIND DEPTH IOPS`; others are programs' remarks.
fn parse(text: &str) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[disk, whose @ ("ours" | "rublk"), kind, depth, iops] = &words[..] else { continue };
        let iops = iops.parse::<f64>().ok().filter(|iops| *iops > 0.0);
        let depth = depth.parse().ok();
        let (Some(depth), Some(iops)) = (depth, iops) else {
            bail!("the script in the kernel lab says: {line}");
        };
        let ours = whose == "ours";
        runs.push(Run { disk: disk.to_owned(), ours, kind: kind.to_owned(), depth, iops });
    }
    Ok(runs)
}

/// Our runs of one sort and rublk's that followed them.
fn pairs(runs: &[Run], disk: &str, kind: &str, depth: u32) -> Vec<(f64, f64)> {
    let of = |ours: bool| {
        let same = move |run: &&Run| {
            (&*run.disk, &*run.kind, run.depth, run.ours) == (disk, kind, depth, ours)
        };
        runs.iter().filter(same).map(|run| run.iops)
    };
    of(true).zip(of(false)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_become_pairs() {
        let text = "/dev/ublkb0 is there\nnull ours randread 1 90\nnull rublk randread 1 100\n\
                    null ours randread 32 7\nnull ours randread 1 80\nnull rublk randread 1 200\n";
        let runs = parse(text).expect("lines");
        assert_eq!(pairs(&runs, "null", "randread", 1), [(90.0, 100.0), (80.0, 200.0)]);
        assert_eq!(pairs(&runs, "null", "randread", 32), []);
        assert!(parse("null ours randread 1 0").is_err(), "a run that did nothing");
    }

    #[test]
    fn the_guest_gets_what_the_script_takes() {
        let command = command(Path::new("/t/ublk"), Path::new("/t/rublk"));
        assert_eq!(command[3..6], ["guest.sh", "/t/ublk", "/t/rublk"]);
        assert!(SCRIPT.contains("ours=$1 rublk=$2 pairs=$3 seconds=$4 kinds=$5"));
    }
}
