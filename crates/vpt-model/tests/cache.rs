//! The volatile write cache: what it hides, when it cannot, and what a flush waits for.

mod support;

use support::{at_ms, disk, drain, flush, ms_between, read, request, write};
use vpt_model::spec::WriteCache;
use vpt_model::{Disk, DiskSpec, Instant, Op, Verdict};

const CAPACITY: u64 = 1 << 20;
/// Eight sectors over the bus.
const BUS_MS: f64 = 4096.0 / 40e3;

/// Half a revolution of 4 ms for everything that is positioned, no seek: every run costs 4 ms.
fn cached(sectors: u64, idle_ms: f64) -> Disk {
    let mut spec = DiskSpec::linear(8.0, 0.0);
    spec.contiguous = false;
    spec.write_cache = Some(WriteCache { bytes: sectors * 512, bus_mb_per_s: 40.0, idle_ms });
    disk(&spec, CAPACITY)
}

/// Lets everything happen; the verdicts by id.
fn finish(d: &mut Disk) -> Vec<Verdict> {
    d.advance(Instant::MAX);
    let mut all = drain(d);
    all.sort_by_key(|v| v.id);
    all
}

fn due_ms(v: &Verdict) -> f64 {
    ms_between(Instant::ZERO, v.due)
}

#[test]
fn a_flush_does_not_wait_for_an_empty_write() {
    let mut d = cached(100, 50.0);
    d.submit(at_ms(0.0), write(0, 5000, 0));
    d.submit(at_ms(0.0), write(1, 0, 8));
    d.submit(at_ms(1.0), flush(2));
    let all = finish(&mut d);
    assert_eq!(all.len(), 3);
    assert_eq!(due_ms(&all[2]), 5.0);
}
