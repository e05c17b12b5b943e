//! A disk as a commented file that [`super::parse_disk`] turns back into the same disk.

use std::fmt::{self, Write};

use super::DiskConfig;
use super::k::KDefaults;
use super::tables::{ACTUATORS, MAPPINGS, POLICIES};
use crate::spec::{DiskSpec, Latency, Rotation, Seek, Transfer};

/// Writes `config` as a disk file. Numbers are written so that they read back to the last bit.
///
/// For a description that [`crate::Disk`] would take, `parse_disk` gives `config` back. A zone table
/// or a curve without `geometry.cylinders` and other impossible disks are written as they are and
/// refused when read.
pub fn dump_disk(config: &DiskConfig) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_disk(&mut out, &config.spec);
    let _ = write_k(&mut out, &config.k);
    out
}

fn write_disk(out: &mut String, spec: &DiskSpec) -> fmt::Result {
    writeln!(out, "# A disk description. Every table and key: docs/disk-files.md")?;
    writeln!(out, "\n[disk]\nname = {}", quoted(&spec.name))?;
    if !spec.source.is_empty() {
        writeln!(out, "source = {}", quoted(&spec.source))?;
    }
    write_geometry(out, spec)?;
    write_rotation(out, &spec.rotation)?;
    write_seek(out, &spec.seek)?;
    write_transfer(out, spec)?;
    writeln!(out, "\n[service]")?;
    writeln!(out, "overhead_ms = {:?} # every request, before anything else", spec.overhead_ms)?;
    writeln!(
        out,
        "contiguous = {} # a request that starts where the last ended pays transfer only",
        spec.contiguous
    )?;
    writeln!(
        out,
        "head_switch_ms = {:?} # for every track end inside a transfer",
        spec.head_switch_ms
    )?;
    writeln!(
        out,
        "write_settle_ms = {:?} # more before a write that had to seek",
        spec.write_settle_ms
    )?;
    writeln!(out, "actuator = {:?}", name_of(&ACTUATORS, spec.actuator))?;
    writeln!(out, "\n[queue]")?;
    writeln!(out, "ncq = {} # waiting requests the disk chooses from; 1: none", spec.queue.depth)?;
    writeln!(out, "policy = {:?}", name_of(&POLICIES, spec.queue.policy))?;
    writeln!(
        out,
        "age_limit_ms = {:?} # served next after waiting this long; 0: no limit",
        spec.queue.age_limit_ms
    )?;
    if let Some(cache) = &spec.write_cache {
        writeln!(out, "\n[write_cache]\nbytes = {}", cache.bytes)?;
        writeln!(out, "bus_mb_per_s = {:?}", cache.bus_mb_per_s)?;
        writeln!(out, "idle_ms = {:?} # without other work before writing back", cache.idle_ms)?;
    }
    Ok(())
}

fn write_geometry(out: &mut String, spec: &DiskSpec) -> fmt::Result {
    let geometry = &spec.geometry;
    writeln!(out, "\n[geometry]")?;
    if geometry.cylinders > 0 {
        writeln!(out, "cylinders = {}", geometry.cylinders)?;
    }
    writeln!(out, "heads = {}", geometry.heads)?;
    if geometry.sectors > 0 {
        writeln!(
            out,
            "sectors = {} # capacity of the real disk, 512 bytes each",
            geometry.sectors
        )?;
    }
    writeln!(out, "mapping = {:?}", name_of(&MAPPINGS, geometry.mapping))
}

fn write_rotation(out: &mut String, rotation: &Rotation) -> fmt::Result {
    let Rotation { period_ms, latency } = rotation;
    if *period_ms == 0.0 && *latency == Latency::Half {
        return writeln!(out, "\n# No [rotation]: this disk does not turn.");
    }
    writeln!(out, "\n[rotation]")?;
    write!(out, "period_ms = {period_ms:?} # R, one revolution")?;
    if *period_ms > 0.0 {
        write!(out, "; {:.0} rpm", 60_000.0 / period_ms)?;
    }
    writeln!(out)?;
    match latency {
        Latency::Half => writeln!(out, "latency = \"half\" # always R/2"),
        Latency::Random { seed } => {
            writeln!(out, "latency = \"random\" # uniform in 0 to R\nseed = {seed}")
        }
        Latency::Phase => writeln!(out, "latency = \"phase\" # by the angle of the sector"),
    }
}

fn write_seek(out: &mut String, seek: &Seek) -> fmt::Result {
    writeln!(out, "\n[seek]")?;
    match seek {
        Seek::None => writeln!(out, "family = \"none\""),
        Seek::Linear { full_ms } => {
            writeln!(out, "family = \"linear\" # S * x/D")?;
            writeln!(out, "full_ms = {full_ms:?} # S; the average seek is a third of it")
        }
        Seek::Affine { base_ms, full_ms } => {
            writeln!(out, "family = \"affine\" # c0 + S * x/D")?;
            writeln!(out, "base_ms = {base_ms:?} # c0")?;
            writeln!(out, "full_ms = {full_ms:?} # S")
        }
        Seek::Curve {
            knee_cylinders,
            short_base_ms,
            short_sqrt_ms,
            long_base_ms,
            long_per_cylinder_ms,
        } => {
            writeln!(out, "# a + b*sqrt(d) below the knee, c + e*d from it on; d in cylinders")?;
            writeln!(out, "family = \"curve\"")?;
            writeln!(out, "knee_cylinders = {knee_cylinders:?}")?;
            writeln!(out, "short_base_ms = {short_base_ms:?} # a")?;
            writeln!(out, "short_sqrt_ms = {short_sqrt_ms:?} # b")?;
            writeln!(out, "long_base_ms = {long_base_ms:?} # c")?;
            writeln!(out, "long_per_cylinder_ms = {long_per_cylinder_ms:?} # e")
        }
        Seek::Table { points } => {
            writeln!(out, "family = \"table\"")?;
            writeln!(out, "points = [ # cylinders, milliseconds; straight lines between them")?;
            for (distance, ms) in points {
                writeln!(out, "    [{distance:?}, {ms:?}],")?;
            }
            writeln!(out, "]")
        }
    }
}

fn write_transfer(out: &mut String, spec: &DiskSpec) -> fmt::Result {
    match &spec.transfer {
        Transfer::Instant => writeln!(out, "\n# No [transfer]: passing data takes no time."),
        Transfer::Rate { mb_per_s } => {
            writeln!(out, "\n[transfer]\nmb_per_s = {mb_per_s:?} # 10^6 bytes per second")
        }
        Transfer::Zones(zones) => {
            for (i, zone) in zones.iter().enumerate() {
                let next = zones.get(i + 1).map_or(spec.geometry.cylinders, |z| z.first_cylinder);
                writeln!(out, "\n[[transfer.zone]]")?;
                writeln!(out, "first_cylinder = {}", zone.first_cylinder)?;
                writeln!(out, "last_cylinder = {}", next.saturating_sub(1))?;
                writeln!(out, "sectors_per_track = {:?}", zone.sectors_per_track)?;
            }
            Ok(())
        }
    }
}

fn write_k(out: &mut String, k: &KDefaults) -> fmt::Result {
    if *k == KDefaults::default() {
        return Ok(());
    }
    writeln!(out, "\n[k] # the scale: a request takes k times the modelled time")?;
    if let Some(mode) = k.mode {
        writeln!(out, "mode = \"{mode}\"")?;
    }
    for (key, value) in [("k", k.k), ("k_min", k.k_min), ("k_max", k.k_max)] {
        if let Some(value) = value {
            writeln!(out, "{key} = {value:?}")?;
        }
    }
    if let Some(requests) = k.calibrate_requests {
        writeln!(out, "calibrate_requests = {requests}")?;
    }
    Ok(())
}

fn name_of<T: PartialEq>(all: &[(&'static str, T)], value: T) -> &'static str {
    all.iter().find(|(_, v)| *v == value).map_or("", |(name, _)| name)
}

/// A TOML string of any text.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
