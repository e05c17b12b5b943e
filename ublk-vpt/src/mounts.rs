//! What is mounted, read from the kernel without touching it: a file system whose daemon is dead or
//! stopped must not be looked into.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// More mounts than this on one point are not ours to take down.
const MAX_STACKED: usize = 8;

/// One line of mountinfo.
///
/// The number alone does not tell a file system from one mounted later: it is used again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// `major:minor`, unique among the mounted file systems.
    pub device: String,
    /// Where.
    pub point: PathBuf,
    /// `ext4`, `fuse`, ...
    pub kind: String,
    /// What it says it was made from: a device, or a name.
    pub source: String,
}

/// The topmost mount at exactly `point`, if any.
pub fn mount_at(point: &Path) -> Option<Mount> {
    let text = fs::read("/proc/self/mountinfo").ok()?;
    parse(&text).into_iter().rev().find(|m| m.point == point)
}

/// Whether something is mounted at exactly `point`.
pub fn is_mount_point(point: &Path) -> bool {
    mount_at(point).is_some()
}

fn parse(mountinfo: &[u8]) -> Vec<Mount> {
    mountinfo
        .split(|&b| b == b'\n')
        .filter_map(|line| {
            // id parent major:minor root point options [optional...] - type source options
            let mut fields = line.split(|&b| b == b' ');
            let device = String::from_utf8(fields.nth(2)?.to_vec()).ok()?;
            let point = unescape(fields.nth(1)?);
            let mut fields = fields.skip_while(|f| *f != b"-").skip(1);
            let mut text = || Some(String::from_utf8_lossy(fields.next()?).into_owned());
            Some(Mount { device, point, kind: text()?, source: text()? })
        })
        .collect()
}

/// Blanks, tabs, newlines and backslashes are written `\ooo`.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let octal = tail.get(..3).filter(|d| first == b'\\' && d.iter().all(u8::is_ascii_digit));
        if let Some(digits) = octal {
            let value = digits.iter().fold(0_u32, |v, d| v * 8 + u32::from(d - b'0'));
            bytes.push(value as u8); // three octal digits of a byte, by the kernel's word
            rest = &tail[3..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Takes down what `ours` recognises at `point`, lazily: whoever still has it open keeps that.
/// Returns whether anything was taken down.
///
/// # Errors
/// It is still mounted, or something that is not ours is.
pub fn unmount(point: &Path, ours: impl Fn(&Mount) -> bool) -> io::Result<bool> {
    for taken in 0..MAX_STACKED {
        match mount_at(point) {
            None => return Ok(taken > 0),
            Some(mount) if !ours(&mount) => {
                let kind = mount.kind;
                return Err(io::Error::other(format!(
                    "a {kind} that is not ours is mounted there"
                )));
            }
            Some(_) => detach(point)?,
        }
    }
    Err(io::Error::other("too many mounts on one another"))
}

fn detach(point: &Path) -> io::Result<()> {
    use rustix::mount::{UnmountFlags, unmount};
    if rustix::process::geteuid().is_root() {
        return Ok(unmount(point, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)?);
    }
    let mut last = io::Error::other("no fusermount3 to unmount it with (Debian package fuse3)");
    for program in ["fusermount3", "fusermount"] {
        let run =
            Command::new(program).args(["-u", "-z", "--"]).arg(point).stdin(Stdio::null()).output();
        match run {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
                last = io::Error::other(text);
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => last = e,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_lines() {
        let text = b"36 35 98:0 /mnt1 /mnt/a\\040b\\134c rw,noatime master:1 - ext3 /dev/root rw\n\
            41 35 0:52 / /run/ublksrvd/0000 rw shared:3 master:7 - fuse.vpt vpt rw\n\
            junk\n";
        let mounts = parse(text);
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0].point, Path::new("/mnt/a b\\c"));
        assert_eq!(mounts[1].kind, "fuse.vpt");
        assert_eq!((mounts[1].device.as_str(), mounts[1].source.as_str()), ("0:52", "vpt"));
        assert!(is_mount_point(Path::new("/proc")));
        assert!(!is_mount_point(Path::new("/proc/self")));
    }
}
