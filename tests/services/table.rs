//! The `[serve]` table, and `ublk serve`.

use std::fs;

use e2e::{Disk, Lab, Running, Said, need, wait_until};

const SOON: std::time::Duration = std::time::Duration::from_secs(30);

/// `quick.toml` with a table.
fn served(lab: &Lab, table: &str) -> String {
    let text = fs::read_to_string(lab.file("quick.toml")).unwrap();
    let file = lab.file("served.toml");
    fs::write(&file, format!("{text}[serve]\n{table}")).unwrap();
    file.to_str().unwrap().to_owned()
}

fn start(lab: &Lab, more: &[&str]) -> (Running, u64) {
    let running = Running::start(lab.ublk().arg("serve").args(more));
    // One that was killed may still be listed.
    let pid = u64::from(running.pid());
    let own = || lab.list().into_iter().find(|d| d["pid"] == pid && d["state"] == "LIVE");
    let mut found = None;
    wait_until("the disk", SOON, || {
        found = own();
        found.is_some()
    });
    let id = found.and_then(|disk| disk["id"].as_u64());
    (running, id.expect("a number"))
}

#[test]
fn add_takes_the_table_for_defaults() {
    need!(Fuse);
    let lab = Lab::new();
    let image = lab.file("lab.img");
    let table = format!(
        "image = \"{}\"\nsize = \"4 MiB\"\nnumber = 7\ndepth = 5\nread_only = true\n",
        image.display()
    );
    let file = served(&lab, &table);
    let out = Said::of(lab.ublk().args(["add", "vpt", &file, "--json"])).ok();
    let disk = Disk::of(&lab, &out);
    assert_eq!(disk.id, 7);
    assert_eq!(fs::metadata(&image).unwrap().len(), 4 << 20);
    assert!(fs::OpenOptions::new().write(true).open(&disk.path).is_err(), "it is read-only");
    disk.del();

    // What is typed wins.
    let other = lab.file("other.img");
    let more = ["--image", other.to_str().unwrap(), "-n", "3", "--size", "1M", "--json"];
    let out = Said::of(lab.ublk().args(["add", "vpt", &file]).args(more)).ok();
    let disk = Disk::of(&lab, &out);
    assert_eq!((disk.id, fs::metadata(&other).unwrap().len()), (3, 1 << 20));
    disk.del();
    lab.assert_nothing_left();
}

#[test]
fn serve_stays_and_ends_like_a_service() {
    need!(Fuse);
    let lab = Lab::new();
    let file = served(&lab, "back = \"mem\"\nsize = \"1 MiB\"\nnumber = 4\n");
    let (running, id) = start(&lab, &[&file]);
    assert_eq!(id, 4);
    e2e::send_signal(running.pid(), "TERM");
    let said = running.end();
    assert!(said.status.success(), "{said}");
    lab.assert_nothing_left();
}

/// A killed service is started again by systemd: under the same number, with the rest cleared away.
#[test]
fn serve_begins_again_after_a_kill() {
    need!(Fuse);
    let lab = Lab::new();
    let file = served(&lab, "back = \"mem\"\nsize = \"1 MiB\"\nnumber = 4\n");
    let (running, _) = start(&lab, &[&file]);
    e2e::send_signal(running.pid(), "KILL");
    assert!(!running.end().status.success());
    let (running, id) = start(&lab, &[&file]);
    assert_eq!(id, 4);
    lab.run(&["del", "-n", "4"]).ok();
    assert!(running.end().status.success());
    lab.assert_nothing_left();
}

#[test]
fn serve_refuses_what_cannot_be_a_service() {
    let lab = Lab::new();
    let serve = |file: &str, more: &[&str]| Said::of(lab.ublk().args(["serve", file]).args(more));
    serve("quick.toml", &[]).refused(&["quick.toml", "no [serve] table"]);
    let file = served(&lab, "back = \"mem\"\nsize = \"1 MiB\"\n");
    serve(&file, &[]).refused(&["served.toml", "serve.number", "missing"]);
    let file = served(&lab, "back = \"mem\"\nsize = \"1 MiB\"\nnumber = 1\nfront = \"fuse\"\n");
    serve(&file, &["--private-mounts"]).refused(&["serve.front", "ublk-vpt-fuse@.service"]);
    let file = served(&lab, "image = \"lab.img\"\n");
    serve(&file, &[]).refused(&["served.toml:11:9: serve.image", "whole path"]);
    serve("missing.toml", &[]).refused(&["missing.toml"]);
    lab.assert_nothing_left();
}

#[test]
fn the_table_is_checked_and_not_handed_on() {
    let lab = Lab::new();
    let file = served(&lab, "image = \"/srv/lab.img\"\nnumber = 1\n[k]\nmode = \"fixed\"\n");
    assert!(lab.run(&["check-config", &file]).ok().contains("good: quick"));
    let dumped = lab.run(&["dump-config", &file]).ok();
    assert!(!dumped.contains("serve") && !dumped.contains("lab.img"), "{dumped}");
    assert!(dumped.contains("[k]\nmode = \"fixed\"\n") && dumped.contains("[seek]"), "{dumped}");
    let file = served(&lab, "image = \"/srv/lab.img\"\nnumbr = 1\n");
    lab.run(&["check-config", &file]).refused(&["served.toml:12:1: serve.numbr", "number"]);
}
