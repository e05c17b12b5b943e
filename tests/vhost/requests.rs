//! Each request a driver can make, right and wrong.

use std::fs;

use e2e::vhost::{Ask, DISCARD, FLUSH, GET_ID, IN, IOERR, OK, OUT, Options, UNSUPP, WRITE_ZEROES};
use e2e::{Lab, pattern};

use super::{add, connect, connect_with};

fn ask(kind: u32, sector: u64) -> Ask<'static> {
    Ask { kind, sector, out: &[], room: 0 }
}

fn read(sector: u64, room: u32) -> Ask<'static> {
    Ask { room, ..ask(IN, sector) }
}

fn range(sector: u64, sectors: u32, flags: u32) -> Vec<u8> {
    [&sector.to_le_bytes()[..], &sectors.to_le_bytes(), &flags.to_le_bytes()].concat()
}

/// What is written is in the image, and what is in the image is read.
#[test]
fn data_goes_where_it_belongs() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--image", "a.img", "--size", "16M"]);
    let mut driver = connect(&disk);
    let data = pattern(1, 40960);
    let write = Ask { out: &data, ..ask(OUT, 100) };
    assert_eq!(driver.ring().ask(write).0, OK);
    assert_eq!(driver.ring().ask(ask(FLUSH, 0)).0, OK);
    assert!(fs::read(lab.file("a.img")).unwrap()[51200..][..40960] == data);
    let (status, back) = driver.ring().ask(read(100, 40960));
    assert!((status, back) == (OK, data));
    assert_eq!(disk.stat("/flush/requests"), 1.0);
    drop(driver);
    disk.del();
    lab.assert_nothing_left();
}

#[test]
fn the_device_has_a_name() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--back", "null", "--size", "1M", "-n", "7"]);
    let (status, name) = connect(&disk).ring().ask(Ask { room: 20, ..ask(GET_ID, 0) });
    assert_eq!((status, &name[..]), (OK, &b"ublk-vpt-0007\0\0\0\0\0\0\0"[..]));
    // And in less room than it takes.
    assert_eq!(
        connect(&disk).ring().ask(Ask { room: 4, ..ask(GET_ID, 0) }),
        (OK, b"ublk".to_vec())
    );
}

#[test]
fn discarded_and_zeroed_sectors_read_as_zeroes() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--image", "a.img", "--size", "16M"]);
    let mut driver = connect(&disk);
    let data = vec![1; 32768];
    assert_eq!(driver.ring().ask(Ask { out: &data, ..ask(OUT, 0) }).0, OK);
    for (kind, range) in [(DISCARD, range(8, 8, 0)), (WRITE_ZEROES, range(24, 8, 1))] {
        assert_eq!(driver.ring().ask(Ask { out: &range, ..ask(kind, 0) }).0, OK);
    }
    let (_, back) = driver.ring().ask(read(0, 32768));
    for (block, bytes) in back.chunks(4096).enumerate() {
        let wanted = u8::from(![1, 3].contains(&block));
        assert!(bytes.iter().all(|&b| b == wanted), "block {block}");
    }
    // Across the end, unknown flags, two ranges, and a discard that shall unmap.
    for (kind, range, status) in [
        (DISCARD, range(32760, 16, 0), IOERR),
        (WRITE_ZEROES, range(0, 8, 4), UNSUPP),
        (DISCARD, range(0, 8, 1), UNSUPP),
        (DISCARD, [range(0, 8, 0), range(8, 8, 0)].concat(), IOERR),
    ] {
        assert_eq!(driver.ring().ask(Ask { out: &range, ..ask(kind, 0) }).0, status, "{range:?}");
    }
}

#[test]
fn what_cannot_be_done_is_told_and_nothing_more_happens() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--back", "mem", "--size", "1M"]);
    let mut driver = connect(&disk);
    for (ask, status) in [
        (read(2047, 1024), IOERR),
        (read(2048, 512), IOERR),
        (read(u64::MAX, 512), IOERR),
        (read(0, 100), IOERR),
        (Ask { out: &[0; 100], ..ask(OUT, 0) }, IOERR),
        (ask(OUT, 0), IOERR),
        (ask(99, 0), UNSUPP),
    ] {
        assert_eq!(driver.ring().ask(ask).0, status, "{ask:?}");
    }
    assert_eq!(driver.ring().ask(read(0, 512)).0, OK);
    assert_eq!(disk.stat("/read/errors"), 0.0);
}

#[test]
fn a_read_only_disk_stays_as_it_is() {
    let lab = Lab::new();
    lab.image("a.img", 1 << 20);
    let disk = add(&lab, "quick", &["--image", "a.img", "--read-only"]);
    let mut driver = connect(&disk);
    assert_ne!(driver.offered & 1 << 5, 0, "VIRTIO_BLK_F_RO");
    assert_eq!(driver.ring().ask(Ask { out: &[1; 512], ..ask(OUT, 0) }).0, IOERR);
    let range = range(0, 8, 0);
    assert_eq!(driver.ring().ask(Ask { out: &range, ..ask(DISCARD, 0) }).0, UNSUPP);
    assert!(fs::read(lab.file("a.img")).unwrap().iter().all(|&b| b == 0));
}

#[test]
fn large_blocks_are_told_and_kept_to() {
    let lab = Lab::new();
    let more = ["--back", "mem", "--size", "1M", "--block-size", "4096", "-q", "3"];
    let disk = add(&lab, "quick", &more);
    let mut driver = connect(&disk);
    let config = driver.config(60).unwrap();
    assert_eq!(config[0..8], 2048u64.to_le_bytes(), "capacity in sectors of 512");
    assert_eq!(config[20..24], 4096u32.to_le_bytes(), "block size");
    assert_eq!(config[34..36], 3u16.to_le_bytes(), "queues");
    assert_eq!(driver.ring().ask(read(1, 4096)).0, IOERR);
    assert_eq!(driver.ring().ask(read(8, 4096)).0, OK);
}

/// Whoever cannot flush relies on every write: it is made durable before it is done.
#[test]
fn without_flush_every_write_is_forced() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--back", "mem", "--size", "1M"]);
    let write = Ask { out: &[1; 512], ..ask(OUT, 0) };
    let last_op = || disk.trace(1)[0]["op"].to_string();
    assert_eq!(connect(&disk).ring().ask(write).0, OK);
    let plain = last_op();
    let options = Options { without: 1 << 9, ..Options::default() };
    assert_eq!(connect_with(&disk.path, options).ring().ask(write).0, OK);
    assert_ne!(last_op(), plain, "a forced write is another operation");
}

/// The modelled time is kept, to the first request from a driver to the last: never early.
#[test]
fn no_answer_comes_early() {
    let lab = Lab::new();
    lab.model("slow", 8.0, 8.0);
    let disk = add(&lab, "slow", &["--back", "mem", "--size", "64M", "-q", "2"]);
    let mut driver = connect_with(&disk.path, Options { queues: 2, ..Options::default() });
    let begun = std::time::Instant::now();
    for slot in 0..8u16 {
        let sector = u64::from(slot) * 12345;
        driver.rings[usize::from(slot % 2)].submit(slot, read(sector, 4096));
    }
    for index in [0, 1] {
        let mut left = 4;
        while left > 0 {
            assert!(driver.rings[index].wait(std::time::Duration::from_secs(30)));
            while driver.rings[index].reap().is_some() {
                left -= 1;
            }
        }
    }
    // One arm for both queues: eight times half a revolution at least.
    assert!(begun.elapsed() >= std::time::Duration::from_millis(32), "{:?}", begun.elapsed());
    let trace = disk.trace(8);
    assert_eq!(trace.len(), 8);
    for record in trace {
        let ns = |key: &str| record[key].as_u64().unwrap();
        assert!(ns("done_ns") >= ns("due_ns"), "{record}");
        assert!(ns("done_ns") >= ns("backing_done_ns"), "{record}");
    }
}
