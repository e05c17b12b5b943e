//! The loop device itself.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::Path;

use e2e::{Fio, Lab, loops_under, need, pattern};

const MIB: u64 = 1 << 20;

/// A line of the device's folder in sysfs.
fn sysfs(device: &Path, name: &str) -> String {
    let block = Path::new("/sys/block").join(device.file_name().unwrap());
    fs::read_to_string(block.join(name)).unwrap().trim().to_owned()
}

#[test]
fn is_a_rotating_block_device_with_direct_io() {
    need!(Fuse, Loop);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "16M", "--loop"]);
    let meta = fs::metadata(&disk.path).unwrap();
    assert!(meta.file_type().is_block_device(), "{}", disk.path.display());
    assert_eq!(sysfs(&disk.path, "queue/rotational"), "1");
    assert_eq!(sysfs(&disk.path, "loop/dio"), "1");
    assert_eq!(sysfs(&disk.path, "loop/backing_file"), disk.served_file().display().to_string());
    assert_eq!(sysfs(&disk.path, "size"), (16 * MIB / 512).to_string());
    assert_eq!(sysfs(&disk.path, "ro"), "0");
    let minor = rustix::fs::minor(meta.rdev());
    let text = lab.run(&["list"]).ok();
    assert!(text.contains(&format!("ublkb: 7:{minor} ")), "{text}");
    assert_eq!(lab.list()[0]["front"], "fuse-loop");
    let device = disk.path.clone();
    disk.del();
    assert!(!Path::new("/sys/block").join(device.file_name().unwrap()).join("loop").exists());
    lab.assert_nothing_left();
}

#[test]
fn keeps_data_and_its_ends() {
    need!(Fuse, Loop, Fio);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "16M", "--loop"]);
    for depth in [1, 16] {
        let job = Fio::on(&disk.path).verified().set("iodepth", depth).set("io_size", "2m").run();
        assert_eq!(job.figure("/read/total_ios"), 512.0);
    }
    let device = OpenOptions::new().read(true).write(true).open(&disk.path).unwrap();
    let data = pattern(5, 8192);
    device.write_all_at(&data, 16 * MIB - 8192).unwrap();
    let beyond = device.write_at(&data, 16 * MIB).unwrap_err();
    assert_eq!(beyond.raw_os_error(), Some(nix::libc::ENOSPC), "{beyond}");
    assert_eq!(device.read_at(&mut [0; 512], 16 * MIB).unwrap(), 0);
    device.sync_all().unwrap();
    drop(device);
    assert!(disk.stat("/flush/requests") >= 1.0);
    disk.del();
    let mut end = vec![0; 8192];
    File::open(lab.file("lab.img")).unwrap().read_exact_at(&mut end, 16 * MIB - 8192).unwrap();
    assert!(end == data);
}

#[test]
fn read_only_is_read_only() {
    need!(Fuse, Loop);
    let lab = Lab::new();
    let image = lab.image("lab.img", 2 * MIB);
    let data = pattern(5, 2 * MIB as usize);
    fs::write(&image, &data).unwrap();
    let disk = lab.add(&["--image", "lab.img", "--loop", "--read-only"]);
    assert_eq!(sysfs(&disk.path, "ro"), "1");
    assert!(fs::read(&disk.path).unwrap() == data);
    let tried = OpenOptions::new().write(true).open(&disk.path).and_then(|device| {
        device.write_all_at(&[1; 4096], 0)?;
        device.sync_all()
    });
    assert!(tried.is_err());
    disk.del();
    assert!(fs::read(image).unwrap() == data);
}

#[test]
fn two_disks_get_two_devices() {
    need!(Fuse, Loop);
    let lab = Lab::new();
    let a = lab.add(&["--back", "mem", "--size", "2M", "--loop"]);
    let b = lab.add(&["--back", "mem", "--size", "4M", "--loop"]);
    assert_ne!(a.path, b.path);
    assert_eq!(loops_under(lab.path()).len(), 2);
    assert_eq!(sysfs(&b.path, "size"), "8192");
    a.del();
    assert_eq!(loops_under(lab.path()), std::slice::from_ref(&b.path));
    b.del();
    lab.assert_nothing_left();
}

/// Whoever writes to the file below with `dd` or `>` truncates it: neither it nor the device shrinks.
#[test]
fn truncating_the_file_below_does_no_harm() {
    need!(Fuse, Loop);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "4M", "--loop"]);
    fs::write(disk.served_file(), "written below").unwrap();
    let all = fs::read(&disk.path).unwrap();
    assert_eq!(all.len() as u64, 4 * MIB);
    assert!(all.starts_with(b"written below"));
    disk.del();
}
