//! A loop device on the disk's file, so that a kernel without ublk gets a block device with an I/O
//! scheduler. Direct I/O, or the page cache between loop and file would hide the disk.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};

const LOOP_SET_FD_CONFIGURE: libc::c_ulong = 0x4c0a;
const LOOP_CLR_FD: libc::c_ulong = 0x4c01;
const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4c82;
const LO_FLAGS_READ_ONLY: u32 = 1;
const LO_FLAGS_DIRECT_IO: u32 = 16;
/// Somebody else may take the free device first; so many times in a row nobody does.
const ATTEMPTS: usize = 32;

/// `struct loop_info64` of linux/loop.h.
#[repr(C)]
struct LoopInfo64 {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config` of linux/loop.h.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo64,
    reserved: [u64; 8],
}

/// An attached loop device. It outlives the value: detach it by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopDevice {
    /// Such as /dev/loop0.
    pub path: PathBuf,
}

/// An ioctl whose argument is a plain number or nothing.
fn ioctl_plain(fd: RawFd, request: libc::c_ulong, argument: libc::c_ulong) -> io::Result<i32> {
    // SAFETY: the requests used here take a number or ignore the argument; no memory is touched.
    let result = unsafe { libc::ioctl(fd, request as _, argument) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Attaches a free loop device to `file` with direct I/O and marks it as a rotating disk.
///
/// # Errors
/// One line with what could not be done; then nothing is attached.
pub fn attach(file: &Path, read_only: bool) -> io::Result<LoopDevice> {
    let say = |what: String| move |e: io::Error| io::Error::new(e.kind(), format!("{what} ({e})"));
    let control = OpenOptions::new().read(true).write(true).open("/dev/loop-control").map_err(say(
        "no loop devices: /dev/loop-control cannot be opened: run as root with the loop driver loaded".into(),
    ))?;
    let backing = OpenOptions::new()
        .read(true)
        .write(!read_only)
        .open(file)
        .map_err(say(format!("{} cannot be opened", file.display())))?;
    for _ in 0..ATTEMPTS {
        let number = ioctl_plain(control.as_raw_fd(), LOOP_CTL_GET_FREE, 0)
            .map_err(say("no free loop device".into()))?;
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(say(format!("{} cannot be opened", path.display())))?;
        match configure(&device, &backing, file, read_only) {
            Ok(()) => {
                // If its server ended meanwhile, nobody else would find the device any more.
                if let Err(e) = backing.sync_data() {
                    let _ = ioctl_plain(device.as_raw_fd(), LOOP_CLR_FD, 0); // nothing is lost
                    return Err(say(format!("{} is served no longer", file.display()))(e));
                }
                // Schedulers and file systems treat rotating disks differently. Only a hint.
                let hint = format!("/sys/block/loop{number}/queue/rotational");
                let _ = std::fs::write(hint, "1");
                return Ok(LoopDevice { path });
            }
            Err(e) if e.raw_os_error() == Some(libc::EBUSY) => {} // taken meanwhile
            Err(e) => return Err(say(format!("{} cannot be attached", path.display()))(e)),
        }
    }
    Err(io::Error::other("no free loop device: others keep taking them"))
}

fn configure(device: &File, backing: &File, name: &Path, read_only: bool) -> io::Result<()> {
    let mut file_name = [0u8; 64];
    let bytes = name.as_os_str().as_encoded_bytes();
    let kept = bytes.len().min(file_name.len() - 1); // for people only; must end in a zero
    file_name[..kept].copy_from_slice(&bytes[..kept]);
    let config = LoopConfig {
        fd: backing.as_raw_fd().unsigned_abs(),
        block_size: 512,
        info: LoopInfo64 {
            device: 0,
            inode: 0,
            rdevice: 0,
            offset: 0,
            size_limit: 0,
            number: 0,
            encrypt_type: 0,
            encrypt_key_size: 0,
            flags: LO_FLAGS_DIRECT_IO | if read_only { LO_FLAGS_READ_ONLY } else { 0 },
            file_name,
            crypt_name: [0; 64],
            encrypt_key: [0; 32],
            init: [0; 2],
        },
        reserved: [0; 8],
    };
    // SAFETY: LOOP_CONFIGURE reads one `struct loop_config`, which `LoopConfig` mirrors field by field;
    // it lives across the call, and both descriptors are open.
    let result =
        unsafe { libc::ioctl(device.as_raw_fd(), LOOP_SET_FD_CONFIGURE as _, &raw const config) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What a loop device is attached to, as the kernel names it.
pub fn backing_of(device: &Path) -> Option<PathBuf> {
    let name = device.file_name()?.to_str()?;
    let text = std::fs::read_to_string(format!("/sys/block/{name}/loop/backing_file")).ok()?;
    let path = text.trim_end_matches('\n');
    // The kernel marks a file that is no longer reachable by that name.
    Some(PathBuf::from(path.strip_suffix(" (deleted)").unwrap_or(path)))
}

/// Detaches `device` if it is attached to `file`; a device that is not, or no longer, is left alone.
/// One that is still open goes as soon as its last user closes it.
///
/// # Errors
/// If the kernel refuses.
pub fn detach_if_backed_by(device: &Path, file: &Path) -> io::Result<()> {
    let ours = backing_of(device).is_some_and(|b| b == file || Some(b) == inside_mount(file));
    if !ours {
        return Ok(());
    }
    let open = File::open(device)?;
    match ioctl_plain(open.as_raw_fd(), LOOP_CLR_FD, 0) {
        Err(e) if e.raw_os_error() != Some(libc::ENXIO) => Err(e),
        _ => Ok(()),
    }
}

/// After a lazy unmount the kernel names the file from the mount's own root: `/disk`.
fn inside_mount(file: &Path) -> Option<PathBuf> {
    file.file_name().map(|name| Path::new("/").join(name))
}

/// Where a loop device, or a part of it, is mounted or used as swap: what would break without it.
pub fn user_of(device: &Path) -> Option<String> {
    let name = device.to_str()?;
    let is_it = |source: &str| {
        let rest = source.strip_prefix(name);
        rest.is_some_and(|r| r.is_empty() || r.starts_with('p') && r.len() > 1)
    };
    for (table, what) in [("/proc/self/mounts", "mounted at"), ("/proc/swaps", "used as swap:")] {
        let text = std::fs::read_to_string(table).unwrap_or_default();
        for line in text.lines() {
            let mut fields = line.split_whitespace();
            if fields.next().is_some_and(is_it) {
                return Some(format!("{what} {}", fields.next().unwrap_or("?")));
            }
        }
    }
    holder_of(device)
}

/// What the kernel has built on it: device mapper, RAID; also on its partitions.
fn holder_of(device: &Path) -> Option<String> {
    let block = Path::new("/sys/block").join(device.file_name()?);
    let partitions = std::fs::read_dir(&block).ok()?.flatten().map(|e| e.path());
    let parts = partitions.filter(|p| p.join("partition").exists());
    for part in std::iter::once(block.clone()).chain(parts) {
        let mut holders = std::fs::read_dir(part.join("holders")).into_iter().flatten().flatten();
        if let Some(holder) = holders.next() {
            return Some(format!("part of {}", holder.file_name().to_string_lossy()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_the_kernels_structures() {
        assert_eq!(size_of::<LoopInfo64>(), 232);
        assert_eq!(size_of::<LoopConfig>(), 304);
    }
}
