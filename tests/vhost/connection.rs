//! Connections that break, clients that come twice or talk nonsense, and daemons that are replaced.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use e2e::vhost::{Ask, Driver, IN, OK, OUT, Options};
use e2e::{Lab, pattern, send_signal, wait_until};

use super::{add, connect, connect_with};

const SOON: Duration = Duration::from_secs(30);

fn read(sector: u64) -> Ask<'static> {
    Ask { kind: IN, sector, out: &[], room: 4096 }
}

/// The daemon is killed with requests inside, another takes over: every request comes back, once.
#[test]
fn a_killed_daemon_loses_nothing() {
    let lab = Lab::new();
    lab.model("slow", 8.0, 8.0);
    let add = || {
        add(
            &lab,
            "slow",
            &["--image", "a.img", "--size", "16M", "-n", "0", "-q", "2", "--ncq", "16"],
        )
    };
    let mut disk = add();
    let mut driver = connect_with(&disk.path, Options { queues: 2, ..Options::default() });
    for round in 0..5u16 {
        // Twenty requests take seconds: a busy machine must find five of them inside. The next daemon
        // begins without this.
        disk.run("set", &["mode=fixed", "k=50", "k_max=1000"]).ok();
        let data: Vec<Vec<u8>> =
            (0..20).map(|i| pattern(u64::from(round * 20 + i), 4096)).collect();
        for (slot, data) in (0..20).zip(&data) {
            // Far from each other, so that the disk's own order is not that of the ring.
            let sector = u64::from(slot * 7 % 20) * 1600;
            let ask = Ask { kind: OUT, sector, out: data, room: 0 };
            driver.rings[usize::from(slot % 2)].submit(slot, ask);
        }
        disk.wait_in_flight(5);
        send_signal(disk.pid, "KILL");
        disk.wait_gone();
        let before: Vec<u16> = driver.rings.iter().map(|ring| ring.used()).collect();
        assert!(before.iter().any(|&used| used < (round + 1) * 10), "killed too late: {before:?}");
        disk = add();
        driver.reconnect(&disk.path).unwrap();
        for ring in &mut driver.rings {
            let mut back = Vec::new();
            while back.len() < 10 {
                assert!(ring.wait(SOON), "{back:?} came back");
                let (slot, _) = ring.reap().unwrap();
                assert_eq!(ring.status(slot), OK);
                back.push(slot);
            }
            back.sort_unstable();
            back.dedup();
            assert_eq!(back.len(), 10, "one came back twice");
            assert!(!ring.wait(Duration::from_millis(20)), "one too many");
        }
        for (slot, data) in (0..20u16).zip(&data) {
            let sector = u64::from(slot * 7 % 20) * 1600;
            let (status, back) = driver.ring().ask(read(sector));
            assert!(status == OK && back == *data, "slot {slot}");
        }
    }
    drop(driver);
    disk.del();
    lab.assert_nothing_left();
}

/// Deleted in an orderly way with requests inside, and added again: the same holds.
#[test]
fn a_replaced_daemon_loses_nothing() {
    let lab = Lab::new();
    // Ten seconds' worth, so that a busy machine finds one inside; who deletes does not wait for it.
    lab.model("slow", 1000.0, 8.0);
    let add = || add(&lab, "slow", &["--image", "a.img", "--size", "16M", "-n", "0"]);
    let disk = add();
    let mut driver = connect(&disk);
    for slot in 0..20 {
        driver.ring().submit(slot, read(u64::from(slot) * 800));
    }
    disk.wait_in_flight(1);
    let said = disk.run("del", &[]).refused(&["has it as a disk", "--force"]);
    assert!(said.contains(&format!("process {}", std::process::id())), "{said}");
    disk.run("del", &["--force"]).ok();
    let disk = add();
    driver.reconnect(&disk.path).unwrap();
    for _ in 0..20 {
        assert!(driver.ring().wait(SOON));
        let (slot, _) = driver.ring().reap().unwrap();
        assert_eq!(driver.ring().status(slot), OK);
    }
}

/// The client vanishes with requests inside: the next one is served when they are done, and nothing of
/// the first one's memory is written any more.
#[test]
fn a_vanished_client_makes_room_for_the_next() {
    let lab = Lab::new();
    lab.model("slow", 20.0, 8.0);
    let disk = add(&lab, "slow", &["--back", "mem", "--size", "16M"]);
    for _ in 0..3 {
        let mut driver = connect(&disk);
        // Ten requests take five seconds: a busy machine must find one of them inside.
        disk.run("set", &["mode=fixed", "k=50", "k_max=1000"]).ok();
        for slot in 0..10 {
            driver.ring().submit(slot, read(u64::from(slot) * 800));
        }
        disk.wait_in_flight(1);
        // Its memory stays with the next line's end; the connection goes.
        drop(driver);
        // All but the one that is served are quick from here on.
        disk.run("set", &["k=1"]).ok();
    }
    let mut driver = connect(&disk);
    assert_eq!(driver.ring().ask(read(0)).0, OK);
    assert_eq!(disk.stat("/read/requests"), 31.0);
}

/// The disk is one guest's: a second client is turned away at once, the first one is not disturbed.
#[test]
fn a_second_client_is_turned_away() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--back", "mem", "--size", "16M"]);
    let mut driver = connect(&disk);
    let mut second = UnixStream::connect(&disk.path).unwrap();
    second.set_read_timeout(Some(SOON)).unwrap();
    assert_eq!(second.read(&mut [0; 1]).unwrap(), 0, "closed");
    assert!(Driver::connect(&disk.path, Options::default()).is_err());
    assert_eq!(driver.ring().ask(read(0)).0, OK);
    let log = std::fs::read_to_string(lab.state().join("0000.log")).unwrap();
    let line = log.lines().find(|line| line.contains("turned away")).unwrap();
    assert!(line.contains("has it as a disk"), "{line}");
    drop(driver);
    assert_eq!(connect(&disk).ring().ask(read(0)).0, OK);
}

/// Whatever comes through the socket: the client is cut off, the next one is served.
#[test]
fn garbage_is_cut_off() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--back", "mem", "--size", "16M"]);
    let message = |code: u32, flags: u32, body: &[u8]| {
        let size = (body.len() as u32).to_le_bytes();
        [&code.to_le_bytes()[..], &flags.to_le_bytes(), &size, body].concat()
    };
    let mut talks = vec![
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0; 4096],
        vec![0xff; 4096],
        message(1, 1, &[])[..7].to_vec(),
        message(9999, 1, &[]),
        message(1, 1, &[0; 4000]),
        // Rings without memory, far out of range, of odd sizes.
        message(8, 1, &[0, 0, 0, 0, 7, 0, 0, 0]),
        message(8, 1, &[200, 0, 0, 0, 128, 0, 0, 0]),
        message(10, 1, &[0xff; 8]),
        message(11, 1, &[200, 0, 0, 0, 0, 0, 0, 0]),
        message(12, 1, &[0; 8]),
        message(5, 1, &[0xff; 8]),
        message(18, 1, &[9, 0, 0, 0, 1, 0, 0, 0]),
    ];
    talks.extend((0..40).map(|seed| pattern(seed, 300)));
    for talk in talks {
        let mut stream = UnixStream::connect(&disk.path).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        // It may be cut off in the middle of this.
        let _ = stream.write_all(&talk).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(connect(&disk).ring().ask(read(0)).0, OK);
    assert!(disk.run("stats", &[]).status.success());
}

/// A client that says nothing does not keep the disk from ending.
#[test]
fn a_silent_client_keeps_nothing() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--back", "mem", "--size", "16M"]);
    let _silent = UnixStream::connect(&disk.path).unwrap();
    wait_until("its connection", SOON, || {
        let log = std::fs::read_to_string(lab.state().join("0000.log")).unwrap();
        log.contains("is connected")
    });
    disk.del();
    lab.assert_nothing_left();
}
