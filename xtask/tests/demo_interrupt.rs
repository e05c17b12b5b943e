//! Ctrl-C during the demo leaves nothing: no device, no mount, no image.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

use std::process::Command;
use std::time::Duration;

use e2e::{Lab, Running, need, wait_until};

const SOON: Duration = Duration::from_secs(60);

/// The demo with everything of it below the lab's folder.
fn demo(lab: &Lab) -> Running {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_xtask"));
    demo.args(["demo", "--quick", "--ublk"]).arg(e2e::binary());
    demo.env("UBLK_STATE_DIR", lab.state()).env("CARGO_TARGET_DIR", lab.path());
    Running::start(&mut demo)
}

#[track_caller]
fn check_left_nothing(lab: &Lab, said: e2e::Said) {
    assert_eq!(said.status.code(), Some(1), "{said}");
    said.says(&["cargo xtask: ", "interrupted"]);
    lab.assert_nothing_left();
    assert!(lab.daemons().is_empty(), "a daemon is left: {said}");
    let entries = std::fs::read_dir(lab.path()).unwrap().flatten();
    let folders = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let left: Vec<_> = folders.filter(|name| name.starts_with("demo-")).collect();
    assert!(left.is_empty(), "{left:?} is left: {said}");
}

#[test]
fn ctrl_c_while_the_demo_measures() {
    need!(Fuse);
    let lab = Lab::new();
    for signal in ["INT", "TERM"] {
        let demo = demo(&lab);
        wait_until("a probe under way", SOON, || {
            let stats = lab.run(&["stats", "-n", "0", "--json"]).out;
            let stats: serde_json::Value = serde_json::from_str(&stats).unwrap_or_default();
            stats.pointer("/read/requests").and_then(|n| n.as_f64()).is_some_and(|n| n > 20.0)
        });
        demo.signal(signal);
        check_left_nothing(&lab, demo.end());
    }
}

/// The daemon may notice only after the demo that nobody waits for it; then it ends by itself.
#[test]
fn ctrl_c_while_the_demo_begins() {
    need!(Fuse);
    let lab = Lab::new();
    for moment in 0..5 {
        let demo = demo(&lab);
        let image = || {
            let entries = std::fs::read_dir(lab.path()).unwrap().flatten();
            entries.map(|entry| entry.path().join("lab.img")).any(|path| path.exists())
        };
        wait_until("the image", SOON, image);
        // The moment is the point here, whatever the machine makes of it.
        std::thread::sleep(Duration::from_millis(25) * moment);
        demo.signal("INT");
        let said = demo.end();
        wait_until("end of the daemon", SOON, || {
            lab.run(&["list"]).ok();
            lab.remains().is_empty()
        });
        check_left_nothing(&lab, said);
    }
}
