//! `cargo xtask bench vcd`: the benchmark that the proposal's Table 1 shows, once more.
//!
//! A million smooth triangles of five heights, 640 x 480, drawn in more and more of the whole path:
//!
//! - (a) the rasteriser alone, beside Mesa's llvmpipe with one thread in runs that alternate
//! - (b) a card that reads commands by DMA, and a program that makes them, in one process
//! - (c) the card's driver, the shim and the daemon as well, in the kernel lab, beside (b) there
//!
//! and what a browser that looks takes of (b). Beside it stand the seconds that the real card and the
//! proposal's virtual card took ([`TABLE`]).

mod browser;
mod lab;
mod plot;
mod raster;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Report;
use super::vpt::lab::{steal_seconds, tell_load, tell_steal};
use crate::run::{self, Interrupt};
use crate::workspace::{self, cargo};

/// One line of the proposal's Table 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Height of the triangles in pixels; their area is 0.577 of its square.
    pub(super) height: u32,
    /// Seconds for a million of them on a Permedia 2v of 1997.
    pub(super) card_1997: f64,
    /// The same on the proposal's virtual card.
    pub(super) virtual_card: f64,
}

/// The proposal's Table 1.
pub(super) const TABLE: [Row; 5] = [
    Row { height: 20, card_1997: 3.876, virtual_card: 136.0 },
    Row { height: 40, card_1997: 10.71, virtual_card: 228.0 },
    Row { height: 60, card_1997: 20.76, virtual_card: 340.0 },
    Row { height: 80, card_1997: 24.23, virtual_card: 477.0 },
    Row { height: 100, card_1997: 51.03, virtual_card: 633.0 },
];

/// Measures all of it; takes about ten minutes.
pub(super) fn run(interrupt: &Interrupt) -> Result<Report> {
    let mut report = Report::new("vcd");
    let stolen = steal_seconds();
    let columns = raster::measure(&mut report, interrupt)?;
    browser::measure(&mut report, interrupt)?;
    tell_steal(&mut report, stolen);
    tell_load(&mut report);
    lab::measure(&mut report, interrupt)?;
    save(&plot::figure(&columns))?;
    Ok(report)
}

/// Builds some programs as users have them; the folder they are in.
fn release(what: &[&str], interrupt: &Interrupt) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--release", "--locked"]).args(what);
    run::output(&mut build, Duration::from_secs(3600), interrupt)?;
    Ok(workspace::metadata()?.target_directory.join("release"))
}

/// Writes the figure beside the result.
fn save(figure: &labplot::Figure) -> Result<()> {
    let folder = workspace::metadata()?.target_directory.join("bench");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join("vcd.svg"), figure.to_svg()))
        .with_context(|| format!("cannot write into {}", folder.display()))?;
    let png = folder.join("vcd.png");
    std::fs::write(&png, figure.to_png(2.0)?)
        .with_context(|| format!("cannot write {}", png.display()))?;
    eprintln!("bench: figure: {}", png.display());
    Ok(())
}
