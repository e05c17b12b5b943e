//! `cargo xtask demo`: what a user would do by hand, with the public command line only.
//!
//! Build, make an image ([`crate::image`]), `ublk add` ([`crate::device`]), `ublk probe` and `ublk stats`, show
//! ([`result`]), `ublk del`. Whatever happens, an interrupt included, the device and the image are
//! gone afterwards, unless `--keep` asks for them.

pub mod result;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use self::result::{Measured, field};
use crate::deps;
use crate::device::Device;
use crate::image;
use crate::machine::{Machine, date};
use crate::run::{self, Interrupt, json};
use crate::workspace;

/// The drive shown: a 1997 disk, and slow enough to see.
const DISK: &str = "barracuda-st32171w";

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// One JSON object on standard output.
    pub json: bool,
    /// Leave device and image.
    pub keep: bool,
    /// Small and short.
    pub quick: bool,
    /// Where results go.
    pub out: Option<PathBuf>,
    /// The program to show; built when not given.
    pub ublk: Option<PathBuf>,
}

/// Runs the demo; an error when anything failed, cleaning up included.
pub fn main(options: &Options) -> Result<bool> {
    let interrupt = Interrupt::install()?;
    if !Path::new("/dev/fuse").exists() {
        bail!(
            "there is no /dev/fuse: load the kernel's fuse module, or give this container the device"
        );
    }
    deps::ensure(&[deps::FUSE])?;
    deps::ensure_libclang()?;
    let target = workspace::metadata()?.target_directory;
    let out = options.out.clone().unwrap_or_else(|| target.join("demo"));
    std::fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    let out = out.canonicalize().with_context(|| format!("cannot find {}", out.display()))?;
    let ublk = match &options.ublk {
        Some(ublk) => ublk.clone(),
        None => {
            progress("building ublk (the first time takes a few minutes)");
            workspace::build_ublk(&interrupt)?
        }
    };
    let measured = measure(options, &ublk, &target, &out, &interrupt)?;
    let json = serde_json::to_string_pretty(&measured).context("cannot write the result")?;
    let file = out.join("demo.json");
    std::fs::write(&file, format!("{json}\n"))
        .with_context(|| format!("cannot write {}", file.display()))?;
    if options.json {
        println!("{json}");
    } else {
        print!("{}", measured.report());
        println!("result:  {}", file.display());
    }
    Ok(true)
}

fn progress(text: &str) {
    eprintln!("demo: {text}");
}

fn measure(
    options: &Options,
    ublk: &Path,
    target: &Path,
    out: &Path,
    interrupt: &Interrupt,
) -> Result<Measured> {
    let (bytes, requests) = if options.quick { (64 << 20, 200) } else { (1 << 30, 2000) };
    // Below target/: a disk, where /tmp may be memory without direct I/O.
    let mut folder = tempfile::Builder::new()
        .prefix("demo-")
        .tempdir_in(target)
        .with_context(|| format!("cannot create a folder in {}", target.display()))?;
    let image = folder.path().join("lab.img");
    progress(&format!("writing an image of {} MiB", bytes >> 20));
    image::write(&image, bytes, interrupt)?;
    progress(&format!("ublk add vpt {DISK} --image lab.img"));
    let mut device = Device::add(ublk, DISK, &image, interrupt)?;
    let result = probe_and_ask(&device, out, requests, interrupt);
    if options.keep && result.is_ok() {
        device.keep();
        folder.disable_cleanup(true);
        progress(&format!(
            "kept: {} on {}; remove it with: {} del -n {} && rm -r {}",
            device.path,
            image.display(),
            ublk.display(),
            device.id,
            folder.path().display()
        ));
        return result;
    }
    progress(&format!("ublk del -n {}", device.id));
    let removed = device.delete();
    let folder_path = folder.path().to_owned();
    let closed = folder.close().with_context(|| format!("cannot remove {}", folder_path.display()));
    // The first thing that went wrong is the one to tell.
    let measured = result?;
    removed?;
    closed?;
    Ok(measured)
}

fn probe_and_ask(
    device: &Device,
    out: &Path,
    requests: u32,
    interrupt: &Interrupt,
) -> Result<Measured> {
    let (svg, png) = (out.join("demo.svg"), out.join("demo.png"));
    for plot in [&svg, &png] {
        // A plot of an earlier run must not stand for this one's.
        if plot.exists() {
            std::fs::remove_file(plot)
                .with_context(|| format!("cannot remove {}", plot.display()))?;
        }
    }
    let (machine, date) = (Machine::here(), date());
    progress(&format!("ublk probe {}: {requests} random reads", device.path));
    let mut probe = Command::new(&device.ublk);
    probe.arg("probe").arg(&device.path);
    probe.args(["--random", &requests.to_string(), "--disk", DISK, "--json"]);
    probe.arg("--svg").arg(&svg).arg("--png").arg(&png);
    let probed =
        json(&run::output(&mut probe, Duration::from_secs(900), interrupt)?, "ublk probe")?;
    // The comparison with the model is a part of the probe's report.
    let judged = probed.get("model").filter(|part| part.is_object()).unwrap_or(&probed);
    let stats = device.stats(interrupt)?;
    for plot in [&svg, &png] {
        let length = std::fs::metadata(plot).map_or(0, |file| file.len());
        if length == 0 {
            bail!("ublk probe ended well but wrote no plot to {}", plot.display());
        }
    }
    Ok(Measured {
        front: device.front.clone(),
        disk: DISK.to_owned(),
        requests: judged.get("requests").and_then(Value::as_u64).unwrap_or(u64::from(requests)),
        mean_ms: field(judged, "ublk probe", "mean_ms")?,
        expected_ms: field(judged, "ublk probe", "expected_ms")?,
        closed_form_ms: field(judged, "ublk probe", "closed_form_ms").ok(),
        within_1pct: field(&stats, "ublk stats", "within_1pct")?,
        within_2pct: field(&stats, "ublk stats", "within_2pct")?,
        late_p50_us: field(&stats, "ublk stats", "timer_late_us.p50")?,
        late_p99_us: field(&stats, "ublk stats", "timer_late_us.p99")?,
        k: field(&stats, "ublk stats", "scale.k")?,
        outside_within_1pct: field(judged, "ublk probe", "within_1pct").ok(),
        outside_within_2pct: field(judged, "ublk probe", "within_2pct").ok(),
        note: stats.pointer("/timekeeping/note").and_then(Value::as_str).map(str::to_owned),
        svg,
        png,
        machine,
        date,
    })
}
