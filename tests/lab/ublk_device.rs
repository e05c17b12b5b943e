//! A device of the ublk driver, from its beginning to its end.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;

use e2e::{Aligned, Fio, Lab, PATIENT, Running, Said, need, pattern, soon, tool, wait_until};

/// A field of the list as other people's scripts get it.
fn field(lab: &Lab, number: u32) -> String {
    let script =
        format!("'{}' list | awk '/max rq size/ {{print ${number}}}'", e2e::binary().display());
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).env("UBLK_STATE_DIR", lab.state());
    Said::of(&mut shell).ok().trim().to_owned()
}

#[test]
fn holds_a_file_system_and_leaves_nothing_twice_in_a_row() {
    need!(Lab, Fio, E2fsprogs);
    let lab = Lab::with_ublk();
    let point = lab.folder("mnt");
    lab.image("x.img", 16 << 20);
    for round in 0..2 {
        // The real disk's seek and rotation, a hundred times as fast.
        let disk =
            lab.add_ublk_model("cheetah-9lp", &["--image", "x.img", "--k", "0.01", "-d", "16"]);
        assert_eq!((disk.id, disk.path.to_str().unwrap()), (0, "/dev/ublkb0"));
        assert_eq!(disk.about["front"], "ublk");
        assert_eq!(field(&lab, 11), "LIVE");
        assert_eq!(field(&lab, 7), disk.pid.to_string());
        let node = disk.path.to_str().unwrap();
        if round == 0 {
            tool("mkfs.ext4", &["-q", node]);
        }
        tool("mount", &[&disk.path, &point]);
        let kept = point.join("kept");
        if round == 0 {
            fs::write(&kept, pattern(1, 100_000)).unwrap();
        } else {
            assert!(fs::read(&kept).unwrap() == pattern(1, 100_000));
        }
        let file = point.join("fio");
        Fio::on(&file).verified().set("size", "512k").set("iodepth", 8).run();
        let refused = disk.run("del", &[]).refused(&["device 0", "/dev/ublkb0 is mounted at"]);
        assert!(refused.contains("unmount it first"), "{refused}");
        tool("umount", &[&point]);
        let fsck = tool("fsck.ext4", &["-f", "-n", node]);
        assert!(fsck.contains("Pass 5"), "{fsck}");
        disk.never_early(200);
        let pid = disk.pid;
        disk.del();
        wait_until("end of the daemon", soon(), || e2e::has_ended(pid));
        lab.assert_no_ublk_left();
    }
}

#[test]
fn auto_means_ublk_and_a_number_can_be_chosen() {
    need!(Lab);
    let lab = Lab::with_ublk();
    let small = ["--back", "mem", "--size", "4M", "--k", "1", "--mode", "fixed", "-d", "2"];
    let auto = lab.add(&[&small[..], &PATIENT].concat());
    assert_eq!((auto.id, auto.about["front"].as_str()), (0, Some("ublk")));
    let third = lab.add_ublk(&["--back", "mem", "--size", "2M", "-n", "3"]);
    assert_eq!(third.path.to_str(), Some("/dev/ublkb3"));
    let listed: Vec<_> = lab.list().iter().map(|device| device["device"].clone()).collect();
    assert_eq!(listed, ["/dev/ublkb0", "/dev/ublkb3"]);
    // Two disks, two contents.
    let files = [&auto, &third].map(|disk| File::options().read(true).write(true).open(&disk.path));
    let files = files.map(Result::unwrap);
    for (file, seed) in files.iter().zip([1, 2]) {
        file.write_all_at(&pattern(seed, 8192), 4096).unwrap();
        file.sync_all().unwrap();
    }
    for (file, seed) in files.iter().zip([1, 2]) {
        let mut back = vec![0; 8192];
        file.read_exact_at(&mut back, 4096).unwrap();
        assert!(back == pattern(seed, 8192));
    }
    drop(files);
    auto.del();
    assert_eq!(third.sysfs("size"), "4096");
    assert_eq!(e2e::ublk_devices().len(), 4, "{:?}", e2e::ublk_devices());
    third.del();
    lab.assert_no_ublk_left();
}

#[test]
fn ctrl_c_ends_it_in_the_foreground() {
    need!(Lab);
    let lab = Lab::with_ublk();
    let mut add = lab.ublk();
    add.args(["add", "vpt", "quick.toml", "--back", "null", "--size", "1M"]);
    let add = Running::start(add.args(["--front", "ublk", "--foreground", "-d", "1"]));
    wait_until("announcement", soon(), || add.output().contains("stop it with: Ctrl-C"));
    assert!(add.output().contains("/dev/ublkb0"), "{}", add.output());
    assert_eq!(lab.list()[0]["pid"], add.pid());
    add.signal("INT");
    let said = add.end();
    assert!(said.status.success(), "{said}");
    lab.assert_no_ublk_left();
}

/// Starting a device reads from it. With the delays asked for here, that would take longer than `add`
/// has patience for.
#[test]
fn nothing_is_delayed_until_it_is_started() {
    need!(Lab);
    let lab = Lab::with_ublk();
    lab.model("slow", 10.0, 10.0);
    let disk = lab.add_ublk_model("slow", &["--back", "null", "--size", "4M", "--k", "4000"]);
    let started = disk.trace(100);
    assert!(!started.is_empty(), "the kernel looked for no partitions");
    for record in &started {
        let took = record["done_ns"].as_u64().unwrap() - record["arrival_ns"].as_u64().unwrap();
        assert!(took < 20_000_000_000, "{record}");
    }
    // From here on they are: half a revolution at least.
    disk.run("set", &["k=40"]).ok();
    let file = e2e::direct(&disk.path);
    file.read_exact_at(&mut Aligned::zeroes(4096), 1 << 20).unwrap();
    let read = &disk.never_early(1)[0];
    let took = read["done_ns"].as_u64().unwrap() - read["arrival_ns"].as_u64().unwrap();
    assert!(read["k"] == 40.0 && took >= 5 * 40 * 1_000_000, "{read}");
    drop(file);
    disk.del();
    lab.assert_no_ublk_left();
}

/// Somebody has it open and does nothing with it.
#[test]
fn an_open_device_can_be_deleted() {
    need!(Lab);
    let lab = Lab::with_ublk();
    let disk = lab.add_ublk(&["--back", "null", "--size", "1M", "-d", "1"]);
    let open = File::open(&disk.path).unwrap();
    let (id, said) = (disk.id, disk.run("del", &[]));
    assert!(said.status.success() && said.err.is_empty(), "{said}");
    assert_eq!(lab.remains(), [""; 0], "device {id}: {said}");
    lab.assert_no_ublk_left();
    assert!(open.read_at(&mut [0; 4096], 0).map_or(true, |bytes| bytes == 0));
    // The driver keeps the number for as long.
    let null = ["add", "vpt", "quick.toml", "--back", "null", "--size", "1M", "--front", "ublk"];
    let said = lab.run(&[&null[..], &["-n", "0"], &PATIENT].concat());
    said.refused(&["device 0", "still open", "take another -n"]);
    let other = lab.add_ublk(&["--back", "null", "--size", "1M", "-d", "1"]);
    assert_eq!(other.id, 1);
    other.del();
    drop(open);
    lab.add_ublk(&["--back", "null", "--size", "1M", "-d", "1", "-n", "0"]).del();
    lab.assert_no_ublk_left();
}

#[test]
fn the_driver_says_what_it_can_do() {
    need!(Lab);
    let lab = Lab::with_ublk();
    let text = lab.run(&["features"]).ok();
    let ublk = text.lines().find(|line| line.starts_with("front-ublk")).unwrap();
    assert!(ublk.contains(" yes "), "{text}");
    for flag in ["USER_RECOVERY", "USER_RECOVERY_REISSUE", "UNPRIVILEGED_DEV", "CMD_IOCTL_ENCODE"] {
        let named = |line: &&str| line.split_whitespace().next() == Some(flag);
        assert_eq!(text.lines().filter(named).count(), 1, "{flag}: {text}");
    }
    let json = lab.run(&["features", "--json"]).ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let ublk = json.as_array().unwrap().iter().find(|one| one["name"] == "front-ublk");
    assert!(ublk.is_some_and(|one| one["works"] == true), "{json}");
}
