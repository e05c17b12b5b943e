//! The socket's name.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;

use e2e::vhost::{Ask, IN, OK};
use e2e::{Lab, Said, need, send_signal};

use super::{add, connect};

const MEMORY: [&str; 4] = ["--back", "mem", "--size", "1M"];

fn refused(lab: &Lab, listen: &str, words: &[&str]) {
    let front = ["--front", "vhost-user-blk", "--listen", listen];
    let mut command = lab.ublk();
    command.args(["add", "vpt", "quick.toml"]).args(MEMORY).args(front);
    Said::of(&mut command).refused(words);
    lab.assert_nothing_left();
}

/// A path of the user's, relative or not; gone with the disk.
#[test]
fn a_path_of_ones_own() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &[&MEMORY[..], &["--listen", "vm.sock"]].concat());
    assert_eq!(disk.path, lab.file("vm.sock"));
    let read = Ask { kind: IN, sector: 0, out: &[], room: 512 };
    assert_eq!(connect(&disk).ring().ask(read).0, OK);
    disk.del();
    assert!(!lab.file("vm.sock").exists());
    lab.assert_nothing_left();
}

/// Who may use the image may connect.
#[test]
fn the_image_says_who_may_connect() {
    let lab = Lab::new();
    let image = lab.image("a.img", 1 << 20);
    fs::set_permissions(&image, fs::Permissions::from_mode(0o640)).unwrap();
    let disk = add(&lab, "quick", &["--image", "a.img"]);
    let mode = fs::metadata(&disk.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn names_that_cannot_be() {
    let lab = Lab::new();
    fs::write(lab.file("file"), "mine").unwrap();
    refused(&lab, "file", &["file: exists and is no socket"]);
    assert_eq!(fs::read(lab.file("file")).unwrap(), b"mine");
    refused(&lab, "no/such/vm.sock", &["no/such/vm.sock: its folder does not exist"]);
    refused(&lab, &"x".repeat(150), &["too long for a socket"]);
    let busy = UnixListener::bind(lab.file("busy")).unwrap();
    refused(&lab, "busy", &["busy: another process listens there"]);
    drop(busy);
    // Nobody listens there any more: it is taken over.
    add(&lab, "quick", &[&MEMORY[..], &["--listen", "busy"]].concat()).del();
}

#[test]
fn without_permission() {
    need!(Root);
    let lab = Lab::new();
    lab.folder("closed");
    fs::set_permissions(lab.path(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(lab.file("closed"), fs::Permissions::from_mode(0o755)).unwrap();
    let launcher = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let mut command = lab.ublk_under(&launcher);
    command.args(["add", "vpt", "quick.toml", "--front", "vhost-user-blk"]).args(MEMORY);
    Said::of(command.args(["--listen", "closed/vm.sock"])).refused(&["closed/vm.sock: Permission"]);
}

/// A killed daemon's sockets go with the next command, wherever they are.
#[test]
fn a_killed_daemons_socket_is_cleared_away() {
    let lab = Lab::new();
    for more in [&[][..], &["--listen", "vm.sock"]] {
        let disk = add(&lab, "quick", &[&MEMORY[..], more].concat());
        send_signal(disk.pid, "KILL");
        disk.wait_gone();
        assert!(fs::metadata(&disk.path).unwrap().file_type().is_socket());
        lab.run(&["list"]).says(&["device 0: its daemon", "died; cleared away"]);
        assert!(!disk.path.exists());
        lab.assert_nothing_left();
    }
}
