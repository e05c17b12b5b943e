//! Making, cloning, looking, serving.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, PermissionsExt};

use e2e::{Fio, Lab, need, pattern};
use serde_json::Value;

use crate::support::{MIB, check_clean, check_same, master_and_clone, qemu_img, serve};

/// The proposal's Figures 4 and 7: a 30 GB master, and a clone of it.
#[test]
fn qemu_accepts_what_is_made() {
    need!(QemuImg);
    let lab = Lab::new();
    let out = lab.run(&["image", "create", "822master.img", "--size", "30G"]).ok();
    assert!(out.contains("--image 822master.img --format qcow2"), "{out}");
    let out = lab.run(&["image", "clone", "822master.img", "822lab.img"]).ok();
    let master = lab.file("822master.img").canonicalize().unwrap();
    assert!(out.contains(&format!("--allow-backing {}", master.display())), "{out}");
    assert!(out.contains("must not be written"), "{out}");
    for image in ["822master.img", "822lab.img"] {
        check_clean(&lab, image);
        let mode = fs::metadata(lab.file(image)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{image}");
    }
    let out = qemu_img(&lab, &["compare", "822master.img", "822lab.img"]).ok();
    assert!(out.contains("identical"), "{out}");
    let out = qemu_img(&lab, &["info", "--output=json", "822lab.img"]).ok();
    let info: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(info["virtual-size"], 30_u64 << 30);
    assert_eq!(info["cluster-size"], 65_536);
    assert_eq!(info["backing-filename"], master.to_str().unwrap());
    assert_eq!(info["backing-filename-format"], "qcow2");
    assert!(info["actual-size"].as_u64().unwrap() < MIB, "{info}");
}

#[test]
fn what_we_say_of_an_image_is_what_qemu_says() {
    need!(QemuImg);
    let lab = Lab::new();
    for cluster in ["512", "4K", "64K", "2M"] {
        let name = format!("m{cluster}.qcow2");
        lab.run(&["image", "create", &name, "--size", "100M", "--cluster-size", cluster]).ok();
        check_clean(&lab, &name);
        let ours: Value =
            serde_json::from_str(&lab.run(&["image", "info", &name, "--json"]).ok()).unwrap();
        let theirs = qemu_img(&lab, &["info", "--output=json", &name]).ok();
        let theirs: Value = serde_json::from_str(&theirs).unwrap();
        for (our, their) in [
            ("size_bytes", "virtual-size"),
            ("cluster_bytes", "cluster-size"),
            ("allocated_bytes", "actual-size"),
        ] {
            assert_eq!(ours[our], theirs[their], "{cluster}: {ours} {theirs}");
        }
    }
    let out = lab.run(&["image", "create", "raw.img", "--size", "3M", "--format", "raw"]).ok();
    assert!(out.contains("--format raw"), "{out}");
    assert_eq!(fs::metadata(lab.file("raw.img")).unwrap().len(), 3 * MIB);
    let out = lab.run(&["image", "info", "raw.img", "--format", "raw"]).ok();
    assert!(out.contains("raw, 3.0 MiB (3145728 bytes), takes 0 B"), "{out}");
}

#[test]
fn nothing_is_overwritten() {
    let lab = Lab::new();
    fs::write(lab.file("old.img"), "precious").unwrap();
    lab.image("master.img", MIB);
    let create = ["image", "create", "old.img", "--size", "1M"];
    lab.run(&create).refused(&["old.img", "exists already"]);
    lab.run(&["image", "clone", "master.img", "old.img", "--master-format", "raw"])
        .refused(&["old.img", "exists already"]);
    lab.run(&["image", "clone", "none.img", "new.img"]).refused(&["none.img", "no such file"]);
    lab.run(&["image", "clone", "master.img", "new.img"]).refused(&["master.img", "no qcow2"]);
    lab.run(&["image", "create", "no/new.img", "--size", "1M"]).refused(&["no/new.img"]);
    let misused = ["image", "create", "new.img", "--size", "1M", "--format", "raw"];
    lab.run(&[&misused[..], &["--cluster-size", "4K"]].concat()).misused(&["--cluster-size"]);
    assert_eq!(fs::read_to_string(lab.file("old.img")).unwrap(), "precious");
    let names = lab.path().read_dir().unwrap().map(|e| e.unwrap().file_name());
    assert_eq!(names.filter(|n| n.to_string_lossy().contains("new")).count(), 0);
}

#[test]
fn a_clone_takes_what_is_written_and_its_master_nothing() {
    need!(Fuse, Fio, QemuImg);
    let lab = Lab::new();
    let mut data = pattern(1, 24 * MIB as usize);
    master_and_clone(&lab, &data);
    let disk = serve(&lab, &[]);
    assert_eq!(disk.about["size_bytes"], 24 * MIB);
    assert!(fs::read(&disk.path).unwrap() == data, "it reads like its master");
    let file = OpenOptions::new().read(true).write(true).open(&disk.path).unwrap();
    for i in 0..200_u64 {
        let (offset, bytes) =
            ((i * 7919 * 512) % (16 * MIB), pattern(i, 512 + (i as usize % 9) * 512));
        file.write_all_at(&bytes, offset).unwrap();
        data[offset as usize..][..bytes.len()].copy_from_slice(&bytes);
    }
    let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(&file, punch, MIB, MIB / 2 + 512).unwrap();
    data[MIB as usize..][..MIB as usize / 2 + 512].fill(0);
    file.sync_all().unwrap();
    assert!(fs::read(&disk.path).unwrap() == data);
    let fio = Fio::on(&disk.path).verified().set("offset", "16m").set("size", "8m");
    fio.set("iodepth", 16).set("fsync", 64).run();
    let end = fs::read(&disk.path).unwrap();
    assert!(end[..16 * MIB as usize] == data[..16 * MIB as usize], "fio wrote only at the end");
    drop(file);
    disk.del();
    fs::write(lab.file("reference.img"), &end).unwrap();
    check_clean(&lab, "clone.qcow2");
    check_same(&lab, "clone.qcow2", "reference.img");
    assert!(fs::read(lab.file("master.img")).unwrap() == pattern(1, 24 * MIB as usize));
    // And once more after a new start.
    let disk = serve(&lab, &["--read-only"]);
    assert!(fs::read(&disk.path).unwrap() == end);
    disk.del();
}

#[test]
fn a_chain_of_three() {
    need!(Fuse, QemuImg);
    let lab = Lab::new();
    let mut data = pattern(3, 8 * MIB as usize);
    fs::write(lab.file("base.img"), &data).unwrap();
    let raw = ["--master-format", "raw", "--relative"];
    lab.run(&[&["image", "clone", "base.img", "master.qcow2"], &raw[..]].concat()).ok();
    let other = pattern(4, MIB as usize);
    let write = |image: &str, offset: u64| {
        let disk = lab.add(&["--image", image, "--format", "qcow2", "--allow-backing", "."]);
        let file = OpenOptions::new().write(true).open(&disk.path).unwrap();
        file.write_all_at(&other, offset).unwrap();
        drop(file);
        disk.del();
    };
    write("master.qcow2", 2 * MIB);
    lab.run(&["image", "clone", "master.qcow2", "clone.qcow2", "--relative"]).ok();
    write("clone.qcow2", 5 * MIB + 4096);
    for offset in [2 * MIB, 5 * MIB + 4096] {
        data[offset as usize..][..other.len()].copy_from_slice(&other);
    }
    fs::write(lab.file("reference.img"), &data).unwrap();
    check_clean(&lab, "clone.qcow2");
    check_same(&lab, "clone.qcow2", "reference.img");
    let info = ["image", "info", "clone.qcow2", "--chain", "--allow-backing", "."];
    let out = lab.run(&info).ok();
    let lines: Vec<&str> = out.lines().filter(|line| !line.starts_with('\t')).collect();
    assert_eq!(lines.len(), 3, "{out}");
    let out = lab.run(&[&info[..], &["--json"]].concat()).ok();
    let info: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(info["chain"][0]["backing"], "./master.qcow2");
    assert_eq!(info["chain"][2]["format"], "raw");
    // All of it moved elsewhere, as relative names allow.
    let moved = lab.folder("moved");
    for name in ["base.img", "master.qcow2", "clone.qcow2"] {
        fs::rename(lab.file(name), moved.join(name)).unwrap();
    }
    let image = ["--image", "moved/clone.qcow2", "--format", "qcow2", "--allow-backing", "moved"];
    let disk = lab.add(&image);
    assert!(fs::read(&disk.path).unwrap() == data);
    disk.del();
}

/// What QEMU makes: old versions, small clusters, compressed data, preallocated tables.
#[test]
fn we_accept_what_qemu_makes() {
    need!(Fuse, QemuImg);
    let lab = Lab::new();
    let mut data = pattern(9, 4 * MIB as usize);
    data[MIB as usize..2 * MIB as usize].fill(0);
    fs::write(lab.file("master.img"), &data).unwrap();
    for options in [
        &["-o", "compat=0.10"][..],
        &["-o", "cluster_size=512"],
        &["-o", "cluster_size=2M"],
        &["-o", "refcount_bits=1"],
        &["-o", "refcount_bits=64"],
        &["-c"],
        &["-o", "preallocation=metadata"],
    ] {
        let convert = ["convert", "-f", "raw", "-O", "qcow2", "master.img", "made.qcow2"];
        qemu_img(&lab, &[&convert[..1], options, &convert[1..]].concat()).ok();
        let disk = lab.add(&["--image", "made.qcow2", "--format", "qcow2"]);
        let mut wanted = data.clone();
        assert!(fs::read(&disk.path).unwrap() == wanted, "{options:?}");
        let file = OpenOptions::new().write(true).open(&disk.path).unwrap();
        for i in 0..40_u64 {
            let (offset, bytes) = (i * 99_840, pattern(i, 5 * 512));
            file.write_all_at(&bytes, offset).unwrap();
            wanted[offset as usize..][..bytes.len()].copy_from_slice(&bytes);
        }
        let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
        rustix::fs::fallocate(&file, punch, 3 * MIB - 512, MIB / 2).unwrap();
        wanted[3 * MIB as usize - 512..][..MIB as usize / 2].fill(0);
        drop(file);
        assert!(fs::read(&disk.path).unwrap() == wanted, "{options:?}");
        disk.del();
        fs::write(lab.file("reference.img"), &wanted).unwrap();
        check_clean(&lab, "made.qcow2");
        check_same(&lab, "made.qcow2", "reference.img");
    }
}
