//! Writes into the page cache by the thread that has them, in the place of io_uring.
//!
//! File systems such as ext4 cannot promise io_uring that a write into the page cache will not wait, so
//! the kernel hands each to a worker thread: two more threads to wake for a write that mostly takes a
//! microsecond. Where the thread at hand may wait itself, it had better write. When the store does make
//! it wait, writes go through the ring again for a while, so that many can wait at the same time.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::engine::now;

/// A write that takes longer than this and its copying has waited for the store.
const LONG: Duration = Duration::from_millis(1);
/// For so long the ring writes then.
const REST: Duration = Duration::from_secs(1);
/// The instant that never comes.
const NEVER: u64 = u64::MAX;

/// Writes into a store, from any thread, beside whatever else the store is doing.
pub trait Writer: Send + Sync {
    /// Writes all of it, waiting if it must. False: it is not written, or not all of it; the store is to
    /// do it, and will say what is wrong.
    fn write(&self, offset: u64, data: &[u8]) -> bool;
}

/// Writes into a file.
#[derive(Debug)]
pub(super) struct FileWriter {
    file: File,
    /// Nothing is written before this instant, in nanoseconds.
    rests_until: AtomicU64,
}

impl FileWriter {
    pub(super) fn new(file: File) -> Self {
        Self { file, rests_until: AtomicU64::new(0) }
    }

    /// Writes nothing any more.
    pub(super) fn stop(&self) {
        self.rests_until.store(NEVER, Ordering::Relaxed);
    }
}

impl Writer for FileWriter {
    fn write(&self, offset: u64, data: &[u8]) -> bool {
        let begun = now();
        let rests_until = self.rests_until.load(Ordering::Relaxed);
        if begun.as_nanos() < rests_until {
            return false;
        }
        let written = self.file.write_all_at(data, offset).is_ok();
        let done = now();
        let copying = Duration::from_nanos(data.len() as u64); // at 1 GB/s
        if done.saturating_since(begun) > LONG + copying {
            let until = (done + REST).as_nanos();
            // Unless it was stopped meanwhile.
            let _ = self.rests_until.compare_exchange(
                rests_until,
                until,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_until_it_is_stopped_and_only_what_it_can() {
        let file = tempfile::tempfile().unwrap();
        let writer = FileWriter::new(file.try_clone().unwrap());
        assert!(writer.write(4, b"data"));
        writer.stop();
        assert!(!writer.write(4, b"none"));
        let mut found = [0; 8];
        file.read_exact_at(&mut found, 0).unwrap();
        assert_eq!(&found, b"\0\0\0\0data");
        let read_only = FileWriter::new(File::open("/dev/null").unwrap());
        assert!(!read_only.write(0, b"x"));
    }
}
