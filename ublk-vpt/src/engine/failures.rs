//! Failed requests in the log, each with its number: what `ublk stats --trace` and the trace call `id`.
//!
//! The engine only puts a record into a queue; a thread of ordinary priority writes. A disk that fails
//! all the time must not fill the log, so after a first few only their number is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::report::{TraceRecord, op_name};

/// Records under way to the log.
const BACKLOG: usize = 1024;
/// Failures that are told one by one within [`PERIOD`].
const ONE_BY_ONE: u32 = 10;
/// How long the others are only counted.
const PERIOD: Duration = Duration::from_secs(10);

/// Where the engine puts failed requests. Never blocks.
#[derive(Clone)]
pub struct FailureSink {
    queue: SyncSender<TraceRecord>,
    dropped: Arc<AtomicU64>,
}

impl FailureSink {
    pub(crate) fn put(&self, record: &TraceRecord) {
        if self.queue.try_send(*record).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The thread that writes them.
pub struct FailureLog(JoinHandle<()>);

impl FailureLog {
    /// Starts it.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start() -> std::io::Result<(FailureSink, Self)> {
        let (queue, records) = sync_channel(BACKLOG);
        let dropped = Arc::new(AtomicU64::new(0));
        let sink = FailureSink { queue, dropped: Arc::clone(&dropped) };
        let thread = std::thread::Builder::new()
            .name("failures".into())
            .spawn(move || write(&records, &dropped))?;
        Ok((sink, Self(thread)))
    }

    /// Waits until all is written; all sinks must be gone.
    pub fn finish(self) {
        let _ = self.0.join(); // a panic there was reported by its own message
    }
}

fn write(records: &Receiver<TraceRecord>, dropped: &AtomicU64) {
    let mut limit = Limit::default();
    loop {
        let record = records.recv_timeout(PERIOD);
        let now = Instant::now();
        limit.untold += dropped.swap(0, Ordering::Relaxed);
        let ended = record == Err(RecvTimeoutError::Disconnected);
        if let Some(untold) = limit.look(now, ended) {
            tracing::warn!(requests = untold, "{untold} more requests failed");
        }
        match record {
            Ok(record) if limit.admits() => tell(&record),
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn tell(record: &TraceRecord) {
    let TraceRecord { id, sector, sectors, errno, .. } = *record;
    let op = op_name(record.op);
    let why = std::io::Error::from_raw_os_error(errno);
    tracing::warn!(
        request = id,
        op,
        sector,
        sectors,
        errno,
        "request {id} failed: {op} of {sectors} sectors at {sector}: {why}"
    );
}

/// A few in each period, and the number of the others when it is over.
#[derive(Default)]
struct Limit {
    began: Option<Instant>,
    told: u32,
    untold: u64,
}

impl Limit {
    /// Begins a new period when the last one is over; how many of the last one have not been told.
    fn look(&mut self, now: Instant, ended: bool) -> Option<u64> {
        let over = self.began.is_none_or(|began| now.saturating_duration_since(began) >= PERIOD);
        if !over && !ended {
            return None;
        }
        let untold = self.untold;
        *self = Self { began: Some(now), told: 0, untold: 0 };
        (untold > 0).then_some(untold)
    }

    /// Whether one more may be told.
    fn admits(&mut self) -> bool {
        let admitted = self.told < ONE_BY_ONE;
        if admitted {
            self.told += 1;
        } else {
            self.untold += 1;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_disk_is_told_of_and_does_not_flood_the_log() {
        let mut limit = Limit::default();
        let begin = Instant::now();
        let mut lines = 0;
        let mut counted = 0;
        // A thousand failures a second, for a minute.
        for ms in 0..60_000 {
            if let Some(untold) = limit.look(begin + Duration::from_millis(ms), false) {
                lines += 1;
                counted += untold;
            }
            if limit.admits() {
                lines += 1;
                counted += 1;
            }
        }
        counted += limit.look(begin + Duration::from_secs(60), true).unwrap_or(0);
        assert_eq!(counted, 60_000, "none is forgotten");
        assert!(lines <= 6 * (u64::from(ONE_BY_ONE) + 1), "{lines} lines");
    }

    #[test]
    fn after_a_quiet_time_they_are_told_again() {
        let mut limit = Limit::default();
        let begin = Instant::now();
        limit.look(begin, false);
        assert_eq!((0..12).filter(|_| limit.admits()).count(), 10);
        assert_eq!(limit.look(begin + PERIOD, false), Some(2));
        assert!(limit.admits());
        assert_eq!(limit.look(begin + PERIOD * 2, true), None);
    }
}
