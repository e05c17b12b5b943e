//! What an image may name. Whoever owns an image writes its header.

use std::fs;
use std::os::unix::fs::symlink;

use e2e::{Lab, need};

use crate::support::{MIB, master_and_clone, qemu_img, refused, serve};

/// Makes `clone.qcow2` name another file, unchecked.
fn rebase(lab: &Lab, backing: &str, format: Option<&str>) {
    let mut rebase = vec!["rebase", "-u", "-b", backing];
    rebase.extend(format.iter().flat_map(|format| ["-F", *format]));
    rebase.extend(["-f", "qcow2", "clone.qcow2"]);
    qemu_img(lab, &rebase);
}

#[test]
fn nothing_is_allowed_by_itself() {
    need!(QemuImg);
    let lab = Lab::new();
    master_and_clone(&lab, &vec![1; MIB as usize]);
    let master = lab.file("master.img").canonicalize().unwrap();
    let option = format!("--allow-backing {}", master.display());
    refused(&lab, &["clone.qcow2"], &["clone.qcow2", "nobody has allowed", &option]);
    lab.run(&["image", "info", "clone.qcow2", "--chain"]).refused(&["clone.qcow2", &option]);
    lab.run(&["image", "info", "clone.qcow2"]).ok();
    refused(&lab, &["clone.qcow2", "--allow-backing", "none"], &["--allow-backing", "none"]);
}

#[test]
fn not_the_files_of_the_system() {
    need!(QemuImg);
    let lab = Lab::new();
    master_and_clone(&lab, &vec![1; MIB as usize]);
    for name in ["/etc/passwd", "../../../../../../../../etc/passwd"] {
        rebase(&lab, name, Some("raw"));
        let allow = ["clone.qcow2", "--allow-backing", "."];
        refused(&lab, &allow, &["/etc/passwd", "nobody has allowed"]);
    }
    // Whether a file is there is nobody's business either.
    rebase(&lab, "/etc/no-such-file", Some("raw"));
    refused(&lab, &["clone.qcow2"], &["/etc/no-such-file", "nobody has allowed"]);
}

#[test]
fn links_lead_nowhere_else() {
    need!(Fuse, QemuImg);
    let lab = Lab::new();
    let (masters, others) = (lab.folder("masters"), lab.folder("others"));
    fs::write(others.join("secret.img"), vec![7; MIB as usize]).unwrap();
    fs::write(masters.join("good.img"), vec![8; MIB as usize]).unwrap();
    symlink("../others/secret.img", masters.join("link.img")).unwrap();
    symlink("../others", masters.join("folder")).unwrap();
    symlink("good.img", masters.join("current.img")).unwrap();
    master_and_clone(&lab, &vec![1; MIB as usize]);
    for name in ["masters/link.img", "masters/folder/secret.img", "masters/../others/secret.img"] {
        rebase(&lab, name, Some("raw"));
        let allow = ["clone.qcow2", "--allow-backing", "masters"];
        refused(&lab, &allow, &["others/secret.img", "nobody has allowed"]);
    }
    // One that stays inside is as good as the file.
    rebase(&lab, "masters/current.img", Some("raw"));
    let clone = ["--image", "clone.qcow2", "--format", "qcow2", "--allow-backing", "masters"];
    let disk = lab.add(&clone);
    assert!(fs::read(&disk.path).unwrap() == vec![8; MIB as usize]);
    disk.del();
    // Not there, where it might be.
    rebase(&lab, "masters/gone.img", Some("raw"));
    let gone = ["clone.qcow2", "--allow-backing", "masters"];
    refused(&lab, &gone, &["masters/gone.img", "cannot be opened"]);
    // And what is no file.
    rebase(&lab, "masters", Some("raw"));
    refused(&lab, &gone, &["masters", "is a directory"]);
}

#[test]
fn formats_are_written_down_and_known() {
    need!(QemuImg);
    let lab = Lab::new();
    master_and_clone(&lab, &vec![1; MIB as usize]);
    let allow = ["clone.qcow2", "--allow-backing", "."];
    // QEMU's own tool does not make such an image any more: version 3, no extension with a format.
    let mut bytes = fs::read(lab.file("clone.qcow2")).unwrap();
    let magic = 0xe279_2aca_u32.to_be_bytes();
    let at = bytes.windows(4).position(|part| part == magic).unwrap();
    bytes[at..at + 4].copy_from_slice(&0x1234_5678_u32.to_be_bytes());
    fs::write(lab.file("clone.qcow2"), &bytes).unwrap();
    refused(&lab, &allow, &["does not say how", "master.img", "qemu-img rebase -u"]);
    let line = lab.run(&["image", "info", "clone.qcow2"]).ok();
    assert!(line.contains("not said"), "{line}");
    // What the line says helps.
    let master = lab.file("master.img");
    rebase(&lab, master.to_str().unwrap(), Some("raw"));
    lab.run(&["image", "info", "clone.qcow2", "--chain", "--allow-backing", "."]).ok();
    rebase(&lab, "master.img", Some("vmdk"));
    refused(&lab, &allow, &["master.img", "\"vmdk\"", "only raw and qcow2"]);
    // A raw image with a qcow2 in it stays raw: what is in it names nothing.
    fs::copy(lab.file("clone.qcow2"), lab.file("master.img")).unwrap();
    rebase(&lab, "master.img", Some("raw"));
    lab.run(&["image", "info", "clone.qcow2", "--chain", "--allow-backing", "."]).ok();
}

#[test]
fn no_other_protocols() {
    need!(QemuImg);
    let lab = Lab::new();
    master_and_clone(&lab, &vec![1; MIB as usize]);
    let json = r#"json:{"driver":"raw","file":{"driver":"file","filename":"/etc/passwd"}}"#;
    for (name, protocol) in [
        (json, "json"),
        ("nbd:localhost:10809", "nbd"),
        ("nbd+unix:///x?socket=y", "nbd+unix"),
        ("file:/etc/passwd", "file"),
    ] {
        rebase(&lab, name, Some("raw"));
        let allow = ["clone.qcow2", "--allow-backing", "/"];
        refused(&lab, &allow, &["clone.qcow2", "no file name", &format!("{protocol:?}")]);
    }
}

#[test]
fn no_rings_and_no_endless_chains() {
    need!(Fuse, QemuImg);
    let lab = Lab::new();
    master_and_clone(&lab, &vec![1; MIB as usize]);
    let allow = ["clone.qcow2", "--allow-backing", "."];
    rebase(&lab, "clone.qcow2", Some("qcow2"));
    refused(&lab, &allow, &["clone.qcow2", "ring"]);
    fs::hard_link(lab.file("clone.qcow2"), lab.file("other.qcow2")).unwrap();
    rebase(&lab, "other.qcow2", Some("qcow2"));
    refused(&lab, &allow, &["other.qcow2", "ring"]);
    // 32 files are a chain, 33 are not.
    fs::copy(lab.file("master.img"), lab.file("0")).unwrap();
    for i in 0..32 {
        let format = if i == 0 { "raw" } else { "qcow2" };
        let (master, clone) = (i.to_string(), (i + 1).to_string());
        lab.run(&["image", "clone", &master, &clone, "--master-format", format]).ok();
    }
    refused(&lab, &["32", "--allow-backing", "."], &["more than 32 files", "qemu-img"]);
    fs::copy(lab.file("31"), lab.file("deep.qcow2")).unwrap();
    let image = ["--image", "deep.qcow2", "--format", "qcow2", "--allow-backing", "."];
    let disk = lab.add(&image);
    assert!(fs::read(&disk.path).unwrap() == vec![1; MIB as usize]);
    disk.del();
}

#[test]
fn data_files_are_not_opened() {
    need!(QemuImg);
    let lab = Lab::new();
    let options = ["create", "-q", "-f", "qcow2", "-o", "data_file=data.img", "clone.qcow2", "1M"];
    qemu_img(&lab, &options).ok();
    refused(&lab, &["clone.qcow2", "--allow-backing", "."], &["data in another file", "convert"]);
}

/// The same disk serves again once the place is allowed.
#[test]
fn a_directory_allows_what_is_in_it() {
    need!(Fuse, QemuImg);
    let lab = Lab::new();
    master_and_clone(&lab, &vec![1; MIB as usize]);
    let disk = serve(&lab, &[]);
    assert!(fs::read(&disk.path).unwrap() == vec![1; MIB as usize]);
    disk.del();
}
