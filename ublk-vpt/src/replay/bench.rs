//! How fast replay is: requests of a synthetic trace through a model, and text through a parser.

use std::fmt::Write as _;
use std::time::Instant as WallClock;

use serde::Serialize;
use vpt_model::{Disk, DiskSpec, Op, Sectors};

use super::account::Account;
use super::drive::{Mode, drive};
use super::error::ReplayError;
use super::histogram_error;
use super::trace::{ReadOptions, Trace, TraceRequest};

/// Sectors of the synthetic disk: 1 GiB.
const CAPACITY: u64 = 1 << 21;
/// Requests of the synthetic trace; more are replayed by repeating it on a new disk.
const BATCH: usize = 1 << 19;
/// Lines of the text that is parsed.
const PARSED_LINES: u64 = 200_000;

/// The speed of replay on this machine, on one core.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BenchReport {
    /// Requests replayed.
    pub requests: u64,
    /// Model, queue and accounting on parsed requests.
    pub requests_per_second: f64,
    /// Parsing a version 3 iolog, 10^6 bytes per second.
    pub parse_mb_per_s: f64,
    /// The same in requests.
    pub parsed_requests_per_second: f64,
}

/// Replays `n` uniformly random 4 KiB requests, one at a time, and parses a synthetic iolog.
///
/// # Errors
/// If the disk is not a possible one.
pub fn benchmark(n: u64, spec: &DiskSpec) -> Result<BenchReport, ReplayError> {
    let requests = synthetic(BATCH.min(usize::try_from(n.max(1)).unwrap_or(BATCH)));
    let mut account = Account::new().map_err(histogram_error)?;
    let mut left = n.max(1);
    let begun = WallClock::now();
    while left > 0 {
        let batch = &requests[..requests.len().min(usize::try_from(left).unwrap_or(BATCH))];
        let mut disk = Disk::new(spec, Sectors::new(CAPACITY))?;
        drive(&mut disk, batch, Mode::Closed { depth: 1 }, |r, v| {
            account.add(r, v);
            Ok(())
        })?;
        left -= batch.len() as u64;
    }
    let replayed = begun.elapsed().as_secs_f64();
    let text = synthetic_iolog();
    let begun = WallClock::now();
    let trace = Trace::read(&mut text.as_bytes(), "synthetic iolog", &ReadOptions::default())?;
    let parsed = begun.elapsed().as_secs_f64();
    Ok(BenchReport {
        requests: account.requests(),
        requests_per_second: account.requests() as f64 / replayed,
        parse_mb_per_s: trace.bytes as f64 / 1e6 / parsed,
        parsed_requests_per_second: trace.requests.len() as f64 / parsed,
    })
}

/// A sequence of places all over the disk, always the same: Knuth's linear congruential generator.
fn places() -> impl Iterator<Item = u64> {
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % (CAPACITY / 8) * 8
    })
}

fn synthetic(n: usize) -> Vec<TraceRequest> {
    let ops = [Op::Read, Op::Read, Op::Read, Op::Write { fua: false }];
    let one = |(i, sector): (usize, u64)| TraceRequest::new(ops[i % ops.len()], sector, 8);
    places().enumerate().take(n).map(one).collect()
}

fn synthetic_iolog() -> String {
    let mut text = String::from("fio version 3 iolog\n0 /lab/img add\n0 /lab/img open\n");
    for (us, sector) in (0..PARSED_LINES).zip(places()) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} /lab/img read {} 4096", us * 100, sector * 512);
    }
    text
}
