//! The lab itself: the right kernel, its modules, places to write.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use e2e::tool;

#[test]
fn it_is_debian_s_kernel() {
    e2e::need!(Lab);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert!(release.starts_with("6.12."), "{release}");
    assert!(release.trim_end().ends_with("-amd64"), "{release}");
}

#[test]
fn ublk_loads_and_has_its_control_device() {
    e2e::need!(Lab);
    tool("modprobe", &["ublk_drv"]);
    let control = fs::metadata("/dev/ublk-control").unwrap();
    assert!(control.file_type().is_char_device());
}

#[test]
fn nbd_loads_and_has_devices() {
    e2e::need!(Lab);
    tool("modprobe", &["nbd"]);
    assert!(fs::metadata("/dev/nbd0").unwrap().file_type().is_block_device());
}

#[test]
fn temporary_files_and_results_can_be_written_and_the_tree_cannot() {
    e2e::need!(Lab);
    tempfile::tempfile().unwrap();
    let out = std::env::var_os("VPT_LAB_OUT").unwrap();
    fs::write(Path::new(&out).join("kernel-test"), "brought out\n").unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(here.join("Cargo.toml").is_file(), "the working tree is not visible");
    let error = fs::write(here.join("written-in-the-lab"), "").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
}
