//! What the engine costs: a disk that takes no time, against a FUSE server without an engine.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::fio::{Job, run_one};
use super::lab::{Beside, IMAGE_BYTES, Lab, median, progress, wait_for};
use crate::bench::{Is, Report};
use crate::image;
use crate::run;

/// Pairs of runs; they alternate, so that what else goes on meets both.
const PAIRS: usize = 7;
const SECONDS: u32 = 2;

pub(super) fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let mount = lab.path("bare");
    std::fs::create_dir(&mount).with_context(|| format!("cannot create {}", mount.display()))?;
    // Its own, as the disk locks its image; written, so that it is in the page cache as the other is.
    let copy = lab.path("bare.img");
    image::write(&copy, IMAGE_BYTES, &lab.interrupt)?;
    // With the scheduling that our receiver has, or it would be that which is compared.
    let mut server = Command::new("chrt");
    server.args(["--fifo", "40"]).arg(&lab.bare).arg(&copy).arg(&mount);
    let bare = Beside::start(&mut server)?;
    let bare_file = mount.join("disk");
    let measured = wait_for(&bare_file, Duration::from_secs(10))
        .and_then(|()| pairs(lab, &bare_file, &copy, report));
    drop(bare);
    // Killed, it leaves its mount.
    let unmounted = run::passes(Command::new("umount").arg(&mount));
    measured?;
    unmounted.map(drop)
}

fn pairs(lab: &Lab, bare: &Path, plain: &Path, report: &mut Report) -> Result<()> {
    let device = lab.disk("null", &["--mode", "fixed", "--k", "1"])?;
    for depth in [1, 32] {
        progress(&format!("overhead at depth {depth}: {PAIRS} pairs of {SECONDS} s"));
        let job = Job { depth, seconds: Some(SECONDS), ..Job::default() };
        let (mut ratios, mut to_plain, mut ours_all) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            let ours = run_one(lab, Path::new(&device.path), &job)?.iops;
            let theirs = run_one(lab, bare, &job)?.iops;
            // Through the page cache, as both servers read the image.
            let cached = Job { direct: false, seconds: Some(1), ..job.clone() };
            let file = run_one(lab, plain, &cached)?.iops;
            ratios.push(ours / theirs);
            to_plain.push(ours / file);
            ours_all.push(ours);
        }
        let note = format!(
            "null model over FUSE against a FUSE server without engine; {:.0} IOPS, \
             {:.3} of reading the image file itself",
            median(ours_all),
            median(to_plain)
        );
        let name = format!("engine's overhead, depth {depth}: IOPS");
        report.extra(&format!("{name}: ratios"), ratios.clone());
        report.target(&name, median(ratios), "ratio", Is::AtLeast(0.85), &note);
    }
    device.delete()
}
