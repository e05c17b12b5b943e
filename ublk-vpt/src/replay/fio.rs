//! What fio writes: its iologs and its per-request logs.
//!
//! | file | written by | times | latency |
//! | --- | --- | --- | --- |
//! | iolog 2 | `write_iolog` of older fio | only by `wait` lines | no |
//! | iolog 3 | `write_iolog` | microseconds | no |
//! | log | `write_lat_log`, `write_bw_log` with `log_offset=1` | completion, whole milliseconds | yes |
//!
//! `wait` in a version 2 iolog is taken as fio 3.33 was seen to take it: milliseconds after the
//! start of the log, not microseconds after the line before.

use vpt_model::Op;

use super::trace::{Bad, Gathered, LineParser, Timing, TraceRequest, number, sectors_of, words};

/// An iolog of version 2 or 3.
#[derive(Debug, Default)]
pub(super) struct Iolog {
    version: Option<u8>,
    waited_ms: u64,
}

impl LineParser for Iolog {
    fn line(&mut self, line: u64, text: &[u8], _: bool, to: &mut Gathered) -> Result<(), Bad> {
        if text.is_empty() {
            return Ok(());
        }
        let Some(version) = self.version else {
            self.version = match text {
                b"fio version 2 iolog" => Some(2),
                b"fio version 3 iolog" => Some(3),
                _ => None,
            };
            return match self.version {
                Some(_) => Ok(()),
                None => Err(Bad { expected: "\"fio version 2 iolog\" or \"fio version 3 iolog\"" }),
            };
        };
        let mut fields = words(text);
        let mut arrival_ns = self.waited_ms.saturating_mul(1_000_000);
        if version == 3 {
            let us = fields.next().and_then(number);
            let us = us.ok_or(Bad { expected: "TIMESTAMP FILE ACTION [OFFSET LENGTH]" })?;
            arrival_ns = us.saturating_mul(1000);
        }
        let (Some(file), Some(action)) = (fields.next(), fields.next()) else {
            return Err(Bad { expected: "FILE ACTION [OFFSET LENGTH]" });
        };
        let (offset, length) = (fields.next(), fields.next());
        let op = match action {
            b"add" | b"open" | b"close" => return Ok(()),
            b"wait" if version == 2 => {
                let ms = offset.and_then(number).ok_or(Bad { expected: "wait MILLISECONDS" })?;
                self.waited_ms = self.waited_ms.max(ms);
                return Ok(());
            }
            b"read" => Op::Read,
            b"write" => Op::Write { fua: false },
            b"trim" => Op::Discard,
            b"sync" | b"datasync" | b"sync_file_range" => Op::Flush,
            _ => {
                return Err(Bad {
                    expected: "one of the actions read, write, trim, sync, datasync, add, open, \
                               close, or (version 2 only) wait",
                });
            }
        };
        let (sector, sectors) = if op == Op::Flush {
            (0, 0)
        } else {
            let offset = offset.and_then(number).ok_or(Bad { expected: "an OFFSET in bytes" })?;
            let length = length.and_then(number).filter(|&n| n > 0);
            let length = length.ok_or(Bad { expected: "a LENGTH in bytes, at least 1" })?;
            sectors_of(offset, length).ok_or(Bad { expected: "OFFSET and LENGTH inside a disk" })?
        };
        let mut request = TraceRequest::new(op, sector, sectors);
        request.arrival_ns = arrival_ns;
        request.line = line;
        request.source = to.sources.number(file)?;
        to.requests.push(request);
        Ok(())
    }

    fn finish(&mut self, _: &mut Gathered) -> Result<(), Bad> {
        Ok(())
    }

    fn timing(&self) -> Timing {
        if self.version == Some(3) || self.waited_ms > 0 { Timing::Fine } else { Timing::None }
    }
}

/// What the value column means; only fio's choice of file name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// Nanoseconds from submission (or start) to completion.
    Latency,
    /// 1000 bytes per second while the request was under way.
    Bandwidth,
    /// Something that is no completion latency.
    Other,
}

/// A log with one line per request.
#[derive(Debug)]
pub(super) struct LatencyLog {
    value: Value,
    first: bool,
}

impl LatencyLog {
    /// For a log of this name: fio puts `_bw`, `_lat`, `_clat`, `_slat` or `_iops` into it.
    pub(super) fn for_file(file: &str) -> Self {
        let name = file.rsplit('/').next().unwrap_or(file);
        let value = if name.contains("_bw.") {
            Value::Bandwidth
        } else if name.contains("_slat.") || name.contains("_iops.") {
            Value::Other
        } else {
            Value::Latency
        };
        Self { value, first: true }
    }
}

impl LineParser for LatencyLog {
    fn line(&mut self, line: u64, text: &[u8], _: bool, to: &mut Gathered) -> Result<(), Bad> {
        if text.is_empty() {
            return Ok(());
        }
        let mut columns = text.split(|&c| c == b',').map(|c| number(c.trim_ascii()));
        let mut next = || columns.next().flatten();
        let (Some(time_ms), Some(value), Some(direction)) = (next(), next(), next()) else {
            return Err(Bad { expected: "TIME_MS, VALUE, DIRECTION, BLOCKSIZE, OFFSET[, PRIO]" });
        };
        let bytes = next().ok_or(Bad { expected: "a BLOCKSIZE in bytes" })?;
        let offset =
            next().ok_or(Bad { expected: "an OFFSET (fio writes it with log_offset=1)" })?;
        if bytes == 0 {
            return Err(Bad {
                expected: "a BLOCKSIZE of at least 1 (fio writes 0 when log_avg_msec is set)",
            });
        }
        let op = match direction {
            0 => Op::Read,
            1 => Op::Write { fua: false },
            2 => Op::Discard,
            _ => return Err(Bad { expected: "a DIRECTION of 0 (read), 1 (write) or 2 (trim)" }),
        };
        let (sector, sectors) = sectors_of(offset, bytes)
            .ok_or(Bad { expected: "OFFSET and BLOCKSIZE inside a disk" })?;
        let measured = match self.value {
            Value::Latency => Some(value),
            Value::Bandwidth => bytes.saturating_mul(1_000_000).checked_div(value),
            Value::Other => None,
        };
        let mut request = TraceRequest::new(op, sector, sectors);
        // Logged when it completed.
        request.arrival_ns =
            time_ms.saturating_mul(1_000_000).saturating_sub(measured.unwrap_or(0));
        request.line = line;
        request.set_measured_ns(measured);
        to.requests.push(request);
        if std::mem::take(&mut self.first) && self.value == Value::Other {
            to.notes.push("this log holds no completion latency to compare with".into());
        }
        Ok(())
    }

    fn finish(&mut self, _: &mut Gathered) -> Result<(), Bad> {
        Ok(())
    }

    fn timing(&self) -> Timing {
        Timing::Milliseconds
    }
}
