//! The volatile write cache: what it hides, when it cannot, and what a flush waits for.

mod support;

use support::{at_ms, disk, drain, flush, ms_between, read, request, write};
use vpt_model::spec::WriteCache;
use vpt_model::{Disk, DiskSpec, Instant, Op, Verdict};

const CAPACITY: u64 = 1 << 20;
/// Eight sectors over the bus.
const BUS_MS: f64 = 4096.0 / 40.96e3;
/// What every run the arm reads or writes costs.
const ARM_MS: f64 = 4.0;

/// Half a revolution of 8 ms for everything that is positioned, no seek, no transfer.
fn spec(sectors: u64, idle_ms: f64) -> DiskSpec {
    let mut spec = DiskSpec::linear(2.0 * ARM_MS, 0.0);
    spec.contiguous = false;
    spec.write_cache = Some(WriteCache { bytes: sectors * 512, bus_mb_per_s: 40.96, idle_ms });
    spec
}

fn cached(sectors: u64, idle_ms: f64) -> Disk {
    disk(&spec(sectors, idle_ms), CAPACITY)
}

/// Lets everything happen; the verdicts by id.
fn finish(d: &mut Disk) -> Vec<Verdict> {
    d.advance(Instant::MAX);
    let mut all = drain(d);
    all.sort_by_key(|v| v.id);
    all
}

/// When each was due, in ms, by id.
fn dues(d: &mut Disk) -> Vec<f64> {
    finish(d).iter().map(|v| ms_between(Instant::ZERO, v.due)).collect()
}

#[test]
fn a_write_completes_at_the_buss_speed_while_there_is_room() {
    let mut d = cached(32, 1000.0);
    d.set_k(3.0);
    for id in 0..4 {
        d.submit(at_ms(id as f64), write(id, id * 1000, 8));
    }
    let all = drain(&mut d);
    assert_eq!(all.len(), 4);
    for v in &all {
        assert_eq!(v.start, v.arrival);
        assert!((ms_between(v.start, v.due) - 3.0 * BUS_MS).abs() < 1e-9);
    }
    assert_eq!(d.busy().wall.as_nanos(), 0, "the arm has nothing to do with it");
}

#[test]
fn a_full_cache_lets_writes_in_one_by_one_and_in_order() {
    let mut d = cached(16, 1000.0);
    d.submit(at_ms(0.0), write(0, 0, 8));
    d.submit(at_ms(0.0), write(1, 1000, 8));
    // No room: the arm begins at once, and each run written back (4 ms) makes room for 8 sectors.
    d.submit(at_ms(1.0), write(2, 2000, 16));
    d.submit(at_ms(1.5), write(3, 3000, 4)); // would fit first, but is not first
    assert_eq!((drain(&mut d).len(), d.waiting()), (2, 2));
    let all = finish(&mut d);
    let starts: Vec<f64> = all.iter().map(|v| ms_between(Instant::ZERO, v.start)).collect();
    // 16 sectors need both runs gone; then 4 more need these 16 gone.
    assert_eq!(starts, [1.0 + 2.0 * ARM_MS, 1.0 + 3.0 * ARM_MS]);
    assert_eq!(ms_between(all[0].start, all[0].due), 2.0 * BUS_MS);
}

#[test]
fn a_small_write_does_not_slip_past_a_large_one_that_waits_for_room() {
    let mut d = cached(16, 1000.0);
    d.submit(at_ms(0.0), write(0, 0, 8));
    d.submit(at_ms(1.0), write(1, 1000, 16));
    d.submit(at_ms(2.0), write(2, 2000, 4)); // there is room for it
    let due = dues(&mut d);
    assert_eq!(due[1], 1.0 + ARM_MS + 2.0 * BUS_MS);
    assert_eq!(due[2], 1.0 + 2.0 * ARM_MS + BUS_MS / 2.0);
}

#[test]
fn a_flush_waits_for_what_was_dirty_when_it_came_and_for_nothing_later() {
    let mut d = cached(1000, 1000.0);
    d.submit(at_ms(0.0), write(0, 0, 8));
    d.submit(at_ms(0.0), write(1, 5000, 8));
    d.submit(at_ms(2.0), flush(2));
    d.submit(at_ms(3.0), write(3, 1, 8)); // near the head, but later
    d.submit(at_ms(3.0), write(4, 2000, 8));
    d.submit(at_ms(4.0), flush(5));
    d.submit(at_ms(4.0), write(6, 9000, 8));
    let due = dues(&mut d);
    assert_eq!(due[2], 2.0 + 2.0 * ARM_MS);
    assert_eq!(due[5], 2.0 + 4.0 * ARM_MS);
    assert_eq!(d.busy().wall.as_millis() as f64, 5.0 * ARM_MS, "the last write when idle");
}

#[test]
fn a_flush_waits_for_the_run_being_written_back() {
    let mut d = cached(1000, 10.0);
    d.submit(at_ms(0.0), write(0, 0, 8));
    d.submit(at_ms(12.0), flush(1)); // write-back began at 10
    d.submit(at_ms(13.0), flush(2));
    let due = dues(&mut d);
    assert_eq!(due[1..], [10.0 + ARM_MS, 10.0 + ARM_MS]);
}

#[test]
fn a_flush_of_a_clean_cache_is_done_at_once() {
    let mut d = cached(1000, 10.0);
    d.submit(at_ms(1.0), flush(0));
    d.submit(at_ms(2.0), write(1, 0, 8));
    d.submit(at_ms(100.0), flush(2)); // long since written back
    let due = dues(&mut d);
    assert_eq!((due[0], due[2]), (1.0, 100.0));
    let mut plain = disk(&DiskSpec::linear(8.0, 16.0), CAPACITY);
    plain.submit(at_ms(0.0), read(0, 5000, 8));
    plain.submit(at_ms(1.0), flush(1));
    assert_eq!(dues(&mut plain)[1], 1.0, "no cache, nothing volatile");
}

#[test]
fn a_flush_does_not_wait_for_an_empty_write() {
    let mut d = cached(100, 50.0);
    d.submit(at_ms(0.0), write(0, 5000, 0));
    d.submit(at_ms(0.0), write(1, 0, 8));
    d.submit(at_ms(1.0), flush(2));
    let due = dues(&mut d);
    assert_eq!(due.len(), 3);
    assert_eq!(due[2], 1.0 + ARM_MS);
}

#[test]
fn what_must_be_on_the_medium_goes_to_the_arm() {
    let mut d = cached(16, 1000.0);
    d.submit(at_ms(0.0), request(0, Op::Write { fua: true }, 0, 8));
    d.submit(at_ms(10.0), request(1, Op::WriteZeroes, 1000, 8));
    d.submit(at_ms(20.0), write(2, 2000, 17)); // more than the cache holds
    assert_eq!(dues(&mut d), [ARM_MS, 10.0 + ARM_MS, 20.0 + ARM_MS]);
}

#[test]
fn reads_of_dirty_sectors_need_no_arm() {
    let mut d = cached(1000, 1000.0);
    d.submit(at_ms(0.0), write(0, 100, 8));
    d.submit(at_ms(0.0), write(1, 108, 8)); // one run with the first
    d.submit(at_ms(1.0), read(2, 104, 8));
    d.submit(at_ms(2.0), read(3, 112, 8)); // half of it is not dirty
    d.submit(at_ms(10.0), flush(4));
    d.submit(at_ms(11.0), read(5, 100, 8)); // being written back, and still in the cache
    d.submit(at_ms(20.0), read(6, 100, 8)); // written back
    let due = dues(&mut d);
    assert_eq!(due[2], 1.0 + BUS_MS);
    assert_eq!(due[3], 2.0 + ARM_MS);
    assert_eq!(due[4], 10.0 + ARM_MS);
    assert_eq!(due[5], 11.0 + BUS_MS);
    assert_eq!(due[6], 20.0 + ARM_MS);
}

#[test]
fn write_back_waits_until_the_disk_is_idle_and_then_goes_on() {
    let mut d = cached(1000, 10.0);
    d.submit(at_ms(0.0), write(0, 0, 8));
    d.submit(at_ms(5.0), read(1, 50_000, 8)); // busy until 9: not idle before 19
    assert_eq!(d.next_event(), Some(at_ms(9.0 + 10.0)));
    d.submit(at_ms(12.0), write(2, 5000, 8));
    assert_eq!(d.next_event(), Some(at_ms(12.0 + 10.0)));
    d.advance(at_ms(22.0));
    assert_eq!(d.next_event(), Some(at_ms(22.0 + ARM_MS)));
    d.advance(at_ms(22.0 + ARM_MS)); // the second run follows: writing back is not other work
    assert_eq!(d.next_event(), Some(at_ms(22.0 + 2.0 * ARM_MS)));
    d.advance(at_ms(22.0 + 2.0 * ARM_MS));
    assert_eq!(d.next_event(), None);
    assert_eq!(d.busy().wall.as_millis() as f64, 3.0 * ARM_MS);
}

#[test]
fn a_read_goes_before_idle_write_back_but_not_before_an_older_flush() {
    let mut d = cached(1000, 10.0);
    d.submit(at_ms(0.0), write(0, 0, 8));
    d.submit(at_ms(0.0), write(1, 5000, 8));
    d.submit(at_ms(11.0), read(2, 50_000, 8)); // during the first run's write-back
    let due = dues(&mut d);
    assert_eq!(due[2], 10.0 + 2.0 * ARM_MS, "after that run, before the next");

    let mut d = cached(1000, 10.0);
    d.submit(at_ms(0.0), write(0, 0, 8));
    d.submit(at_ms(0.0), write(1, 5000, 8));
    d.submit(at_ms(1.0), flush(2));
    d.submit(at_ms(2.0), read(3, 50_000, 8));
    let due = dues(&mut d);
    assert_eq!((due[2], due[3]), (1.0 + 2.0 * ARM_MS, 1.0 + 3.0 * ARM_MS));
}

#[test]
fn writing_the_same_sectors_again_takes_no_more_room_and_is_written_back_once() {
    let mut d = cached(16, 100.0);
    for id in 0..10 {
        d.submit(at_ms(id as f64), write(id, 1000 + id % 3, 8)); // 1000..1010 in all
    }
    let all = finish(&mut d);
    assert!(all.iter().all(|v| v.start == v.arrival), "none had to wait: {all:?}");
    assert_eq!(d.busy().wall.as_millis() as f64, ARM_MS);

    // Full to the last sector, it still takes what replaces something.
    let mut d = cached(16, 100.0);
    d.submit(at_ms(0.0), write(0, 0, 16));
    d.submit(at_ms(1.0), write(1, 4, 8));
    assert_eq!(dues(&mut d)[1], 1.0 + BUS_MS);
}

/// A long run is written back in pieces of 512 KiB, so that a read does not wait for all of it; the
/// pieces follow each other without a gap.
#[test]
fn a_long_run_is_written_back_in_pieces() {
    let mut spec = spec(4096, 10.0);
    spec.contiguous = true;
    let mut d = disk(&spec, CAPACITY);
    d.submit(at_ms(0.0), write(0, 0, 3000));
    d.submit(at_ms(11.0), read(1, 50_000, 8));
    let due = dues(&mut d);
    assert_eq!(due[1], 10.0 + 2.0 * ARM_MS);
    // Afterwards the arm has to come back once; the last two pieces are contiguous.
    assert_eq!(d.busy().wall.as_millis() as f64, 3.0 * ARM_MS);
}
