//! `cargo xtask schedulers`: the kernel's I/O schedulers on a lab disk, beside what the model says of
//! the same requests.
//!
//! One boot of the kernel lab serves a ublk disk of depth 1, so that the scheduler above it has all the
//! choice, and gives each scheduler the same random reads. The disk's own trace says how far the arm
//! moved and how long the model took, both of which are right under emulation as well.
//!
//! - [`kinds`]: the schedulers, and the model's policy that each is compared with
//! - [`guest`]: what runs in the lab
//! - [`records`]: traces, request lists and fio's report, read strictly
//! - [`predict`]: the same requests through `ublk replay`, under each policy
//! - [`report`]: the tables and the JSON object
//! - [`plot`]: the figure

pub mod guest;
pub mod kinds;
pub mod plot;
pub mod predict;
pub mod records;
pub mod report;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use self::guest::Load;
use self::kinds::Kind;
use self::report::{Measured, Report, Row};
use crate::deps;
use crate::machine::{Machine, date};
use crate::run::{self, Interrupt};
use crate::vm::{self, Channel, LabRun};
use crate::workspace;

/// How long the boot and all schedulers may take.
const LIMIT: Duration = Duration::from_secs(1500);

/// What can be typed.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Print exactly one JSON object on standard output; progress goes to standard error
    #[arg(long)]
    pub json: bool,
    /// The modelled disk: a TOML file or a name
    #[arg(long, value_name = "NAME", default_value = "barracuda-st32171w")]
    pub disk: String,
    /// Random reads under each scheduler
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(100..=5000))]
    pub requests: u32,
}

/// Measures and shows; `Ok(true)` when there is a result.
pub fn main(options: &Options) -> Result<bool> {
    let interrupt = Interrupt::install()?;
    deps::ensure(&[deps::FIO])?;
    deps::ensure_libclang()?;
    let target = workspace::metadata()?.target_directory;
    progress("building ublk");
    let ublk = build(&target, &interrupt)?;
    let disk = describe(&ublk, &options.disk)?;
    let folder = tempfile::Builder::new()
        .prefix("schedulers-")
        .tempdir_in(&target)
        .with_context(|| format!("cannot create a folder in {}", target.display()))?;
    let report = measure(options, &ublk, &disk, folder.path(), &interrupt);
    let closed = folder.close().context("cannot remove the folder of this run");
    let report = report?;
    closed?;
    let out = target.join("schedulers");
    save(&report, &out)?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report).context("cannot write the result")?);
    } else {
        print!("{}", report.text());
        println!("plot:    {}", out.join("schedulers.svg").display());
        println!("         {}", out.join("schedulers.png").display());
        println!("result:  {}", out.join("schedulers.json").display());
    }
    Ok(true)
}

fn progress(text: &str) {
    eprintln!("schedulers: {text}");
}

/// The program: the lab runs the same one that replays here, so both have the same model.
fn build(target: &Path, interrupt: &Interrupt) -> Result<PathBuf> {
    let mut command = workspace::cargo();
    command.args(["build", "--quiet", "--locked", "-p", "ublk-vpt", "--bin", "ublk"]);
    run::output(&mut command, Duration::from_secs(3600), interrupt)?;
    Ok(target.join("debug/ublk"))
}

/// The disk's description, whatever it is called; an unknown one is refused in the program's own words.
fn describe(ublk: &Path, disk: &str) -> Result<String> {
    let mut command = Command::new(ublk);
    let (known, said) = run::quietly(command.arg("dump-config").arg(disk))?;
    if !known {
        bail!("--disk {disk}: {}", said.trim().trim_start_matches("ublk: "));
    }
    Ok(said)
}

fn measure(
    options: &Options,
    ublk: &Path,
    disk: &str,
    folder: &Path,
    interrupt: &Interrupt,
) -> Result<Report> {
    let model = folder.join("disk.toml");
    write(&model, kinds::without_queue(disk))?;
    let program = folder.join("ublk");
    let mut strip = Command::new("strip");
    // The lab reads it over a slow file system.
    strip.args(["--strip-debug", "-o"]).arg(&program).arg(ublk);
    if !run::passes(&mut strip)? {
        bail!("cannot strip {}", ublk.display());
    }
    let load = Load { ublk: &program, disk: &model, requests: options.requests };
    let mut lab = LabRun::new(["sh".to_owned(), "-c".to_owned(), load.script()]);
    lab.timeout = LIMIT;
    progress("booting the kernel lab");
    let (machine, date) = (Machine::here(), date());
    let mut said = String::new();
    let result = vm::run_in_lab(&lab, interrupt, &mut |channel, bytes| {
        if channel == Channel::Err {
            // What the terminal does with it is not this command's matter.
            let _ = std::io::stderr().lock().write_all(bytes);
            said.push_str(&String::from_utf8_lossy(bytes));
        }
    })?;
    interrupt.check()?;
    if !result.passed() {
        let complaints = result.complaints(LIMIT);
        let last = said.lines().last().unwrap_or("it did not say why").to_owned();
        bail!("the run in the kernel lab failed: {}", complaints.first().unwrap_or(&last));
    }
    let kernel = read(&result.out.join("kernel"))?.trim().to_owned();
    let mut rows = Vec::new();
    let mut list = None;
    for kind in Kind::ALL {
        let file = |ending: &str| result.out.join(format!("{}.{ending}", kind.name()));
        if !file("fio").exists() {
            progress(&format!("{}: this kernel does not have it", kind.name()));
            continue;
        }
        let measured = Measured::read(kind, &file("fio"), &file("trace"), &file("iolog"))?;
        list.get_or_insert_with(|| file("iolog"));
        rows.push(measured);
    }
    let list = list.context("the kernel lab has measured no scheduler")?;
    progress("replaying the same requests");
    let predicted = predict::all(ublk, disk, &list, folder, interrupt)?;
    let rows = rows.into_iter().map(|measured| Row::new(measured, &predicted)).collect();
    Ok(Report {
        disk: options.disk.clone(),
        requests: options.requests,
        depth: guest::DEPTH,
        kernel,
        schedulers: rows,
        policies: predicted,
        machine,
        date,
    })
}

/// Everything that stays: the figure twice, and the object.
fn save(report: &Report, out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let figure = plot::figure(report);
    let png = figure.to_png(2.0).context("cannot draw the plot")?;
    let json = serde_json::to_string_pretty(report).context("cannot write the result")?;
    write(&out.join("schedulers.svg"), figure.to_svg())?;
    write(&out.join("schedulers.png"), png)?;
    write(&out.join("schedulers.json"), format!("{json}\n"))
}

fn write(path: &Path, what: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, what).with_context(|| format!("cannot write {}", path.display()))
}

/// A file that a run has made.
fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
