//! Images that are broken end in one line, whoever broke them.

use std::fs;

use e2e::{Lab, need};

use crate::support::{MIB, qemu_img, refused};

#[test]
fn truncated_anywhere() {
    let lab = Lab::new();
    lab.run(&["image", "create", "whole.qcow2", "--size", "1G"]).ok();
    let whole = fs::read(lab.file("whole.qcow2")).unwrap();
    for length in [0, 3, 4, 71, 72, 100, 104, 300, 65_536, 131_072, 196_608] {
        fs::write(lab.file("cut.qcow2"), &whole[..length]).unwrap();
        refused(&lab, &["cut.qcow2"], &["cut.qcow2"]);
        lab.run(&["image", "info", "cut.qcow2"]).refused(&["cut.qcow2"]);
    }
}

#[test]
fn no_qcow2_and_no_image() {
    let lab = Lab::new();
    lab.image("raw.img", MIB);
    lab.folder("folder");
    refused(&lab, &["raw.img"], &["raw.img", "is no qcow2 image", "--format raw"]);
    refused(&lab, &["none.img"], &["none.img", "no such file"]);
    refused(&lab, &["folder"], &["folder", "is a directory"]);
    refused(&lab, &["/dev/null"], &["/dev/null", "neither a file nor a block device"]);
}

#[test]
fn what_qemu_can_and_we_cannot() {
    need!(QemuImg);
    let lab = Lab::new();
    for (options, words) in [
        (&["-o", "extended_l2=on"][..], ["subclusters", "qemu-img convert"]),
        (&["-o", "compression_type=zstd"], ["compression", "qemu-img convert"]),
        (
            &["--object", "secret,id=s,data=x", "-o", "encrypt.format=luks,encrypt.key-secret=s"],
            ["is encrypted", "qemu-img convert"],
        ),
    ] {
        let create = ["create", "-q", "-f", "qcow2", "odd.qcow2", "4M"];
        let said = qemu_img(&lab, &[&create[..4], options, &create[4..]].concat());
        if said.status.success() {
            refused(&lab, &["odd.qcow2"], &[&["odd.qcow2"], &words[..]].concat());
        } else {
            println!("this qemu-img does not make {options:?}: {}", said.err.trim());
        }
    }
    // A disk too small, and one with snapshots inside.
    qemu_img(&lab, &["create", "-q", "-f", "qcow2", "tiny.qcow2", "64K"]).ok();
    refused(&lab, &["tiny.qcow2"], &["65536 bytes are too few"]);
    qemu_img(&lab, &["create", "-q", "-f", "qcow2", "snap.qcow2", "4M"]).ok();
    qemu_img(&lab, &["snapshot", "-c", "first", "snap.qcow2"]).ok();
    refused(&lab, &["snap.qcow2"], &["snap.qcow2", "1 snapshots inside", "--read-only"]);
}

/// Tables that point anywhere: errors for the guest, never a dead daemon.
#[test]
fn wild_tables() {
    need!(Fuse, QemuImg);
    let lab = Lab::new();
    lab.run(&["image", "create", "good.qcow2", "--size", "4M"]).ok();
    let good = fs::read(lab.file("good.qcow2")).unwrap();
    let number = |at: usize| u64::from_be_bytes(good[at..at + 8].try_into().unwrap());
    let l1 = number(40) as usize;
    for entry in [u64::MAX, 1 << 63, 0x1ff, 1 << 55, (1 << 63) | (1 << 54), 65_536 | (1 << 63)] {
        let mut wild = good.clone();
        if wild.len() < l1 + 8 {
            wild.resize(l1 + 8, 0);
        }
        wild[l1..l1 + 8].copy_from_slice(&entry.to_be_bytes());
        fs::write(lab.file("wild.qcow2"), &wild).unwrap();
        let add = ["add", "vpt", "quick.toml", "--json", "--format", "qcow2", "--image"];
        let said = lab.run(&[&add[..], &["wild.qcow2"]].concat());
        if !said.status.success() {
            said.refused(&["wild.qcow2"]);
            continue;
        }
        let disk = e2e::Disk::of(&lab, &said.out);
        let _ = fs::read(&disk.path); // an error, or whatever is where the table points
        let _ = fs::write(&disk.path, vec![1; 4096]);
        assert!(disk.run("stats", &["--json"]).status.success(), "the daemon died of {entry:#x}");
        disk.run("del", &[]).ok();
    }
    lab.assert_nothing_left();
}
