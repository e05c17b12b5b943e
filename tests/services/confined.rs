//! What a running daemon has given up. What that means is tried from inside in `ublk-vpt/tests/confine.rs`.

use std::fs;

use e2e::{Disk, Lab, need, skip};

/// Seccomp filters of every thread, and whether it may gain rights.
fn threads(disk: &Disk<'_>) -> Vec<(String, String)> {
    let tasks = fs::read_dir(format!("/proc/{}/task", disk.pid)).unwrap();
    let mut threads = Vec::new();
    for task in tasks.flatten() {
        // One that has just ended is of no interest.
        let Ok(status) = fs::read_to_string(task.path().join("status")) else { continue };
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        threads.push((field("Seccomp:"), field("NoNewPrivs:")));
    }
    threads
}

fn works(lab: &Lab) -> bool {
    let features = lab.run(&["features", "--json"]).ok();
    let features: serde_json::Value = serde_json::from_str(&features).unwrap();
    features.as_array().unwrap().iter().any(|f| f["name"] == "confine" && f["works"] == true)
}

#[test]
fn every_thread_is_confined_by_default() {
    need!(Fuse);
    let lab = Lab::new();
    if !works(&lab) {
        skip!("this kernel has no Landlock or no seccomp");
    }
    let trace = lab.file("t.json");
    let disk = lab.add(&[
        "--back",
        "mem",
        "--size",
        "1M",
        "--metrics",
        "./m",
        "--trace",
        trace.to_str().unwrap(),
    ]);
    for thread in threads(&disk) {
        assert_eq!(thread, ("2".to_owned(), "1".to_owned()));
    }
    assert_eq!(disk.about["notes"].as_array().unwrap().len(), 0, "{}", disk.about);
    disk.del();
    lab.assert_nothing_left();
}

#[test]
fn off_is_off() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--back", "mem", "--size", "1M", "--confine", "off"]);
    assert!(threads(&disk).iter().all(|thread| thread.0 == "0"));
    disk.del();
    lab.assert_nothing_left();
}

/// The helper that unmounts is the one thing that a confined daemon cannot do without; it is cleared away
/// as after any other mishap, by the next command.
#[test]
fn a_killed_helper_leaves_nothing_for_good() {
    need!(Fuse, Root);
    let lab = Lab::new();
    let disk = lab.add(&["--back", "mem", "--size", "1M"]);
    let children = format!("/proc/{0}/task/{0}/children", disk.pid);
    let helpers = fs::read_to_string(children).unwrap_or_default();
    let helpers: Vec<u32> = helpers.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    assert_eq!(helpers.len(), 1, "one helper");
    e2e::send_signal(helpers[0], "KILL");
    let _ = disk.run("del", &[]);
    disk.wait_gone();
    assert!(lab.list().is_empty());
    lab.assert_nothing_left();
}
