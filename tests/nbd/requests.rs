//! Requests one by one, from a client of our own.

use e2e::{Lab, pattern};

use crate::clients::serve_at_once;
use crate::raw::{Answer, Client, FLUSH, FUA, READ, TRIM, WRITE, WRITE_ZEROES, is_hung_up};

const MIB: u64 = 1 << 20;
const EPERM: u32 = 1;
const EINVAL: u32 = 22;
const ENOSPC: u32 = 28;

#[test]
fn every_request_is_answered_as_the_protocol_has_it() {
    let lab = Lab::new();
    let disk = serve_at_once(&lab, &["--back", "mem", "--size", "64M"]);
    let mut client = Client::new(&disk.path);
    assert_eq!((client.bytes, client.flags), (64 * MIB, 0x17d));
    let data = pattern(1, 4096);
    client.write(8192, &data);
    assert!(client.read(8192, 4096) == data);
    assert!(client.read(8192 + 512, 512) == data[512..1024]);
    for (command, flags) in [(WRITE_ZEROES, 0), (WRITE_ZEROES, FUA | 2), (TRIM, 0), (TRIM, FUA)] {
        client.write(8192, &data);
        assert_eq!(client.error(command, flags, (8192 + 512, 1024), &[]), 0);
        assert!(client.read(8192, 512) == data[..512]);
        assert!(client.read(8192 + 512, 1024) == [0; 1024], "{command} {flags}");
        assert!(client.read(8192 + 1536, 512) == data[1536..2048]);
    }
    assert_eq!(client.error(WRITE, FUA, (0, 512), &data[..512]), 0);
    client.flush();
    assert_eq!(disk.stat("/flush/requests"), 3.0); // with those that FUA stands for
    let end = 64 * MIB;
    for (command, place, error) in [
        (READ, (end, 512), EINVAL),
        (READ, (end - 512, 1024), EINVAL),
        (READ, (1, 512), EINVAL),
        (READ, (0, 0), EINVAL),
        (READ, (u64::MAX - 511, 512), EINVAL),
        (READ, (0, 33 << 20), EINVAL),
        (TRIM, (end, 512), EINVAL),
        (WRITE_ZEROES, (end, 512), ENOSPC),
        (5, (0, 512), EINVAL),
        (9, (0, 512), EINVAL),
    ] {
        assert_eq!(client.error(command, 0, place, &[]), error, "{command} {place:?}");
    }
    assert_eq!(client.error(WRITE, 0, (end, 512), &data[..512]), ENOSPC);
    assert_eq!(client.error(WRITE, 1 << 9, (0, 512), &data[..512]), EINVAL);
    // Too long, but it could be read: the next request is understood.
    assert_eq!(client.error(WRITE, 0, (0, 33 << 20), &vec![7; 33 << 20]), EINVAL);
    assert!(client.read(0, 512) == data[..512]);
    // The longest there is.
    client.write(0, &vec![7; 32 << 20]);
    assert!(client.read(0, 32 << 20) == vec![7; 32 << 20]);
    client.disconnect();
    disk.del();
}

#[test]
fn a_read_only_disk_is_not_written() {
    let lab = Lab::new();
    lab.image("lab.img", MIB);
    let disk = serve_at_once(&lab, &["--image", "lab.img", "--read-only"]);
    let mut client = Client::new(&disk.path);
    assert_eq!(client.flags, 0x17f);
    assert_eq!(client.error(WRITE, 0, (0, 512), &[7; 512]), EPERM);
    assert_eq!(client.error(TRIM, 0, (0, 512), &[]), EPERM);
    assert_eq!(client.error(WRITE_ZEROES, 0, (0, 512), &[]), EPERM);
    assert_eq!(client.error(FLUSH, 0, (0, 0), &[]), 0);
    assert!(client.read(0, 512) == [0; 512]);
    client.disconnect();
    disk.del();
}

#[test]
fn an_error_of_the_store_reaches_the_client() {
    let lab = Lab::new();
    let disk = serve_at_once(&lab, &["--back", "mem", "--size", "1M"]);
    disk.run("set", &["backing_fail_every=1"]).ok();
    let mut client = Client::new(&disk.path);
    for command in [READ, WRITE_ZEROES] {
        assert_eq!(client.error(command, 0, (0, 512), &[]), 5, "{command}");
    }
    assert_eq!(client.error(WRITE, 0, (0, 512), &[1; 512]), 5);
    disk.run("set", &["backing_fail_every=0"]).ok();
    assert!(client.read(4096, 512) == [0; 512]);
    client.disconnect();
    disk.del();
}

/// All at once, in one piece: every one is answered once, with its own data.
#[test]
fn many_requests_in_one_piece() {
    let lab = Lab::new();
    for depth in ["1", "64"] {
        let disk = serve_at_once(&lab, &["--back", "mem", "--size", "1M", "-d", depth]);
        let mut client = Client::new(&disk.path);
        let data = pattern(4, MIB as usize);
        let requests: Vec<u8> = (0..256_u64)
            .flat_map(|i| {
                let part = &data[i as usize * 4096..][..4096];
                Client::request(WRITE, 0, i, (i * 4096, 4096), part)
            })
            .collect();
        client.send(&requests);
        let mut seen: Vec<u64> = (0..256).map(|_| client.answer().cookie).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..256).collect::<Vec<_>>());
        let requests: Vec<u8> =
            (0..256_u64).flat_map(|i| Client::request(READ, 0, i, (i * 4096, 4096), &[])).collect();
        client.send(&requests);
        for _ in 0..256 {
            let Answer { cookie, error } = client.answer();
            assert_eq!(error, 0);
            assert!(client.data(4096) == data[cookie as usize * 4096..][..4096], "{cookie}");
        }
        client.disconnect();
        disk.del();
    }
}

/// Requests before a good-bye are answered.
#[test]
fn a_good_bye_comes_last() {
    let lab = Lab::new();
    let disk = crate::clients::serve(&lab, &["--back", "null", "--size", "1M"]);
    let mut client = Client::new(&disk.path);
    let mut all: Vec<u8> =
        (0..20_u64).flat_map(|i| Client::request(READ, 0, i, (i * 512, 512), &[])).collect();
    all.extend(Client::request(2, 0, 0, (0, 0), &[]));
    client.send(&all);
    for _ in 0..20 {
        assert_eq!(client.answer().error, 0);
        client.data(512);
    }
    assert!(is_hung_up(&mut client.socket));
    disk.del();
}
