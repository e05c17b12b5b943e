//! Scales that are none, and other numbers.

use e2e::{Lab, need};

#[test]
fn a_scale_that_is_none_is_wrong_usage_of_add() {
    let lab = Lab::new();
    lab.image("lab.img", 1 << 20);
    for k in ["0", "-0", "-1", "NaN", "nan", "inf", "-inf", "1e999", "fast", "", "1,5", "0x10"] {
        for option in ["--k", "--k-min", "--k-max"] {
            let said =
                lab.run(&["add", "vpt", "quick.toml", "-f", "lab.img", &format!("{option}={k}")]);
            said.misused(&[option]);
        }
    }
    let said =
        lab.run(&["add", "vpt", "quick.toml", "-f", "lab.img", "--k-min", "2", "--k-max", "1"]);
    said.misused(&["--k-min 2 is above --k-max 1"]);
    lab.assert_nothing_left();
}

#[test]
fn a_scale_that_is_none_does_not_reach_a_running_disk() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--back", "null", "--size", "1M", "--k", "2"]);
    for (change, reason) in [
        ("k=0", "above 0"),
        ("k=-3", "above 0"),
        ("k=NaN", "above 0"),
        ("k=inf", "above 0"),
        ("k=", "not a number"),
        ("k=two", "not a number"),
        ("k", "KEY=VALUE"),
        ("mode=warp", "calibrate-then-lock"),
    ] {
        disk.run("set", &[change]).misused(&[change.split('=').next().unwrap(), reason]);
    }
    // What the command cannot judge, the daemon does; and of several changes none is made.
    disk.run("set", &["k=0.5"]).refused(&["k", "0.5"]);
    disk.run("set", &["k=3", "colour=red"]).refused(&["colour", "k_max"]);
    disk.run("set", &["k=3", "backing_delay_ms=-1"]).refused(&["backing_delay_ms=-1"]);
    disk.run("set", &["backing_delay_ms=50", "backing_fail_every=x"])
        .refused(&["backing_fail_every=x"]);
    disk.run("set", &["backing_fail_every=1", "k=0.5"]).refused(&["k", "0.5"]);
    disk.run("set", &["k_max=0.5"]).refused(&["k_max", "0.5"]);
    let scale = &disk.stats()["scale"];
    assert_eq!(
        (scale["k"].as_f64(), scale["mode"].as_str()),
        (Some(2.0), Some("adapt")),
        "{scale}"
    );
    std::fs::read(&disk.path).unwrap();
    assert!(disk.stat("/backing_ms/min") < 40.0);
    disk.del();
}

#[test]
fn a_device_that_is_not_there() {
    let lab = Lab::new();
    for command in [&["del", "-n", "4"][..], &["stats", "-n", "4"], &["set", "-n", "4", "k=1"]] {
        lab.run(command).refused(&["no device 4", "state"]);
    }
    lab.run(&["del", "-n", "-4"]).misused(&["-4"]);
    let said = lab.run(&["add", "vpt", "no-such-disk", "--back", "null", "--size", "1M"]);
    assert_eq!(said.status.code(), Some(1), "{said}");
    said.says(&["no-such-disk", "known disks: "]);
    lab.assert_nothing_left();
}
