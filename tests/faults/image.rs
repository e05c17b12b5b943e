//! Images that cannot be served.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use e2e::{Disk, Lab, Running, Said, need, skip, tool};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

const MIB: u64 = 1 << 20;

#[track_caller]
fn refused(lab: &Lab, more: &[&str], words: &[&str]) {
    let line = lab.run(&[&["add", "vpt", "quick.toml"], more].concat()).refused(words);
    assert!(!line.contains("os error 0"), "{line}");
    lab.assert_nothing_left();
}

#[test]
fn is_not_there() {
    let lab = Lab::new();
    refused(&lab, &["--image", "none.img"], &["none.img", "no such file", "--size"]);
    refused(&lab, &["--image", "no/folder/x.img", "--size", "1M"], &["no/folder/x.img"]);
    assert!(!lab.file("none.img").exists());
}

#[test]
fn is_no_whole_disk() {
    need!(Fuse);
    let lab = Lab::new();
    for (bytes, words) in [
        (0, &["0 bytes are too few", "1048576"][..]),
        (512, &["512 bytes are too few"]),
        (MIB - 512, &["too few"]),
        (MIB + 1, &["1048577 bytes are not whole sectors", "truncate"]),
        (MIB + 511, &["not whole sectors"]),
    ] {
        let image = lab.image("odd.img", bytes);
        refused(&lab, &["--image", "odd.img"], &[&["odd.img"], words].concat());
        assert_eq!(fs::metadata(&image).unwrap().len(), bytes, "the image was changed");
    }
    lab.image("odd.img", MIB + 512);
    lab.add(&["--image", "odd.img"]).del();
}

#[test]
fn is_no_image() {
    need!(Fuse);
    let lab = Lab::new();
    lab.folder("folder");
    tool("mkfifo", &[lab.file("pipe")]);
    refused(&lab, &["--image", "folder"], &["folder", "is a directory"]);
    refused(&lab, &["--image", "pipe"], &["pipe", "neither a file nor a block device"]);
    refused(&lab, &["--image", "/dev/null"], &["/dev/null", "neither a file nor a block device"]);
    lab.image("lab.img", MIB);
    refused(&lab, &["--image", "lab.img", "--size", "2M"], &["lab.img", "exists", "1048576"]);
}

/// A failed `add` takes the image that it made away, and only that.
#[test]
fn was_made_for_nothing() {
    need!(Fuse);
    let lab = Lab::new();
    refused(&lab, &["--image", "new.img", "--size", "1M", "--mount", "none"], &["none"]);
    assert!(!lab.file("new.img").exists(), "a new image is left");
    lab.image("old.img", MIB);
    refused(&lab, &["--image", "old.img", "--mount", "none"], &["none"]);
    assert!(lab.file("old.img").exists(), "an old image was removed");
}

#[test]
fn is_made_for_its_owner_and_never_too_small() {
    need!(Fuse);
    let lab = Lab::new();
    refused(&lab, &["--image", "new.img", "--size", "512K"], &["new.img", "too small", "1M"]);
    assert!(!lab.file("new.img").exists(), "an image too small was made");
    let disk = lab.add(&["--image", "new.img", "--size", "1M"]);
    let mode = fs::metadata(lab.file("new.img")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    disk.del();
}

/// Many find no image and make it; whoever comes to serve it, nobody else may take it away.
#[test]
fn is_made_by_many_at_once() {
    need!(Fuse);
    let lab = Lab::new();
    for round in 0..6 {
        let image = format!("lab{round}.img");
        let add = ["add", "vpt", "quick.toml", "--json", "--size", "4M", "--image", &image];
        let all: Vec<_> = (0..6).map(|_| Running::start(lab.ublk().args(add))).collect();
        let said: Vec<Said> = all.into_iter().map(Running::end).collect();
        let (won, lost): (Vec<_>, Vec<_>) = said.into_iter().partition(|s| s.status.success());
        for loser in lost {
            loser.refused(&[&image]);
        }
        let path = lab.file(&image);
        let [winner] = won.as_slice() else {
            panic!("round {round}: {} serve {image}", won.len());
        };
        let disk = Disk::of(&lab, &winner.out);
        fs::write(&disk.path, vec![round; 4 * MIB as usize]).unwrap();
        assert!(path.exists(), "round {round}: the image was removed while it is served");
        disk.del();
        assert!(fs::read(&path).unwrap() == vec![round; 4 * MIB as usize], "round {round}");
    }
    lab.assert_nothing_left();
}

#[test]
fn is_served_already() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "1M"]);
    let holder = format!("pid {} (ublk)", disk.pid);
    let elsewhere = Lab::new();
    std::os::unix::fs::symlink(lab.file("lab.img"), elsewhere.file("link.img")).unwrap();
    fs::hard_link(lab.file("lab.img"), lab.file("hard.img")).unwrap();
    for more in [&[][..], &["--read-only"]] {
        let again = lab.run(&[&["add", "vpt", "quick.toml", "--image", "lab.img"], more].concat());
        again.refused(&["lab.img", "is in use by", &holder]);
        let link = [&["add", "vpt", "quick.toml", "--image", "link.img"], more].concat();
        elsewhere.run(&link).refused(&["link.img", "is in use by", &holder]);
    }
    lab.run(&["add", "vpt", "quick.toml", "--image", "hard.img"]).refused(&["is in use by"]);
    assert_eq!(lab.list().len(), 1);
    disk.del();
    // The lock went with it, and readers only keep writers away.
    let reader = lab.add(&["--image", "lab.img", "--read-only"]);
    lab.run(&["add", "vpt", "quick.toml", "--image", "lab.img"]).refused(&["is in use by"]);
    reader.del();
    lab.add(&["--image", "lab.img"]).del();
}

/// As QEMU does: a lock of the same kind, on some bytes only.
#[test]
fn is_locked_by_another_program() {
    need!(Fuse);
    let lab = Lab::new();
    let image = lab.image("lab.img", MIB);
    let file = OpenOptions::new().read(true).write(true).open(&image).unwrap();
    let some = libc::flock {
        l_type: libc::F_RDLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 100,
        l_len: 1,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_OFD_SETLK(&some)).unwrap();
    let me = format!("pid {} ", std::process::id());
    refused(&lab, &["--image", "lab.img"], &["lab.img", "is in use by", &me]);
    // Both only read.
    lab.add(&["--image", "lab.img", "--read-only"]).del();
    drop(file);
    lab.add(&["--image", "lab.img"]).del();
}

/// Root may write whatever its permissions say, but not what is immutable or on a read-only mount.
#[test]
fn may_only_be_read() {
    need!(Fuse, Root);
    let lab = Lab::new();
    let folder = lab.folder("fixed");
    fs::write(folder.join("lab.img"), vec![7; MIB as usize]).unwrap();
    let path = folder.to_str().unwrap();
    tool("mount", &["--bind", path, path]);
    tool("mount", &["-o", "remount,bind,ro", path]);
    served_read_only(&lab, "fixed/lab.img");
}

#[test]
fn is_immutable() {
    need!(Fuse, Root);
    let lab = Lab::new();
    let image = lab.file("lab.img");
    fs::write(&image, vec![7; MIB as usize]).unwrap();
    let set = Said::of(Command::new("chattr").arg("+i").arg(&image));
    if !set.status.success() {
        skip!("this file system has no immutable files: {}", set.err.trim());
    }
    let lasting = std::panic::catch_unwind(|| served_read_only(&lab, "lab.img"));
    tool("chattr", &["-i", image.to_str().unwrap()]); // or it could not be removed
    lasting.unwrap();
}

fn served_read_only(lab: &Lab, image: &str) {
    refused(lab, &["--image", image], &[image, "cannot be written", "--read-only"]);
    let disk = lab.add(&["--image", image, "--read-only"]);
    assert!(fs::read(&disk.path).unwrap() == vec![7; MIB as usize]);
    disk.del();
}

#[test]
fn is_removed_while_it_is_served() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "4M"]);
    fs::write(&disk.path, vec![3; 4 * MIB as usize]).unwrap();
    fs::remove_file(lab.file("lab.img")).unwrap();
    assert!(fs::read(&disk.path).unwrap() == vec![3; 4 * MIB as usize]);
    check_works(&disk);
    disk.del();
    assert!(!lab.file("lab.img").exists());
}

/// Reads of what is gone are errors; nothing else is disturbed.
#[test]
fn is_truncated_while_it_is_served() {
    use std::os::unix::fs::FileExt;
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "4M"]);
    fs::write(&disk.path, vec![3; 4 * MIB as usize]).unwrap();
    let image = OpenOptions::new().write(true).open(lab.file("lab.img")).unwrap();
    image.set_len(2 * MIB + 100).unwrap();
    let file = File::open(&disk.path).unwrap();
    let mut buf = [0; 4096];
    for at in [2 * MIB, 2 * MIB + 4096, 3 * MIB, 4 * MIB - 4096] {
        let error = file.read_at(&mut buf, at).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EIO), "at {at}: {error}");
    }
    assert_eq!(disk.stat("/read/errors"), 4.0);
    file.read_exact_at(&mut buf, 2 * MIB - 4096).unwrap();
    assert_eq!(buf, [3; 4096]);
    check_works(&disk);
    // Beyond the new end a write would bring zeroes back for what is lost.
    let out = OpenOptions::new().write(true).open(&disk.path).unwrap();
    let error = out.write_at(&buf, 3 * MIB).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EIO), "{error}");
    assert_eq!(fs::metadata(lab.file("lab.img")).unwrap().len(), 2 * MIB + 100);
    // Its log says what happened, so it is not as clean as `Disk::del` wants it.
    disk.run("del", &[]).ok();
    lab.assert_nothing_left();
}

/// Writing and reading at its beginning.
#[track_caller]
fn check_works(disk: &Disk) {
    use std::os::unix::fs::FileExt;
    let file = OpenOptions::new().read(true).write(true).open(&disk.path).unwrap();
    file.write_all_at(b"still here", 4096).unwrap();
    file.sync_all().unwrap();
    let mut back = [0; 10];
    file.read_exact_at(&mut back, 4096).unwrap();
    assert_eq!(&back, b"still here");
}
