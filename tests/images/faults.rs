//! kill -9, and a full file system: what was flushed is there, and QEMU finds no corruption.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use e2e::{Fio, Lab, need, pattern, send_signal, tool, wait_until};
use nix::libc;

use crate::support::{MIB, check_clean, master_and_clone, qemu_img, serve, small_file_system};

const SOON: Duration = Duration::from_secs(30);

/// Nothing but leaks, which cost room and are repaired by `qemu-img check -r leaks`.
#[track_caller]
fn check_not_corrupt(lab: &Lab, image: &str) {
    let said = qemu_img(lab, &["check", image]);
    // 0: nothing; 3: leaks only.
    assert!(matches!(said.status.code(), Some(0 | 3)), "{said}");
}

#[test]
fn a_kill_loses_nothing_that_was_flushed() {
    need!(Fuse, Fio, QemuImg);
    let lab = Lab::new();
    let master = pattern(77, 32 * MIB as usize);
    master_and_clone(&lab, &master);
    for round in 0..12_u64 {
        let disk = serve(&lab, &[]);
        let mut load = Fio::on(&disk.path)
            .set("rw", "randrw")
            .set("offset", "16m")
            .set("size", "16m")
            .set("iodepth", 8)
            .set("fsync", 16)
            .set("time_based", 1)
            .set("runtime", 600)
            .start();
        let file = OpenOptions::new().write(true).open(&disk.path).unwrap();
        // Not aligned to clusters, so that their other parts are copied from the master.
        let place = |round: u64| (round << 20) + 12_288;
        file.write_all_at(&pattern(round, 300 << 10), place(round)).unwrap();
        file.sync_all().unwrap();
        wait_until("load", SOON, || load.ended() || disk.stat("/in_flight") > 0.0);
        // The moment is the point here, whatever the machine makes of it.
        std::thread::sleep(Duration::from_micros(4_321 * round));
        send_signal(disk.pid, "KILL");
        disk.wait_gone();
        drop(file);
        assert!(!load.end().status.success());
        lab.run(&["list"]).ok();
        check_not_corrupt(&lab, "clone.qcow2");
        let mut wanted = master[..16 * MIB as usize].to_vec();
        for earlier in 0..=round {
            let bytes = pattern(earlier, 300 << 10);
            wanted[place(earlier) as usize..][..bytes.len()].copy_from_slice(&bytes);
        }
        let disk = serve(&lab, &["--read-only"]);
        let found = fs::read(&disk.path).unwrap();
        assert!(found[..wanted.len()] == wanted, "round {round}: flushed data is lost");
        disk.del();
    }
    assert!(fs::read(lab.file("master.img")).unwrap() == master);
    qemu_img(&lab, &["check", "-r", "leaks", "clone.qcow2"]).ok();
    check_clean(&lab, "clone.qcow2");
    serve(&lab, &[]).del();
}

#[test]
fn a_full_file_system_is_no_space_for_the_guest() {
    need!(Fuse, Root, QemuImg);
    let lab = Lab::new();
    let small = lab.folder("small");
    small_file_system(&small, "6m");
    let master = pattern(5, 32 * MIB as usize);
    fs::write(lab.file("master.img"), &master).unwrap();
    let clone = ["image", "clone", "master.img", "small/clone.qcow2", "--master-format", "raw"];
    lab.run(&clone).ok();
    let image = ["--image", "small/clone.qcow2", "--format", "qcow2", "--allow-backing", "."];
    let disk = lab.add(&image);
    let file = OpenOptions::new().read(true).write(true).open(&disk.path).unwrap();
    let chunk = 128 << 10;
    let mut wanted = master.clone();
    let mut at = 0;
    let error = loop {
        assert!(at < 32 * MIB as usize, "32 MiB fit into 6 MiB");
        let data = pattern(at as u64, chunk);
        match file.write_all_at(&data, at as u64).and_then(|()| file.sync_all()) {
            Ok(()) => wanted[at..at + chunk].copy_from_slice(&data),
            Err(error) => break error,
        }
        at += chunk;
    };
    assert_eq!(error.raw_os_error(), Some(libc::ENOSPC), "{error}");
    assert!(at >= 3 * MIB as usize, "full after {at} bytes");
    // It lives; what was flushed is what it was, and what was not written is the master's.
    let mut back = vec![0; at];
    file.read_exact_at(&mut back, 0).unwrap();
    assert!(back == wanted[..at]);
    file.read_exact_at(&mut back[..chunk], 20 * MIB).unwrap();
    assert!(back[..chunk] == wanted[20 * MIB as usize..][..chunk]);
    // Room that is given back can be used again.
    let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(&file, punch, 0, 2 * MIB).unwrap();
    wanted[..2 * MIB as usize].fill(0);
    let data = pattern(99, chunk);
    file.write_all_at(&data, 24 * MIB).unwrap();
    file.sync_all().unwrap();
    wanted[24 * MIB as usize..][..chunk].copy_from_slice(&data);
    drop(file);
    disk.del();
    check_not_corrupt(&lab, "small/clone.qcow2");
    let disk = lab.add(&image);
    let found = fs::read(&disk.path).unwrap();
    // The chunk that did not fit may be there in part.
    assert!(found[..at] == wanted[..at]);
    assert!(found[at + chunk..] == wanted[at + chunk..]);
    disk.del();
    tool("umount", &[small]);
}
