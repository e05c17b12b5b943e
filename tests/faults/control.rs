//! Nonsense on the control socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use e2e::{Disk, Fio, Lab, need, pattern};
use serde_json::{Value, json};

fn connect(disk: &Disk) -> UnixStream {
    let stream = UnixStream::connect(disk.socket()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// What is answered to these bytes. That it hangs up in the middle is an answer too.
fn say(disk: &Disk, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(disk);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer); // it may be reset after what was said
    answer
}

fn garbage() -> Vec<Vec<u8>> {
    let mut all = vec![
        b"".to_vec(),
        b"\n".to_vec(),
        b"\n\n\n\n".to_vec(),
        b"\0\0\0\0\n".to_vec(),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"{\"v\":1,\"cmd\":\"sta".to_vec(),
        b"{\"v\":1,\"cmd\":\"fly\"}\n".to_vec(),
        b"{\"v\":99,\"cmd\":\"stop\"}\n".to_vec(),
        b"{\"v\":1}\n".to_vec(),
        b"null\n".to_vec(),
        b"{\"v\":1,\"cmd\":\"trace\",\"max\":-5}\n".to_vec(),
        b"{\"v\":1,\"cmd\":\"trace\",\"max\":1e99}\n".to_vec(),
        b"{\"v\":1,\"cmd\":\"set\",\"settings\":{\"k\":\"one\"}}\n".to_vec(),
        b"{\"v\":1,\"cmd\":\"set\",\"settings\":{\"k\":1e999}}\n".to_vec(),
        vec![b'['; 200_000],
        vec![b'x'; 5 << 20],
        [vec![b'y'; 1 << 20], b"\n".to_vec()].concat(),
    ];
    all.extend((0..20).map(|seed| pattern(seed, 10_000)));
    all
}

#[test]
fn garbage_disturbs_neither_io_nor_the_next_who_asks() {
    need!(Fuse, Fio);
    let lab = Lab::new();
    // A slow store does not change k in this mode: only a setting could.
    let disk = lab.add(&["--image", "lab.img", "--size", "32M", "--mode", "fixed"]);
    let mut load = Fio::on(&disk.path)
        .verified()
        .set("size", "32m")
        .set("io_size", "16m")
        .set("iodepth", 8)
        .start();
    let mut rounds = 0;
    while !load.ended() || rounds == 0 {
        for bytes in garbage() {
            let answer = say(&disk, &bytes);
            for line in answer.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                let answer: Value = serde_json::from_slice(line).unwrap();
                assert!(answer["error"].is_string(), "{answer} to {} bytes", bytes.len());
            }
        }
        assert_eq!(disk.stats()["id"], disk.id);
        rounds += 1;
    }
    let job = e2e::Job::of(load.end());
    assert_eq!(job.figure("/write/io_bytes"), f64::from(16 << 20));
    assert_eq!(disk.stat("/write/errors") + disk.stat("/read/errors"), 0.0);
    assert_eq!(disk.stat("/scale/k"), 1.0);
    let told = disk.run("del", &[]);
    assert!(told.status.success(), "{told}");
    lab.assert_nothing_left();
}

/// Who asks by hand is judged as the command would have been.
#[test]
fn settings_are_judged_by_the_daemon_as_well() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--back", "null", "--size", "1M"]);
    for settings in [
        json!({"k": 0.0}),
        json!({"k": -1.0}),
        json!({"k_min": -1.0}),
        json!({"k_max": 0.0}),
        json!({"k_min": 5.0, "k_max": 2.0}),
        json!({"k": 1.0, "other": {"colour": "red"}}),
        json!({"mode": "warp"}),
    ] {
        let request = json!({"v": 1, "cmd": "set", "settings": settings});
        let answer = say(&disk, format!("{request}\n").as_bytes());
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert!(answer["error"].is_string(), "{answer} to {request}");
    }
    assert_eq!(disk.stat("/scale/k"), 1.0);
    disk.run("del", &[]).ok(); // its log has warnings
}

/// Connections that say nothing must not keep others away for ever.
#[test]
fn idle_connections_keep_nobody_away() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--back", "null", "--size", "1M"]);
    let mut idle = Vec::new();
    for _ in 0..200 {
        // The queue of those who wait may be full: that is an answer at once.
        match UnixStream::connect(disk.socket()) {
            Ok(stream) => idle.push(stream),
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}");
                break;
            }
        }
    }
    assert!(idle.len() > 10, "only {} connections", idle.len());
    let said = disk.run("stats", &["--json"]);
    // Full is a fair answer, as long as it is one.
    assert!(said.status.success() || said.err.lines().count() == 1, "{said}");
    std::fs::read(&disk.path).unwrap();
    drop(idle);
    e2e::wait_until("answer", Duration::from_secs(30), || disk.run("stats", &[]).status.success());
    disk.del();
}
