//! What the kernel takes a ublk device for.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use e2e::{Aligned, Lab, PATIENT, Said, need, pattern, tool};
use nix::libc;

#[test]
fn a_rotating_disk_with_a_volatile_cache() {
    need!(Lab);
    let lab = Lab::with_ublk();
    let disk = lab.add_ublk(&["--back", "null", "--size", "8M", "-d", "16"]);
    for (attribute, value) in [
        ("queue/rotational", "1"),
        ("queue/logical_block_size", "512"),
        ("queue/physical_block_size", "512"),
        ("queue/write_cache", "write back"),
        ("queue/fua", "1"),
        ("queue/discard_granularity", "4096"),
        ("queue/max_sectors_kb", "512"),
        ("size", "16384"),
        ("ro", "0"),
    ] {
        assert_eq!(disk.sysfs(attribute), value, "{attribute}");
    }
    for attribute in ["queue/discard_max_bytes", "queue/write_zeroes_max_bytes"] {
        assert!(disk.sysfs(attribute).parse::<u64>().unwrap() >= 8 << 20, "{attribute}");
    }
    // One queue, with the depth that was asked for, and a scheduler to choose.
    let queues = fs::read_dir("/sys/block/ublkb0/mq").unwrap().count();
    assert_eq!(queues, 1);
    assert!(disk.sysfs("queue/scheduler").contains("mq-deadline"));
    fs::write("/sys/block/ublkb0/queue/scheduler", "none").unwrap();
    assert_eq!(disk.sysfs("queue/nr_requests"), "16");
    let text = lab.run(&["list"]).ok();
    assert!(
        text.contains("nr_hw_queues 1 queue_depth 16 block size 512 dev_capacity 16384"),
        "{text}"
    );
    assert!(text.contains("max rq size 524288 "), "{text}");
    disk.del();
    lab.assert_no_ublk_left();
}

#[test]
fn blocks_of_4096() {
    need!(Lab);
    let lab = Lab::with_ublk();
    lab.image("even.img", 2 << 20);
    lab.image("odd.img", (2 << 20) + 512);
    let big = ["add", "vpt", "quick.toml", "--front", "ublk", "--block-size", "4096"];
    let said = lab.run(&[&big[..], &["--image", "odd.img"], &PATIENT].concat());
    said.refused(&["odd.img", "2097664 bytes", "blocks of 4096", "truncate -s %4096"]);
    lab.assert_no_ublk_left();
    let disk = lab.add_ublk(&["--image", "even.img", "--block-size", "4096"]);
    assert_eq!(disk.sysfs("queue/logical_block_size"), "4096");
    assert_eq!(tool("blockdev", &["--getss", "/dev/ublkb0"]).trim(), "4096");
    let file = e2e::direct(&disk.path);
    let error = file.read_at(&mut Aligned::zeroes(512), 512).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "{error}");
    let data = Aligned::of(&pattern(1, 4096));
    file.write_all_at(&data, 8192).unwrap();
    let mut back = Aligned::zeroes(8192);
    file.read_exact_at(&mut back, 4096).unwrap();
    assert!(back[..4096] == [0; 4096] && back[4096..] == data[..]);
    drop(file);
    // 512 bytes are part of a block: the kernel reads it first.
    let cached = OpenOptions::new().read(true).write(true).open(&disk.path).unwrap();
    cached.write_all_at(&pattern(2, 512), 512).unwrap();
    cached.sync_all().unwrap();
    drop(cached);
    assert!(lab.list()[0]["block_size"] == 4096);
    disk.del();
    let image = fs::read(lab.file("even.img")).unwrap();
    assert!(image[512..1024] == pattern(2, 512) && image[8192..12288] == data[..]);
    // The same image is good for blocks of 512, and the other one as well.
    lab.add_ublk(&["--image", "odd.img"]).del();
    lab.assert_no_ublk_left();
}

#[test]
fn read_only() {
    need!(Lab);
    let lab = Lab::with_ublk();
    let image = pattern(7, 1 << 20);
    fs::write(lab.file("x.img"), &image).unwrap();
    let disk = lab.add_ublk(&["--image", "x.img", "--read-only"]);
    assert_eq!(disk.sysfs("ro"), "1");
    assert_eq!(tool("blockdev", &["--getro", "/dev/ublkb0"]).trim(), "1");
    assert_eq!(disk.sysfs("queue/discard_max_bytes"), "0");
    let mut back = vec![0; image.len()];
    File::open(&disk.path).unwrap().read_exact_at(&mut back, 0).unwrap();
    assert!(back == image);
    // Refused when it is opened or when it is written.
    let opened = OpenOptions::new().write(true).open(&disk.path);
    let error = opened.and_then(|file| file.write_all_at(&[1; 4096], 0)).unwrap_err();
    let refused = [libc::EPERM, libc::EACCES, libc::EROFS].map(Some);
    assert!(refused.contains(&error.raw_os_error()), "{error}");
    let mut discard = std::process::Command::new("blkdiscard");
    let said = Said::of(discard.args(["--force", "/dev/ublkb0"]));
    assert!(!said.status.success(), "{said}");
    // What root can ask the kernel to forget, the daemon does not.
    tool("blockdev", &["--setrw", "/dev/ublkb0"]);
    let file = e2e::direct(&disk.path);
    assert!(file.write_all_at(&Aligned::zeroes(4096), 0).is_err());
    drop(file);
    disk.del();
    assert!(fs::read(lab.file("x.img")).unwrap() == image, "a read-only image has changed");
    lab.assert_no_ublk_left();
}

/// One partition of Linux's kind, from sector 2048 on.
fn partition_table(sectors: u32) -> [u8; 512] {
    let mut table = [0; 512];
    let entry = &mut table[446..462];
    entry[4] = 0x83;
    entry[8..12].copy_from_slice(&2048_u32.to_le_bytes());
    entry[12..16].copy_from_slice(&sectors.to_le_bytes());
    table[510..].copy_from_slice(&[0x55, 0xaa]);
    table
}

#[test]
fn partitions_are_found() {
    need!(Lab);
    let lab = Lab::with_ublk();
    let image = lab.image("x.img", 4 << 20);
    let image = OpenOptions::new().write(true).open(image).unwrap();
    image.write_all_at(&partition_table(4096), 0).unwrap();
    image.write_all_at(&pattern(3, 4096), 1 << 20).unwrap();
    drop(image);
    let disk = lab.add_ublk(&["--image", "x.img"]);
    let part = Path::new("/dev/ublkb0p1");
    assert_eq!(disk.sysfs("ublkb0p1/start"), "2048");
    assert_eq!(disk.sysfs("ublkb0p1/size"), "4096");
    let mut back = vec![0; 4096];
    File::open(part).unwrap().read_exact_at(&mut back, 0).unwrap();
    assert!(back == pattern(3, 4096));
    // What is on a partition counts as much as what is on the whole.
    tool("mkfs.ext4", &["-q", "/dev/ublkb0p1"]);
    let point = lab.folder("mnt");
    tool("mount", &[part, &point]);
    disk.run("del", &[]).refused(&["device 0", "mounted"]);
    tool("umount", &[&point]);
    disk.del();
    assert!(!part.exists());
    lab.assert_no_ublk_left();
}
