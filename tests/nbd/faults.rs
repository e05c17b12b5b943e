//! What clients do wrong, and what is done to the daemon, on purpose.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use e2e::{Disk, Fio, Lab, need, pattern, send_signal, wait_until};

use crate::clients::{serve, serve_at_once};
use crate::raw::{Client, FLUSH, READ, TRIM, WRITE, WRITE_ZEROES, connect, is_hung_up};

const MIB: u64 = 1 << 20;
const SOON: Duration = Duration::from_secs(30);

/// Cut at any place in the middle of a write: the write has not happened at all, what was answered
/// before has.
#[test]
fn a_client_cut_in_the_middle_of_a_write() {
    let lab = Lab::new();
    let disk = serve_at_once(&lab, &["--image", "lab.img", "--size", "16M"]);
    let before = pattern(1, 256 << 10);
    let whole = Client::request(WRITE, 0, 2, (0, 256 << 10), &pattern(2, 256 << 10));
    let places = [1, 27, 28, 29, 4096, 64 << 10, 100_000, whole.len() - 1];
    for (round, place) in places.into_iter().enumerate() {
        let mut client = Client::new(&disk.path);
        client.write(0, &before);
        if round % 2 == 1 {
            client.flush();
        }
        client.send(&whole[..place]);
        if round % 3 == 0 {
            // Hung up in the order of the protocol; else with what was not read.
            client.socket.shutdown(std::net::Shutdown::Write).unwrap();
            assert!(is_hung_up(&mut client.socket));
        }
        drop(client);
        let mut client = Client::new(&disk.path);
        assert!(client.read(0, 256 << 10) == before, "{place} bytes of a write have been written");
        client.disconnect();
    }
    // Counted: the whole ones only.
    assert_eq!(disk.stat("/write/requests"), places.len() as f64);
    disk.del();
    assert!(fs::read(lab.file("lab.img")).unwrap()[..256 << 10] == before);
}

/// The same with requests under way on the modelled arm and other clients at work.
#[test]
fn a_client_cut_while_others_work() {
    need!(Fio);
    let lab = Lab::new();
    let disk = serve(&lab, &["--image", "lab.img", "--size", "16M", "--k", "0.2"]);
    let load = Fio::nbd(&disk.path).verified().set("iodepth", 8).set("offset", "8m");
    let mut load = load.set("size", "8m").set("io_size", "2m").start();
    let mut rounds = 0;
    while !load.ended() {
        let mut client = Client::new(&disk.path);
        for cookie in 0..8 {
            client.ask(READ, cookie, (cookie * 4096, 4096), &[]);
        }
        client.send(&Client::request(WRITE, 0, 9, (0, 4096), &[7; 2048]));
        drop(client);
        rounds += 1;
    }
    e2e::Job::of(load.end());
    assert!(rounds > 3, "only {rounds} clients were cut");
    disk.wait_in_flight(0);
    disk.del();
    let image = fs::read(lab.file("lab.img")).unwrap();
    assert!(image[..4096] == [0; 4096], "half a write has been written");
}

#[test]
fn garbage_instead_of_a_handshake() {
    let lab = Lab::new();
    let disk = serve_at_once(&lab, &["--back", "mem", "--size", "1M"]);
    let go = |len: u32, data: &[u8]| {
        [&b"\0\0\0\x03IHAVEOPT\0\0\0\x07"[..], &len.to_be_bytes(), data].concat()
    };
    for garbage in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xff; 4096],
        pattern(3, 100_000),
        b"\0\0\0\x03IHAVEOPT\0\0\0\x01\0\0\0\x05wrong".to_vec(),
        go(u32::MAX, &[]),
        go(0x1_0001, &[0; 100]),
    ] {
        let mut socket = connect(&disk.path);
        let _ = socket.write_all(&garbage); // it may hang up before the last byte
        let mut answer = vec![0; 4096];
        while let Ok(1..) = std::io::Read::read(&mut socket, &mut answer) {}
    }
    // After a wrong option a right one works.
    let mut socket = connect(&disk.path);
    socket.write_all(&go(4, &[0xff; 4])).unwrap();
    let mut answer = [0; 20];
    std::io::Read::read_exact(&mut socket, &mut answer).unwrap();
    assert_eq!(answer[12..16], [0x80, 0, 0, 3]);
    drop(socket);
    let mut client = Client::new(&disk.path);
    client.send(&pattern(4, 28));
    assert!(is_hung_up(&mut client.socket), "it answers garbage");
    let mut client = Client::new(&disk.path);
    // Far too long to be read.
    client.send(&Client::request(WRITE, 0, 1, (0, u32::MAX), &[]));
    assert!(is_hung_up(&mut client.socket), "it waits for 4 GiB");
    let mut client = Client::new(&disk.path);
    assert!(client.read(0, 512) == [0; 512]);
    client.disconnect();
    disk.del();
}

/// At any moment: what was written and flushed before is there after the next `add`.
#[test]
fn a_killed_daemon_loses_nothing_that_was_flushed() {
    let lab = Lab::new();
    lab.image("lab.img", 16 * MIB);
    for round in 0..10_u32 {
        let disk = serve(&lab, &["--image", "lab.img", "--k", "0.2"]);
        let mut client = Client::new(&disk.path);
        let marks = pattern(round.into(), 64 << 10);
        client.write(u64::from(round) << 18, &marks);
        client.flush();
        // FUA is a flush of its own.
        let place = ((u64::from(round) << 18) + (64 << 10), 4096);
        assert_eq!(client.error(WRITE, 1, place, &marks[..4096]), 0);
        for cookie in 0..30_u64 {
            let place = (8 * MIB + cookie * 8192, 4096);
            match cookie % 5 {
                0 => client.ask(WRITE, cookie, place, &marks[..4096]),
                1 => client.ask(READ, cookie, place, &[]),
                2 => client.ask(FLUSH, cookie, (0, 0), &[]),
                3 => client.ask(TRIM, cookie, place, &[]),
                _ => client.ask(WRITE_ZEROES, cookie, place, &[]),
            }
        }
        // The moment is the point here, whatever the machine makes of it.
        std::thread::sleep(Duration::from_micros(700) * round);
        send_signal(disk.pid, "KILL");
        disk.wait_gone();
        // An end and not a hang for the client.
        while let Ok(1..) = std::io::Read::read(&mut client.socket, &mut [0; 4096]) {}
        lab.run(&["list"]).says(&[&format!("(process {}) died", disk.pid)]);
        lab.assert_nothing_left();
        let image = File::open(lab.file("lab.img")).unwrap();
        let mut back = vec![0; 68 << 10];
        for earlier in 0..=round {
            image.read_exact_at(&mut back, u64::from(earlier) << 18).unwrap();
            let marks = pattern(earlier.into(), 64 << 10);
            let flushed = back[..64 << 10] == marks && back[64 << 10..] == marks[..4096];
            assert!(flushed, "round {round}: flushed data is lost");
        }
    }
    let disk = serve(&lab, &["--image", "lab.img"]);
    Client::new(&disk.path).disconnect();
    disk.del();
}

/// fio's own record of what it wrote, through a kill.
#[test]
fn a_killed_daemon_ends_its_clients() {
    need!(Fio);
    let lab = Lab::new();
    lab.image("lab.img", 16 * MIB);
    let disk = serve(&lab, &["--image", "lab.img"]);
    let load = Fio::nbd(&disk.path).set("rw", "randrw").set("size", "16m").set("iodepth", 8);
    let mut load = load.set("time_based", 1).set("runtime", 600).start();
    wait_until("load", SOON, || load.ended() || disk.stat("/in_flight") > 0.0);
    send_signal(disk.pid, "KILL");
    disk.wait_gone();
    let ended = load.end();
    assert!(!ended.status.success(), "{ended}");
    lab.run(&["list"]);
    lab.assert_nothing_left();
}

#[test]
fn a_stopped_daemon_goes_on_where_it_was() {
    let lab = Lab::new();
    let disk = serve(&lab, &["--back", "mem", "--size", "1M"]);
    let mut client = Client::new(&disk.path);
    client.write(0, &[1; 512]);
    send_signal(disk.pid, "STOP");
    for cookie in 0..20 {
        client.ask(READ, cookie, (cookie * 512, 512), &[]);
    }
    disk.run("stats", &[]).refused(&["does not answer within 5 s", "SIGSTOP"]);
    send_signal(disk.pid, "CONT");
    let mut seen: Vec<u64> = (0..20)
        .map(|_| {
            let answer = client.answer();
            assert_eq!(client.data(512) == [1; 512], answer.cookie == 0);
            answer.cookie
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
    client.disconnect();
    disk.del();
}

/// The image's file system is full, or the image is gone to the half: errors, not lost data.
#[test]
fn a_truncated_image_gives_errors() {
    let lab = Lab::new();
    let disk = serve_at_once(&lab, &["--image", "lab.img", "--size", "2M"]);
    let image = OpenOptions::new().write(true).open(lab.file("lab.img")).unwrap();
    image.set_len(MIB).unwrap();
    let mut client = Client::new(&disk.path);
    assert_eq!(client.error(READ, 0, (MIB, 4096), &[]), 5);
    assert_eq!(client.error(WRITE, 0, (MIB, 4096), &[1; 4096]), 5);
    assert_eq!(client.error(READ, 0, (0, 4096), &[]), 0);
    assert_eq!(client.error(WRITE, 0, (0, 4096), &[1; 4096]), 0);
    assert_eq!(image.metadata().unwrap().len(), MIB, "it has grown again");
    client.disconnect();
    let said = disk.run("del", &[]);
    assert!(said.status.success(), "{said}");
}

/// Few descriptors: some clients are turned away, and the disk goes on.
#[test]
fn too_few_descriptors_for_all_clients() {
    let lab = Lab::new();
    let mut add = lab.ublk_under(&["prlimit", "--nofile=40:40"]);
    add.args(["add", "vpt", "null", "--back", "null", "--size", "1M", "--json"]);
    let said = e2e::Said::of(add.args(["--front", "nbd", "--listen", "127.0.0.1:0"]));
    let disk = Disk::of(&lab, &said.ok());
    let address = crate::raw::address(&disk.path);
    let crowd: Vec<_> = (0..60).map(|_| std::net::TcpStream::connect(&address).unwrap()).collect();
    drop(crowd);
    let mut client = Client::new(&disk.path);
    assert!(client.read(0, 512) == [0; 512]);
    client.disconnect();
    disk.del();
}
