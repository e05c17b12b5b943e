//! Disks of the kernel's ublk driver.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Once;

use crate::{Disk, Lab, tool};

/// What a page is, and more than any disk's block.
const ALIGNMENT: usize = 4096;

/// For commands that wait for a daemon to come up: the lab's machine is an emulated one.
pub const PATIENT: [&str; 2] = ["--timeout", "300"];

impl Lab {
    /// An empty one, on a kernel whose ublk driver is loaded and has no device: what a test has left
    /// that failed is its own matter.
    ///
    /// # Panics
    /// When there is no place for it, or a device is there that cannot be deleted.
    #[track_caller]
    pub fn with_ublk() -> Self {
        static LOADED: Once = Once::new();
        LOADED.call_once(|| drop(tool("modprobe", &["ublk_drv"])));
        for device in ublk_devices() {
            let name = device.file_name().unwrap_or_default().to_string_lossy();
            if let Some(id) = name.strip_prefix("ublkc") {
                println!("an earlier test has left ublk device {id}");
                let _ = crate::ublk().args(["__ublk", "delete", id]).output();
            }
        }
        assert_no_ublk_device();
        Self::new()
    }

    /// Adds a disk of the ublk driver that takes the time of `quick.toml`, whatever the machine: an
    /// emulated processor is slow.
    #[track_caller]
    pub fn add_ublk(&self, more: &[&str]) -> Disk<'_> {
        self.add_ublk_model("quick", more)
    }

    /// Adds one of another description.
    #[track_caller]
    pub fn add_ublk_model(&self, model: &str, more: &[&str]) -> Disk<'_> {
        let k: &[&str] = if more.contains(&"--k") { &[] } else { &["--k", "1"] };
        let depth: &[&str] = if more.contains(&"-d") { &[] } else { &["-d", "8"] };
        let fixed = ["--front", "ublk", "--mode", "fixed"];
        self.add_model(model, &[&fixed, &PATIENT[..], k, depth, more].concat())
    }

    /// Checks that nothing is left: state, processes, devices of the driver.
    ///
    /// # Panics
    /// When there is.
    #[track_caller]
    pub fn assert_no_ublk_left(&self) {
        assert_no_ublk_device();
        self.assert_nothing_left();
        assert_eq!(self.daemons(), [0_u32; 0], "daemons are left");
    }
}

impl Disk<'_> {
    /// A line of a block device's folder in sysfs, such as `queue/rotational`.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn sysfs(&self, name: &str) -> String {
        let name =
            Path::new("/sys/block").join(self.path.file_name().unwrap_or_default()).join(name);
        let text = fs::read_to_string(&name);
        text.unwrap_or_else(|error| panic!("{}: {error}", name.display())).trim().to_owned()
    }

    /// Checks that none of the last so many requests was done before it was due, by the daemon's own
    /// account, and returns them.
    ///
    /// # Panics
    /// When one was.
    #[track_caller]
    pub fn never_early(&self, last: usize) -> Vec<serde_json::Value> {
        let records = self.trace(last);
        for record in &records {
            let at = |key: &str| record[key].as_u64().expect("a time");
            assert!(at("done_ns") >= at("due_ns").max(at("backing_done_ns")), "early: {record}");
        }
        records
    }
}

/// The driver's devices, whoever's they are: nodes and what sysfs knows.
pub fn ublk_devices() -> Vec<PathBuf> {
    let folders = ["/dev", "/sys/block", "/sys/class/ublk-char"].map(fs::read_dir);
    let entries = folders.into_iter().flatten().flatten().flatten();
    let ours = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("ublkb") || name.starts_with("ublkc")
    });
    let mut found: Vec<PathBuf> = ours.map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// Checks that the driver has no device.
///
/// # Panics
/// When it has one.
#[track_caller]
pub fn assert_no_ublk_device() {
    assert_eq!(ublk_devices(), Vec::<PathBuf>::new(), "devices of the ublk driver are left");
}

/// Opens a device past the page cache.
///
/// # Panics
/// When it cannot be opened for reading and writing.
#[track_caller]
pub fn direct(path: &Path) -> fs::File {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).custom_flags(nix::libc::O_DIRECT);
    options.open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Memory that O_DIRECT takes.
#[derive(Debug)]
pub struct Aligned {
    memory: Vec<u8>,
    start: usize,
    bytes: usize,
}

impl Aligned {
    /// So many zeroes.
    pub fn zeroes(bytes: usize) -> Self {
        let memory = vec![0; bytes + ALIGNMENT];
        let start = memory.as_ptr().align_offset(ALIGNMENT);
        Self { memory, start, bytes }
    }

    /// A copy.
    pub fn of(data: &[u8]) -> Self {
        let mut copy = Self::zeroes(data.len());
        copy.copy_from_slice(data);
        copy
    }
}

impl Deref for Aligned {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.bytes]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.bytes]
    }
}
