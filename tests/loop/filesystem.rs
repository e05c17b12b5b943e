//! ext4 on it, as a student would use it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::{Disk, Fio, Lab, Said, loops_under, mounts_under, need, pattern, tool, wait_until};

fn mkfs(disk: &Disk) {
    // Everything now: no lazy initialisation going on beside the test.
    let now = "lazy_itable_init=0,lazy_journal_init=0";
    tool("mkfs.ext4", &["-q", "-E", now, disk.path.to_str().unwrap()]);
}

fn mount(disk: &Disk, lab: &Lab) -> PathBuf {
    let point = lab.file("mnt");
    fs::create_dir_all(&point).unwrap();
    tool("mount", &[&disk.path, &point]);
    point
}

fn umount(point: &Path) {
    tool("umount", &[point]);
}

/// Writes files of many sizes; the same every time.
fn contents() -> Vec<(String, Vec<u8>)> {
    let sizes = [0, 1, 511, 4096, 4097, 70_000, 1 << 20, 3_000_001];
    let files = sizes.into_iter().zip(1..);
    files.map(|(bytes, seed)| (format!("file-{seed}"), pattern(seed, bytes))).collect()
}

#[track_caller]
fn check_contents(folder: &Path) {
    for (name, data) in contents() {
        assert!(fs::read(folder.join(&name)).unwrap() == data, "{name} has changed");
    }
}

fn fsck(disk: &Disk) {
    let mut command = Command::new("fsck.ext4");
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin")).args(["-f", "-n"]).arg(&disk.path);
    let said = Said::of(&mut command);
    assert!(said.status.success(), "{said}");
}

#[test]
fn ext4_survives_from_one_add_to_the_next() {
    need!(Fuse, Loop, Fio, E2fsprogs, Root);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "64M", "--loop"]);
    mkfs(&disk);
    let point = mount(&disk, &lab);
    for (name, data) in contents() {
        fs::write(point.join(name), data).unwrap();
    }
    let checked = point.join("checked");
    for depth in [1, 16] {
        Fio::on(&checked).verified().set("size", "2m").set("iodepth", depth).run();
    }
    File::open(&point).unwrap().sync_all().unwrap();
    check_contents(&point);
    umount(&point);
    fsck(&disk);
    assert_eq!(disk.stat("/write/errors") + disk.stat("/read/errors"), 0.0);
    disk.del();
    lab.assert_nothing_left();

    let again = lab.add(&["--image", "lab.img", "--loop", "-n", "7"]);
    fsck(&again);
    let point = mount(&again, &lab);
    check_contents(&point);
    // What fio wrote last is checked once more, read only.
    Fio::on(&checked).verified().set("size", "2m").set("iodepth", 16).set("verify_only", 1).run();
    // Trimming the free space makes holes in the image.
    tool("fstrim", &[&point]);
    assert!(again.stat("/discard/requests") > 0.0);
    umount(&point);
    fsck(&again);
    again.del();
    lab.assert_nothing_left();
}

#[test]
fn del_of_a_mounted_disk_is_refused() {
    need!(Fuse, Loop, E2fsprogs, Root);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "16M", "--loop"]);
    mkfs(&disk);
    let point = mount(&disk, &lab);
    fs::write(point.join("before"), "before").unwrap();
    let is_mounted = format!("{} is mounted at {}", disk.path.display(), point.display());
    disk.run("del", &[]).refused(&[&is_mounted, "unmount it first", "--force"]);
    let all = lab.run(&["del", "-a"]);
    assert!(!all.status.success(), "{all}");
    all.says(&[&is_mounted]);
    // And it goes on.
    fs::write(point.join("after"), "after").unwrap();
    File::open(point.join("after")).unwrap().sync_all().unwrap();
    assert_eq!(fs::read(point.join("before")).unwrap(), b"before");
    umount(&point);
    fsck(&disk);
    disk.del();
    lab.assert_nothing_left();
}

#[test]
fn del_by_force_takes_a_mounted_disk_away() {
    need!(Fuse, Loop, E2fsprogs, Root);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "16M", "--loop"]);
    mkfs(&disk);
    let point = mount(&disk, &lab);
    let kept = point.join("kept");
    fs::write(&kept, pattern(1, 100_000)).unwrap();
    File::open(&kept).unwrap().sync_all().unwrap();
    let device = disk.path.clone();
    let said = disk.run("del", &["--force"]);
    assert!(said.status.success(), "{said}");
    assert!(!mounts_under(&lab.state()).contains(&disk.mount()));
    assert!(lab.list().is_empty());
    // The file system on it is without a disk now; the loop device goes with it.
    tool("umount", &["-l", point.to_str().unwrap()]);
    let attached = Path::new("/sys/block").join(device.file_name().unwrap()).join("loop");
    let ours = || {
        let backing = fs::read_to_string(attached.join("backing_file")).unwrap_or_default();
        backing.contains(lab.path().to_str().unwrap()) || backing.trim() == "/disk"
    };
    wait_until("detached loop device", Duration::from_secs(30), || !ours());
    assert!(loops_under(lab.path()).is_empty());

    // What was flushed is there.
    let again = lab.add(&["--image", "lab.img", "--loop"]);
    let point = mount(&again, &lab);
    assert!(fs::read(point.join("kept")).unwrap() == pattern(1, 100_000));
    umount(&point);
    fsck(&again);
    again.del();
}

/// Somebody who only has it open does not keep it: that is no file system that could break.
#[test]
fn del_of_an_open_disk_ends_it() {
    need!(Fuse, Loop);
    let lab = Lab::new();
    let disk = lab.add(&["--back", "mem", "--size", "2M", "--loop"]);
    let open = File::open(&disk.path).unwrap();
    let said = disk.run("del", &[]);
    assert!(said.status.success(), "{said}");
    drop(open);
    wait_until("detached loop device", Duration::from_secs(30), || {
        loops_under(lab.path()).is_empty()
    });
    lab.assert_nothing_left();
}
