//! Everything the engine knows, behind one lock: the disk, the scale, the store, and who waits.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use vpt_model::{Disk, Instant, KController, Observation, Op, Request, RequestId, Verdict};

use super::failures::FailureSink;
use super::request::{Completer, Completion, Errno, IoRequest, sectors_of};
use super::stats::{Recent, Stats};
use super::trace::TraceSink;
use crate::back::{BackDone, BackOp, Backend, Started, Tag};
use crate::report::{Epoch, Histograms, ScaleReport, StatsReport, TraceRecord, op_code};

/// What the core is made of.
pub struct CoreConfig {
    /// The modelled disk.
    pub disk: Disk,
    /// Its scale.
    pub scale: KController,
    /// Where the data is.
    pub backend: Box<dyn Backend>,
    /// Refuse everything but reads and flushes.
    pub read_only: bool,
    /// Gets every finished request, if given.
    pub trace: Option<TraceSink>,
    /// Takes no time until [`super::EngineHandle::begin_delays`].
    pub undelayed: bool,
}

/// A request between arrival and completion.
struct Slot {
    serial: u64,
    op: Op,
    offset: u64,
    len: u64,
    arrival: Instant,
    completer: Box<dyn Completer>,
    verdict: Option<Verdict>,
    backed: Option<(Instant, BackDone)>,
    /// Came while the disk took no time; says nothing about it.
    undelayed: bool,
}

/// A completion on its way out; handed over after the lock is released.
pub(super) struct Delivery {
    completer: Box<dyn Completer>,
    completion: Completion,
}

impl Delivery {
    pub(super) fn hand_over(self) {
        self.completer.complete(self.completion);
    }
}

/// When something will have to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// The instant.
    pub(super) at: Instant,
    /// Whether a completion is due then, so that the instant should be met exactly.
    pub(super) exact: bool,
}

/// See the module.
pub(super) struct Core {
    config: CoreConfig,
    slots: Vec<Option<Slot>>,
    vacant: Vec<Tag>,
    /// Decided, not yet due.
    deadlines: BinaryHeap<Reverse<(Instant, Tag)>>,
    in_flight: u64,
    serial: u64,
    expedite: bool,
    undelayed: bool,
    stats: Stats,
    recent: Recent,
    failures: Option<FailureSink>,
    began: Instant,
    scratch: Vec<BackDone>,
    /// When the timekeeper will next look by itself; nothing while it is awake.
    pub(super) looks_at: Option<Instant>,
}

impl Core {
    pub(super) fn new(config: CoreConfig, now: Instant) -> Self {
        let mut config = config;
        config.disk.set_k(config.scale.k());
        Self {
            slots: Vec::new(),
            vacant: Vec::new(),
            deadlines: BinaryHeap::new(),
            in_flight: 0,
            serial: 0,
            expedite: false,
            undelayed: config.undelayed,
            stats: Stats::new(),
            recent: Recent::new(),
            failures: None,
            began: now,
            scratch: Vec::new(),
            looks_at: None,
            config,
        }
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// From now on nothing waits for its due time. Returns the last serial number given.
    pub(super) fn expedite(&mut self) -> u64 {
        self.expedite = true;
        self.serial
    }

    /// From now on requests take the disk's time.
    pub(super) fn begin_delays(&mut self) {
        self.undelayed = false;
    }

    /// Whether requests up to this serial number are still inside.
    pub(super) fn is_busy_with(&self, serial: u64) -> bool {
        self.slots.iter().flatten().any(|slot| slot.serial <= serial)
    }

    pub(super) fn backend(&mut self) -> &mut dyn Backend {
        &mut *self.config.backend
    }

    /// What a request is checked against: the capacity in bytes, and whether nothing may be written.
    pub(super) fn bounds(&self) -> (u64, bool) {
        (self.config.backend.capacity(), self.config.read_only)
    }

    /// Takes a request in and starts it; `written`: its data is in the store already. Refused ones come
    /// straight back. Returns the time.
    pub(super) fn submit(
        &mut self,
        req: IoRequest,
        written: bool,
        out: &mut Vec<Delivery>,
    ) -> Instant {
        let capacity = self.config.backend.capacity();
        if let Err(errno) = req.check(capacity, self.config.read_only) {
            let now = super::now();
            self.refuse(req, errno, now, out);
            return now;
        }
        let tag = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as Tag
        });
        self.serial += 1;
        self.in_flight += 1;
        let model = Request {
            id: RequestId(u64::from(tag)),
            op: req.op,
            start: sectors_of(req.offset, req.len).0,
            len: sectors_of(req.offset, req.len).1,
        };
        let op = BackOp { tag, op: req.op, offset: req.offset, len: req.len, written };
        self.slots[tag as usize] = Some(Slot {
            serial: self.serial,
            op: req.op,
            offset: req.offset,
            len: req.len,
            arrival: req.arrival,
            completer: req.completer,
            verdict: None,
            backed: None,
            undelayed: self.undelayed,
        });
        if self.undelayed {
            self.decided(Verdict::unmodelled(model.id, req.arrival));
        } else {
            self.config.disk.submit(req.arrival, model);
            self.take_verdicts();
        }
        let started = self.config.backend.start(op, req.buf);
        let now = super::now();
        if let Started::Done(done) = started {
            self.backed(done, now);
        }
        now
    }

    fn refuse(&mut self, req: IoRequest, errno: Errno, now: Instant, out: &mut Vec<Delivery>) {
        self.stats.refused(req.op);
        self.serial += 1;
        let record = TraceRecord {
            id: self.serial,
            arrival_ns: req.arrival.as_nanos(),
            op: op_code(req.op),
            sector: sectors_of(req.offset, req.len).0.get(),
            sectors: sectors_of(req.offset, req.len).1.get(),
            done_ns: now.as_nanos(),
            errno: errno.raw(),
            ..TraceRecord::default()
        };
        self.note_failure(&record);
        let completion = Completion { result: Err(errno), buf: req.buf, record };
        out.push(Delivery { completer: req.completer, completion });
    }

    /// Takes over what the disk has decided.
    fn take_verdicts(&mut self) {
        while let Some(verdict) = self.config.disk.poll() {
            self.decided(verdict);
        }
    }

    fn decided(&mut self, verdict: Verdict) {
        let tag = verdict.id.0 as Tag;
        if let Some(slot) = self.slots.get_mut(tag as usize).and_then(Option::as_mut) {
            slot.verdict = Some(verdict);
            self.deadlines.push(Reverse((verdict.due, tag)));
        }
    }

    fn backed(&mut self, done: BackDone, found_at: Instant) {
        if let Some(slot) = self.slots.get_mut(done.tag as usize).and_then(Option::as_mut) {
            let at = done.at.unwrap_or(found_at).max(slot.arrival);
            slot.backed = Some((at, done));
        }
    }

    /// Lets everything happen that is to happen up to now; what is complete goes to `out`.
    pub(super) fn advance(&mut self, now: Instant, out: &mut Vec<Delivery>) {
        // First of all: a change of k must not reach decisions that fell due before it.
        self.config.disk.advance(now);
        let mut done = std::mem::take(&mut self.scratch);
        self.config.backend.reap(&mut done);
        // News that is found only because the timekeeper overslept was there when it should have
        // looked, or it would have been woken: its lateness must not count as the store's.
        let found_at = self.looks_at.map_or(now, |at| now.min(at));
        for d in done.drain(..) {
            let tag = d.tag;
            self.backed(d, found_at);
            self.complete_if_overdue(tag, now, out);
        }
        self.scratch = done;
        while self.expedite
            && let Some(at) = self.config.disk.next_event()
        {
            self.config.disk.advance(at.max(now)); // decide on everything that waits
        }
        self.take_verdicts();
        while let Some(&Reverse((due, tag))) = self.deadlines.peek() {
            if due > now && !self.expedite {
                break;
            }
            self.deadlines.pop();
            self.complete_if_overdue(tag, now, out);
        }
    }

    /// Completes a request that has its verdict, its data, and whose time has come.
    fn complete_if_overdue(&mut self, tag: Tag, now: Instant, out: &mut Vec<Delivery>) {
        let expedite = self.expedite;
        let ready = |slot: &mut Slot| {
            slot.backed.is_some() && slot.verdict.is_some_and(|v| v.due <= now || expedite)
        };
        let slot = self.slots.get_mut(tag as usize).and_then(|p| p.take_if(ready));
        let Some(mut slot) = slot else {
            return;
        };
        let (Some(verdict), Some((backed_at, back))) = (slot.verdict, slot.backed.take()) else {
            return;
        };
        self.vacant.push(tag);
        self.in_flight -= 1;
        let (start, sectors) = sectors_of(slot.offset, slot.len);
        let record = TraceRecord {
            id: slot.serial,
            arrival_ns: slot.arrival.as_nanos(),
            op: op_code(slot.op),
            sector: start.get(),
            sectors: sectors.get(),
            backing_done_ns: backed_at.as_nanos(),
            // A store that keeps its own time may have read the clock after `now` was read.
            done_ns: now.max(backed_at).as_nanos(),
            errno: back.result.err().map_or(0, Errno::raw),
            ..explained(&verdict)
        };
        self.account(&slot, &verdict, backed_at, &record);
        let completion = Completion { result: back.result, buf: back.buf, record };
        out.push(Delivery { completer: slot.completer, completion });
    }

    fn account(&mut self, slot: &Slot, v: &Verdict, backed: Instant, record: &TraceRecord) {
        if !self.expedite && !slot.undelayed {
            self.stats.add(slot.op, slot.len, record);
            // Only what the arm did has a disk's time to keep: a flush, or a write into the modelled
            // cache, says nothing about k, and neither does an error.
            if v.by_arm && record.errno == 0 {
                let now = Instant::from_nanos(record.done_ns);
                let seen = Observation {
                    arrival: v.arrival,
                    backing_done: backed,
                    due: v.due,
                    k: v.parts.k,
                };
                let k = self.config.scale.observe(now, &seen);
                self.config.disk.set_k(k);
            }
        }
        self.note_failure(record);
        self.recent.add(*record);
        if let Some(trace) = &self.config.trace {
            trace.put(record);
        }
    }

    fn note_failure(&self, record: &TraceRecord) {
        if record.errno != 0
            && let Some(failures) = &self.failures
        {
            failures.put(record);
        }
    }

    /// When to look again. Deadlines whose data is not there yet need no exactness.
    pub(super) fn next(&self) -> Option<Next> {
        let due = self.deadlines.peek().map(|&Reverse((at, tag))| {
            let slot = self.slots.get(tag as usize).and_then(Option::as_ref);
            Next { at, exact: slot.is_some_and(|s| s.backed.is_some()) }
        });
        let disk = self.config.disk.next_event();
        let store = self.config.backend.next_event();
        let other = disk.into_iter().chain(store).min().map(|at| Next { at, exact: false });
        match (due, other) {
            (Some(d), Some(o)) => Some(if o.at < d.at { o } else { d }),
            (d, o) => d.or(o),
        }
    }

    pub(super) fn scale(&mut self) -> &mut KController {
        &mut self.config.scale
    }

    /// The user changed k: requests the arm turns to from now on see it.
    pub(super) fn scale_changed(&mut self) {
        self.config.disk.set_k(self.config.scale.k());
    }

    pub(super) fn log_failures(&mut self, sink: FailureSink) {
        self.failures = Some(sink);
    }

    pub(super) fn end_trace(&mut self) {
        self.config.trace = None;
        self.failures = None;
    }

    pub(super) fn recent(&self, max: usize) -> Vec<TraceRecord> {
        self.recent.last(max)
    }

    /// A copy of what a report is made of, for working on without the lock.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            stats: self.stats.clone(),
            scale: self.config.scale.clone(),
            busy: self.config.disk.busy(),
            in_flight: self.in_flight,
            began: self.began,
        }
    }
}

/// See [`Core::snapshot`].
pub(super) struct Snapshot {
    stats: Stats,
    scale: KController,
    busy: vpt_model::Busy,
    in_flight: u64,
    began: Instant,
}

impl Snapshot {
    /// The distributions by fixed bounds.
    pub(super) fn histograms(&self) -> Histograms {
        self.stats.histograms()
    }

    /// Fills in everything but what the daemon knows (id, names, timekeeping).
    pub(super) fn report(&self, now: Instant, into: &mut StatsReport) {
        self.stats.report(into);
        into.in_flight = self.in_flight;
        into.uptime_seconds = now.saturating_since(self.began).as_secs_f64();
        let k = self.scale.report(now);
        into.scale = ScaleReport {
            mode: k.mode.to_string(),
            k: k.k,
            k_min_seen: k.min,
            k_mean: k.mean,
            k_max_seen: k.max,
            locked: k.locked,
            requests: k.requests,
            late: k.late,
            device_seconds: self.busy.device.as_secs_f64(),
            busy_seconds: self.busy.wall.as_secs_f64(),
            valid: k.valid,
            epochs: k
                .epochs
                .iter()
                .map(|e| Epoch {
                    at_seconds: e.at.saturating_since(self.began).as_secs_f64(),
                    k: e.k,
                    requests: e.requests,
                    late: e.late,
                })
                .collect(),
        };
    }
}

/// The part of a record that the verdict knows.
fn explained(v: &Verdict) -> TraceRecord {
    let ns = vpt_model::units::nanos;
    let p = &v.parts;
    TraceRecord {
        wait_ns: ns(p.wait),
        overhead_ns: ns(p.overhead),
        seek_ns: ns(p.seek),
        rotation_ns: ns(p.rotation),
        transfer_ns: ns(p.transfer),
        head_switch_ns: ns(p.head_switch),
        settle_ns: ns(p.settle),
        k: p.k,
        stroke: v.stroke,
        start_ns: v.start.as_nanos(),
        due_ns: v.due.as_nanos(),
        ..TraceRecord::default()
    }
}
