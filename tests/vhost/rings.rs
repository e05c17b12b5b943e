//! Rings: several, interrupts, stopping and going on, and guests that break the rules.

use std::time::Duration;

use e2e::vhost::{Ask, Driver, IN, OK, OUT, Options};
use e2e::{Disk, Lab, pattern};

use super::{add, connect, connect_with};

const SOON: Duration = Duration::from_secs(30);
const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;

fn read(sector: u64) -> Ask<'static> {
    Ask { kind: IN, sector, out: &[], room: 4096 }
}

/// Waits for so many, and checks that all went well.
fn collect(driver: &mut Driver, ring: usize, count: usize) {
    let ring = &mut driver.rings[ring];
    for _ in 0..count {
        assert!(ring.wait(SOON));
        let (slot, _) = ring.reap().unwrap();
        assert_eq!(ring.status(slot), OK);
    }
}

#[test]
fn every_queue_serves() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--back", "mem", "--size", "16M", "-q", "32"]);
    let options = Options { queues: 32, size: 8, ..Options::default() };
    let mut driver = connect_with(&disk.path, options);
    assert_eq!(driver.queues().unwrap(), 32);
    for round in 0..3 {
        for ring in &mut driver.rings {
            ring.submit(round % 2, read(8));
        }
        for index in 0..32 {
            collect(&mut driver, index, 1);
        }
    }
    assert_eq!(disk.stat("/read/requests"), 96.0);
}

/// With and without EVENT_IDX, and without keeping what is in flight.
#[test]
fn whatever_the_driver_takes() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--back", "mem", "--size", "16M"]);
    let protocol_features = 1 << 30;
    for without in [0, 1 << 29, 1 << 28, protocol_features] {
        for inflight in [true, false] {
            let options = Options { without, inflight, ..Options::default() };
            let mut driver = connect_with(&disk.path, options);
            for slot in 0..32 {
                driver.ring().submit(slot, read(u64::from(slot) * 8));
            }
            collect(&mut driver, 0, 32);
        }
    }
}

/// More requests than may be inside: the rest waits in the ring, and all come back.
#[test]
fn a_small_depth_is_kept() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--back", "mem", "--size", "16M", "-d", "2", "-q", "2"]);
    let mut driver = connect_with(&disk.path, Options { queues: 2, ..Options::default() });
    for slot in 0..40 {
        for ring in &mut driver.rings {
            ring.submit(slot, read(u64::from(slot) * 8));
        }
    }
    let most = (0..20).map(|_| disk.stat("/in_flight") as u64).max();
    collect(&mut driver, 0, 40);
    collect(&mut driver, 1, 40);
    assert!(most <= Some(2), "{most:?} inside");
}

/// Stopped as QEMU stops it for a paused or rebooted guest: nothing is lost, and it goes on there.
#[test]
fn a_ring_that_is_stopped_gives_everything_back() {
    let lab = Lab::new();
    lab.model("slow", 8.0, 8.0);
    let disk = add(&lab, "slow", &["--back", "mem", "--size", "16M"]);
    let mut driver = connect(&disk);
    for round in 1..=3 {
        // Ten requests take seconds: a busy machine must find one of them inside.
        disk.run("set", &["mode=fixed", "k=100", "k_max=1000"]).ok();
        for slot in 0..10 {
            driver.ring().submit(slot, read(u64::from(slot) * 800));
        }
        disk.wait_in_flight(1);
        let base = std::thread::scope(|scope| {
            let stopped = scope.spawn(|| driver.stop_ring(0));
            // All but the one that is served are quick from here on.
            disk.run("set", &["k=1"]).ok();
            stopped.join().unwrap().unwrap()
        });
        let ring = driver.ring();
        assert_eq!(u32::from(ring.used()), base, "all that was taken is given back");
        let base = base as u16;
        driver.start_ring(0, base).unwrap();
        collect(&mut driver, 0, 10);
        assert_eq!(driver.ring().used(), round * 10);
    }
}

#[test]
fn a_disabled_ring_waits() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--back", "mem", "--size", "16M"]);
    let mut driver = connect(&disk);
    driver.enable(0, false).unwrap();
    driver.ring().submit(0, read(0));
    assert!(!driver.ring().wait(Duration::from_millis(100)));
    driver.enable(0, true).unwrap();
    collect(&mut driver, 0, 1);
}

/// Chains that are none: the daemon goes on, and so does the guest once it behaves.
#[test]
fn broken_chains_hurt_nobody_else() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--back", "mem", "--size", "16M"]);
    let mut driver = connect(&disk);
    let far = 1 << 40;
    // Each list of descriptors is one chain, from number 0 on.
    let chains: &[&[(u64, u32, u16, u16)]] = &[
        &[(0, 16, NEXT, 0)],
        &[(0, 16, NEXT, 500)],
        &[(far, 16, NEXT, 1), (far, 1, WRITE, 0)],
        &[(0x20000, 16, NEXT, 1), (far, 4096, NEXT | WRITE, 2), (0x20100, 1, WRITE, 0)],
        &[(0x20000, 16, NEXT, 1), (0x20200, u32::MAX, NEXT | WRITE, 2), (0x20100, 1, WRITE, 0)],
        &[(0x20000, 0, NEXT, 1), (0x20100, 0, WRITE, 0)],
        &[(far, 32, INDIRECT, 0)],
        &[(0, 16, INDIRECT, 0)],
        &[(0x20000, 16, 0, 0)],
        &[(u64::MAX, u32::MAX, NEXT, 1), (u64::MAX - 5, 100, WRITE, 0)],
    ];
    for chain in chains {
        let ring = driver.ring();
        let since = ring.next;
        for (&(addr, len, flags, next), index) in chain.iter().zip(0..) {
            ring.describe(index, addr, len, flags, next);
        }
        ring.offer(0);
        ring.notify(since);
        assert!(ring.wait(SOON), "{chain:x?}");
        ring.reap().unwrap();
        assert_eq!(ring.ask(read(8)).0, OK, "after {chain:x?}");
    }
    assert!(disk.run("list", &[]).status.success());
}

/// A ring that says nonsense is not served any more, until it is started anew.
#[test]
fn a_broken_ring_is_left_alone() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--back", "mem", "--size", "16M", "-q", "2"]);
    let mut driver = connect_with(&disk.path, Options { queues: 2, ..Options::default() });
    // A head that is no descriptor; then an index far ahead of all that can be.
    driver.rings[0].offer(40000);
    driver.rings[0].notify(0);
    driver.rings[1].next = 30000;
    driver.rings[1].offer(0);
    driver.rings[1].kick.write(1).unwrap();
    e2e::wait_until("two warnings", SOON, || {
        log(&lab, &disk).matches("served no more").count() == 2
    });
    assert!(!driver.rings[0].wait(Duration::from_millis(50)));
    // Anew.
    drop(driver);
    assert_eq!(connect(&disk).ring().ask(read(8)).0, OK);
}

fn log(lab: &Lab, disk: &Disk<'_>) -> String {
    std::fs::read_to_string(lab.state().join(format!("{:04}.log", disk.id))).unwrap()
}

/// A driver that came back finds the disk as it was.
#[test]
fn data_outlives_the_connection() {
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--back", "mem", "--size", "16M"]);
    let data = pattern(7, 8192);
    let write = Ask { kind: OUT, sector: 64, out: &data, room: 0 };
    assert_eq!(connect(&disk).ring().ask(write).0, OK);
    let read = Ask { kind: IN, sector: 64, out: &[], room: 8192 };
    assert!(connect(&disk).ring().ask(read).1 == data);
}
