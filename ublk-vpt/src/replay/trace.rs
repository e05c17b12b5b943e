//! A trace in memory: one compact record per request, whatever the file's format was.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use vpt_model::{Op, Request, RequestId, SECTOR_BYTES, Sectors};

use super::blktrace::{BlkEvent, Blkparse};
use super::detect::{self, Format};
use super::error::ReplayError;
use super::fio::{Iolog, LatencyLog};
use super::json::JsonTrace;

/// Longest line of a text trace: more means that this is no text.
const MAX_LINE: u64 = 1 << 20;

/// Stands for "not measured" in [`TraceRequest::measured_ns`].
const NOT_MEASURED: u64 = u64::MAX;

/// One request of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceRequest {
    /// Arrival, nanoseconds since an epoch of the trace's choice.
    pub arrival_ns: u64,
    /// First sector of 512 bytes.
    pub sector: u64,
    /// Line of the file it came from, counted from 1.
    pub line: u64,
    measured_ns: u64,
    /// Sectors of 512 bytes.
    pub sectors: u32,
    /// Which device or file of the trace, an index into [`Sources`].
    pub(super) source: u16,
    /// What to do.
    pub op: Op,
}

impl TraceRequest {
    /// A request without a measured latency.
    pub fn new(op: Op, sector: u64, sectors: u32) -> Self {
        Self { arrival_ns: 0, sector, line: 0, measured_ns: NOT_MEASURED, sectors, source: 0, op }
    }

    /// Arrival to completion as measured when the trace was taken, in nanoseconds.
    pub fn measured_ns(&self) -> Option<u64> {
        (self.measured_ns != NOT_MEASURED).then_some(self.measured_ns)
    }

    pub(super) fn set_measured_ns(&mut self, ns: Option<u64>) {
        self.measured_ns = ns.unwrap_or(NOT_MEASURED);
    }

    /// The sector after the last one; 0 for a flush.
    pub fn end(&self) -> u64 {
        self.sector.saturating_add(u64::from(self.sectors))
    }

    /// Bytes read or written.
    pub fn bytes(&self) -> u64 {
        u64::from(self.sectors) * SECTOR_BYTES
    }

    /// As the model takes it, under this name.
    pub fn request(&self, id: u64) -> Request {
        Request {
            id: RequestId(id),
            op: self.op,
            start: Sectors::new(self.sector),
            len: Sectors::new(u64::from(self.sectors)),
        }
    }
}

/// How far a trace's arrival times can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// Order only.
    None,
    /// Whole milliseconds: good for a rate, not for who waited for whom.
    Milliseconds,
    /// Microseconds or better.
    Fine,
}

/// A trace, parsed.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Path as given.
    pub file: String,
    /// Format it was read as.
    pub format: Format,
    /// Requests by arrival.
    pub requests: Vec<TraceRequest>,
    /// How good the arrival times are.
    pub timing: Timing,
    /// Lines read.
    pub lines: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Lines skipped because they were bad.
    pub skipped: u64,
    /// Well-formed entries that are no request to replay, of other devices included.
    pub ignored: u64,
    /// What a reader of the results should know.
    pub notes: Vec<String>,
}

/// How to read a trace.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Format; by content if `None`.
    pub format: Option<Format>,
    /// Which device (`8,0`) or file of the trace; the one with most requests if `None`.
    pub device: Option<String>,
    /// Which blktrace event is an arrival.
    pub event: BlkEvent,
    /// Skip and count bad lines.
    pub lenient: bool,
}

/// A line that is not what its format asks for.
#[derive(Debug)]
pub(super) struct Bad {
    pub(super) expected: &'static str,
}

/// One format's parser, fed line by line.
pub(super) trait LineParser {
    /// Takes one line without its end. `whole` is false for a piece of a line that is too long.
    fn line(&mut self, number: u64, text: &[u8], whole: bool, to: &mut Gathered)
    -> Result<(), Bad>;
    /// Called after the last line.
    fn finish(&mut self, to: &mut Gathered) -> Result<(), Bad>;
    /// How good the arrival times are; asked after the last line.
    fn timing(&self) -> Timing;
}

/// What the parsers fill.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) requests: Vec<TraceRequest>,
    pub(super) sources: Sources,
    pub(super) ignored: u64,
    pub(super) notes: Vec<String>,
}

/// The devices or files that a trace names, numbered by first appearance.
#[derive(Debug, Default)]
pub(super) struct Sources {
    numbers: HashMap<Vec<u8>, u16>,
    names: Vec<Vec<u8>>,
    last: u16,
}

impl Sources {
    /// The number of `name`.
    pub(super) fn number(&mut self, name: &[u8]) -> Result<u16, Bad> {
        // Nearly always the same one as on the line before.
        if self.names.get(usize::from(self.last)).is_some_and(|n| n == name) {
            return Ok(self.last);
        }
        if let Some(&n) = self.numbers.get(name) {
            self.last = n;
            return Ok(n);
        }
        let n = u16::try_from(self.names.len())
            .map_err(|_| Bad { expected: "at most 65536 different devices or files" })?;
        self.numbers.insert(name.to_vec(), n);
        self.names.push(name.to_vec());
        self.last = n;
        Ok(n)
    }

    fn name(&self, n: usize) -> String {
        self.names.get(n).map_or_else(String::new, |n| String::from_utf8_lossy(n).into_owned())
    }
}

impl Trace {
    /// Reads the trace at `path`, or standard input for `-`.
    ///
    /// # Errors
    /// If it cannot be read, has a bad line (unless lenient), or holds no request.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, ReplayError> {
        let file = path.display().to_string();
        let read_error = |source| ReplayError::Read { file: file.clone(), source };
        if path == Path::new("-") {
            return Self::read(&mut std::io::stdin().lock(), "standard input", options);
        }
        let opened = File::open(path).map_err(read_error)?;
        Self::read(&mut BufReader::with_capacity(1 << 16, opened), &file, options)
    }

    /// Reads a trace; `file` is what errors call it, and fio's logs are told apart by it.
    ///
    /// # Errors
    /// As for [`Trace::open`].
    pub fn read(
        reader: &mut dyn BufRead,
        file: &str,
        options: &ReadOptions,
    ) -> Result<Self, ReplayError> {
        let read_error = |source| ReplayError::Read { file: file.into(), source };
        let format = match options.format {
            Some(format) => format,
            None => detect::detect(reader.fill_buf().map_err(read_error)?, file)?,
        };
        let mut parser: Box<dyn LineParser> = match format {
            Format::Iolog => Box::new(Iolog::default()),
            Format::FioLog => Box::new(LatencyLog::for_file(file)),
            Format::Blkparse => Box::new(Blkparse::new(options.event)),
            Format::Json => Box::new(JsonTrace::default()),
        };
        let mut to = Gathered::default();
        let (mut lines, mut bytes, mut skipped) = (0, 0, 0);
        let mut buffer = Vec::new();
        let mut inside_line = false;
        let mut judge = |line: u64, text: &[u8], outcome: Result<(), Bad>| match outcome {
            Err(_) if options.lenient => {
                skipped += 1;
                Ok(())
            }
            Err(bad) => Err(ReplayError::Line {
                file: file.into(),
                line,
                expected: bad.expected,
                found: snippet(text),
            }),
            Ok(()) => Ok(()),
        };
        loop {
            buffer.clear();
            let n =
                (&mut *reader).take(MAX_LINE).read_until(b'\n', &mut buffer).map_err(read_error)?;
            if n == 0 {
                break;
            }
            bytes += n as u64;
            lines += u64::from(!inside_line);
            let ended = buffer.last() == Some(&b'\n');
            let whole = !inside_line && (ended || (n as u64) < MAX_LINE);
            inside_line = !ended;
            let text = buffer.trim_ascii();
            let outcome = if whole || format == Format::Json {
                parser.line(lines, text, whole, &mut to)
            } else {
                Err(Bad { expected: "a line of at most 1 MiB" })
            };
            judge(lines, text, outcome)?;
        }
        let outcome = parser.finish(&mut to);
        judge(lines, b"the end of the file", outcome)?;
        let Gathered { requests, ignored, notes, sources } = to;
        let mut trace = Self {
            file: file.into(),
            format,
            requests,
            timing: parser.timing(),
            lines,
            bytes,
            skipped,
            ignored,
            notes,
        };
        trace.choose_source(&sources, options.device.as_deref())?;
        if trace.requests.is_empty() {
            let why = format!("{lines} lines, {skipped} bad, {} ignored", trace.ignored);
            return Err(ReplayError::Empty { file: file.into(), why });
        }
        if trace.timing != Timing::None {
            trace.requests.sort_by_key(|r| r.arrival_ns); // stable: the file's order among equals
        }
        Ok(trace)
    }

    /// Keeps one device's requests: several would be several arms.
    fn choose_source(
        &mut self,
        sources: &Sources,
        wanted: Option<&str>,
    ) -> Result<(), ReplayError> {
        let mut counts = vec![0_u64; sources.names.len().max(1)];
        for r in &self.requests {
            if let Some(count) = counts.get_mut(usize::from(r.source)) {
                *count += 1;
            }
        }
        let present = || {
            let list: Vec<String> = counts
                .iter()
                .enumerate()
                .filter(|(_, c)| **c > 0)
                .map(|(i, c)| format!("{} ({c} requests)", sources.name(i)))
                .take(8)
                .collect();
            list.join(", ")
        };
        let chosen = match wanted {
            Some(name) => {
                let found = sources.numbers.get(name.as_bytes()).map(|&n| usize::from(n));
                found.filter(|&n| counts[n] > 0).ok_or_else(|| ReplayError::NoSuchSource {
                    file: self.file.clone(),
                    wanted: name.into(),
                    present: present(),
                })?
            }
            // The first of those with most requests.
            None => (0..counts.len()).rev().max_by_key(|&i| counts[i]).unwrap_or(0),
        };
        if counts.iter().filter(|c| **c > 0).count() > 1 {
            let name = sources.name(chosen);
            self.notes.push(format!("replayed {name} only; the trace has {}", present()));
            self.ignored += self.requests.len() as u64 - counts[chosen];
            self.requests.retain(|r| usize::from(r.source) == chosen);
        }
        Ok(())
    }

    /// The sector after the last one that a request touches.
    pub fn largest_end(&self) -> u64 {
        self.requests.iter().map(TraceRequest::end).max().unwrap_or(0)
    }
}

/// Sectors that hold the bytes from `offset`; `None` if they are no range of a disk.
pub(super) fn sectors_of(offset: u64, bytes: u64) -> Option<(u64, u32)> {
    let end = offset.checked_add(bytes)?.div_ceil(SECTOR_BYTES);
    let first = offset / SECTOR_BYTES;
    Some((first, u32::try_from(end - first).ok()?))
}

/// A decimal number and nothing else.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 {
        return None;
    }
    text.iter().try_fold(0_u64, |n, &c| {
        let digit = c.wrapping_sub(b'0');
        if digit > 9 { None } else { n.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}

/// The words of a line.
pub(super) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty())
}

/// The start of a line, printable.
pub(super) fn snippet(text: &[u8]) -> String {
    const SHOWN: usize = 60;
    let shown = String::from_utf8_lossy(&text[..text.len().min(SHOWN)]);
    let mut s: String = shown.escape_debug().collect();
    if text.len() > SHOWN {
        s.push_str("...");
    }
    s
}
