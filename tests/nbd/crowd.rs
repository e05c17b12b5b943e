//! Many clients, and clients that keep others waiting if they can.

use std::io::Read;
use std::process::Command;
use std::time::Duration;

use e2e::{Lab, Said, need, pattern, wait_until};

use crate::clients::{serve, serve_at_once};
use crate::raw::{Client, READ, WRITE, connect, is_hung_up};

const MIB: u64 = 1 << 20;
const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_hundred_clients() {
    let lab = Lab::new();
    let disk = serve(&lab, &["--back", "mem", "--size", "4M", "--k", "0.1"]);
    let mut clients: Vec<Client> = (0..100).map(|_| Client::new(&disk.path)).collect();
    let data = pattern(1, 100 * 512);
    // All of them before any answer is taken.
    for (i, client) in (0_u64..).zip(&mut clients) {
        client.ask(WRITE, i, (i * 512, 512), &data[i as usize * 512..][..512]);
    }
    for (i, client) in (0_u64..).zip(&mut clients) {
        let answer = client.answer();
        assert_eq!((answer.cookie, answer.error), (i, 0));
    }
    // A flush on one is for what was written on all, and all see it.
    clients[0].flush();
    for client in &mut clients {
        assert!(client.read(0, 100 * 512) == data);
    }
    // What is too many is turned away; who is there stays.
    let address = crate::raw::address(&disk.path);
    let mut more: Vec<_> =
        (0..40).map(|_| std::net::TcpStream::connect(&address).unwrap()).collect();
    let greeted = |socket: &mut std::net::TcpStream| socket.read_exact(&mut [0; 18]).is_ok();
    let served = more.iter_mut().filter_map(|socket| greeted(socket).then_some(())).count();
    assert_eq!(served, 28, "of 140 clients, 128 are served");
    assert!(clients[99].read(0, 512) == data[..512]);
    disk.run("del", &[]).refused(&["100 clients are connected", "first", "--force"]);
    clients.into_iter().for_each(Client::disconnect);
    Client::new(&disk.path).disconnect();
    disk.del();
}

/// One that takes no answers, whatever it asked for, holds up neither the others nor the end.
#[test]
fn one_that_never_reads() {
    let lab = Lab::new();
    for model in ["null", "quick"] {
        let disk = lab.add_model(
            model,
            &["--front", "nbd", "--listen", "127.0.0.1:0", "--back", "mem", "--size", "64M"],
        );
        let mut stuck = Client::new(&disk.path);
        // 64 times 8 MiB is more than sockets and the server's memory for one client take.
        for cookie in 0..64 {
            stuck.ask(READ, cookie, (0, 8 << 20), &[]);
        }
        let mut other = Client::new(&disk.path);
        wait_until("answers on the way", SOON, || disk.stat("/read/requests") >= 1.0);
        let data = pattern(2, 4096);
        for i in 0..200_u64 {
            other.write(i * 4096, &data);
            assert!(other.read(i * 4096, 4096) == data);
        }
        let inside: u64 = std::fs::read_to_string(format!("/proc/{}/statm", disk.pid))
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        // The disk's own 64 MiB are in memory, too.
        assert!(inside * 4096 < 300 * MIB, "{inside} pages");
        other.disconnect();
        // Late, but then all of it.
        for _ in 0..64 {
            assert_eq!(stuck.answer().error, 0);
            stuck.data(8 << 20);
        }
        for cookie in 0..64 {
            stuck.ask(READ, cookie, (0, 8 << 20), &[]);
        }
        let said = disk.run("del", &["--force"]);
        assert!(said.status.success() && said.err.is_empty(), "{said}");
        lab.assert_nothing_left();
    }
}

/// One that is silent before it has the disk is no client, and is sent away.
#[test]
fn one_that_never_speaks() {
    let lab = Lab::new();
    let disk = serve_at_once(&lab, &["--back", "mem", "--size", "1M"]);
    let mut silent = connect(&disk.path);
    let mut other = Client::new(&disk.path);
    other.write(0, &[1; 512]);
    other.disconnect();
    assert!(is_hung_up(&mut silent), "it may be silent for 30 s");
    let _silent_at_the_end = connect(&disk.path);
    disk.del();
}

/// A connected client is in the way of `del`, also an idle one; one that is gone is not, however it
/// went.
#[test]
fn in_use_is_who_is_there() {
    let lab = Lab::new();
    let disk = serve_at_once(&lab, &["--back", "mem", "--size", "1M"]);
    let refused = || disk.run("del", &[]).refused(&["1 client is connected: disconnect it first"]);
    let client = Client::new(&disk.path);
    refused();
    client.disconnect();
    let client = Client::new(&disk.path);
    refused();
    drop(client); // without a good-bye
    let mut client = Client::new(&disk.path);
    client.send(&Client::request(WRITE, 0, 1, (0, 512), &[1; 100]));
    refused();
    drop(client); // in the middle of a write
    disk.del();
}

/// Two clients of libnbd's at the same time, with several connections each.
#[test]
fn nbdcopy_from_one_disk_to_another() {
    need!(Libnbd);
    let lab = Lab::new();
    let source = lab.file("source.img");
    std::fs::write(&source, pattern(3, 32 * MIB as usize)).unwrap();
    let from = serve_at_once(&lab, &["--image", "source.img"]);
    let to = serve_at_once(&lab, &["--image", "target.img", "--size", "32M"]);
    let mut copy = Command::new("nbdcopy");
    copy.args(["--connections=8", "--requests=32", "--flush"]).arg(&from.path).arg(&to.path);
    Said::of(&mut copy).ok();
    from.del();
    to.del();
    let same = std::fs::read(source).unwrap() == std::fs::read(lab.file("target.img")).unwrap();
    assert!(same, "the copy is something else");
}
