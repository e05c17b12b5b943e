//! `ublk __ublk` and `ublk __chown`: what other processes have done for them.

use std::io::Write;
use std::path::Path;

use super::{Failure, Outcome};
use crate::cli::{ChownArgs, UblkArgs, UblkQuestion};
use crate::front::ublk::{KernelDevice, UblkError};

pub(super) fn run(args: &UblkArgs, out: &mut dyn Write) -> Outcome {
    let fail = |e: UblkError| Failure::Failed(e.to_string());
    if !Path::new("/dev/ublk-control").exists() {
        // No driver has no device.
        return Ok(writeln!(out, "null")?);
    }
    match args.what {
        UblkQuestion::Query => {
            let found = KernelDevice::query(args.id).map_err(fail)?;
            let text = serde_json::to_string(&found).map_err(std::io::Error::from)?;
            Ok(writeln!(out, "{text}")?)
        }
        UblkQuestion::Delete => {
            KernelDevice::delete(args.id).map_err(fail)?;
            Ok(writeln!(out, "null")?)
        }
    }
}

/// Gives a device's node to the user whose device it is. For udev, as root.
pub(super) fn chown(args: &ChownArgs) -> Outcome {
    let fail = |why: String| Failure::Failed(format!("{}: {why}", args.node.display()));
    let name = args.node.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let id = device_of(name).ok_or_else(|| fail("is no ublk device's node".into()))?;
    let device = KernelDevice::query(id).map_err(|e| fail(e.to_string()))?;
    let device = device.ok_or_else(|| fail("there is no such device".into()))?;
    let node = Path::new("/dev").join(name);
    std::os::unix::fs::lchown(&node, Some(device.owner_uid), Some(device.owner_gid))
        .map_err(|e| fail(e.to_string()))
}

/// The number in `ublkb3`, `ublkc3` or a partition's `ublkb3p1`.
fn device_of(name: &str) -> Option<u32> {
    let rest = name.strip_prefix("ublkb").or_else(|| name.strip_prefix("ublkc"))?;
    let digits = rest.split('p').next()?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_known_by_their_names() {
        assert_eq!(device_of("ublkb12"), Some(12));
        assert_eq!(device_of("ublkc3"), Some(3));
        assert_eq!(device_of("ublkb3p1"), Some(3));
        for other in ["", "ublkb", "ublkbx", "ublkb-1", "ublk-control", "sda1"] {
            assert_eq!(device_of(other), None, "{other}");
        }
    }
}
