//! The text of `blkparse`: one event per line, a summary at the end.
//!
//! ```text
//!   8,0    0        5     0.000008000   697  D   R 223488 + 8 [dd]
//!   dev    cpu     seq    seconds       pid  act rwbs sector + sectors [who]
//! ```
//! Arrivals are D (issued to the driver) or Q (queued by the host) events. A C event completes the
//! sectors it names: a request is done when all of its sectors are, so one completion ends all that
//! were merged into it, and a split request ends with its last piece.

use std::collections::BTreeMap;

use vpt_model::Op;

use super::trace::{Bad, Gathered, LineParser, Timing, TraceRequest, number, words};

/// Which event is a request's arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlkEvent {
    /// D: handed to the driver. What the disk saw, after merging and scheduling.
    #[default]
    Issue,
    /// Q: queued by the host. What the programs asked for.
    Queue,
}

const SHAPE: &str = "DEVICE CPU SEQUENCE SECONDS PID ACTION RWBS ...";

/// Parser of events.
#[derive(Debug)]
pub(super) struct Blkparse {
    arrival: u8,
    /// (device, first sector, index of the request) to sectors that have not completed.
    pending: BTreeMap<(u16, u64, usize), u32>,
    longest: u32,
    summary: bool,
}

impl Blkparse {
    pub(super) fn new(event: BlkEvent) -> Self {
        let arrival = match event {
            BlkEvent::Issue => b'D',
            BlkEvent::Queue => b'Q',
        };
        Self { arrival, pending: BTreeMap::new(), longest: 0, summary: false }
    }

    /// Takes completed sectors off what is pending.
    fn complete(&mut self, device: u16, ns: u64, first: u64, sectors: u32, to: &mut Gathered) {
        let end = first.saturating_add(u64::from(sectors));
        let from = (device, first.saturating_sub(u64::from(self.longest)), 0);
        let mut done = Vec::new();
        for (key, left) in self.pending.range_mut(from..(device, end, 0)) {
            let Some(request) = to.requests.get_mut(key.2) else { continue };
            let common = end.min(request.end()).saturating_sub(first.max(key.1));
            *left = left.saturating_sub(u32::try_from(common).unwrap_or(u32::MAX));
            if *left == 0 {
                request.set_measured_ns(Some(ns.saturating_sub(request.arrival_ns)));
                done.push(*key);
            }
        }
        for key in done {
            self.pending.remove(&key);
        }
    }

    /// A request goes back to the queue: it will be issued again, so this issue did not count.
    fn requeue(&mut self, device: u16, first: u64, to: &mut Gathered) {
        let back = self.pending.range((device, first, 0)..=(device, first, usize::MAX)).next_back();
        if let Some((&key, _)) = back {
            self.pending.remove(&key);
            if let Some(request) = to.requests.get_mut(key.2) {
                request.sectors = 0; // dropped in `finish`
            }
        }
    }
}

impl LineParser for Blkparse {
    fn line(&mut self, line: u64, text: &[u8], _: bool, to: &mut Gathered) -> Result<(), Bad> {
        self.summary |= [&b"CPU"[..], b"Total", b"Throughput"].iter().any(|w| text.starts_with(w));
        if self.summary || text.is_empty() || text.starts_with(b"Input file ") {
            return Ok(());
        }
        let mut fields = words(text);
        let device = fields.next().filter(|d| is_device(d)).ok_or(Bad { expected: SHAPE })?;
        let mut fields = fields.skip(2);
        let ns = fields.next().and_then(seconds).ok_or(Bad { expected: SHAPE })?;
        let mut fields = fields.skip(1);
        let action = fields.next().ok_or(Bad { expected: SHAPE })?;
        let wanted = match action {
            b"C" => true,
            b"R" => self.arrival == b'D',
            [a] => *a == self.arrival,
            _ => false,
        };
        if !wanted {
            return Ok(());
        }
        let rwbs = fields.next().ok_or(Bad { expected: SHAPE })?;
        let Some(op) = operation(rwbs) else {
            to.ignored += u64::from(action[0] == self.arrival);
            return Ok(());
        };
        let sector = fields.next().and_then(number);
        let plus = fields.next();
        if plus != Some(b"+") {
            // A packet command, or nothing to transfer.
            to.ignored += u64::from(action[0] == self.arrival);
            return Ok(());
        }
        let sectors = fields.next().and_then(number).and_then(|n| u32::try_from(n).ok());
        let (Some(sector), Some(sectors)) = (sector, sectors) else {
            return Err(Bad { expected: "SECTOR + SECTORS after the action" });
        };
        if sectors == 0 {
            return Ok(());
        }
        let device = to.sources.number(device)?;
        match action[0] {
            b'C' => self.complete(device, ns, sector, sectors, to),
            b'R' => self.requeue(device, sector, to),
            _ => {
                let mut request = TraceRequest::new(op, sector, sectors);
                request.arrival_ns = ns;
                request.line = line;
                request.source = device;
                self.longest = self.longest.max(sectors);
                self.pending.insert((device, sector, to.requests.len()), sectors);
                to.requests.push(request);
            }
        }
        Ok(())
    }

    fn finish(&mut self, to: &mut Gathered) -> Result<(), Bad> {
        let all = to.requests.len();
        to.requests.retain(|r| r.sectors > 0);
        let requeued = all - to.requests.len();
        if requeued > 0 {
            to.notes
                .push(format!("{requeued} requests were issued again; their last issue counts"));
        }
        Ok(())
    }

    fn timing(&self) -> Timing {
        Timing::Fine
    }
}

/// `8,0`.
fn is_device(text: &[u8]) -> bool {
    let mut numbers = text.split(|&c| c == b',');
    let mut one = || numbers.next().and_then(number).is_some();
    one() && one() && numbers.next().is_none()
}

/// `12.000345678` in nanoseconds.
fn seconds(text: &[u8]) -> Option<u64> {
    let dot = text.iter().position(|&c| c == b'.')?;
    let (whole, fraction) = (number(&text[..dot])?, &text[dot + 1..]);
    let digits = u32::try_from(fraction.len()).ok().filter(|&d| d <= 9)?;
    whole.checked_mul(1_000_000_000)?.checked_add(number(fraction)? * 10_u64.pow(9 - digits))
}

/// Reads and writes by their letters: a leading F is a flush before, one after the W is FUA.
fn operation(rwbs: &[u8]) -> Option<Op> {
    let rest = rwbs.strip_prefix(b"F").unwrap_or(rwbs);
    match rest {
        [b'R', ..] => Some(Op::Read),
        [b'W', flags @ ..] => Some(Op::Write { fua: flags.contains(&b'F') }),
        _ => None,
    }
}
