//! `cargo xtask bench vpt`: how accurate the lab disk is, what it costs, and what peers do instead.
//!
//! Everything runs the release build through its public command line, on real FUSE mounts, with fio
//! from outside. Speed is always a ratio between runs that alternate.

mod accuracy;
mod crowd;
mod fio;
pub(super) mod lab;
mod overhead;
mod peer;
mod replay;
mod scale;

use anyhow::Result;

use self::lab::Lab;
use super::Report;
use crate::deps;
use crate::run::Interrupt;

/// Measures all of it; takes about six minutes.
pub(super) fn run(interrupt: &Interrupt) -> Result<Report> {
    deps::ensure(&[deps::FUSE, deps::FIO, deps::NBDKIT])?;
    let lab = Lab::new(interrupt)?;
    let mut report = Report::new("vpt");
    let stolen = lab::steal_seconds();
    accuracy::measure(&lab, &mut report)?;
    accuracy::measure_while_busy(&lab, &mut report)?;
    crowd::measure(&lab, &mut report)?;
    crowd::measure_idle_cost(&lab, &mut report)?;
    peer::measure(&lab, &mut report)?;
    overhead::measure(&lab, &mut report)?;
    scale::measure(&lab, &mut report)?;
    replay::measure(&lab, &mut report)?;
    lab::tell_steal(&mut report, stolen);
    Ok(report)
}
