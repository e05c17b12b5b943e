//! Images made and looked at by QEMU's tools.

use std::path::Path;
use std::process::Command;

use e2e::{Disk, Lab, Said, tool};

pub(crate) const MIB: u64 = 1 << 20;

/// Runs `qemu-img` in the lab's folder.
#[track_caller]
pub(crate) fn qemu_img(lab: &Lab, arguments: &[&str]) -> Said {
    Said::of(Command::new("qemu-img").current_dir(lab.path()).args(arguments))
}

/// That QEMU finds nothing wrong with an image, not even a leak.
#[track_caller]
pub(crate) fn check_clean(lab: &Lab, image: &str) {
    let said = qemu_img(lab, &["check", image]);
    assert!(said.status.success(), "{said}");
    assert!(said.out.contains("No errors were found"), "{said}");
}

/// That both are the same disk, whatever their formats.
#[track_caller]
pub(crate) fn check_same(lab: &Lab, qcow2: &str, raw: &str) {
    let said = qemu_img(lab, &["compare", "-f", "qcow2", "-F", "raw", qcow2, raw]).ok();
    assert!(said.contains("identical"), "{said}");
}

/// Makes a raw master of these bytes and a clone of it.
#[track_caller]
pub(crate) fn master_and_clone(lab: &Lab, data: &[u8]) {
    std::fs::write(lab.file("master.img"), data).unwrap();
    lab.run(&["image", "clone", "master.img", "clone.qcow2", "--master-format", "raw"]).ok();
}

/// Serves `clone.qcow2` over whatever is in the lab's folder.
#[track_caller]
pub(crate) fn serve<'lab>(lab: &'lab Lab, more: &[&str]) -> Disk<'lab> {
    let clone = ["--image", "clone.qcow2", "--format", "qcow2", "--allow-backing", "."];
    lab.add(&[&clone, more].concat())
}

/// `ublk add` of an image that cannot be served: one line with these words, and nothing is left.
#[track_caller]
pub(crate) fn refused(lab: &Lab, more: &[&str], words: &[&str]) {
    let add = ["add", "vpt", "quick.toml", "--format", "qcow2", "--image"];
    lab.run(&[&add, more].concat()).refused(words);
    lab.assert_nothing_left();
}

/// A small file system of its own.
pub(crate) fn small_file_system(at: &Path, size: &str) {
    let options = format!("size={size}");
    tool("mount", &["-t", "tmpfs", "-o", &options, "none", at.to_str().unwrap()]);
}
