//! Finished requests for people and programs: the last ones in memory, all of them in a file if asked.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::report::TraceRecord;

/// Records under way to the file; a disk that stops the writer for longer loses records, and says so.
const BACKLOG: usize = 65_536;

/// Where the engine puts records. Never blocks.
#[derive(Clone)]
pub struct TraceSink {
    queue: SyncSender<TraceRecord>,
    dropped: Arc<AtomicU64>,
}

impl TraceSink {
    pub(crate) fn put(&self, record: &TraceRecord) {
        if self.queue.try_send(*record).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Writes records to a file as lines of JSON, on a thread of its own and ordinary priority.
pub struct TraceWriter {
    thread: JoinHandle<io::Result<()>>,
    dropped: Arc<AtomicU64>,
}

impl TraceWriter {
    /// Creates or replaces the file.
    ///
    /// # Errors
    /// If the file cannot be made or no thread can be started.
    pub fn create(path: &Path) -> io::Result<(TraceSink, Self)> {
        let out = BufWriter::new(File::create(path)?);
        let (queue, records) = sync_channel(BACKLOG);
        let dropped = Arc::new(AtomicU64::new(0));
        let thread = std::thread::Builder::new().name("trace".into()).spawn(move || {
            write(out, &records)
                .inspect_err(|e| tracing::error!("the trace ends here, incomplete: {e}"))
        })?;
        Ok((TraceSink { queue, dropped: dropped.clone() }, Self { thread, dropped }))
    }

    /// Waits until everything is written; all sinks must be gone. Returns how many records were lost.
    ///
    /// # Errors
    /// The first error of writing.
    pub fn finish(self) -> io::Result<u64> {
        self.thread.join().map_err(|_| io::Error::other("the trace writer panicked"))??;
        Ok(self.dropped.load(Ordering::Relaxed))
    }
}

fn write(mut out: BufWriter<File>, records: &Receiver<TraceRecord>) -> io::Result<()> {
    while let Ok(record) = records.recv() {
        serde_json::to_writer(&mut out, &record)?;
        out.write_all(b"\n")?;
        // Nothing more at the moment: let readers of the file see all of it.
        if let Ok(next) = records.try_recv() {
            serde_json::to_writer(&mut out, &next)?;
            out.write_all(b"\n")?;
        } else {
            out.flush()?;
        }
    }
    out.flush()
}
