//! What a ublk driver can do, by the names its header has for it.

use libublk::ctrl::UblkCtrl;

/// One of the driver's feature flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its bit.
    pub flag: u64,
    /// Its name in the kernel's header, without the prefix.
    pub name: &'static str,
    /// What it is for.
    pub what: &'static str,
}

/// All that have a name.
const FEATURES: [Feature; 20] = [
    feature(0, "SUPPORT_ZERO_COPY", "data moves without being copied"),
    feature(1, "URING_CMD_COMP_IN_TASK", "completions by task work"),
    feature(2, "NEED_GET_DATA", "write data is fetched on request"),
    feature(3, "USER_RECOVERY", "the device outlives its daemon (--recovery)"),
    feature(4, "USER_RECOVERY_REISSUE", "requests inside are issued again then (--recovery)"),
    feature(5, "UNPRIVILEGED_DEV", "devices of ordinary users (--unprivileged)"),
    feature(6, "CMD_IOCTL_ENCODE", "commands are encoded as ioctls"),
    feature(7, "USER_COPY", "data is copied by read and write calls"),
    feature(8, "ZONED", "zoned devices"),
    feature(9, "USER_RECOVERY_FAIL_IO", "requests fail while there is no daemon"),
    feature(10, "UPDATE_SIZE", "a live device can be resized"),
    feature(11, "AUTO_BUF_REG", "buffers are registered by the driver"),
    feature(12, "QUIESCE", "a live device can be quiesced"),
    feature(13, "PER_IO_DAEMON", "several threads for one queue"),
    feature(14, "BUF_REG_OFF_DAEMON", "buffers may be registered by other threads"),
    feature(15, "BATCH_IO", "commands in batches"),
    feature(16, "INTEGRITY", "integrity data"),
    feature(17, "SAFE_STOP_DEV", "stopping is refused while the device is open"),
    feature(18, "NO_AUTO_PART_SCAN", "starting does not look for partitions"),
    feature(19, "SHMEM_ZC", "data moves through shared memory"),
];

const fn feature(bit: u32, name: &'static str, what: &'static str) -> Feature {
    Feature { flag: 1 << bit, name, what }
}

/// The features in a set of flags, and the bits that have no name here.
pub fn flag_names(flags: u64) -> (Vec<Feature>, u64) {
    let known = FEATURES.into_iter().filter(|f| flags & f.flag != 0).collect::<Vec<_>>();
    let unnamed = known.iter().fold(flags, |rest, f| rest & !f.flag);
    (known, unnamed)
}

/// The driver's feature flags; `None` if it is too old to tell (before Linux 6.5).
///
/// # Errors
/// One line: no driver, or not allowed.
pub fn driver_features() -> Result<Option<u64>, String> {
    super::control::driver_is_there().map_err(|e| e.to_string())?;
    Ok(UblkCtrl::get_features())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_told() {
        let (known, unnamed) = flag_names(1 << 3 | 1 << 4 | 1 << 40);
        let names: Vec<_> = known.iter().map(|f| f.name).collect();
        assert_eq!(names, ["USER_RECOVERY", "USER_RECOVERY_REISSUE"]);
        assert_eq!(unnamed, 1 << 40);
        for (bit, feature) in FEATURES.iter().enumerate() {
            assert_eq!(feature.flag, 1 << bit);
        }
    }
}
