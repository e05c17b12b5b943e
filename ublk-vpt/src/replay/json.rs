//! Our own traces: [`TraceRecord`]s, one per line or in an array, pretty-printed or not.

use vpt_model::Op;

use super::trace::{Bad, Gathered, LineParser, Timing, TraceRequest};
use crate::report::TraceRecord;

const SHAPE: &str = "a trace record, as `ublk stats --trace` prints them";

/// Cuts the text into top-level objects; each is one record.
#[derive(Debug, Default)]
pub(super) struct JsonTrace {
    /// The object that is being gathered, over as many lines as it takes.
    object: Vec<u8>,
    /// Line on which it began.
    began: u64,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

/// A record is some 400 bytes; a thousand times that is something else.
const MAX_OBJECT: usize = 1 << 19;

impl JsonTrace {
    fn record(text: &[u8], line: u64, to: &mut Gathered) -> Result<(), Bad> {
        let r: TraceRecord = serde_json::from_slice(text).map_err(|_| Bad { expected: SHAPE })?;
        let op = match r.op {
            0 => Op::Read,
            1 => Op::Write { fua: false },
            2 => Op::Write { fua: true },
            3 => Op::Flush,
            4 => Op::Discard,
            5 => Op::WriteZeroes,
            _ => return Err(Bad { expected: "an op of 0 to 5" }),
        };
        let (sector, sectors) = if op == Op::Flush { (0, 0) } else { (r.sector, r.sectors) };
        let sectors = u32::try_from(sectors).ok().filter(|_| sector.checked_add(sectors).is_some());
        let sectors = sectors.ok_or(Bad { expected: "sector and sectors inside a disk" })?;
        if sectors == 0 && op != Op::Flush {
            return Err(Bad { expected: "sectors of at least 1" });
        }
        let mut request = TraceRequest::new(op, sector, sectors);
        request.arrival_ns = r.arrival_ns;
        request.line = line;
        // A failed request says nothing about the disk's speed.
        request.set_measured_ns(r.done_ns.checked_sub(r.arrival_ns).filter(|_| r.errno == 0));
        to.requests.push(request);
        Ok(())
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

impl LineParser for JsonTrace {
    fn line(&mut self, line: u64, text: &[u8], whole: bool, to: &mut Gathered) -> Result<(), Bad> {
        // One record on one line is what we write ourselves.
        let fast = text.strip_suffix(b",").unwrap_or(text);
        let one = whole && fast.starts_with(b"{") && fast.ends_with(b"}");
        if one && Self::record(fast, line, to).is_ok() {
            // Records do not nest, so what was open was cut off.
            let cut_off = self.depth > 0;
            self.reset();
            return if cut_off {
                Err(Bad { expected: "the rest of the record before" })
            } else {
                Ok(())
            };
        }
        let mut outcome = Ok(());
        for &c in text {
            if self.depth == 0 {
                match c {
                    b'{' => (self.began, self.depth) = (line, 1),
                    b'[' | b']' | b',' => continue,
                    c if c.is_ascii_whitespace() => continue,
                    _ => return Err(Bad { expected: SHAPE }),
                }
                self.object.push(c);
                continue;
            }
            self.object.push(c);
            if self.in_string {
                match c {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
            } else {
                match c {
                    b'"' => self.in_string = true,
                    b'{' => self.depth += 1,
                    b'}' => self.depth -= 1,
                    _ => {}
                }
            }
            if self.depth == 0 {
                let parsed = Self::record(&self.object, self.began, to);
                outcome = outcome.and(parsed);
                self.object.clear();
            } else if self.object.len() > MAX_OBJECT {
                self.reset();
                return Err(Bad { expected: SHAPE });
            }
        }
        outcome
    }

    fn finish(&mut self, _: &mut Gathered) -> Result<(), Bad> {
        if self.depth > 0 {
            return Err(Bad { expected: "the end of the last trace record" });
        }
        Ok(())
    }

    fn timing(&self) -> Timing {
        Timing::Fine
    }
}
