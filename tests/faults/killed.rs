//! `kill -9` of the daemon, at any moment: the next command leaves nothing of it, and what was written
//! and flushed is in the image.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use e2e::{Fio, Lab, Running, Said, loops_under, need, pattern, send_signal, tool, wait_until};

const SOON: Duration = Duration::from_secs(30);
const MIB: u64 = 1 << 20;

/// After a kill: one command clears all of it away, and says so.
#[track_caller]
fn check_cleared(lab: &Lab) -> Said {
    let said = lab.run(&["list"]);
    assert!(said.status.success(), "{said}");
    assert_eq!(said.out, "", "a dead disk is listed: {said}");
    wait_until("detached loop device", SOON, || loops_under(lab.path()).is_empty());
    lab.assert_nothing_left();
    said
}

#[test]
fn under_load() {
    need!(Fuse, Loop, Fio, Root);
    let lab = Lab::new();
    lab.image("lab.img", 16 * MIB);
    for round in 0..12_u32 {
        let with_loop = round % 3 == 2;
        let more: &[&str] = if with_loop { &["--loop"] } else { &[] };
        let disk = lab.add(&[&["--image", "lab.img"], more].concat());
        let mut load = Fio::on(&disk.path)
            .set("rw", "randrw")
            .set("offset", "8m")
            .set("size", "8m")
            .set("iodepth", 8)
            .set("time_based", 1)
            .set("runtime", 600)
            .start();
        let marks = pattern(round.into(), 64 << 10);
        let file = OpenOptions::new().write(true).open(&disk.path).unwrap();
        let mark = || {
            file.write_all_at(&marks, u64::from(round) << 18)?;
            file.sync_all()
        };
        mark().unwrap();
        wait_until("load", SOON, || load.ended() || disk.stat("/in_flight") > 0.0);
        // The moment is the point here, whatever the machine makes of it.
        std::thread::sleep(Duration::from_micros(1_234) * round);
        send_signal(disk.pid, "KILL");
        disk.wait_gone();
        drop(file);
        // Errors and not a hang for whoever was reading or writing.
        let ended = load.end();
        assert!(!ended.status.success(), "{ended}");
        let said = check_cleared(&lab);
        said.says(&[&format!("(process {}) died", disk.pid)]);
        let mut back = vec![0; marks.len()];
        let image = File::open(lab.file("lab.img")).unwrap();
        for earlier in 0..=round {
            image.read_exact_at(&mut back, u64::from(earlier) << 18).unwrap();
            assert!(
                back == pattern(earlier.into(), 64 << 10),
                "round {round}: flushed data is lost"
            );
        }
    }
    lab.add(&["--image", "lab.img"]).del();
}

/// The process that `ublk add` has started, as soon as there is one.
fn daemon_of(add: &Running) -> Option<u32> {
    let children = format!("/proc/{0}/task/{0}/children", add.pid());
    fs::read_to_string(children).ok()?.split_whitespace().next()?.parse().ok()
}

#[test]
fn while_it_comes_up() {
    need!(Fuse, Loop, Root);
    let lab = Lab::new();
    lab.image("lab.img", 4 * MIB);
    let mut outcomes = [0, 0];
    for round in 0..30_u32 {
        let mut add = lab.ublk();
        add.args(["add", "vpt", "quick.toml", "--image", "lab.img"]);
        if round % 2 == 1 {
            add.arg("--loop");
        }
        let mut add = Running::start(&mut add);
        let mut daemon = None;
        wait_until("daemon", SOON, || {
            daemon = daemon_of(&add);
            daemon.is_some() || add.ended()
        });
        std::thread::sleep(Duration::from_micros(300) * round);
        if let Some(pid) = daemon {
            send_signal(pid, "KILL");
        }
        let said = add.end();
        outcomes[usize::from(said.status.success())] += 1;
        if !said.status.success() {
            assert_eq!(said.status.code(), Some(1), "{said}");
            said.says(&["ended without saying why"]);
        }
        check_cleared(&lab);
    }
    assert!(outcomes[0] > 0, "it was always up already");
    lab.add(&["--image", "lab.img", "--loop"]).del();
}

/// While it ends by itself.
#[test]
fn while_it_ends() {
    need!(Fuse, Loop, Root);
    let lab = Lab::new();
    lab.image("lab.img", 4 * MIB);
    for round in 0..12_u32 {
        let more: &[&str] = if round % 2 == 1 { &["--loop"] } else { &[] };
        let disk = lab.add(&[&["--image", "lab.img"], more].concat());
        let id = disk.id.to_string();
        let del = Running::start(lab.ublk().args(["del", "-n", &id]));
        std::thread::sleep(Duration::from_micros(400) * round);
        send_signal(disk.pid, "KILL");
        del.end();
        disk.wait_gone();
        check_cleared(&lab);
    }
}

/// A file system on it: it gets errors, and can be mounted again from the next disk.
#[test]
fn with_a_file_system_on_it() {
    need!(Fuse, Loop, E2fsprogs, Root);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "16M", "--loop"]);
    tool("mkfs.ext4", &["-q", disk.path.to_str().unwrap()]);
    let point = lab.folder("mnt");
    tool("mount", &[&disk.path, &point]);
    let flushed = point.join("flushed");
    fs::write(&flushed, pattern(1, 300_000)).unwrap();
    File::open(&flushed).unwrap().sync_all().unwrap();
    File::open(&point).unwrap().sync_all().unwrap();
    send_signal(disk.pid, "KILL");
    disk.wait_gone();
    let said = lab.run(&["list"]);
    assert!(said.status.success() && said.out.is_empty(), "{said}");
    assert!(!e2e::mounts_under(&lab.state()).contains(&disk.mount()), "{said}");
    tool("umount", &["-l", point.to_str().unwrap()]);
    let attached =
        Path::new("/sys/block").join(disk.path.file_name().unwrap()).join("loop/backing_file");
    wait_until("detached loop device", SOON, || {
        // It may have been given to somebody else by now.
        fs::read_to_string(&attached).map_or(true, |backing| backing.trim() != "/disk")
    });
    lab.assert_nothing_left();

    let again = lab.add(&["--image", "lab.img", "--loop"]);
    tool("mount", &[&again.path, &point]);
    assert!(fs::read(&flushed).unwrap() == pattern(1, 300_000));
    tool("umount", &[&point]);
    tool("fsck.ext4", &["-f", "-n", again.path.to_str().unwrap()]);
    again.del();
}

/// A mount point of the user's is unmounted and stays.
#[test]
fn mounted_somewhere_else() {
    need!(Fuse);
    let lab = Lab::new();
    let point = lab.folder("mine");
    let disk = lab.add(&["--back", "null", "--size", "1M", "--mount", "mine"]);
    send_signal(disk.pid, "KILL");
    disk.wait_gone();
    check_cleared(&lab);
    assert!(e2e::mounts_under(lab.path()).is_empty());
    assert!(fs::read_dir(&point).unwrap().next().is_none());
}

/// Whoever comes next, not only `list`; and the number can be had again.
#[test]
fn any_command_clears_away() {
    need!(Fuse);
    let lab = Lab::new();
    for command in
        [&["list"][..], &["stats", "-n", "9"], &["del", "-a"], &["set", "-n", "9", "k=1"]]
    {
        let disk = lab.add(&["--back", "null", "--size", "1M", "-n", "3"]);
        send_signal(disk.pid, "KILL");
        disk.wait_gone();
        lab.run(command).says(&["device 3: its daemon", "died; cleared away; unmounted"]);
        lab.assert_nothing_left();
    }
    let disk = lab.add(&["--back", "null", "--size", "1M", "-n", "3"]);
    send_signal(disk.pid, "KILL");
    disk.wait_gone();
    lab.add(&["--back", "null", "--size", "1M", "-n", "3"]).del();
    lab.assert_nothing_left();
}
