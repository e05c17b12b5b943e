//! The disk as a queue in front of one arm: who is served when, and when each must be done.
//!
//! ```text
//!   submit(now) --> waiting --(arm free at `free`: policy picks)--> start = max(arrival, free)
//!                                                                   due   = start + k*T
//!                                                                   free  = due
//! ```
//! The arm decides in model time: a caller that comes late changes nothing, because a decision that
//! fell due at `free` is taken at `free`, among those that had arrived by then.

use std::collections::VecDeque;
use std::time::Duration;

use crate::cache::Cache;
use crate::check;
pub use crate::check::SpecError;
use crate::mechanics::{Mechanics, Service};
use crate::request::{Op, Parts, Request, RequestId, Verdict, scale};
use crate::spec::{Actuator, DiskSpec, Policy, Queue, WriteCache};
use crate::units::{Instant, Sectors, as_ms, from_ms, nanos};

/// A request that waits for the arm.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    req: Request,
    arrival: Instant,
}

/// Closed form of the service time for uniformly random requests, one at a time, k = 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpectedRandom {
    /// Mean, milliseconds.
    pub mean_ms: f64,
    /// Standard deviation, milliseconds.
    pub sd_ms: f64,
    /// The part of the mean that is seeking, milliseconds.
    pub mean_seek_ms: f64,
}

/// How long the arm has been busy.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Busy {
    /// On the wall clock.
    pub wall: Duration,
    /// On the modelled disk's own clock: the integral of dt/k.
    pub device: Duration,
}

/// A disk in motion.
#[derive(Clone, Debug)]
pub struct Disk {
    mechanics: Mechanics,
    capacity: Sectors,
    queue: Queue,
    age_limit: Option<Duration>,
    actuator: Actuator,
    cache: Option<(Cache, WriteCache)>,
    overhead: Duration,
    k: f64,
    /// Latest instant the caller has told.
    clock: Instant,
    /// From here on the arm is free.
    free: Instant,
    /// Device time, in ms, at `device_at`; runs at 1/k.
    device_ms: f64,
    device_at: Instant,
    waiting: VecDeque<Waiting>,
    /// Writes for which the cache has no room.
    blocked: VecDeque<Waiting>,
    /// Whether the arm is writing back, until `free`.
    destaging: bool,
    /// When the arm last finished a request.
    served: Instant,
    /// Upwards, for LOOK.
    upwards: bool,
    verdicts: VecDeque<Verdict>,
    busy: Busy,
    busy_until: Instant,
}

impl Disk {
    /// A disk of this description with `capacity` sectors, its head on sector 0, its cache clean.
    ///
    /// # Errors
    /// If the description is not one of a possible disk, or the capacity is 0.
    pub fn new(spec: &DiskSpec, capacity: Sectors) -> Result<Self, SpecError> {
        check::check(spec)?;
        if capacity.get() == 0 {
            return Err(SpecError { what: "capacity", why: "a disk has at least 1 sector".into() });
        }
        Ok(Self {
            mechanics: Mechanics::new(spec, capacity.get()),
            capacity,
            queue: spec.queue,
            age_limit: (spec.queue.age_limit_ms > 0.0).then(|| from_ms(spec.queue.age_limit_ms)),
            actuator: spec.actuator,
            cache: spec.write_cache.map(|c| (Cache::new(c.bytes), c)),
            overhead: from_ms(spec.overhead_ms),
            k: 1.0,
            clock: Instant::ZERO,
            free: Instant::ZERO,
            device_ms: 0.0,
            device_at: Instant::ZERO,
            waiting: VecDeque::new(),
            blocked: VecDeque::new(),
            destaging: false,
            served: Instant::ZERO,
            upwards: true,
            verdicts: VecDeque::new(),
            busy: Busy::default(),
            busy_until: Instant::ZERO,
        })
    }

    /// Sectors of the disk.
    pub fn capacity(&self) -> Sectors {
        self.capacity
    }

    /// The scale for requests the arm turns to from now on; those under way keep theirs.
    /// Anything but a positive finite number is ignored.
    pub fn set_k(&mut self, k: f64) {
        if k.is_finite() && k > 0.0 && k != self.k {
            // What has passed so far passed at the old rate, and so does the rest of the request under
            // way: it keeps its scale, and the platter has to agree with it.
            self.device_time(self.clock.max(self.free).max(self.device_at));
            self.k = k;
        }
    }

    /// The scale in force.
    pub fn k(&self) -> f64 {
        self.k
    }

    /// Requests that the arm has not turned to yet.
    pub fn waiting(&self) -> usize {
        self.waiting.len() + self.blocked.len()
    }

    /// How long the arm has been, or is known to be going to be, busy.
    pub fn busy(&self) -> Busy {
        self.busy
    }

    /// Seek time for this fraction of the full stroke, unscaled.
    pub fn seek_time(&self, stroke: f64) -> Duration {
        from_ms(self.mechanics.seek_for_stroke(stroke))
    }

    /// What a read of `len` sectors at `to` takes, unscaled, when the head is over the sector `from`:
    /// with half a revolution, and nothing waiting.
    pub fn expected_move(&self, from: Sectors, to: Sectors, len: Sectors) -> Duration {
        from_ms(self.mechanics.expected_move(from.get(), to.get(), len.get()))
    }

    /// A bound on what the arm takes for a request of `len` sectors, unscaled.
    pub fn longest(&self, len: Sectors) -> Duration {
        from_ms(self.mechanics.longest(len.get()))
    }

    /// What uniformly random requests of `len` take, one at a time, unscaled.
    pub fn expected_random(&self, len: Sectors) -> ExpectedRandom {
        let m = self.mechanics.expected_random(len.get());
        ExpectedRandom { mean_ms: m.mean, sd_ms: m.variance.sqrt(), mean_seek_ms: m.mean_seek }
    }

    /// A request reaches the disk. An instant before the last one told counts as that one. What lies
    /// beyond the last sector is the caller's to refuse; here the request is cut short there.
    pub fn submit(&mut self, now: Instant, req: Request) {
        let last = self.capacity - Sectors::new(1);
        let start = req.start.min(last);
        let req = Request { start, len: req.len.min(self.capacity - start), ..req };
        let now = now.max(self.clock);
        self.advance(now);
        match self.actuator {
            Actuator::Parallel => self.submit_parallel(now, req),
            Actuator::Serial => self.submit_serial(now, req),
        }
    }

    /// Takes every decision that falls due up to `now`.
    #[inline]
    pub fn advance(&mut self, now: Instant) {
        self.clock = self.clock.max(now);
        if self.destaging || !self.waiting.is_empty() || self.cache.is_some() {
            self.decide_up_to_now();
        }
    }

    fn decide_up_to_now(&mut self) {
        while let Some(at) = self.next_event() {
            if at > self.clock {
                break;
            }
            self.decide();
        }
    }

    /// The next decision, oldest first.
    pub fn poll(&mut self) -> Option<Verdict> {
        self.verdicts.pop_front()
    }

    /// When `advance` will next have something to decide; `None` while nothing waits.
    pub fn next_event(&self) -> Option<Instant> {
        if self.destaging || !self.waiting.is_empty() {
            return Some(self.free);
        }
        let (cache, settings) = self.cache.as_ref()?;
        if cache.is_clean() {
            return None;
        }
        if self.cache_presses().is_some() {
            return Some(self.free);
        }
        // The device's own time, so k stretches it; a new k must not move it into the past.
        let idle = scale(from_ms(settings.idle_ms), self.k);
        // Writing back is not work that would have to be over first.
        let idle_since = self.served.max(cache.last_write);
        Some(self.free.max(idle_since + idle).max(self.device_at))
    }

    fn submit_serial(&mut self, now: Instant, req: Request) {
        match req.op {
            Op::Discard => return self.verdict_without_arm(now, now, &req, Duration::ZERO),
            Op::Flush => {
                let waits = self.cache.as_mut().is_some_and(|(c, _)| c.flush(req.id, now));
                if !waits {
                    return self.verdict_without_arm(now, now, &req, Duration::ZERO);
                }
            }
            Op::Read | Op::Write { .. } | Op::WriteZeroes => {
                if self.cache.is_some() {
                    if self.through_cache(now, req) {
                        return;
                    }
                } else if self.waiting.is_empty() && self.free <= now {
                    // An arm with nothing else to do turns to it at once.
                    return self.turn_to(now, Waiting { req, arrival: now });
                }
                self.waiting.push_back(Waiting { req, arrival: now });
            }
        }
        self.advance(now);
    }

    /// Serves from or into the cache if it can, or queues for room in it. False: the arm must do it.
    fn through_cache(&mut self, now: Instant, req: Request) -> bool {
        let Some((cache, settings)) = &mut self.cache else { return false };
        let (start, len) = (req.start.get(), req.len.get());
        let bus = from_ms(req.len.bytes() as f64 / (settings.bus_mb_per_s * 1e3));
        match req.op {
            Op::Read if cache.hits(start, len) => self.verdict_without_arm(now, now, &req, bus),
            Op::Write { fua: false } if cache.could_hold(len) => {
                if self.blocked.is_empty() && cache.has_room(start, len) {
                    cache.write(now, start, len);
                    self.verdict_without_arm(now, now, &req, bus);
                } else {
                    self.blocked.push_back(Waiting { req, arrival: now });
                    self.advance(now);
                }
            }
            _ => return false,
        }
        true
    }

    fn submit_parallel(&mut self, now: Instant, req: Request) {
        if !req.op.moves_arm() {
            return self.verdict_without_arm(now, now, &req, Duration::ZERO);
        }
        let at = self.device_time(now);
        let service = self.mechanics.serve(at, &req);
        self.verdict(now, now, &req, service);
    }

    /// Takes the one decision that is due at `next_event`.
    fn decide(&mut self) {
        if std::mem::take(&mut self.destaging) {
            return self.finish_destage();
        }
        let oldest = self.waiting.front().map(|w| w.arrival);
        let press = self.cache_presses();
        match (oldest, press) {
            (Some(arrival), Some(pressed)) if pressed < arrival => self.start_destage(self.free),
            (Some(arrival), _) => {
                let start = self.free.max(arrival);
                let w = self.pick(start);
                self.turn_to(start, w);
            }
            (None, Some(pressed)) => self.start_destage(self.free.max(pressed)),
            (None, None) => {
                let idle_end = self.next_event().unwrap_or(self.free);
                self.start_destage(idle_end);
            }
        }
    }

    /// The arm begins with a request.
    fn turn_to(&mut self, start: Instant, w: Waiting) {
        if w.req.start.get() != self.mechanics.head() {
            self.upwards = w.req.start.get() > self.mechanics.head();
        }
        let at = self.device_time(start);
        let service = self.mechanics.serve(at, &w.req);
        self.free = self.verdict(start, w.arrival, &w.req, service);
        self.served = self.free;
    }

    /// Since when somebody waits for the cache to be written back.
    fn cache_presses(&self) -> Option<Instant> {
        let flush = self.cache.as_ref().and_then(|(c, _)| c.oldest_flush());
        let room = self.blocked.front().map(|w| w.arrival);
        flush.into_iter().chain(room).min()
    }

    fn start_destage(&mut self, start: Instant) {
        let head = self.mechanics.head();
        let Some((first, len)) = self.cache.as_mut().and_then(|(c, _)| c.destage(head)) else {
            return;
        };
        let req = Request {
            id: RequestId(u64::MAX),
            op: Op::Write { fua: true },
            start: Sectors::new(first),
            len: Sectors::new(len),
        };
        let at = self.device_time(start);
        let service = self.mechanics.serve(at, &req);
        let t = service.parts.service();
        let due = start + scale(t, self.k);
        self.account(start, due, t);
        self.free = due;
        self.destaging = true;
    }

    /// The arm has written a run back at `free`: flushes may be done, blocked writes may go in.
    fn finish_destage(&mut self) {
        let at = self.free;
        let Some((cache, settings)) = &mut self.cache else { return };
        let bus_rate = settings.bus_mb_per_s * 1e3;
        let flushed = cache.destaged();
        let mut admitted = Vec::new();
        while let Some(w) =
            self.blocked.pop_front_if(|w| cache.has_room(w.req.start.get(), w.req.len.get()))
        {
            cache.write(at, w.req.start.get(), w.req.len.get());
            admitted.push(w);
        }
        for (id, arrival) in flushed {
            let none = Sectors::new(0);
            let req = Request { id, op: Op::Flush, start: none, len: none };
            self.verdict_without_arm(at, arrival, &req, Duration::ZERO);
        }
        for w in admitted {
            let bus = from_ms(w.req.len.bytes() as f64 / bus_rate);
            self.verdict_without_arm(at, w.arrival, &w.req, bus);
        }
    }

    /// Chooses among those that had arrived by `start`, and takes it out of the queue.
    fn pick(&mut self, start: Instant) -> Waiting {
        let eligible =
            self.waiting.iter().take(self.queue.depth).take_while(|w| w.arrival <= start);
        let aged = self
            .age_limit
            .map(|limit| scale(limit, self.k))
            .is_some_and(|limit| start.saturating_since(self.waiting[0].arrival) >= limit);
        let index = if self.queue.depth == 1 || self.queue.policy == Policy::Fcfs || aged {
            0
        } else {
            let at = self.device_time_at(start);
            let head = self.mechanics.head();
            let upwards = self.upwards;
            let cost = |w: &Waiting| -> f64 {
                let (to, from) = (w.req.start.get(), head);
                let distance = to.abs_diff(from) as f64;
                let ahead = if upwards { to >= from } else { to <= from };
                let past = self.capacity.get() as f64; // every request ahead comes before any behind
                match self.queue.policy {
                    Policy::Fcfs => 0.0,
                    Policy::Sptf => self.mechanics.positioning_ms(at, &w.req),
                    Policy::Sstf => distance,
                    Policy::Look if ahead => distance,
                    Policy::Look => past + distance,
                    Policy::Clook if to >= from => distance,
                    Policy::Clook => past + to as f64,
                }
            };
            let best = eligible.map(cost).enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
            best.map_or(0, |(i, _)| i)
        };
        self.waiting.remove(index).unwrap_or_else(|| self.waiting[0])
    }

    /// The modelled disk's own clock at `at`, in milliseconds: it runs at 1/k of the wall clock.
    fn device_time_at(&self, at: Instant) -> f64 {
        self.device_ms + as_ms(at.saturating_since(self.device_at)) / self.k
    }

    fn device_time(&mut self, at: Instant) -> f64 {
        self.device_ms = self.device_time_at(at);
        self.device_at = self.device_at.max(at);
        self.device_ms
    }

    /// Records the decision that `req` is served from `start`; returns when it is due.
    fn verdict(
        &mut self,
        start: Instant,
        arrival: Instant,
        req: &Request,
        service: Service,
    ) -> Instant {
        let t = service.parts.service();
        let due = start + scale(t, self.k);
        self.account(start, due, t);
        let parts = Parts { wait: start.saturating_since(arrival), k: self.k, ..service.parts };
        self.verdicts.push_back(Verdict {
            id: req.id,
            arrival,
            start,
            due,
            stroke: service.stroke,
            by_arm: true,
            contiguous: service.contiguous,
            parts,
        });
        due
    }

    fn verdict_without_arm(
        &mut self,
        start: Instant,
        arrival: Instant,
        req: &Request,
        transfer: Duration,
    ) {
        // A flush or discard is a command like any other, so it pays the command overhead.
        let parts = Parts {
            wait: start.saturating_since(arrival),
            overhead: self.overhead,
            transfer,
            k: self.k,
            ..Parts::default()
        };
        let due = start + parts.scaled_service();
        self.verdicts.push_back(Verdict {
            id: req.id,
            arrival,
            start,
            due,
            stroke: 0.0,
            by_arm: false,
            contiguous: false,
            parts,
        });
    }

    /// Adds `[start, due)`, worth `t` of device time, to the busy time; overlaps count once.
    fn account(&mut self, start: Instant, due: Instant, t: Duration) {
        let from = start.max(self.busy_until);
        let (whole, fresh) = (nanos(due.saturating_since(start)), due.saturating_since(from));
        self.busy.wall += fresh;
        self.busy.device += if nanos(fresh) == whole {
            t
        } else {
            Duration::from_nanos((nanos(fresh) as f64 / self.k).round() as u64)
        };
        self.busy_until = self.busy_until.max(due);
    }
}
