//! `probe` on a block device: a loop device over a file, where that can be made.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use ublk_vpt::probe::{self, Options};

/// A loop device, detached when dropped.
struct Loop(PathBuf);

impl Loop {
    /// Attaches `image` with blocks of `logical` bytes; `None`, with the reason printed, where it cannot.
    fn attach(image: &Path, logical: u32) -> Option<Self> {
        let output = Command::new("losetup")
            .args(["--find", "--show", "--read-only", "--sector-size", &logical.to_string()])
            .arg(image)
            .output();
        match output {
            Ok(o) if o.status.success() => {
                Some(Self(PathBuf::from(String::from_utf8(o.stdout).unwrap().trim())))
            }
            Ok(o) => {
                eprintln!("skipped: no loop device: {}", String::from_utf8_lossy(&o.stderr).trim());
                None
            }
            Err(e) => {
                eprintln!("skipped: cannot run losetup: {e}");
                None
            }
        }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").arg("--detach").arg(&self.0).status();
    }
}

#[test]
fn a_block_device_is_measured_in_its_own_blocks() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let image = dir.path().join("disk.img");
    File::create(&image).unwrap().set_len(16 << 20).unwrap();
    let Some(device) = Loop::attach(&image, 4096) else { return };

    let quick =
        Options { buckets: 6, passes: 2, per_pass: 2, random: 20, ..Options::new(&device.0) };
    let report = probe::run(&quick, &mut ()).unwrap();
    assert_eq!((report.kind.as_str(), report.size_bytes), ("block device", 16 << 20));
    assert!(report.direct && report.errors == 0);
    assert_eq!(report.samples.len(), 6 * 4 + 20);

    let small = Options { block_bytes: 512, ..quick.clone() };
    let error = probe::run(&small, &mut ()).unwrap_err().to_string();
    assert!(error.contains("its blocks are 4096 bytes"), "{error}");
    // Through the page cache any size can be read.
    let report = probe::run(&Options { direct: false, ..small }, &mut ()).unwrap();
    assert!(!report.direct && report.errors == 0);
}
