//! One line per request, written while the replay goes on.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use vpt_model::Verdict;
use vpt_model::units::nanos;

use super::error::ReplayError;
use super::trace::TraceRequest;
use crate::report::{TraceRecord, op_code};

/// How the lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// Comma-separated, a header first.
    Csv,
    /// [`TraceRecord`]s, which can be replayed again.
    JsonLines,
}

/// Where per-request lines go.
#[derive(Clone, Debug)]
pub struct Output {
    /// File to write; `-` for standard output.
    pub path: PathBuf,
    /// How.
    pub format: OutputFormat,
}

/// Writes the lines.
pub(super) struct RecordWriter {
    to: Box<dyn Write>,
    file: String,
    format: OutputFormat,
}

const HEADER: &str = "id,line,arrival_ns,op,sector,sectors,wait_ns,overhead_ns,seek_ns,\
                      rotation_ns,transfer_ns,head_switch_ns,settle_ns,k,stroke,contiguous,\
                      start_ns,due_ns,measured_ns";

impl RecordWriter {
    pub(super) fn create(output: &Output) -> Result<Self, ReplayError> {
        let file = output.path.display().to_string();
        let to: Box<dyn Write> = if output.path == Path::new("-") {
            Box::new(BufWriter::new(io::stdout()))
        } else {
            let created = File::create(&output.path)
                .map_err(|source| ReplayError::Write { file: file.clone(), source })?;
            Box::new(BufWriter::with_capacity(1 << 16, created))
        };
        let mut writer = Self { to, file, format: output.format };
        if writer.format == OutputFormat::Csv {
            let header = writeln!(writer.to, "{HEADER}");
            writer.check(header)?;
        }
        Ok(writer)
    }

    pub(super) fn write(&mut self, r: &TraceRequest, v: &Verdict) -> Result<(), ReplayError> {
        let written = match self.format {
            OutputFormat::Csv => csv(&mut self.to, r, v),
            OutputFormat::JsonLines => serde_json::to_writer(&mut self.to, &record(r, v))
                .map_err(io::Error::from)
                .and_then(|()| self.to.write_all(b"\n")),
        };
        self.check(written)
    }

    pub(super) fn finish(mut self) -> Result<(), ReplayError> {
        let flushed = self.to.flush();
        self.check(flushed)
    }

    fn check(&self, outcome: io::Result<()>) -> Result<(), ReplayError> {
        outcome.map_err(|source| ReplayError::Write { file: self.file.clone(), source })
    }
}

fn csv(to: &mut dyn Write, r: &TraceRequest, v: &Verdict) -> io::Result<()> {
    let p = &v.parts;
    write!(
        to,
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},",
        v.id.0,
        r.line,
        v.arrival.as_nanos(),
        r.op.name(),
        r.sector,
        r.sectors,
        nanos(p.wait),
        nanos(p.overhead),
        nanos(p.seek),
        nanos(p.rotation),
        nanos(p.transfer),
        nanos(p.head_switch),
        nanos(p.settle),
        p.k,
        v.stroke,
        u8::from(v.contiguous),
        v.start.as_nanos(),
        v.due.as_nanos(),
    )?;
    match r.measured_ns() {
        Some(ns) => writeln!(to, "{ns}"),
        None => writeln!(to),
    }
}

/// The decision as a device would have recorded it: its data was there at once, and it was handed
/// back when due.
fn record(r: &TraceRequest, v: &Verdict) -> TraceRecord {
    let p = &v.parts;
    TraceRecord {
        id: v.id.0,
        arrival_ns: v.arrival.as_nanos(),
        op: op_code(r.op),
        sector: r.sector,
        sectors: u64::from(r.sectors),
        wait_ns: nanos(p.wait),
        overhead_ns: nanos(p.overhead),
        seek_ns: nanos(p.seek),
        rotation_ns: nanos(p.rotation),
        transfer_ns: nanos(p.transfer),
        head_switch_ns: nanos(p.head_switch),
        settle_ns: nanos(p.settle),
        k: p.k,
        stroke: v.stroke,
        start_ns: v.start.as_nanos(),
        due_ns: v.due.as_nanos(),
        backing_done_ns: v.arrival.as_nanos(),
        done_ns: v.due.as_nanos(),
        errno: 0,
    }
}
