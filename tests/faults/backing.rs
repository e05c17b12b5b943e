//! A backing store that fails.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;

use e2e::{Fio, Lab, need, pattern, tool};
use nix::libc;

const MIB: usize = 1 << 20;

#[test]
fn its_errors_are_the_readers_and_are_counted() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "4M"]);
    let file = OpenOptions::new().read(true).write(true).open(&disk.path).unwrap();
    file.write_all_at(&pattern(1, MIB), 0).unwrap();
    disk.run("set", &["backing_fail_every=3"]).ok();
    let mut buf = vec![0; 4096];
    let results: Vec<_> = (0..30).map(|i| file.read_at(&mut buf, i * 4096)).collect();
    let failed = results.iter().filter_map(|result| result.as_ref().err()?.raw_os_error());
    assert_eq!(failed.collect::<Vec<_>>(), [libc::EIO; 10]);
    let written: Vec<_> = (0..3).map(|i| file.write_at(&buf, i * 4096).is_err()).collect();
    assert_eq!(written.iter().filter(|&&failed| failed).count(), 1, "{written:?}");
    assert_eq!(disk.stat("/read/errors"), 10.0);
    assert_eq!(disk.stat("/write/errors"), 1.0);
    let traced = disk.trace(1000);
    assert_eq!(traced.iter().filter(|record| record["errno"] == libc::EIO).count(), 11);

    disk.run("set", &["backing_fail_every=0"]).ok();
    for i in 0..10 {
        file.read_exact_at(&mut buf, i * 4096).unwrap();
    }
    assert_eq!(disk.stat("/read/errors"), 10.0);
    for wrong in [
        "backing_fail_every=-1",
        "backing_fail_every=x",
        "backing_delay_ms=-1",
        "backing_delay_ms=NaN",
    ] {
        disk.run("set", &[wrong]).refused(&[wrong]);
    }
    drop(file);
    disk.del();
}

/// The kernel passes them on through a block device as well.
#[test]
fn its_errors_reach_the_user_of_a_block_device() {
    need!(Fuse, Loop);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "4M", "--loop"]);
    disk.run("set", &["backing_fail_every=1"]).ok();
    let device = OpenOptions::new().read(true).open(&disk.path).unwrap();
    let error = device.read_at(&mut vec![0; 4096], MIB as u64).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EIO), "{error}");
    disk.run("set", &["backing_fail_every=0"]).ok();
    device.read_exact_at(&mut vec![0; 4096], MIB as u64).unwrap();
    assert!(disk.stat("/read/errors") >= 1.0);
    drop(device);
    disk.del();
}

#[test]
fn a_full_disk_below_is_no_space_above() {
    need!(Fuse, Root, Fio);
    let lab = Lab::new();
    let small = lab.folder("small");
    tool("mount", &["-t", "tmpfs", "-o", "size=4m", "none", small.to_str().unwrap()]);
    let disk = lab.add(&["--image", "small/lab.img", "--size", "32M"]);
    let file = OpenOptions::new().read(true).write(true).open(&disk.path).unwrap();
    let chunk = 256 << 10;
    let mut kept = Vec::new();
    let error = loop {
        let at = kept.len();
        assert!(at < 32 * MIB, "32 MiB fit into 4 MiB");
        let data = pattern(at as u64, chunk);
        match file.write_all_at(&data, at as u64) {
            Ok(()) => kept.extend(data),
            Err(error) => break error,
        }
    };
    assert_eq!(error.raw_os_error(), Some(libc::ENOSPC), "{error}");
    assert!(kept.len() >= 2 * MIB, "full after {} bytes", kept.len());
    assert!(disk.stat("/write/errors") >= 1.0);
    // It lives, and what was written before is what it was.
    let mut back = vec![0; kept.len()];
    file.read_exact_at(&mut back, 0).unwrap();
    assert!(back == kept);
    let again = file.write_at(&pattern(0, chunk), 16 * MIB as u64);
    assert_eq!(again.unwrap_err().raw_os_error(), Some(libc::ENOSPC));
    // Space that is given back can be used again.
    let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(&file, punch, 0, MIB as u64).unwrap();
    kept[..MIB].fill(0);
    file.write_all_at(&pattern(77, chunk), 20 * MIB as u64).unwrap();
    let mut back = vec![0; chunk];
    file.read_exact_at(&mut back, 20 * MIB as u64).unwrap();
    assert!(back == pattern(77, chunk));
    drop(file);
    disk.del();
    let image = fs::read(lab.file("small/lab.img")).unwrap();
    assert!(image[..kept.len()] == kept);
    tool("umount", &[small]);
}

/// fio sees the errors, counts them, and goes on: so does the disk.
#[test]
fn errors_under_load_harm_nobody_else() {
    need!(Fuse, Fio);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "16M"]);
    disk.run("set", &["backing_fail_every=7"]).ok();
    let job = Fio::on(&disk.path).set("size", "16m").set("iodepth", 16).set("number_ios", 700);
    let said = job.set("continue_on_error", "io").set("ignore_error", "EIO").start().end();
    let report: serde_json::Value = serde_json::from_str(&said.out).expect("fio prints JSON");
    let seen = report["jobs"][0]["total_err"].as_f64();
    let (requests, errors) = (disk.stat("/read/requests"), disk.stat("/read/errors"));
    assert_eq!(errors, (requests / 7.0).floor());
    assert!(errors >= 100.0 && seen == Some(errors), "fio saw {seen:?} of {errors} errors");
    assert_eq!(disk.stat("/in_flight"), 0.0);
    disk.run("set", &["backing_fail_every=0"]).ok();
    Fio::on(&disk.path).verified().set("size", "16m").set("io_size", "1m").run();
    disk.del();
}
