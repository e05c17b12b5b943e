//! The modelled disk and its scale, from the disk's file and the command line's wishes.

use std::time::Duration;

use vpt_model::config::{DiskConfig, KDefaults, KModeName, parse_disk};
use vpt_model::spec::Latency;
use vpt_model::{Disk, DiskSpec, KMode, KSettings, Sectors};

use super::device::{DeviceConfig, DiskText, LatencyChoice, Mode};

/// Reads a disk's description.
///
/// # Errors
/// File, line, column, reason and remedy; a line for each thing wrong.
pub fn read_disk(disk: &DiskText) -> Result<DiskConfig, String> {
    parse_disk(&disk.origin, &disk.text).map_err(|e| e.to_string())
}

/// Applies the command line's wishes to a disk's description.
pub fn adjust(
    spec: &mut DiskSpec,
    latency: Option<LatencyChoice>,
    ncq: Option<usize>,
    seed: Option<u64>,
) {
    let of_file = match spec.rotation.latency {
        Latency::Random { seed } => Some(seed),
        Latency::Half | Latency::Phase => None,
    };
    let random = Latency::Random { seed: seed.or(of_file).unwrap_or(1) };
    match latency {
        Some(LatencyChoice::Half) => spec.rotation.latency = Latency::Half,
        Some(LatencyChoice::Phase) => spec.rotation.latency = Latency::Phase,
        Some(LatencyChoice::Random) => spec.rotation.latency = random,
        None if of_file.is_some() => spec.rotation.latency = random,
        None => {}
    }
    if let Some(depth) = ncq {
        spec.queue.depth = depth;
        if depth > 1 && spec.queue.policy == vpt_model::spec::Policy::Fcfs {
            spec.queue.policy = vpt_model::spec::Policy::Sptf;
        }
    }
}

/// The controller's name for a mode.
pub(super) fn k_mode(mode: Mode) -> KMode {
    match mode {
        Mode::Adapt => KMode::Adapt,
        Mode::CalibrateThenLock => KMode::CalibrateThenLock,
        Mode::Fixed => KMode::Fixed,
    }
}

/// How long a request may take inside an unprivileged ublk device: the kernel kills the daemon of one
/// that takes 30 s.
const LONGEST_UNPRIVILEGED: Duration = Duration::from_secs(15);

/// The largest k with which a full queue of the longest requests stays well below that.
pub(super) fn unprivileged_limit(disk: &Disk, depth: u32, largest_bytes: u64) -> f64 {
    let each = disk.longest(Sectors::holding(largest_bytes)).as_secs_f64();
    LONGEST_UNPRIVILEGED.as_secs_f64() / (each * f64::from(depth.max(1))).max(1e-9)
}

/// Keeps k so low that a full queue of the longest requests stays below the kernel's limit.
///
/// # Errors
/// One line: even the wished k is too high for this disk and depth.
pub(super) fn cap_unprivileged(
    settings: KSettings,
    disk: &Disk,
    depth: u32,
    largest_bytes: u64,
) -> Result<KSettings, String> {
    let limit = unprivileged_limit(disk, depth, largest_bytes);
    if settings.k > limit {
        return Err(format!(
            "--unprivileged: with k {} and depth {depth} a request may take more than {} s, and the \
             kernel ends the daemon of an unprivileged device after 30 s: lower --depth, or k below {limit:.3}",
            settings.k,
            LONGEST_UNPRIVILEGED.as_secs(),
        ));
    }
    let (k_min, k_max) = (settings.k_min.min(limit), settings.k_max.min(limit));
    Ok(KSettings { k_min, k_max, ..settings })
}

/// The command line's choice, or the disk file's, or the usual.
pub(super) fn scale_settings(config: &DeviceConfig, file: &KDefaults) -> KSettings {
    let usual = KSettings::default();
    let file_mode = file.mode.map(|mode| match mode {
        KModeName::Adapt => KMode::Adapt,
        KModeName::CalibrateThenLock => KMode::CalibrateThenLock,
        KModeName::Fixed => KMode::Fixed,
    });
    let k = config.k.or(file.k).unwrap_or(usual.k);
    KSettings {
        mode: config.mode.map(k_mode).or(file_mode).unwrap_or(usual.mode),
        k,
        // A k that was asked for is no reason to complain about a bound that was not.
        k_min: config.k_min.or(file.k_min).unwrap_or(usual.k_min.min(k)),
        k_max: config.k_max.or(file.k_max).unwrap_or(usual.k_max.max(k)),
        calibrate_requests: file.calibrate_requests.unwrap_or(usual.calibrate_requests),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unprivileged_queue_stays_below_the_kernel_s_limit() {
        let spec = crate::disks::Catalogue::of_this_machine().find("cheetah-9lp").unwrap();
        let spec = read_disk(&spec).unwrap().spec;
        let disk = Disk::new(&spec, Sectors::holding(1 << 30)).unwrap();
        let usual = KSettings::default();
        let capped = cap_unprivileged(usual, &disk, 64, 512 << 10).unwrap();
        let each = disk.longest(Sectors::holding(512 << 10));
        assert!(each > disk.seek_time(1.0) && capped.k_max > 1.0);
        assert!(each.as_secs_f64() * 64.0 * capped.k_max <= 15.001);
        let slow = KSettings { k: 1000.0, ..usual };
        let refused = cap_unprivileged(slow, &disk, 64, 512 << 10).unwrap_err();
        assert!(refused.contains("lower --depth"), "{refused}");
        assert!(cap_unprivileged(slow, &disk, 1, 4096).is_err());
    }
}
