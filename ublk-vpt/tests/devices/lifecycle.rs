//! Devices come, are asked, and go.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use super::fixture::{Fixture, runs, signal, until};
use super::harness::{Skipped, Test};

pub(crate) const TESTS: &[Test] = &[
    ("add_says_what_and_how_to_stop_it", add_says_what_and_how_to_stop_it),
    ("list_has_ublksrvs_shape", list_has_ublksrvs_shape),
    ("stats_set_and_trace", stats_set_and_trace),
    ("both_spellings_make_a_device", both_spellings_make_a_device),
    ("missing_images_are_made_only_on_request", missing_images_are_made_only_on_request),
    ("an_image_that_was_served_stays", an_image_that_was_served_stays),
    ("del_reports_what_is_not_there", del_reports_what_is_not_there),
    ("foreground_ends_by_each_signal", foreground_ends_by_each_signal),
    ("foreground_ends_by_del", foreground_ends_by_del),
    ("mount_points_are_checked", mount_points_are_checked),
];

fn add_says_what_and_how_to_stop_it() -> Result<(), Skipped> {
    let f = Fixture::new();
    let said = f.ublk("add vpt plain.toml --image lab.img").ok();
    let file = f.state("0000/disk");
    assert_eq!(
        said,
        format!(
            "disk 0: {}  (Test Disk over lab.img, 1.0 GiB, front none, k = 1 adapt)\n\
             note: a note\n\
             stop it with: ublk del -n 0\n",
            file.display()
        )
    );
    assert_eq!(f.ublk("del -n 0").ok(), "disk 0: stopped\n");
    f.assert_clean();
    let log = fs::read_to_string(f.state("0000.log.last")).unwrap();
    assert!(log.contains("live") && log.contains("stopped"), "{log}");
    Ok(())
}

fn list_has_ublksrvs_shape() -> Result<(), Skipped> {
    let f = Fixture::new();
    assert_eq!(f.ublk("list").ok(), "");
    let pid = f.add("plain", "-n 7 -d 32");
    let said = f.ublk("list").ok();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[0],
        "dev id 7: nr_hw_queues 1 queue_depth 32 block size 512 dev_capacity 2097152"
    );
    assert_eq!(lines[1], format!("\tmax rq size 1048576 daemon pid {pid} flags 0x0 state LIVE"));
    let fields: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!((fields[6], fields[10]), (pid.to_string().as_str(), "LIVE")); // awk's $7 and $11
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    assert_eq!(lines[2], format!("\tublkc: 0:0 ublkb: 0:0 owner: {uid}:{gid}"));
    assert!(lines[3].starts_with(&format!("\tqueue 0: tid {pid} affinity(0")), "{}", lines[3]);
    let target: Value = serde_json::from_str(lines[4].strip_prefix("\ttarget ").unwrap()).unwrap();
    assert_eq!((&target["type"], &target["k"]), (&"vpt".into(), &1.0.into()));
    assert_eq!(target["image"].as_str().unwrap(), f.path("lab.img").to_str().unwrap());
    assert_eq!(lines.len(), 5);

    let all: Value = serde_json::from_str(&f.ublk("list --json").ok()).unwrap();
    assert_eq!((&all[0]["id"], &all[0]["state"]), (&7.into(), &"LIVE".into()));
    assert!(f.ublk("list -n 7 -v").ok().contains("note: a note"));
    assert!(f.ublk("list -n 8").failed().contains("no device 8; there are: 7"));
    Ok(())
}

fn stats_set_and_trace() -> Result<(), Skipped> {
    let f = Fixture::new();
    f.add("plain", "--mode fixed");
    assert!(f.ublk("stats -n 0").ok().contains("3 in flight"));
    assert_eq!(f.ublk("set -n 0 k=2.5").ok(), "");
    let stats: Value = serde_json::from_str(&f.ublk("stats -n 0 --json").ok()).unwrap();
    assert_eq!((&stats["scale"]["k"], &stats["scale"]["mode"]), (&2.5.into(), &"fixed".into()));
    let refused = f.ublk("set -n 0 colour=red").failed();
    assert!(refused.contains(r#"no setting "colour"; this device has: k, mode"#), "{refused}");
    let trace = f.ublk("stats -n 0 --trace 4").ok();
    assert_eq!(trace.lines().count(), 4);
    let last: Value = serde_json::from_str(trace.lines().last().unwrap()).unwrap();
    assert_eq!(last["id"], 3);
    assert!(f.ublk("stats -n 1").failed().contains("no device 1; there are: 0"));

    // Watching ends when nobody reads any more, and that is no failure.
    let mut watch =
        f.command("stats -n 0 --json --watch 0.05").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with('{'));
    assert!(lines.next().unwrap().unwrap().starts_with('{'));
    drop(lines);
    assert!(watch.wait().unwrap().success());
    Ok(())
}

fn both_spellings_make_a_device() -> Result<(), Skipped> {
    let f = Fixture::new();
    f.ublk("add -t vpt -f lab.img --disk ./plain.toml -n 3").ok();
    f.ublk("add vpt ./plain.toml --back mem --size 1M").ok();
    let all: Value = serde_json::from_str(&f.ublk("list --json").ok()).unwrap();
    let ids: Vec<_> = all.as_array().unwrap().iter().map(|d| d["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [0, 3]);
    assert_eq!(f.ublk("del -a").ok(), "disk 0: stopped\ndisk 3: stopped\n");
    assert_eq!(f.ublk("del -a").ok(), "");
    f.assert_clean();
    Ok(())
}

fn missing_images_are_made_only_on_request() -> Result<(), Skipped> {
    let f = Fixture::new();
    let refused = f.ublk("add vpt plain.toml --image new.img").failed();
    assert!(
        refused.contains("image new.img: no such file") && refused.contains("--size"),
        "{refused}"
    );
    f.ublk("add vpt plain.toml --image new.img --size 3M").ok();
    assert_eq!(fs::metadata(f.path("new.img")).unwrap().len(), 3 << 20);
    let refused = f.ublk("add vpt plain.toml --image new.img --size 4M").failed();
    assert!(refused.contains("exists, with 3145728 bytes"), "{refused}");
    let refused = f.ublk("add vpt plain.toml --image .").failed();
    assert!(refused.contains("is a directory"), "{refused}");
    let refused = f.ublk("add vpt plain.toml --image no/such/dir.img --size 1M").failed();
    assert!(refused.contains("no/such/dir.img"), "{refused}");
    // An image made for a device that does not come up is not left behind.
    f.disk("broken", "fail-open");
    f.ublk("add vpt broken.toml --image other.img --size 1M").failed();
    assert!(!f.path("other.img").exists());
    Ok(())
}

fn an_image_that_was_served_stays() -> Result<(), Skipped> {
    let f = Fixture::new();
    // The device lives although nobody could be told of it.
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut add = f.command("add vpt plain.toml --image a.img --size 1M");
    let output = add.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(f.ublk("list").ok().contains("LIVE") && f.path("a.img").exists());
    f.ublk("del -a").ok();
    // The device breaks after it was live.
    f.disk("breaking", "fail-wait");
    let mut child = f
        .command("add vpt breaking.toml --image b.img --size 1M --foreground")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until(|| f.state("0000.sock").exists());
    signal(child.id(), Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|l| l.unwrap().contains("device 0: the test says it broke")));
    assert!(f.path("b.img").exists());
    f.assert_clean();
    Ok(())
}

fn del_reports_what_is_not_there() -> Result<(), Skipped> {
    let f = Fixture::new();
    assert!(f.ublk("del -n 4").failed().contains("no device 4: there are none in "));
    f.add("plain", "");
    f.add("plain", "");
    assert!(f.ublk("del -n 4").failed().contains("no device 4; there are: 0, 1"));
    Ok(())
}

fn foreground_ends_by_each_signal() -> Result<(), Skipped> {
    let f = Fixture::new();
    for stop in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut child = f
            .command("add vpt plain.toml --image lab.img --foreground --json")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let about: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(about["pid"], child.id());
        assert!(f.ublk("list").ok().contains("LIVE"));
        signal(child.id(), stop);
        assert!(child.wait().unwrap().success());
        f.assert_clean();
    }
    Ok(())
}

fn foreground_ends_by_del() -> Result<(), Skipped> {
    let f = Fixture::new();
    let mut child = f
        .command("add vpt plain.toml --image lab.img --foreground")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until(|| f.state("0000.sock").exists());
    f.ublk("del -n 0").ok();
    assert!(child.wait().unwrap().success());
    assert!(!runs(child.id()));
    f.assert_clean();
    Ok(())
}

fn mount_points_are_checked() -> Result<(), Skipped> {
    let f = Fixture::new();
    let add = |dir: &str| f.ublk(&format!("add vpt plain.toml --image lab.img --mount {dir}"));
    assert!(add("missing").failed().contains("missing: No such file"));
    assert!(add("lab.img").failed().contains("not a directory"));
    assert!(add("/proc").failed().contains("something is mounted there already"));
    fs::create_dir_all(f.path("full/of")).unwrap();
    assert!(add("full").failed().contains("not empty"));
    fs::create_dir(f.path("good")).unwrap();
    assert!(add("good").ok().contains(f.path("good/disk").to_str().unwrap()));
    f.ublk("del -n 0").ok();
    assert!(f.path("good").exists(), "the user's own directory must stay");
    f.assert_clean();
    Ok(())
}
