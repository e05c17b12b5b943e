//! Which format a trace is in, by its first line.

use super::error::ReplayError;
use super::trace::{number, snippet, words};

/// The formats of traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// fio's `write_iolog`, version 2 or 3.
    Iolog,
    /// fio's `write_lat_log` or `write_bw_log`, with `log_offset=1`.
    FioLog,
    /// The text that `blkparse` prints when told nothing else.
    Blkparse,
    /// Our own records ([`crate::report::TraceRecord`]), one per line or in an array.
    Json,
}

impl Format {
    /// Every format, in the order they are offered.
    pub const ALL: [Self; 4] = [Self::Iolog, Self::FioLog, Self::Blkparse, Self::Json];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iolog => "iolog",
            Self::FioLog => "fio-log",
            Self::Blkparse => "blkparse",
            Self::Json => "json",
        }
    }

    /// The format of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }
}

/// Decides by the first line that says anything.
pub(super) fn detect(head: &[u8], file: &str) -> Result<Format, ReplayError> {
    for (i, line) in head.split(|&c| c == b'\n').enumerate() {
        let line = line.trim_ascii();
        // blkparse may announce its input before the first event.
        if line.is_empty() || line.starts_with(b"Input file ") {
            continue;
        }
        return by_line(line).ok_or_else(|| ReplayError::UnknownFormat {
            file: file.into(),
            line: i as u64 + 1,
            found: snippet(line),
        });
    }
    Err(ReplayError::Empty { file: file.into(), why: "the file is empty".into() })
}

fn by_line(line: &[u8]) -> Option<Format> {
    if line.starts_with(b"fio version ") {
        return Some(Format::Iolog);
    }
    if line.starts_with(b"{") || line.starts_with(b"[") {
        return Some(Format::Json);
    }
    if words(line).count() >= 6 && words(line).nth(3).is_some_and(|time| time.contains(&b'.')) {
        return Some(Format::Blkparse);
    }
    let columns = line.split(|&c| c == b',').take(4);
    (columns.map(|c| number(c.trim_ascii())).filter(Option::is_some).count() == 4)
        .then_some(Format::FioLog)
}
