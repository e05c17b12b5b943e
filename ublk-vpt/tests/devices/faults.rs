//! Daemons that fail, hang and die.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::fixture::{Fixture, is_mounted, need_root, runs, signal, until};
use super::harness::{Skipped, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_device_that_cannot_be_opened_says_why", a_device_that_cannot_be_opened_says_why),
    ("a_device_that_takes_too_long_is_ended", a_device_that_takes_too_long_is_ended),
    ("a_device_nobody_waits_for_ends", a_device_nobody_waits_for_ends),
    ("a_starting_device_can_be_ended", a_starting_device_can_be_ended),
    ("kill_leaves_nothing", kill_leaves_nothing),
    ("kill_while_mounted_leaves_no_mount", kill_while_mounted_leaves_no_mount),
    (
        "kill_between_mount_and_record_leaves_no_mount",
        kill_between_mount_and_record_leaves_no_mount,
    ),
    ("kill_leaves_no_loop_device", kill_leaves_no_loop_device),
    ("what_others_mounted_later_stays", what_others_mounted_later_stays),
    ("what_cannot_be_cleared_is_dead", what_cannot_be_cleared_is_dead),
    ("a_stopped_daemon_is_named", a_stopped_daemon_is_named),
    (
        "a_daemon_that_does_not_stop_is_killed_by_force",
        a_daemon_that_does_not_stop_is_killed_by_force,
    ),
    ("garbage_in_the_state_directory", garbage_in_the_state_directory),
    ("state_directories_that_do_not_work", state_directories_that_do_not_work),
];

fn a_device_that_cannot_be_opened_says_why() -> Result<(), Skipped> {
    let f = Fixture::new();
    f.disk("broken", "fail-open");
    let said = f.ublk("add vpt broken.toml --image lab.img").failed();
    assert_eq!(said, "ublk: the test says it cannot be opened\n");
    f.assert_clean();
    let said = f.ublk("add vpt broken.toml --image lab.img --foreground");
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("the test says it cannot be opened"), "{said:?}");
    f.disk("bad", "bad-file");
    assert!(
        f.ublk("add vpt bad.toml --image lab.img").failed().contains("bad.toml:1:1: a bad file")
    );
    f.assert_clean();
    Ok(())
}

fn a_device_that_takes_too_long_is_ended() -> Result<(), Skipped> {
    let f = Fixture::new();
    f.disk("slow", "hold-open");
    let said = f.ublk("add vpt slow.toml --image lab.img --timeout 1");
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("did not come up within 1 s"), "{said:?}");
    f.assert_clean();
    assert_eq!(f.ublk("list").ok(), "");
    Ok(())
}

fn a_device_nobody_waits_for_ends() -> Result<(), Skipped> {
    let f = Fixture::new();
    f.disk("slow", "hold-open");
    let mut parent = f.command("add vpt slow.toml --image lab.img").spawn().unwrap();
    until(|| f.state("0000.json").exists());
    assert!(f.ublk("list").ok().contains("state STARTING"));
    parent.kill().unwrap();
    parent.wait().unwrap();
    fs::write(f.path("go"), []).unwrap();
    until(|| !f.state("0000.lock").exists());
    f.assert_clean();
    Ok(())
}

fn a_starting_device_can_be_ended() -> Result<(), Skipped> {
    let f = Fixture::new();
    f.disk("slow", "hold-open");
    let mut parent = f.command("add vpt slow.toml --image lab.img").spawn().unwrap();
    until(|| f.state("0000.json").exists());
    let del = f.command("del -n 0").spawn().unwrap();
    fs::write(f.path("go"), []).unwrap();
    assert!(del.wait_with_output().unwrap().status.success());
    parent.wait().unwrap();
    f.assert_clean();
    Ok(())
}

fn kill_leaves_nothing() -> Result<(), Skipped> {
    let f = Fixture::new();
    let pid = f.add("plain", "");
    signal(pid, Signal::KILL);
    let said = f.ublk("list");
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""));
    assert_eq!(
        said.err,
        format!("ublk: device 0: its daemon (process {pid}) died; cleared away\n")
    );
    f.assert_clean();
    // The number can be had again, also without a command in between.
    let pid = f.add("plain", "-n 0");
    signal(pid, Signal::KILL);
    f.add("plain", "-n 0");
    Ok(())
}

fn kill_while_mounted_leaves_no_mount() -> Result<(), Skipped> {
    need_root()?;
    let f = Fixture::new();
    f.disk("mounted", "mount");
    let pid = f.add("mounted", "");
    let other = f.ublk("add vpt mounted.toml --image lab.img --mount here");
    other.failed();
    fs::create_dir(f.path("here")).unwrap();
    f.ublk("add vpt mounted.toml --image lab.img --mount here").ok();
    let (default, chosen) = (f.state("0000"), f.path("here"));
    assert!(is_mounted(&default) && is_mounted(&chosen));
    // An orderly end first.
    f.ublk("del -n 1").ok();
    assert!(!is_mounted(&chosen));
    let second = f.add("mounted", "--mount here");
    for pid in [pid, second] {
        signal(pid, Signal::KILL);
    }
    assert!(is_mounted(&default) && is_mounted(&chosen), "the kill itself unmounts nothing");
    let said = f.ublk("list");
    assert!(said.err.contains(&format!("unmounted {}", chosen.display())), "{said:?}");
    assert!(!is_mounted(&default) && !is_mounted(&chosen));
    assert!(chosen.exists());
    f.assert_clean();
    Ok(())
}

fn kill_between_mount_and_record_leaves_no_mount() -> Result<(), Skipped> {
    need_root()?;
    let f = Fixture::new();
    f.disk("dying", "mount die-mounted");
    let said = f.ublk("add vpt dying.toml --image lab.img");
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("ended without saying why: signal: 9"), "{said:?}");
    assert!(said.err.contains("unmounted"), "{said:?}");
    assert!(!is_mounted(&f.state("0000")));
    f.assert_clean();
    Ok(())
}

fn kill_leaves_no_loop_device() -> Result<(), Skipped> {
    need_root()?;
    let f = Fixture::new();
    f.disk("looped", "mount loop");
    let added = f.ublk("add vpt looped.toml --image lab.img --json");
    if added.err.contains("no loop device") {
        return Err(Skipped("no loop devices on this machine"));
    }
    let about: serde_json::Value = serde_json::from_str(&added.ok()).unwrap();
    let attached = || {
        let file = f.state("0000/disk");
        let names = fs::read_dir("/sys/block").unwrap().map(|e| e.unwrap().path());
        let mut backing =
            names.filter_map(|p| fs::read_to_string(p.join("loop/backing_file")).ok());
        backing.any(|text| text.trim() == file.to_str().unwrap())
    };
    assert!(attached());
    signal(u32::try_from(about["pid"].as_u64().unwrap()).unwrap(), Signal::KILL);
    let said = f.ublk("list");
    assert!(said.err.contains("detached /dev/loop"), "{said:?}");
    assert!(!attached());
    f.assert_clean();
    Ok(())
}

fn what_others_mounted_later_stays() -> Result<(), Skipped> {
    need_root()?;
    let f = Fixture::new();
    f.disk("mounted", "mount");
    let here = f.path("here");
    fs::create_dir(&here).unwrap();
    let pid = f.add("mounted", "--mount here");
    signal(pid, Signal::KILL);
    let detach = || rustix::mount::unmount(&here, rustix::mount::UnmountFlags::DETACH).unwrap();
    detach();
    let flags = rustix::mount::MountFlags::empty();
    rustix::mount::mount("stranger", &here, "tmpfs", flags, None).unwrap();
    f.ublk("list").ok();
    f.assert_clean();
    assert!(is_mounted(&here));
    detach();
    Ok(())
}

fn what_cannot_be_cleared_is_dead() -> Result<(), Skipped> {
    let f = Fixture::new();
    let pid = f.add("plain", "");
    // Something in the way: the mount directory is not empty.
    fs::write(f.state("0000/in the way"), []).unwrap();
    signal(pid, Signal::KILL);
    let said = f.ublk("list");
    assert!(said.err.contains("cannot remove"), "{said:?}");
    assert!(said.out.contains(&format!("daemon pid {pid} flags 0x0 state DEAD")), "{said:?}");
    let said = f.ublk("add vpt plain.toml --image lab.img -n 0");
    assert!(said.err.contains("device 0 is dead but cannot be cleared away"), "{said:?}");
    f.add("plain", ""); // another number does
    fs::remove_file(f.state("0000/in the way")).unwrap();
    f.ublk("del -a").ok();
    f.assert_clean();
    Ok(())
}

fn a_stopped_daemon_is_named() -> Result<(), Skipped> {
    let f = Fixture::new();
    let pid = f.add("plain", "");
    signal(pid, Signal::STOP);
    let said = f.ublk("stats -n 0").failed();
    assert!(said.contains("does not answer within 5 s"), "{said}");
    assert!(said.contains(&format!("kill -CONT {pid}")), "{said}");
    // It is in the list nevertheless, which waits for it less long: that is told, not measured.
    let begin = Instant::now();
    let said = f.ublk("list");
    assert!(said.err.contains("does not answer within 1 s"), "{said:?}");
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    assert!(said.out.contains("state LIVE") && said.err.contains("kill -CONT"), "{said:?}");
    signal(pid, Signal::CONT);
    f.ublk("stats -n 0").ok();
    signal(pid, Signal::STOP);
    let said = f.ublk("del -n 0 --force");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!runs(pid));
    f.assert_clean();
    Ok(())
}

fn a_daemon_that_does_not_stop_is_killed_by_force() -> Result<(), Skipped> {
    let f = Fixture::new();
    f.disk("stubborn", "hold-stop");
    let pid = f.add("stubborn", "");
    let said = f.ublk("del -n 0 --timeout 1").failed();
    assert!(said.contains("has not ended within 1 s") && said.contains("--force"), "{said}");
    assert!(runs(pid));
    f.ublk("del -n 0 --force --timeout 1").ok();
    assert!(!runs(pid));
    f.assert_clean();
    Ok(())
}

fn garbage_in_the_state_directory() -> Result<(), Skipped> {
    let f = Fixture::new();
    f.add("plain", "-n 5");
    let half = fs::read(f.state("0005.json")).unwrap();
    fs::write(f.state("0001.json"), &half[..half.len() / 2]).unwrap();
    fs::write(f.state("0002.json"), [0xff; 100]).unwrap();
    fs::write(f.state("0003.json"), r#"{"version": 99}"#).unwrap();
    fs::write(f.state("0004.lock"), "no number").unwrap();
    fs::write(f.state("0004.sock"), []).unwrap();
    for name in ["x.json", "12345.json", "-001.json", "readme", ".0009.json.1"] {
        fs::write(f.state(name), "{}").unwrap();
    }
    let said = f.ublk("list");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.out.matches("dev id").count(), 1, "{said:?}");
    for id in 1..=3 {
        let warnings =
            said.err.lines().filter(|l| l.contains(&format!("000{id}.json: not a device"))).count();
        assert_eq!(warnings, 1, "{said:?}");
    }
    assert!(!said.err.contains("panic"), "{said:?}");
    let said = f.ublk("list");
    assert_eq!(said.err, "", "cleared away the first time");
    // A living device's record is broken: it is told, and the device can still be ended.
    fs::write(f.state("0005.json"), &half[..40]).unwrap();
    let said = f.ublk("list");
    assert!(said.err.contains("0005.json: not a device's record"), "{said:?}");
    f.ublk("del -n 5").ok();
    Ok(())
}

fn state_directories_that_do_not_work() -> Result<(), Skipped> {
    let f = Fixture::new();
    let run = |dir: &str| {
        let output = f.command("list").env("UBLK_STATE_DIR", dir).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run("/proc/nothing/here");
    assert_eq!(code, Some(1));
    assert!(said.contains("state directory /proc/nothing/here: "), "{said}");
    let (code, said) = run("lab.img");
    assert_eq!(code, Some(1));
    assert!(said.contains("lab.img"), "{said}");
    // A socket's path has a largest length, which is told when it matters.
    let long = f.path(&"x".repeat(120));
    let output = f
        .command("add vpt plain.toml --image lab.img")
        .env("UBLK_STATE_DIR", &long)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("control socket") && said.lines().count() == 1, "{said}");
    Ok(())
}
