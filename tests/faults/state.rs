//! Several commands at once, and state files that are not as they should be.

use std::fs;

use e2e::{Lab, Running, need, send_signal};

#[test]
fn of_eight_adds_with_one_number_one_wins() {
    need!(Fuse);
    let lab = Lab::new();
    for round in 0..3 {
        let adds: Vec<_> = (0..8)
            .map(|i| {
                let image = format!("{round}-{i}.img");
                let add =
                    ["add", "vpt", "quick.toml", "--size", "1M", "-n", "3", "--json", "--image"];
                Running::start(lab.ublk().args(add).arg(image))
            })
            .collect();
        let said: Vec<_> = adds.into_iter().map(Running::end).collect();
        let (won, lost): (Vec<_>, Vec<_>) = said.into_iter().partition(|s| s.status.success());
        assert_eq!(won.len(), 1, "{won:?}\n{lost:?}");
        let disk = e2e::Disk::of(&lab, &won[0].out);
        for said in lost {
            let pid = format!("process {} ", disk.pid);
            said.refused(&["device 3 exists", &pid, "ublk del -n 3"]);
        }
        let images = fs::read_dir(lab.path()).unwrap().flatten();
        let made =
            images.filter(|e| e.file_name().to_string_lossy().starts_with(&format!("{round}-")));
        assert_eq!(made.count(), 1, "images of those who lost are left");
        assert_eq!(lab.list().len(), 1);
        disk.del();
        lab.assert_nothing_left();
    }
}

#[test]
fn eight_adds_without_a_number_get_eight() {
    need!(Fuse);
    let lab = Lab::new();
    let adds: Vec<_> = (0..8)
        .map(|_| {
            let add = ["add", "vpt", "quick.toml", "--back", "null", "--size", "1M"];
            Running::start(lab.ublk().args(add))
        })
        .collect();
    for add in adds {
        add.end().ok();
    }
    let ids: Vec<_> = lab.list().iter().map(|disk| disk["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [0, 1, 2, 3, 4, 5, 6, 7]);
    lab.run(&["del", "-a"]).ok();
    lab.assert_nothing_left();
}

/// Of several who want one image one gets it, whatever their numbers.
#[test]
fn of_four_adds_with_one_image_one_wins() {
    need!(Fuse);
    let lab = Lab::new();
    lab.image("lab.img", 1 << 20);
    let adds: Vec<_> = (0..4)
        .map(|_| Running::start(lab.ublk().args(["add", "vpt", "quick.toml", "-f", "lab.img"])))
        .collect();
    let said: Vec<_> = adds.into_iter().map(Running::end).collect();
    let (won, lost): (Vec<_>, Vec<_>) = said.into_iter().partition(|s| s.status.success());
    assert_eq!(won.len(), 1, "{won:?}\n{lost:?}");
    for said in lost {
        said.refused(&["lab.img", "is in use by"]);
    }
    lab.run(&["del", "-a"]).ok();
    lab.assert_nothing_left();
}

/// A record that is cut short or nonsense, of a disk that was killed: said, and cleared away.
#[test]
fn records_that_are_none() {
    need!(Fuse);
    let lab = Lab::new();
    for (round, text) in ["", "{", "[1,2,3]", "{\"version\":99}", "\0\0\0"].into_iter().enumerate()
    {
        let disk = lab.add(&["--back", "null", "--size", "1M"]);
        send_signal(disk.pid, "KILL");
        disk.wait_gone();
        fs::write(lab.state().join("0000.json"), text).unwrap();
        let said = lab.run(&["list"]);
        assert!(said.status.success(), "round {round}: {said}");
        said.says(&["warning: ", "0000.json"]);
        lab.assert_nothing_left();
    }
    // Of a living one, too: it can still be ended.
    let disk = lab.add(&["--back", "null", "--size", "1M"]);
    fs::write(lab.state().join("0000.json"), "{").unwrap();
    lab.run(&["list"]).says(&["0000.json"]);
    disk.del();
    lab.assert_nothing_left();
}

/// Somebody removes the socket, or all of it, below a running daemon.
#[test]
fn files_that_somebody_removed() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--back", "null", "--size", "1M"]);
    fs::remove_file(disk.socket()).unwrap();
    disk.run("stats", &[]).refused(&["device 0", "does not take requests"]);
    fs::read(&disk.path).unwrap();
    let said = disk.run("del", &[]);
    assert!(said.status.success(), "{said}");
    lab.assert_nothing_left();
}
