//! The modelled disk and its scale, from the disk's file and the command line's wishes.

use vpt_model::config::{DiskConfig, KDefaults, KModeName, parse_disk};
use vpt_model::spec::Latency;
use vpt_model::{DiskSpec, KMode, KSettings};

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
