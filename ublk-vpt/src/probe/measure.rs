//! The loops that read and take the time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::options::{Model, Options, ProbeError, ProgressSink};
use super::plan::{Move, Rng, stroke};
use super::target::{Buffer, Read, Target};

/// How many failed reads are told one by one.
const TOLD: usize = 5;
/// How often a person's wish to stop is looked at while other threads read.
const LOOK: Duration = Duration::from_millis(50);
/// Bytes of one sequential read, or the block size if that is more.
const CHUNK: u64 = 256 << 10;

/// One failed read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRead {
    /// Byte offset.
    pub offset: u64,
    /// What the kernel said.
    pub error: String,
}

/// Rate of sequential reads at one place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SequentialRate {
    /// Where, as a fraction of the target.
    pub at: f64,
    /// 10^6 bytes per second.
    pub mb_per_s: f64,
}

/// What random requests gave.
pub(super) struct Random {
    /// (stroke, milliseconds); empty above depth 1.
    pub(super) samples: Vec<(f64, f64)>,
    /// Milliseconds of every request.
    pub(super) latencies_ms: Vec<f64>,
    /// From the first request's start to the last one's end.
    pub(super) seconds: f64,
}

/// Everything the loops share: whom to tell, when to stop, what went wrong.
pub(super) struct Session<'a> {
    sink: &'a mut dyn ProgressSink,
    started: Instant,
    deadline: Option<Instant>,
    max_errors: u64,
    /// Reads made, failed ones and those that only placed the arm included.
    pub(super) reads: u64,
    /// Reads that failed.
    pub(super) errors: u64,
    /// The first of these.
    pub(super) failed: Vec<FailedRead>,
    /// Why it ended early.
    pub(super) stopped: Option<&'static str>,
    model: Option<Model>,
    /// What the model expects of each uncached sample, in the order measured; empty without a model.
    pub(super) expected: Vec<f64>,
}

impl<'a> Session<'a> {
    pub(super) fn new(options: &Options, sink: &'a mut dyn ProgressSink) -> Self {
        let started = Instant::now();
        Self {
            sink,
            started,
            deadline: options.time_limit.and_then(|limit| started.checked_add(limit)),
            max_errors: options.max_errors,
            reads: 0,
            errors: 0,
            failed: Vec::new(),
            stopped: None,
            model: options.model.clone(),
            expected: Vec::new(),
        }
    }

    fn expect(&mut self, from: u64, to: u64, stroke: f64) {
        if let Some(model) = &self.model {
            self.expected.push(model.expected(from, to, stroke));
        }
    }

    /// Seconds since it began.
    pub(super) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    pub(super) fn phase(&mut self, name: &str, requests: u64) {
        self.sink.phase(name, requests);
    }

    pub(super) fn note(&mut self, text: &str) {
        self.sink.note(text);
    }

    /// Whether it is time to end; remembers why.
    fn over(&mut self) -> bool {
        if self.stopped.is_none() {
            if !self.sink.keep_going() {
                self.stopped = Some("interrupted");
            } else if self.deadline.is_some_and(|d| Instant::now() >= d) {
                self.stopped = Some("the time limit was reached");
            }
        }
        self.stopped.is_some()
    }

    /// Milliseconds of a read, or `None` if it failed.
    fn judge(
        &mut self,
        target: &Target,
        offset: u64,
        read: Read,
    ) -> Result<Option<f64>, ProbeError> {
        self.reads += 1;
        match read {
            Read::Done(took) => Ok(Some(took.as_secs_f64() * 1e3)),
            Read::Resized { now } => {
                Err(ProbeError::Resized { target: target.name.clone(), was: target.bytes, now })
            }
            Read::Failed(source) => {
                self.errors += 1;
                if self.failed.len() < TOLD {
                    let error = source.to_string();
                    self.sink.note(&format!("read at byte {offset} failed: {error}"));
                    self.failed.push(FailedRead { offset, error });
                }
                if self.errors >= self.max_errors.max(1) {
                    let target = target.name.clone();
                    return Err(ProbeError::Reads { target, count: self.errors, offset, source });
                }
                Ok(None)
            }
        }
    }

    fn read(
        &mut self,
        target: &Target,
        buffer: &mut Buffer,
        offset: u64,
        fresh: bool,
    ) -> Result<Option<f64>, ProbeError> {
        let read = target.read(buffer, offset, fresh);
        self.judge(target, offset, read)
    }

    /// Times the moves of `plan`; gives (stroke, milliseconds) and how many moves were gone through.
    pub(super) fn moves(
        &mut self,
        target: &Target,
        plan: &[Move],
        fresh: bool,
    ) -> Result<(Vec<(f64, f64)>, usize), ProbeError> {
        let mut buffer = Buffer::new(target.block_bytes);
        let mut samples = Vec::with_capacity(plan.len());
        for (i, step) in plan.iter().enumerate() {
            if self.over() {
                return Ok((samples, i));
            }
            let (from, to) = (step.from * target.block_bytes, step.to * target.block_bytes);
            // A failed read leaves the arm who knows where: then there is nothing to time.
            if self.read(target, &mut buffer, from, fresh)?.is_some()
                && let Some(ms) = self.read(target, &mut buffer, to, fresh)?
            {
                let stroke = step.stroke(target.last());
                samples.push((stroke, ms));
                if fresh {
                    self.expect(from, to, stroke);
                }
            }
            self.sink.done(2 * (i as u64 + 1));
        }
        Ok((samples, plan.len()))
    }

    /// Reads everything `plan` touches once, so that the page cache has it.
    pub(super) fn warm(&mut self, target: &Target, plan: &[Move]) -> Result<(), ProbeError> {
        let mut buffer = Buffer::new(target.block_bytes);
        for (i, step) in plan.iter().enumerate() {
            if self.over() {
                break;
            }
            for block in [step.from, step.to] {
                self.read(target, &mut buffer, block * target.block_bytes, false)?;
            }
            self.sink.done(2 * (i as u64 + 1));
        }
        Ok(())
    }

    /// `count` uniformly random reads one after the other, each with its distance from the one before.
    pub(super) fn random_alone(
        &mut self,
        target: &Target,
        rng: &mut Rng,
        count: u64,
    ) -> Result<Random, ProbeError> {
        let mut buffer = Buffer::new(target.block_bytes);
        let last = target.last();
        let mut out = Random { samples: Vec::new(), latencies_ms: Vec::new(), seconds: 0.0 };
        // The first read has no distance; it only places the arm.
        let mut before = rng.up_to(last);
        let placed = self.read(target, &mut buffer, before * target.block_bytes, true)?;
        let mut known = placed.is_some();
        let started = Instant::now();
        for i in 0..count {
            if self.over() {
                break;
            }
            let block = rng.up_to(last);
            match self.read(target, &mut buffer, block * target.block_bytes, true)? {
                Some(ms) => {
                    if known {
                        let stroke = stroke(before, block, last);
                        out.samples.push((stroke, ms));
                        let unit = target.block_bytes;
                        self.expect(before * unit, block * unit, stroke);
                    }
                    out.latencies_ms.push(ms);
                    known = true;
                }
                None => known = false,
            }
            before = block;
            self.sink.done(i + 1);
        }
        out.seconds = started.elapsed().as_secs_f64();
        Ok(out)
    }

    /// `count` uniformly random reads from `depth` threads.
    pub(super) fn random_together(
        &mut self,
        target: &Target,
        rng: &mut Rng,
        count: u64,
        depth: usize,
    ) -> Result<Random, ProbeError> {
        let stop = AtomicBool::new(false);
        let taken = AtomicU64::new(0);
        let mut out = Random { samples: Vec::new(), latencies_ms: Vec::new(), seconds: 0.0 };
        let mut trouble = None;
        let started = Instant::now();
        thread::scope(|scope| {
            let (tell, told) = mpsc::channel::<(u64, Read)>();
            for number in 1..=depth {
                let (tell, mut rng) = (tell.clone(), Rng::new(rng.bits()));
                let (stop, taken) = (&stop, &taken);
                let reader = move || {
                    let mut buffer = Buffer::new(target.block_bytes);
                    while !stop.load(Ordering::Relaxed)
                        && taken.fetch_add(1, Ordering::Relaxed) < count
                    {
                        let offset = rng.up_to(target.last()) * target.block_bytes;
                        let read = target.read(&mut buffer, offset, true);
                        if tell.send((offset, read)).is_err() {
                            break;
                        }
                    }
                };
                let name = format!("probe-{number}");
                if let Err(source) = thread::Builder::new().name(name).spawn_scoped(scope, reader) {
                    trouble = Some(ProbeError::Thread { number, depth, source });
                    break;
                }
            }
            drop(tell); // now the channel ends with the last reader
            loop {
                if trouble.is_some() || self.over() {
                    stop.store(true, Ordering::Relaxed);
                }
                match told.recv_timeout(LOOK) {
                    Ok((offset, read)) => match self.judge(target, offset, read) {
                        Ok(ms) => {
                            out.latencies_ms.extend(ms);
                            out.seconds = started.elapsed().as_secs_f64();
                            self.sink.done(out.latencies_ms.len() as u64);
                        }
                        // The first trouble is the one to tell.
                        Err(e) => trouble = trouble.take().or(Some(e)),
                    },
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        });
        trouble.map_or(Ok(out), Err)
    }

    /// Rate of sequential reads at the beginning, in the middle and near the end.
    pub(super) fn sequential(
        &mut self,
        target: &Target,
    ) -> Result<Vec<SequentialRate>, ProbeError> {
        let chunk = CHUNK.next_multiple_of(target.block_bytes);
        let chunks = target.bytes / chunk;
        let run = 16.min(chunks / 3); // reads in a row, the first of which only places the arm
        if run < 2 {
            return Ok(Vec::new());
        }
        let mut buffer = Buffer::new(chunk);
        let mut rates = Vec::new();
        for (place, first) in [0, (chunks - run) / 2, chunks - run].into_iter().enumerate() {
            let (mut bytes, mut ms) = (0u64, 0.0);
            for i in 0..run {
                if self.over() {
                    return Ok(rates);
                }
                let read = self.read(target, &mut buffer, (first + i) * chunk, true)?;
                if let (true, Some(took)) = (i > 0, read) {
                    bytes += chunk;
                    ms += took;
                }
                self.sink.done(place as u64 * run + i + 1);
            }
            if ms > 0.0 {
                let at = first as f64 / chunks as f64;
                rates.push(SequentialRate { at, mb_per_s: bytes as f64 / 1e3 / ms });
            }
        }
        Ok(rates)
    }
}
