//! That data stays what it was: fio's checksums, the image after the end, holes, flushes.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt};

use e2e::{Fio, Lab, need, pattern};
use rustix::fs::FallocateFlags;

const MIB: u64 = 1 << 20;

#[test]
fn fio_reads_back_what_it_wrote_one_at_a_time() {
    verified(1, "4k");
}

#[test]
fn fio_reads_back_what_it_wrote_sixteen_at_a_time() {
    verified(16, "4k");
}

/// Requests larger than FUSE passes on in one piece, and smaller than a page.
#[test]
fn fio_reads_back_what_it_wrote_in_mixed_sizes() {
    verified(16, "512-2m");
}

fn verified(depth: u32, sizes: &str) {
    need!(Fuse, Fio);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "32M"]);
    let mut job = Fio::on(&disk.path).verified().set("iodepth", depth).set("size", "32m");
    job = match sizes.contains('-') {
        true => job.set("bsrange", sizes).set("blockalign", 512).set("io_size", "32m"),
        false => job.set("bs", sizes).set("io_size", "4m"),
    };
    let job = job.run();
    assert!(job.figure("/write/total_ios") >= 30.0);
    assert_eq!(job.figure("/read/io_bytes"), job.figure("/write/io_bytes"));
    let stats = disk.stats();
    for kind in ["read", "write"] {
        let bytes = stats[kind]["bytes"].as_f64();
        assert!(bytes >= Some(job.figure(&format!("/{kind}/io_bytes"))), "{kind}: {stats}");
        assert_eq!(stats[kind]["errors"], 0, "{kind}");
    }
    let served = fs::read(&disk.path).unwrap();
    disk.del();
    assert!(served == fs::read(lab.file("lab.img")).unwrap(), "the image is not what was served");
}

#[test]
fn punched_and_zeroed_ranges_are_holes_and_zeroes() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "8M"]);
    let mut expected = pattern(9, 8 * MIB as usize);
    let file = OpenOptions::new().read(true).write(true).open(&disk.path).unwrap();
    file.write_all_at(&expected, 0).unwrap();
    let allocated = || fs::metadata(lab.file("lab.img")).unwrap().blocks() * 512;
    let full = allocated();
    assert!(full >= 8 * MIB, "{full} bytes are allocated");

    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(&file, punch, 2 * MIB, 4 * MIB).unwrap();
    expected[2 * MIB as usize..6 * MIB as usize].fill(0);
    assert!(allocated() <= full - 4 * MIB, "{} of {full} bytes are allocated", allocated());

    // Neither end on a sector: what is beside it must stay.
    rustix::fs::fallocate(&file, FallocateFlags::ZERO_RANGE, MIB + 3, 70_001).unwrap();
    expected[MIB as usize + 3..MIB as usize + 3 + 70_001].fill(0);
    rustix::fs::fallocate(&file, punch, 7 * MIB + 5, 9_000).unwrap();
    expected[7 * MIB as usize + 5..7 * MIB as usize + 9_005].fill(0);

    assert!(fs::read(&disk.path).unwrap() == expected);
    assert_eq!(disk.stat("/discard/requests"), 3.0);
    // Beyond the end there is nothing to discard, and a disk does not grow.
    for (mode, at) in [(punch, 8 * MIB - 4096), (FallocateFlags::empty(), 8 * MIB)] {
        assert!(rustix::fs::fallocate(&file, mode, at, 8192).is_err(), "{mode:?} at {at}");
    }
    drop(file);
    disk.del();
    assert!(fs::read(lab.file("lab.img")).unwrap() == expected);
}

#[test]
fn fsync_is_a_flush_and_a_close_is_not() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "4M"]);
    let file = OpenOptions::new().write(true).open(&disk.path).unwrap();
    for round in 0..5 {
        file.write_all_at(&pattern(round, 4096), round * 8192).unwrap();
        file.sync_all().unwrap();
        file.sync_data().unwrap();
    }
    drop(file);
    drop(OpenOptions::new().write(true).open(&disk.path).unwrap());
    assert_eq!(disk.stat("/flush/requests"), 10.0);
    assert_eq!(disk.stat("/write/requests"), 5.0);
    assert_eq!(disk.stat("/flush/errors"), 0.0);
    disk.del();
}
