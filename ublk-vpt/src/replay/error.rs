//! What can go wrong between a trace file and its report, each in one line.

use std::io;

use vpt_model::SpecError;

/// Why a replay did not come to a report.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The trace cannot be opened or read.
    #[error("cannot read trace {file}")]
    Read {
        /// Path as given.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// The per-request output cannot be written.
    #[error("cannot write {file}")]
    Write {
        /// Path as given.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// A line is not what its format asks for.
    #[error("{file}:{line}: expected {expected}, found \"{found}\"; --lenient skips such lines")]
    Line {
        /// Path as given.
        file: String,
        /// Counted from 1.
        line: u64,
        /// What should have been there.
        expected: &'static str,
        /// The start of what was there.
        found: String,
    },
    /// The first line looks like none of the formats.
    #[error(
        "{file}:{line}: neither a fio iolog, a fio log, blkparse output nor a JSON trace \
         (found \"{found}\"); name the format with --format"
    )]
    UnknownFormat {
        /// Path as given.
        file: String,
        /// Counted from 1.
        line: u64,
        /// The start of what was there.
        found: String,
    },
    /// The trace holds no request.
    #[error("{file}: no request to replay ({why})")]
    Empty {
        /// Path as given.
        file: String,
        /// Lines read, skipped and ignored.
        why: String,
    },
    /// The device or file asked for is not in the trace.
    #[error("{file}: no request for {wanted}; the trace has {present}")]
    NoSuchSource {
        /// Path as given.
        file: String,
        /// What was asked for.
        wanted: String,
        /// What there is.
        present: String,
    },
    /// A request lies beyond the disk's end.
    #[error(
        "{file}:{line}: sectors {start} to {end} are beyond the disk's {capacity}; \
         --wrap folds them back, --capacity sets the size"
    )]
    OutOfRange {
        /// Path as given.
        file: String,
        /// Counted from 1.
        line: u64,
        /// First sector.
        start: u64,
        /// Sector after the last.
        end: u64,
        /// Sectors of the disk.
        capacity: u64,
    },
    /// An option has an impossible value.
    #[error("{option} must be {must}, not {is}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// What it may be.
        must: &'static str,
        /// What it is.
        is: String,
    },
    /// Arrivals are asked for that the trace does not have.
    #[error("{file}: this trace has no arrival times; replay it in a closed loop (--depth)")]
    NoTimes {
        /// Path as given.
        file: String,
    },
    /// The disk is not a possible one.
    #[error("the disk cannot be modelled")]
    Spec(#[from] SpecError),
    /// The model left requests without a decision.
    #[error("the model left {left} requests without a decision")]
    Stuck {
        /// How many.
        left: u64,
    },
}
