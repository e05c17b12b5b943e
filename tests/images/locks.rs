//! Two writers, and a writer below a reader, of our own and of QEMU's.

use std::io::Write;
use std::process::{Command, Stdio};

use e2e::{Lab, Said, need};

use crate::support::{MIB, check_clean, master_and_clone, qemu_img, refused, serve};

#[test]
fn two_clones_share_a_master_that_nobody_writes() {
    need!(Fuse, QemuImg);
    let lab = Lab::new();
    master_and_clone(&lab, &vec![1; 2 * MIB as usize]);
    let clone = ["image", "clone", "master.img", "second.qcow2", "--master-format", "raw"];
    lab.run(&clone).ok();
    let first = serve(&lab, &[]);
    let second = ["--image", "second.qcow2", "--format", "qcow2", "--allow-backing", "."];
    let second = lab.add(&second);
    let holders = [first.pid, second.pid].map(|pid| format!("pid {pid} (ublk)"));
    let add = ["add", "vpt", "quick.toml", "--image"];
    let again = ["clone.qcow2", "--format", "qcow2", "--allow-backing", "."];
    for more in [&[][..], &["--read-only"]] {
        let said = lab.run(&[&add[..], &again, more].concat());
        said.refused(&["clone.qcow2", "is in use by", &holders[0]]);
    }
    // The master, which both read.
    let said = lab.run(&[&add[..], &["master.img"]].concat());
    said.refused(&["master.img", "is in use by", &holders[0], &holders[1]]);
    lab.add(&["--image", "master.img", "--read-only"]).del();
    first.del();
    let said = lab.run(&[&add[..], &["master.img"]].concat());
    said.refused(&["master.img", "is in use by", &holders[1]]);
    second.del();
    // Somebody who writes the master keeps clones away.
    let writer = lab.add(&["--image", "master.img"]);
    let holder = format!("pid {} (ublk)", writer.pid);
    let said = lab.run(&[&add[..], &again].concat());
    said.refused(&["master.img", "is in use by", &holder]);
    writer.del();
}

#[test]
fn qemu_keeps_away_from_what_we_serve() {
    need!(Fuse, QemuImg);
    let lab = Lab::new();
    master_and_clone(&lab, &vec![1; 2 * MIB as usize]);
    let disk = serve(&lab, &[]);
    let qemu_io = |arguments: &[&str]| {
        Said::of(Command::new("qemu-io").current_dir(lab.path()).args(arguments))
    };
    let write = ["-f", "raw", "-c", "write 0 512", "master.img"];
    let said = qemu_io(&write);
    assert!(!said.status.success() && said.err.contains("lock"), "{said}");
    let said = qemu_io(&["-f", "qcow2", "-c", "write 0 512", "clone.qcow2"]);
    assert!(!said.status.success() && said.err.contains("lock"), "{said}");
    // Reading a master is what QEMU's clones and ours do together.
    qemu_io(&["-r", "-f", "raw", "-c", "read -P 1 0 512", "master.img"]).ok();
    qemu_img(&lab, &["info", "-f", "raw", "master.img"]).ok();
    disk.del();
    qemu_io(&write).ok();
    check_clean(&lab, "clone.qcow2");
}

/// A program that waits for commands, with an image open for writing or reading.
#[test]
fn we_keep_away_from_what_qemu_writes() {
    need!(Fuse, QemuImg);
    let lab = Lab::new();
    master_and_clone(&lab, &vec![1; 2 * MIB as usize]);
    let opened = |arguments: &[&str]| {
        let mut command = Command::new("qemu-io");
        command.current_dir(lab.path()).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Its answer says that the image is open.
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"length\n").unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut seen = Vec::new();
        while !seen.windows(3).any(|part| part == b"MiB") {
            let mut byte = [0];
            std::io::Read::read_exact(&mut stdout, &mut byte).unwrap();
            seen.push(byte[0]);
        }
        (child, stdin, stdout)
    };
    let allow = ["clone.qcow2", "--allow-backing", "."];
    for (arguments, words) in [
        (["-f", "qcow2", "clone.qcow2"], ["clone.qcow2", "is in use by"]),
        (["-f", "raw", "master.img"], ["master.img", "is in use by"]),
    ] {
        let (mut child, stdin, _stdout) = opened(&arguments);
        let holder = format!("pid {} (qemu-io)", child.id());
        refused(&lab, &allow, &[words[0], words[1], &holder]);
        drop(stdin); // it ends with its input
        assert!(child.wait().unwrap().success());
    }
    let (mut child, stdin, _stdout) = opened(&["-r", "-f", "raw", "master.img"]);
    serve(&lab, &[]).del();
    drop(stdin);
    assert!(child.wait().unwrap().success());
}
