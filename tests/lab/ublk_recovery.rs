//! A daemon that dies, and one that goes on with its device: nothing acknowledged may be lost or torn.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use e2e::writer::{Random, Writer};
use e2e::{Disk, Fio, Job, Lab, PATIENT, Said, send_signal, soon, tool, wait_until};

/// How often the daemon is killed under load.
const KILLS: u32 = 100;
const NOTHING: [String; 0] = [];
/// The state directory that libublk uses as well.
const DEFAULT_STATE: &str = "/run/ublksrvd";

#[test]
fn a_hundred_kills_under_load_lose_and_tear_nothing() {
    e2e::need!(Lab);
    tool("modprobe", &["ublk_drv"]);
    let lab = Lab::new();
    let ublk = || {
        let mut command = lab.ublk();
        command.env("UBLK_STATE_DIR", DEFAULT_STATE);
        command
    };
    let image = lab.image("a.img", 32 << 20);
    let out = Said::of(
        ublk()
            .args(["add", "vpt", "quick.toml", "--image", "a.img", "--front", "ublk"])
            .args(["--recovery", "--mode", "fixed", "--k", "0.2", "--json"])
            .args(PATIENT),
    )
    .ok();
    let disk = Disk::of(&lab, &out);
    let id = disk.id.to_string();
    let stop = AtomicBool::new(false);
    let mut random = Random::new(7);
    let written = thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|n| {
                let mut writer = Writer::open(&disk.path, n, n * (8 << 20), 8 << 20);
                let stop = &stop;
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        writer.step();
                    }
                    writer.finish()
                })
            })
            .collect();
        let mut pid = disk.pid;
        for kill in 0..KILLS {
            // The moment is what is tried here; the sequence is the same in every run.
            thread::sleep(Duration::from_millis(random.below(300)));
            send_signal(pid, "KILL");
            let said = Said::of(ublk().args(["recover", "-n", &id, "--json"]).args(PATIENT));
            assert!(said.status.success(), "kill {kill}: {said}");
            pid = Disk::of(&lab, &said.ok()).pid;
        }
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().map(|w| w.join().unwrap()).collect::<Vec<_>>()
    });
    let requests: u64 = written.iter().map(|w| w.acknowledged()).sum();
    println!("{requests} writes acknowledged over {KILLS} kills");
    assert!(requests > u64::from(KILLS), "hardly any load: {requests}");
    for writer in &written {
        assert_eq!(writer.lost_or_torn(&disk.path), NOTHING, "on the device");
    }
    Said::of(ublk().args(["del", "-n", &id])).ok();
    for writer in &written {
        assert_eq!(writer.lost_or_torn(&image), NOTHING, "in the image");
    }
    assert!(!disk.path.exists());
    assert_eq!(Said::of(ublk().args(["list"])).ok(), "");
    let left: Vec<_> =
        fs::read_dir(DEFAULT_STATE).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(left.iter().all(|name| name == ".lock" || name == "0000.log.last"), "{left:?}");
}

#[test]
fn a_waiting_device_is_listed_and_its_file_system_goes_on() {
    e2e::need!(Lab);
    tool("modprobe", &["ublk_drv"]);
    let lab = Lab::new();
    lab.image("a.img", 64 << 20);
    let options = ["--front", "ublk", "--recovery", "-n", "4", "--mode", "fixed", "--k", "10"];
    let disk = lab.add(&[&["--image", "a.img"], &options[..], &PATIENT].concat());
    assert_eq!(disk.path, Path::new("/dev/ublkb4"));
    let path = disk.path.to_str().unwrap();
    tool("mkfs.ext4", &["-q", path]);
    let mount = lab.folder("m");
    tool("mount", &[path, mount.to_str().unwrap()]);
    // The first request stays inside until that is seen. The next daemon is as quick as this was.
    disk.run("set", &["k=50000", "k_max=1000000"]).ok();
    let fio =
        Fio::on(&mount.join("file")).set("size", "512k").set("rw", "randwrite").verified().start();
    disk.wait_in_flight(1);
    send_signal(disk.pid, "KILL");
    let list = |word: usize| {
        let text = lab.run(&["list", "-n", "4"]).ok();
        let line =
            text.lines().find(|l| l.starts_with("\tmax rq size")).expect("the line").to_owned();
        line.split_whitespace().nth(word - 1).expect("a word").to_owned()
    };
    wait_until("QUIESCED", soon(), || list(11) == "QUIESCED");
    assert_eq!(list(7), disk.pid.to_string());
    // Nobody else gets its number, and nothing is cleared away meanwhile.
    lab.run(&["add", "vpt", "null", "--image", "b.img", "--size", "4M", "-n", "4"]).refused(&[
        "device 4",
        "ublk recover -n 4",
        "ublk del -n 4",
    ]);
    let about = lab.run(&[&["recover", "-n", "4"], &PATIENT[..]].concat()).ok();
    assert!(about.contains("disk 4: /dev/ublkb4") && about.contains("goes on"), "{about}");
    assert_eq!(list(11), "LIVE");
    assert_ne!(list(7), disk.pid.to_string());
    Job::of(fio.end());
    lab.run(&["recover", "-n", "4"]).refused(&["device 4", "nothing to recover"]);
    tool("umount", &[mount.to_str().unwrap()]);
    tool("fsck.ext4", &["-fn", path]);
    lab.run(&["del", "-n", "4"]).ok();
    assert!(!disk.path.exists());
}

#[test]
fn a_waiting_device_can_be_given_up() {
    e2e::need!(Lab);
    tool("modprobe", &["ublk_drv"]);
    let lab = Lab::new();
    lab.image("a.img", 16 << 20);
    // The first request takes twenty seconds; what follows it without a gap takes none.
    let slow = ["--front", "ublk", "--recovery", "--mode", "fixed", "--k", "100000"];
    let disk = lab.add(&[&["--image", "a.img"], &slow[..], &PATIENT].concat());
    let device = disk.path.clone();
    let reader = thread::spawn(move || fs::read(device).map(|data| data.len()));
    disk.wait_in_flight(1);
    send_signal(disk.pid, "KILL");
    wait_until("QUIESCED", soon(), || lab.list().iter().any(|d| d["state"] == "QUIESCED"));
    let said = lab.run(&["del", "-n", "0"]).ok();
    assert!(said.contains("disk 0: stopped"), "{said}");
    // What waited inside has failed, instead of waiting for ever: an error, or an end before the end.
    let read = reader.join().unwrap();
    assert!(!matches!(read, Ok(bytes) if bytes == 16 << 20), "{read:?}");
    assert!(!disk.path.exists() && !Path::new("/dev/ublkc0").exists());
    assert!(lab.list().is_empty());
    lab.run(&["recover", "-n", "0"]).refused(&["no device 0"]);
}

#[test]
fn a_recovery_that_fails_or_is_killed_can_be_tried_again() {
    e2e::need!(Lab);
    tool("modprobe", &["ublk_drv"]);
    let lab = Lab::new();
    let image = lab.image("a.img", 16 << 20);
    let recoverable = ["--image", "a.img", "--front", "ublk", "--recovery"];
    let disk = lab.add(&[&recoverable[..], &PATIENT].concat());
    send_signal(disk.pid, "KILL");
    disk.wait_gone();
    let away = lab.file("away.img");
    fs::rename(&image, &away).unwrap();
    lab.run(&["recover", "-n", "0"]).refused(&["a.img", "no such file"]);
    fs::rename(&away, &image).unwrap();
    // Killed on the way, at ever later moments.
    for after_ms in (0..400).step_by(20) {
        let mut daemon = lab.ublk().args(["recover", "-n", "0", "--foreground"]).spawn().unwrap();
        thread::sleep(Duration::from_millis(after_ms));
        let _ = daemon.kill();
        daemon.wait().unwrap();
        wait_until("QUIESCED", soon(), || lab.list().iter().any(|d| d["state"] == "QUIESCED"));
    }
    lab.run(&[&["recover", "-a"], &PATIENT[..]].concat()).ok();
    assert_eq!(lab.list()[0]["state"], "LIVE");
    assert_eq!(fs::read(&disk.path).unwrap().len(), 16 << 20);
    lab.run(&["del", "-n", "0"]).ok();
    assert!(!Path::new("/dev/ublkc0").exists());
}
