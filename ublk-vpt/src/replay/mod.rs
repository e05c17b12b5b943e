//! A recorded trace through a modelled disk, on a virtual clock: what each request would take.
//!
//! ```text
//!   file --detect--> fio | blktrace | json --> Trace --drive--> Model --verdicts--> Account --> ReplayReport
//!                    (one parser a format)    (arrivals,       (a Disk)               |
//!                                              places)                                +--> Output (CSV, JSON lines)
//! ```
//! Nothing sleeps: an hour of trace takes a fraction of a second.

mod account;
mod bench;
mod blktrace;
mod detect;
mod drive;
mod error;
mod fio;
mod json;
mod output;
mod plot;
mod report;
mod table;
#[cfg(test)]
mod tests;
mod trace;

use std::path::PathBuf;
use std::time::Instant as WallClock;

use vpt_model::{Disk, DiskSpec, Instant, Sectors};

use account::Account;
pub use bench::{BenchReport, benchmark};
pub use blktrace::BlkEvent;
pub use detect::Format;
pub use drive::{Mode, Model, drive};
pub use error::ReplayError;
use output::RecordWriter;
pub use output::{Output, OutputFormat};
pub use plot::Plots;
pub use report::{Comparison, Deviation, PartTotal, PartTotals, ReplayReport, Speed, TraceSummary};
pub use trace::{ReadOptions, Timing, Trace, TraceRequest};

/// What to replay, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The trace; `-` for standard input.
    pub path: PathBuf,
    /// How to read it.
    pub read: ReadOptions,
    /// Size of the disk; up to the trace's largest end if `None`.
    pub capacity: Option<Sectors>,
    /// Fold requests beyond the disk's end back into it, instead of refusing them.
    pub wrap: bool,
    /// When requests are submitted. If `None`: as they arrived where the trace has times finer than
    /// milliseconds, one at a time otherwise.
    pub mode: Option<Mode>,
    /// The scale of all service times; 1 for the disk itself.
    pub k: f64,
    /// Where to write a line per request.
    pub output: Option<Output>,
}

impl Options {
    /// The trace at `path`, everything else by default.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            read: ReadOptions::default(),
            capacity: None,
            wrap: false,
            mode: None,
            k: 1.0,
            output: None,
        }
    }
}

/// Replays a trace through the disk of `spec`.
///
/// # Errors
/// One line for every [`ReplayError`]: what, where, and what to do.
pub fn run(options: &Options, spec: &DiskSpec) -> Result<ReplayReport, ReplayError> {
    check(options)?;
    let begun = WallClock::now();
    let trace = Trace::open(&options.path, &options.read)?;
    let parse_seconds = begun.elapsed().as_secs_f64();
    let mut report = replay(options, trace, &spec.name, |capacity| {
        let mut disk = Disk::new(spec, capacity)?;
        disk.set_k(options.k);
        Ok(disk)
    })?;
    report.speed.parse_seconds = parse_seconds;
    report.speed.parse_mb_per_s = report.trace.bytes as f64 / 1e6 / parse_seconds.max(1e-9);
    Ok(report)
}

/// Replays a trace that is in memory through the model that `make` makes for a capacity.
///
/// # Errors
/// As for [`run`], and whatever `make` returns.
pub fn replay<M: Model>(
    options: &Options,
    mut trace: Trace,
    disk: &str,
    make: impl FnOnce(Sectors) -> Result<M, ReplayError>,
) -> Result<ReplayReport, ReplayError> {
    check(options)?;
    let mode = choose_mode(options.mode, &mut trace)?;
    let capacity = options.capacity.map_or_else(|| trace.largest_end().max(1), Sectors::get);
    let wrapped = fit(&mut trace, capacity, options.wrap)?;
    let mut model = make(Sectors::new(capacity))?;
    let mut account = Account::new().map_err(histogram_error)?;
    let mut writer = options.output.as_ref().map(RecordWriter::create).transpose()?;
    let begun = WallClock::now();
    drive(&mut model, &trace.requests, mode, |request, verdict| {
        account.add(request, verdict);
        match &mut writer {
            Some(writer) => writer.write(request, verdict),
            None => Ok(()),
        }
    })?;
    let replay_seconds = begun.elapsed().as_secs_f64();
    if let Some(writer) = writer {
        writer.finish()?;
    }
    let makespan_s = account.end.saturating_since(Instant::ZERO).as_secs_f64();
    let per_second = |n: f64| if makespan_s > 0.0 { n / makespan_s } else { 0.0 };
    let requests = account.requests();
    let (depth, time_scale) = match mode {
        Mode::Open { time_scale } => (None, Some(time_scale)),
        Mode::Closed { depth } => (Some(depth), None),
    };
    Ok(ReplayReport {
        trace: TraceSummary {
            file: trace.file,
            format: trace.format.name(),
            lines: trace.lines,
            bytes: trace.bytes,
            skipped_lines: trace.skipped,
            ignored: trace.ignored,
            notes: trace.notes,
        },
        disk: disk.into(),
        capacity_sectors: capacity,
        mode: if depth.is_some() { "closed" } else { "open" },
        depth,
        time_scale,
        k: options.k,
        requests,
        reads: account.reads.requests,
        writes: account.writes.requests,
        flushes: account.flushes.requests,
        discards: account.discards.requests,
        read_bytes: account.reads.bytes,
        write_bytes: account.writes.bytes,
        wrapped,
        makespan_s,
        iops: per_second(requests as f64),
        mb_per_s: per_second((account.reads.bytes + account.writes.bytes) as f64 / 1e6),
        // Write-back after the last completion does not count.
        utilisation: per_second(model.busy().as_secs_f64()).min(1.0),
        response_ms: account.response.distribution(),
        service_ms: account.service.distribution(),
        wait_ms: account.wait.distribution(),
        parts: account.part_totals(),
        mean_stroke: account.mean_stroke(),
        contiguous: account.contiguous(),
        measured: account.comparison(),
        speed: Speed {
            replay_seconds,
            requests_per_second: requests as f64 / replay_seconds.max(1e-9),
            ..Speed::default()
        },
        plots: account.into_plots(),
    })
}

fn check(options: &Options) -> Result<(), ReplayError> {
    let refuse = |option, must, is: String| Err(ReplayError::Option { option, must, is });
    if !(options.k.is_finite() && options.k > 0.0) {
        return refuse("k", "a positive number", options.k.to_string());
    }
    if options.capacity.is_some_and(|c| c.get() == 0) {
        return refuse("--capacity", "at least one sector", "0".into());
    }
    match options.mode {
        Some(Mode::Open { time_scale }) if !(time_scale.is_finite() && time_scale > 0.0) => {
            refuse("--time-scale", "a positive number", time_scale.to_string())
        }
        Some(Mode::Closed { depth: 0 }) => refuse("--depth", "at least 1", "0".into()),
        _ => Ok(()),
    }
}

fn choose_mode(wanted: Option<Mode>, trace: &mut Trace) -> Result<Mode, ReplayError> {
    match (wanted, trace.timing) {
        (Some(Mode::Open { .. }), Timing::None) => {
            Err(ReplayError::NoTimes { file: trace.file.clone() })
        }
        (Some(mode), _) => Ok(mode),
        (None, Timing::Fine) => Ok(Mode::Open { time_scale: 1.0 }),
        (None, Timing::None) => Ok(Mode::Closed { depth: 1 }),
        (None, Timing::Milliseconds) => {
            let note = "this log's times are whole milliseconds, so requests are replayed one at a \
                        time in its order; --depth or --open choose otherwise";
            trace.notes.push(note.into());
            Ok(Mode::Closed { depth: 1 })
        }
    }
}

/// Brings every request inside the disk, or names the first that is not. Returns how many it moved.
fn fit(trace: &mut Trace, capacity: u64, wrap: bool) -> Result<u64, ReplayError> {
    let mut wrapped = 0;
    for r in trace.requests.iter_mut().filter(|r| r.end() > capacity) {
        if !wrap {
            return Err(ReplayError::OutOfRange {
                file: trace.file.clone(),
                line: r.line,
                start: r.sector,
                end: r.end(),
                capacity,
            });
        }
        wrapped += 1;
        r.sectors = u32::try_from(capacity).map_or(r.sectors, |c| r.sectors.min(c));
        r.sector = (r.sector % capacity).min(capacity - u64::from(r.sectors));
    }
    Ok(wrapped)
}

/// Three digits are always possible; said in an error all the same, rather than in a panic.
fn histogram_error(error: hdrhistogram::CreationError) -> ReplayError {
    ReplayError::Option { option: "histogram", must: "possible", is: error.to_string() }
}
