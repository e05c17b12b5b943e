//! Mount points that are none, and machines without FUSE.

use std::fs;
use std::os::unix::fs::FileExt;

use e2e::{Lab, Said, need, tool};

#[track_caller]
fn refused(lab: &Lab, point: &str, words: &[&str]) {
    let add = ["add", "vpt", "quick.toml", "--back", "null", "--size", "1M", "--mount", point];
    lab.run(&add).refused(words);
    lab.assert_nothing_left();
}

#[test]
fn no_folder_to_mount_on() {
    need!(Fuse);
    let lab = Lab::new();
    fs::write(lab.file("a-file"), "").unwrap();
    lab.folder("full");
    fs::write(lab.file("full/something"), "precious").unwrap();
    refused(&lab, "none", &["mount point", "none", "No such file"]);
    refused(&lab, "a-file", &["mount point", "a-file", "ot a directory"]);
    refused(&lab, "a-file/below", &["mount point", "a-file/below", "Not a directory"]);
    refused(&lab, "full", &["mount point", "full", "not empty"]);
    refused(&lab, "/proc", &["mount point /proc", "mounted there already"]);
    assert_eq!(fs::read(lab.file("full/something")).unwrap(), b"precious");
}

#[test]
fn a_folder_that_is_mounted_on() {
    need!(Fuse, Root);
    let lab = Lab::new();
    let point = lab.folder("point");
    let first = lab.add(&["--image", "a.img", "--size", "1M", "--mount", "point"]);
    let add = ["add", "vpt", "quick.toml", "--image", "b.img", "--size", "1M", "--mount", "point"];
    lab.run(&add).refused(&["mount point", "point", "mounted there already"]);
    assert_eq!(first.path, point.join("disk"));
    assert_eq!(fs::metadata(&first.path).unwrap().len(), 1 << 20);
    assert!(!lab.file("b.img").exists());
    first.del();
    tool("mount", &["-t", "tmpfs", "none", point.to_str().unwrap()]);
    refused(&lab, "point", &["mount point", "point", "mounted there already"]);
    tool("umount", &[&point]);
    lab.add(&["--back", "null", "--size", "1M", "--mount", "point"]).del();
    assert!(point.exists(), "the user's folder was removed");
}

/// A namespace of its own for the command, with a /dev that has no more than programs need.
#[test]
fn no_fuse() {
    need!(Root);
    let lab = Lab::new();
    lab.image("lab.img", 1 << 20);
    let hide = "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && exec \"$@\"";
    let launcher = ["unshare", "-m", "--propagation", "private", "sh", "-ec", hide, "sh"];
    for more in [&[][..], &["--loop"]] {
        let mut command = lab.ublk_under(&launcher);
        command.args(["add", "vpt", "quick.toml", "--image", "lab.img"]).args(more);
        Said::of(&mut command).refused(&["FUSE cannot be used", "/dev/fuse", "modprobe fuse"]);
        lab.assert_nothing_left();
    }
}

#[test]
fn no_loop_devices() {
    need!(Fuse, Root);
    let lab = Lab::new();
    lab.image("lab.img", 1 << 20);
    let hide = "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && \
        mknod -m 600 /dev/fuse c 10 229 && exec \"$@\"";
    let launcher = ["unshare", "-m", "--propagation", "private", "sh", "-ec", hide, "sh"];
    let mut command = lab.ublk_under(&launcher);
    command.args(["add", "vpt", "quick.toml", "--image", "lab.img", "--loop"]);
    Said::of(&mut command).refused(&["--loop", "/dev/loop-control", "root"]);
    lab.assert_nothing_left();
    lab.add(&["--image", "lab.img"]).del();
}

#[test]
fn unmounting_from_outside_ends_the_disk() {
    need!(Fuse, Root);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "1M", "--trace", "t.json"]);
    let file = fs::OpenOptions::new().write(true).open(&disk.path).unwrap();
    file.write_all_at(b"written before", 0).unwrap();
    drop(file);
    tool("umount", &[disk.mount()]);
    disk.wait_gone();
    assert!(lab.list().is_empty());
    lab.assert_nothing_left();
    assert!(fs::read(lab.file("lab.img")).unwrap().starts_with(b"written before"));
    assert_eq!(fs::read_to_string(lab.file("t.json")).unwrap().lines().count(), 1);
    let log = fs::read_to_string(lab.state().join("0000.log.last")).unwrap();
    assert!(log.contains("taken away from outside") && !log.contains("ERROR"), "{log}");
}

/// A lazy unmount leaves a block device working that is in use; `del` takes both away.
#[test]
fn unmounting_below_a_loop_device() {
    need!(Fuse, Loop, Root);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "1M", "--loop"]);
    let busy = Said::of(std::process::Command::new("umount").arg(disk.mount()));
    assert!(!busy.status.success(), "{busy}");
    tool("umount", &["-l", disk.mount().to_str().unwrap()]);
    let name = disk.path.file_name().unwrap().to_owned();
    let attached = std::path::Path::new("/sys/block").join(name).join("loop");
    fs::File::open(&disk.path).unwrap().read_exact_at(&mut [0; 4096], 0).unwrap();
    let said = disk.run("del", &[]);
    assert!(said.status.success(), "{said}");
    e2e::wait_until("detached loop device", std::time::Duration::from_secs(30), || {
        !attached.exists()
    });
    lab.assert_nothing_left();
}
