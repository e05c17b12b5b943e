//! Ctrl-C.

use std::time::Duration;

use e2e::{Lab, Running, need, wait_until};

const SOON: Duration = Duration::from_secs(30);

#[test]
fn ctrl_c_ends_a_disk_in_the_foreground() {
    need!(Fuse, Loop, Root);
    let lab = Lab::new();
    for (signal, more) in [("INT", &[][..]), ("TERM", &[]), ("INT", &["--loop"])] {
        let mut add = lab.ublk();
        add.args(["add", "vpt", "quick.toml", "--image", "lab.img", "--foreground"]).args(more);
        if !lab.file("lab.img").exists() {
            add.args(["--size", "4M"]);
        }
        let add = Running::start(&mut add);
        wait_until("announcement", SOON, || add.output().contains("stop it with: Ctrl-C"));
        let listed = lab.list();
        assert_eq!(listed[0]["pid"], add.pid());
        std::fs::write(lab.state().join("0000/disk"), signal).unwrap();
        add.signal(signal);
        let said = add.end();
        assert!(said.status.success() && said.err.is_empty(), "{said}");
        lab.assert_nothing_left();
        let image = std::fs::read(lab.file("lab.img")).unwrap();
        assert!(image.starts_with(signal.as_bytes()));
    }
}

/// At any moment of its coming up.
#[test]
fn ctrl_c_while_a_disk_comes_up() {
    need!(Fuse, Loop, Root);
    let lab = Lab::new();
    lab.image("lab.img", 4 << 20);
    for round in 0..16 {
        let mut add = lab.ublk();
        add.args(["add", "vpt", "quick.toml", "--image", "lab.img", "--foreground"]);
        add.args(["--loop"].iter().take(round % 2));
        let add = Running::start(&mut add);
        // The moment is the point here, whatever the machine makes of it.
        std::thread::sleep(Duration::from_micros(700) * round as u32);
        add.signal("INT");
        add.end();
        lab.run(&["list"]).ok();
        wait_until("detached loop device", SOON, || e2e::loops_under(lab.path()).is_empty());
        lab.assert_nothing_left();
    }
}

/// A background disk belongs to no terminal.
#[test]
fn ctrl_c_is_not_meant_for_a_disk_in_the_background() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--back", "null", "--size", "1M"]);
    let session = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let rest: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        rest[3].to_owned()
    };
    assert_eq!(session(disk.pid), disk.pid.to_string());
    disk.del();
}

#[test]
fn ctrl_c_ends_a_probe() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "64M", "--mode", "fixed", "--k", "20"]);
    let path = disk.path.to_str().unwrap();
    let probe = ["probe", path, "--passes", "1000", "--svg", "curve.svg", "--toml", "found.toml"];
    let before = std::fs::read(lab.file("lab.img")).unwrap();
    let probe = Running::start(lab.ublk().args(probe));
    wait_until("a probe under way", SOON, || disk.stat("/read/requests") > 20.0);
    probe.signal("INT");
    let said = probe.end();
    // By the signal, or having said what there is so far: but at once, and without a panic.
    said.says(&[]);
    assert!(!said.out.contains("panicked"), "{said}");
    assert!(said.took < Duration::from_secs(60), "{said}");
    // The disk goes on, its data as it was.
    assert!(std::fs::read(lab.file("lab.img")).unwrap() == before);
    assert_eq!(disk.stat("/write/requests"), 0.0);
    disk.wait_in_flight(0);
    disk.del();
    lab.assert_nothing_left();
}
