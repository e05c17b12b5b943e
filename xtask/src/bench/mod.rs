//! `cargo xtask bench`: measurements with targets.
//!
//! A benchmark is a line in [`BENCHES`] and a function that returns a [`Report`]. Its result goes to
//! target/bench/NAME.json, and from there into the README's table ([`readme`]).

mod in_lab;
mod kmod;
mod lgbench;
mod nbd;
pub mod readme;
pub mod report;
mod ublk;
mod vcd;
mod vhost;
mod vpt;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

pub use self::report::{Is, Report, Target};
use crate::deps;
use crate::run::Interrupt;
use crate::workspace;

/// One benchmark.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line for the list.
    pub about: &'static str,
    /// Measures. Progress goes to standard error; to be stopped when the flag is raised.
    pub run: fn(&Interrupt) -> Result<Report>,
}

/// Every benchmark.
pub const BENCHES: &[Bench] = &[
    Bench {
        name: "vpt",
        about: "the lab disk: accuracy, cost, peers, the scale k, replay",
        run: vpt::run,
    },
    Bench {
        name: "ublk",
        about: "the front ends beside their peers: ublk in the kernel lab, NBD, vhost-user-blk, qcow2",
        run: ublk::run,
    },
    Bench {
        name: "kmod",
        about: "a card that is not there: trapped writes, arming, interrupts, idleness",
        run: kmod::run,
    },
    Bench {
        name: "vcd",
        about: "a million triangles: the rasteriser beside llvmpipe and the card of 1997",
        run: vcd::run,
    },
    Bench {
        name: "lgbench",
        about: "what measuring guests costs: an event, the controller, a virtual machine",
        run: lgbench::run,
    },
    Bench { name: "nbd", about: "the NBD front end beside nbdkit", run: nbd::run },
    Bench { name: "vhost", about: "vhost-user-blk against qemu-storage-daemon", run: vhost::run },
];

/// Prints the names there are.
pub fn list() -> Result<bool> {
    for bench in BENCHES {
        println!("{:<12} {}", bench.name, bench.about);
    }
    Ok(true)
}

/// Runs a benchmark, or writes its latest result into the README; true when every target is met.
pub fn main(name: &str, json: bool, to_readme: bool) -> Result<bool> {
    let bench = find(BENCHES, name)?;
    if to_readme {
        readme::update(&load(bench.name)?)?;
        return Ok(true);
    }
    deps::ensure_libclang()?;
    let report = (bench.run)(&Interrupt::install()?)?;
    let file = save(&report)?;
    if json {
        println!("{}", report.json()?);
    } else {
        print!("{}", report.text());
        println!("result: {}", file.display());
    }
    Ok(report.met())
}

fn find<'a>(benches: &'a [Bench], name: &str) -> Result<&'a Bench> {
    let names: Vec<_> = benches.iter().map(|bench| bench.name).collect();
    match benches.iter().find(|bench| bench.name == name) {
        Some(bench) => Ok(bench),
        None => bail!("there is no benchmark {name:?}; there are: {}", names.join(", ")),
    }
}

fn file(name: &str) -> Result<PathBuf> {
    Ok(workspace::metadata()?.target_directory.join("bench").join(format!("{name}.json")))
}

fn save(report: &Report) -> Result<PathBuf> {
    let file = file(&report.name)?;
    let folder = file.parent().context("a file has a folder")?;
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, format!("{}\n", report.json()?)))
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

fn load(name: &str) -> Result<Report> {
    let file = file(name)?;
    let text = std::fs::read_to_string(&file).with_context(|| {
        format!("there is no result {}; run first: cargo xtask bench {name}", file.display())
    })?;
    serde_json::from_str(&text).with_context(|| format!("cannot understand {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_or_listed() {
        let bench = Bench { name: "vpt", about: "", run: |_| Ok(Report::new("vpt")) };
        assert_eq!(find(&[bench], "vpt").expect("there").name, "vpt");
        let error = find(&[bench], "x").expect_err("unknown").to_string();
        assert_eq!(error, "there is no benchmark \"x\"; there are: vpt");
    }
}
