//! Devices of users who are not root.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use e2e::{Disk, Lab, PATIENT, Said, need, ublk_devices};

const CONTROL: &str = "/dev/ublk-control";
const OWNER: u32 = 1000;
const OTHER: u32 = 1001;

/// Does what udev does with our rule: hands every new node over to whose device it is.
struct Udev {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Udev {
    fn start() -> Self {
        fs::set_permissions(CONTROL, Permissions::from_mode(0o666)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut known = BTreeSet::new();
            while !stopped.load(Ordering::Relaxed) {
                let nodes: BTreeSet<PathBuf> =
                    ublk_devices().into_iter().filter(|path| path.starts_with("/dev")).collect();
                for node in nodes.difference(&known) {
                    // It may be gone already.
                    let _ = e2e::ublk().arg("__chown").arg(node).output();
                }
                known = nodes;
                // As a look, not to wait for something that must have happened by then.
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Udev {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
        let _ = fs::set_permissions(CONTROL, Permissions::from_mode(0o600));
    }
}

/// A place of the owner's in the lab, and the program where everybody may run it.
struct Home<'a> {
    lab: &'a Lab,
    program: PathBuf,
}

impl<'a> Home<'a> {
    fn of(lab: &'a Lab) -> Self {
        fs::set_permissions(lab.path(), Permissions::from_mode(0o711)).unwrap();
        let home = lab.folder("home");
        chown(&home, Some(OWNER), Some(OWNER)).unwrap();
        let mut look = user(OWNER, Path::new("test"));
        let reachable = Said::of(look.arg("-x").arg(e2e::binary())).status.success();
        let mut program = e2e::binary().to_owned();
        if !reachable {
            program = lab.file("ublk");
            fs::copy(e2e::binary(), &program).unwrap();
        }
        Self { lab, program }
    }

    /// `ublk` as a user with these rights.
    fn ublk(&self, uid: u32) -> Command {
        let mut command = user(uid, &self.program);
        let home = self.lab.file("home");
        let state = if uid == OWNER { home.join("state") } else { self.lab.file("none") };
        command.current_dir(self.lab.file("home")).env("UBLK_STATE_DIR", state);
        command
    }

    fn add(&self, more: &[&str]) -> Said {
        let mut add = self.ublk(OWNER);
        add.args(["add", "vpt", "../quick.toml", "--image", "x.img", "--front", "ublk", "--json"]);
        Said::of(add.args(["--mode", "fixed", "-d", "4"]).args(PATIENT).args(more))
    }
}

fn user(uid: u32, program: &Path) -> Command {
    let uid = uid.to_string();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &uid, "--regid", &uid, "--clear-groups", "--"]).arg(program);
    command
}

fn dd(uid: u32, arguments: &[&str]) -> Said {
    Said::of(user(uid, Path::new("dd")).args(["bs=64k", "count=4"]).args(arguments))
}

#[test]
fn is_its_owners_from_beginning_to_end() {
    need!(Lab, Root);
    let lab = Lab::with_ublk();
    let home = Home::of(&lab);
    let udev = Udev::start();
    let data = e2e::pattern(8, 256 << 10);
    let input = lab.file("input");
    fs::write(&input, &data).unwrap();
    fs::set_permissions(&input, Permissions::from_mode(0o644)).unwrap();
    let disk = Disk::of(&lab, &home.add(&["--size", "1M", "--unprivileged"]).ok());
    for node in ["/dev/ublkc0", "/dev/ublkb0"] {
        e2e::wait_until("udev", e2e::soon(), || {
            fs::metadata(node).is_ok_and(|meta| meta.uid() == OWNER && meta.gid() == OWNER)
        });
    }
    let list = Said::of(home.ublk(OWNER).arg("list")).ok();
    let flags = list.split_whitespace().skip_while(|word| *word != "flags").nth(1).unwrap();
    let flags = u64::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap();
    assert_ne!(flags & 1 << 5, 0, "UNPRIVILEGED_DEV is not among the flags: {list}");
    assert!(list.contains("state LIVE") && list.contains("owner: 1000:1000"), "{list}");

    let from = format!("if={}", input.display());
    dd(OWNER, &[&from, "of=/dev/ublkb0", "oflag=direct", "conv=fsync"]).ok();
    dd(OWNER, &["if=/dev/ublkb0", "of=/dev/null", "iflag=direct"]).ok();
    let refused = dd(OTHER, &["if=/dev/ublkb0", "of=/dev/null"]);
    assert!(!refused.status.success() && refused.err.contains("Permission denied"), "{refused}");
    let refused = Said::of(home.ublk(OTHER).args(["__ublk", "delete", "0"]));
    assert_eq!(refused.status.code(), Some(1), "{refused}");
    refused.says(&["ublk device 0"]);
    assert!(Path::new("/dev/ublkb0").exists());

    Said::of(home.ublk(OWNER).args(["del", "-n", "0"])).ok();
    e2e::wait_until("end of the daemon", e2e::soon(), || e2e::has_ended(disk.pid));
    drop(udev);
    assert!(fs::read(lab.file("home/x.img")).unwrap()[..256 << 10] == data);
    assert_eq!(fs::metadata(lab.file("home/x.img")).unwrap().uid(), OWNER);
    lab.assert_no_ublk_left();
    let left = fs::read_dir(lab.file("home/state")).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(left.iter().all(|name| name == ".lock" || name == "0000.log.last"), "{left:?}");
}

#[test]
fn without_the_right_it_is_one_line() {
    need!(Lab, Root);
    let lab = Lab::with_ublk();
    let home = Home::of(&lab);
    let image = ["--size", "1M"];
    home.add(&image).refused(&[CONTROL, "Permission denied", "--unprivileged"]);
    home.add(&["--size", "1M", "--unprivileged"]).refused(&[CONTROL, "Permission denied"]);
    let udev = Udev::start();
    home.add(&image).refused(&["ublk device 0", "--unprivileged"]);
    drop(udev);
    lab.assert_no_ublk_left();
    assert!(!lab.file("home/x.img").exists(), "an image is left of a device that did not come up");
}
