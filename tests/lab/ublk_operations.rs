//! What is asked of a ublk device reaches the model and the image.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};

use e2e::{Aligned, Disk, Lab, need, pattern, tool};
use nix::libc;
use rustix::fs::FallocateFlags;

const MIB: usize = 1 << 20;
const FUA: u64 = 2;
const FLUSH: u64 = 3;
const DISCARD: u64 = 4;
const WRITE_ZEROES: u64 = 5;

/// What was asked for since request `after`, as operation, first sector and sectors; and the number of
/// the last request.
fn asked_since(disk: &Disk<'_>, after: u64) -> (Vec<(u64, u64, u64)>, u64) {
    let records = disk.never_early(500);
    let number = |record: &serde_json::Value, key: &str| record[key].as_u64().unwrap();
    let last = records.last().map_or(0, |record| number(record, "id"));
    let new = records.iter().filter(|record| number(record, "id") > after);
    let asked = new.map(|r| (number(r, "op"), number(r, "sector"), number(r, "sectors")));
    (asked.collect(), last)
}

/// How often a block device was told to flush its cache.
fn flushes(device: &str) -> u64 {
    let name = device.trim_start_matches("/dev/");
    let stat = fs::read_to_string(format!("/sys/block/{name}/stat")).unwrap();
    stat.split_whitespace().nth(15).unwrap().parse().unwrap()
}

/// The image is a block device here, for its kernel counts the flushes that arrive.
#[test]
fn flushes_and_forced_writes_reach_the_image() {
    need!(Lab);
    let lab = Lab::with_ublk();
    lab.image("x.img", 4 << 20);
    let file = lab.file("x.img");
    let device = tool("losetup", &["--find", "--show", file.to_str().unwrap()]).trim().to_owned();
    let disk = lab.add_ublk(&["--image", &device]);
    let (_, last) = asked_since(&disk, 0);
    let file = e2e::direct(&disk.path);
    let data = Aligned::of(&pattern(1, 4096));
    let before = flushes(&device);
    file.write_all_at(&data, 1 << 20).unwrap();
    let (asked, last) = asked_since(&disk, last);
    assert_eq!(asked, [(1, 2048, 8)]);
    assert_eq!(flushes(&device), before, "a plain write is flushed");
    file.sync_data().unwrap();
    let (asked, last) = asked_since(&disk, last);
    assert_eq!(asked, [(FLUSH, 0, 0)]);
    let flushed = flushes(&device);
    assert!(flushed > before, "the flush has not reached the image");
    drop(file);

    let mut dsync = OpenOptions::new();
    let dsync = dsync.write(true).custom_flags(libc::O_DIRECT | libc::O_DSYNC).open(&disk.path);
    let dsync = dsync.unwrap();
    dsync.write_all_at(&data, 2 << 20).unwrap();
    let (asked, _) = asked_since(&disk, last);
    assert_eq!(asked, [(FUA, 4096, 8), (FLUSH, 0, 0)]);
    assert!(flushes(&device) >= flushed + 2, "one of the two has not reached the image");
    // A store that cannot do it is no success.
    disk.run("set", &["backing_fail_every=1"]).ok();
    let error = dsync.write_all_at(&data, 2 << 20).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EIO));
    disk.run("set", &["backing_fail_every=0"]).ok();
    drop(dsync);
    disk.del();
    tool("losetup", &["--detach", &device]);
    let image = fs::read(lab.file("x.img")).unwrap();
    for at in [MIB, 2 * MIB] {
        assert!(image[at..at + 4096] == data[..]);
    }
    lab.assert_no_ublk_left();
}

#[test]
fn discards_punch_holes_and_zeroes_are_written() {
    need!(Lab);
    let lab = Lab::with_ublk();
    let mut expected = pattern(5, 4 * MIB);
    fs::write(lab.file("x.img"), &expected).unwrap();
    let held = || fs::metadata(lab.file("x.img")).unwrap().blocks() * 512;
    let disk = lab.add_ublk(&["--image", "x.img"]);
    let (full, (_, last)) = (held(), asked_since(&disk, 0));
    assert!(full >= 4 * MIB as u64);

    tool("blkdiscard", &["-o", "1048576", "-l", "1048576", "/dev/ublkb0"]);
    expected[MIB..2 * MIB].fill(0);
    let (asked, last) = asked_since(&disk, last);
    let asked: Vec<_> = asked.into_iter().filter(|(op, ..)| *op > 0).collect();
    assert_eq!(asked, [(DISCARD, 2048, 2048)]);
    let punched = held();
    assert!(punched + MIB as u64 <= full, "{full} bytes became {punched}");

    tool("blkdiscard", &["-z", "-o", "2097152", "-l", "524288", "/dev/ublkb0"]);
    expected[2 * MIB..2 * MIB + MIB / 2].fill(0);
    let file = OpenOptions::new().read(true).write(true).open(&disk.path).unwrap();
    let zero = FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(&file, zero, 3 * MIB as u64, 8192).unwrap();
    expected[3 * MIB..3 * MIB + 8192].fill(0);
    let (asked, _) = asked_since(&disk, last);
    let asked: Vec<_> = asked.into_iter().filter(|(op, ..)| *op > 0).collect();
    assert_eq!(asked, [(WRITE_ZEROES, 4096, 1024), (WRITE_ZEROES, 6144, 16)]);
    assert_eq!(disk.stat("/discard/requests"), 3.0);

    let mut back = vec![0; 4 * MIB];
    file.read_exact_at(&mut back, 0).unwrap();
    assert!(back == expected, "the device reads otherwise");
    drop(file);
    disk.del();
    assert!(fs::read(lab.file("x.img")).unwrap() == expected, "the image is otherwise");
    lab.assert_no_ublk_left();
}

#[test]
fn the_end_is_the_end() {
    need!(Lab);
    let lab = Lab::with_ublk();
    let disk = lab.add_ublk(&["--image", "x.img", "--size", "1M"]);
    let file = e2e::direct(&disk.path);
    let end = MIB as u64;
    let data = Aligned::of(&pattern(9, 8192));
    file.write_all_at(&data, end - 8192).unwrap();
    let mut back = Aligned::zeroes(8192);
    assert_eq!(file.read_at(&mut back, end).unwrap(), 0);
    assert_eq!(file.read_at(&mut back, end - 4096).unwrap(), 4096);
    assert!(back[..4096] == data[4096..]);
    let error = file.write_at(&data, end).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOSPC), "{error}");
    assert!(disk.trace(500).iter().all(|record| record["errno"] == 0));
    drop(file);
    disk.del();
    assert!(fs::read(lab.file("x.img")).unwrap()[MIB - 8192..] == data[..]);
    lab.assert_no_ublk_left();
}

#[test]
fn large_requests_arrive_whole() {
    need!(Lab);
    let lab = Lab::with_ublk();
    let disk = lab.add_ublk(&["--image", "x.img", "--size", "4M"]);
    let (_, last) = asked_since(&disk, 0);
    let file = e2e::direct(&disk.path);
    let data = Aligned::of(&pattern(4, MIB / 2));
    file.write_all_at(&data, MIB as u64).unwrap();
    let mut back = Aligned::zeroes(MIB / 2);
    file.read_exact_at(&mut back, MIB as u64).unwrap();
    assert!(back[..] == data[..]);
    let (asked, _) = asked_since(&disk, last);
    assert_eq!(asked, [(1, 2048, 1024), (0, 2048, 1024)]);
    drop(file);
    disk.del();
    lab.assert_no_ublk_left();
}
