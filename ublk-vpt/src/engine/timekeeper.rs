//! The thread that meets deadlines, and the handle by which everybody else reaches the engine.

use std::cell::Cell;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use thiserror::Error;
use vpt_model::{Instant, KError, KSettings, Op};

use super::core::{Core, CoreConfig, Delivery, Next, Snapshot};
use super::failures::FailureSink;
use super::lead::Lead;
use super::port::{Alarms, Body, Port};
use super::request::IoRequest;
use super::{now, rt};
use crate::back::Writer;
use crate::report::{Histograms, StatsReport, Timekeeping, TraceRecord};

/// Longest sleep: a forgotten wake-up would cost this much, not for ever.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// How long before the wake-up for a deadline there is another, for its own sake.
const EARLY_WAKE: Duration = Duration::from_micros(1300);
/// How long an engine that is dropped waits for its backing store.
const LONGEST_END: Duration = Duration::from_secs(10);

/// Buffers kept for reuse, and the largest that is kept.
const SPARE_BUFFERS: usize = 64;
const SPARE_BYTES: usize = 1 << 20;

/// What to do in the last moments before a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spin {
    /// Wake early by what wake-ups cost here, and spin to the deadline.
    Adaptive,
    /// Only sleep: less CPU, completions as late as the kernel's timers.
    Never,
}

/// How the engine runs.
#[derive(Clone, Copy, Debug)]
pub struct EngineConfig {
    /// Whether to ask for SCHED_FIFO.
    pub fifo: bool,
    /// Spinning.
    pub spin: Spin,
}

/// Why an engine does not start or take a setting.
#[derive(Debug, Error)]
pub enum EngineError {
    /// No event descriptor or thread.
    #[error("the engine cannot start ({0})")]
    Start(#[from] std::io::Error),
    /// A scale that is none.
    #[error(transparent)]
    Scale(#[from] KError),
    /// A setting of the backing store that it does not have.
    #[error("{0}")]
    Backend(String),
}

struct Shared {
    core: Mutex<Core>,
    /// Buffers for reuse; apart, so that making and clearing them holds up nobody.
    spare: Mutex<Vec<Vec<u8>>>,
    /// Ends the timekeeper's sleep.
    wake: OwnedFd,
    /// Ends its spin.
    kick: AtomicBool,
    stop: AtomicBool,
    /// What it says about itself.
    timekeeping: Mutex<Timekeeping>,
    /// Readable when the backing store has something; a duplicate, so that no lock is needed to wait.
    store: Option<OwnedFd>,
    /// Writes into the store without the lock.
    writer: Option<Arc<dyn Writer>>,
    /// See [`Core::bounds`].
    bounds: (u64, bool),
    fifo: AtomicBool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic elsewhere must not stop the disk: the core is consistent between its methods.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kick(&self) {
        self.kick.store(true, Ordering::Release);
        // Fails only when the counter is full, and then it is readable anyway.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    /// Under the lock: whether the timekeeper would look too late for what is next now.
    fn needs_kick(core: &mut Core) -> bool {
        let (Some(next), Some(looks_at)) = (core.next(), core.looks_at) else { return false };
        let too_late = next.at < looks_at;
        if too_late {
            core.looks_at = Some(next.at); // one kick is enough
        }
        too_late
    }
}

/// Reaches a running engine from any thread.
#[derive(Clone)]
pub struct EngineHandle(Arc<Shared>);

impl EngineHandle {
    /// Takes a request in. It is completed through its completer, perhaps before this returns.
    pub fn submit(&self, req: IoRequest) {
        self.take_in(req, false);
    }

    /// The same, from a thread that only its own client waits for: the store may keep it for a moment.
    /// That spares a write the way through other threads.
    pub fn submit_patiently(&self, req: IoRequest) {
        let written = self.0.writer.as_ref().is_some_and(|writer| {
            let (capacity, read_only) = self.0.bounds;
            req.op == Op::Write { fua: false }
                && req.check(capacity, read_only).is_ok()
                && writer.write(req.offset, &req.buf)
        });
        self.take_in(req, written);
    }

    fn take_in(&self, req: IoRequest, written: bool) {
        thread_local! {
            /// Kept for its memory.
            static OUT: Cell<Vec<Delivery>> = const { Cell::new(Vec::new()) };
        }
        let mut out = OUT.take();
        let kick = {
            let mut core = self.0.lock();
            let at = core.submit(req, written, &mut out);
            core.advance(at, &mut out);
            Shared::needs_kick(&mut core)
        };
        if kick {
            self.0.kick();
        }
        out.drain(..).for_each(Delivery::hand_over);
        OUT.set(out);
    }

    /// A buffer for a request's data, its contents unspecified but never another disk's.
    pub fn buffer(&self, len: usize) -> Vec<u8> {
        let spare = self.0.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buf = spare.unwrap_or_default();
        buf.resize(len, 0);
        buf
    }

    /// Gives a buffer back.
    pub fn recycle(&self, buf: Vec<u8>) {
        if (1..=SPARE_BYTES).contains(&buf.capacity()) {
            let mut spare = self.0.spare.lock().unwrap_or_else(PoisonError::into_inner);
            if spare.len() < SPARE_BUFFERS {
                spare.push(buf);
            }
        }
    }

    /// Requests inside.
    pub fn in_flight(&self) -> u64 {
        self.look(|core| core.in_flight())
    }

    /// From now on nothing waits for its due time; what waits completes as soon as its data is there.
    /// Returns a mark for [`Self::is_busy_with`].
    pub fn expedite(&self) -> u64 {
        let mark = self.look(Core::expedite);
        self.0.kick();
        mark
    }

    /// Ends [`CoreConfig::undelayed`].
    pub fn begin_delays(&self) {
        self.look(Core::begin_delays);
    }

    /// Whether requests that came before the mark are still inside.
    pub fn is_busy_with(&self, mark: u64) -> bool {
        self.look(|core| core.is_busy_with(mark))
    }

    /// Changes the scale's settings.
    ///
    /// # Errors
    /// If they are none; then nothing changes.
    pub fn set_scale(
        &self,
        change: impl FnOnce(KSettings) -> KSettings,
    ) -> Result<(), EngineError> {
        self.look(|core| {
            let mut settings = core.scale().settings();
            settings.k = core.scale().k();
            let settings = change(settings);
            core.scale().set(now(), settings)?;
            core.scale_changed();
            Ok(())
        })
    }

    /// Changes a property of the backing store.
    ///
    /// # Errors
    /// If it has no such property or cannot take the value.
    pub fn set_backend(&self, key: &str, value: &str) -> Result<(), EngineError> {
        let result = self.look(|core| core.backend().set(key, value)).map_err(EngineError::Backend);
        self.0.kick();
        result
    }

    /// Everything counted so far, except what only the daemon knows.
    pub fn report(&self, into: &mut StatsReport) {
        self.report_from(&self.look(|core| core.snapshot()), into);
    }

    /// As [`Self::report`], with the distributions of the same moment by fixed bounds.
    pub fn report_with_histograms(&self, into: &mut StatsReport) -> Histograms {
        let snapshot: Snapshot = self.look(|core| core.snapshot());
        self.report_from(&snapshot, into);
        snapshot.histograms()
    }

    fn report_from(&self, snapshot: &Snapshot, into: &mut StatsReport) {
        snapshot.report(now(), into);
        into.timekeeping =
            self.0.timekeeping.lock().unwrap_or_else(PoisonError::into_inner).clone();
    }

    /// The last finished requests, oldest first.
    pub fn recent(&self, max: usize) -> Vec<TraceRecord> {
        self.look(|core| core.recent(max))
    }

    /// From now on requests that fail are told of in the log.
    pub fn log_failures(&self, sink: FailureSink) {
        self.look(|core| core.log_failures(sink));
    }

    /// No more records for the trace and the log from now on, so that their writers can finish.
    pub fn end_trace(&self) {
        self.look(Core::end_trace);
    }

    /// Does something short under the lock, from a thread of ordinary priority.
    fn look<T>(&self, f: impl FnOnce(&mut Core) -> T) -> T {
        let fifo = self.0.fifo.load(Ordering::Relaxed);
        rt::briefly_fifo(fifo, || f(&mut self.0.lock()))
    }
}

/// A running engine. Dropping it completes the requests still inside and stops the timekeeper; if the
/// backing store does not answer for ten seconds, it is left to the end of the process.
pub struct Engine {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    ended: Receiver<()>,
}

impl Engine {
    /// Starts the timekeeper.
    ///
    /// # Errors
    /// If there is no event descriptor or thread to be had.
    pub fn start(config: EngineConfig, core: CoreConfig) -> Result<Self, EngineError> {
        Self::start_with(config, core, None)
    }

    /// Starts the timekeeper, on the thread of `body` if there is one.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(
        config: EngineConfig,
        core: CoreConfig,
        body: Option<Body>,
    ) -> Result<Self, EngineError> {
        let mut core = Core::new(core, now());
        let store = match core.backend().ready_fd() {
            Some(fd) => Some(fd.try_clone_to_owned()?),
            None => None,
        };
        let (writer, bounds) = (core.backend().writer(), core.bounds());
        let shared = Arc::new(Shared {
            core: Mutex::new(core),
            spare: Mutex::new(Vec::new()),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
                .map_err(std::io::Error::from)?,
            kick: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            timekeeping: Mutex::new(Timekeeping::default()),
            store,
            writer,
            bounds,
            fifo: AtomicBool::new(false),
        });
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)
            .map_err(std::io::Error::from)?;
        let (started, is_started) = sync_channel(1);
        let (end, ended) = sync_channel(1);
        let thread = {
            let shared = shared.clone();
            std::thread::Builder::new().name("timekeeper".into()).spawn(move || {
                let _guard = AbortOnPanic;
                let mut keeper = Timekeeper {
                    lead: Lead::new(),
                    spin: config.spin,
                    timer,
                    rings_at: Instant::ZERO,
                    shared,
                };
                keeper.prepare(config.fifo);
                let _ = started.send(()); // the starter waits for it
                if let Some(body) = body {
                    let handle = EngineHandle(keeper.shared.clone());
                    body(handle, &mut |port| {
                        port.watch(keeper.alarms());
                        keeper.run(Some(port));
                    });
                }
                keeper.run(None);
                let _ = end.send(()); // nobody may wait for it
            })?
        };
        let _ = is_started.recv(); // an error means the thread is gone; its join will tell
        Ok(Self { shared, thread: Some(thread), ended })
    }

    /// A handle for front ends and control.
    pub fn handle(&self) -> EngineHandle {
        EngineHandle(self.shared.clone())
    }

    /// Whether the engine's own thread runs as SCHED_FIFO; receivers should then as well.
    pub fn is_fifo(&self) -> bool {
        self.shared.fifo.load(Ordering::Relaxed)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.handle().expedite();
        self.shared.stop.store(true, Ordering::Release);
        self.shared.kick();
        if self.ended.recv_timeout(LONGEST_END) == Err(RecvTimeoutError::Timeout) {
            let left = self.handle().in_flight();
            tracing::warn!("the backing store does not answer: {left} requests are given up");
            return;
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic there was reported by its own message
        }
        // Handles may outlive the engine, and with them the store.
        self.shared.lock().backend().close();
    }
}

/// Without its timekeeper a disk would hang for ever, silently. A dead daemon is noticed: its guests
/// get errors, and the next command clears it away.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

struct Timekeeper {
    /// Rings at an absolute time, so that nothing between reading the clock and sleeping adds to it.
    timer: OwnedFd,
    /// What it is set for.
    rings_at: Instant,
    shared: Arc<Shared>,
    lead: Lead,
    spin: Spin,
}

impl Timekeeper {
    fn prepare(&mut self, want_fifo: bool) {
        rt::no_timer_slack();
        let fifo = want_fifo.then(rt::be_fifo);
        let note = match &fifo {
            Some(Err(e)) => Some(format!(
                "no SCHED_FIFO ({e}): completions will be late while other programs are busy; \
                 run as root, or allow it with `ulimit -r 40` (limits.conf: rtprio 40)"
            )),
            None => Some("SCHED_FIFO is off (--rt off)".into()),
            Some(Ok(())) => None,
        };
        let is_fifo = matches!(fifo, Some(Ok(())));
        self.shared.fifo.store(is_fifo, Ordering::Relaxed);
        let mut mine = self.shared.timekeeping.lock().unwrap_or_else(PoisonError::into_inner);
        *mine = Timekeeping {
            scheduler: if is_fifo { "SCHED_FIFO" } else { "SCHED_OTHER" }.into(),
            spin: self.spin == Spin::Adaptive,
            lead_us: self.lead_time().as_secs_f64() * 1e6,
            note,
        };
    }

    fn lead_time(&self) -> Duration {
        match self.spin {
            Spin::Adaptive => self.lead.get(),
            Spin::Never => Duration::ZERO,
        }
    }

    /// Returns when the engine is to stop and empty, or when the port has ended.
    fn run(&mut self, mut port: Option<&mut dyn Port>) {
        let mut out = Vec::new();
        let mut store_ready = false;
        loop {
            self.shared.kick.store(false, Ordering::Release);
            let idle = {
                let mut core = self.shared.lock();
                if store_ready {
                    core.backend().acknowledge();
                }
                let idle = core.in_flight() == 0;
                if store_ready || !idle || core.next().is_some() {
                    core.advance(now(), &mut out);
                }
                core.looks_at = None;
                idle && core.in_flight() == 0
            };
            out.drain(..).for_each(Delivery::hand_over);
            if let Some(port) = &mut port
                && !port.pump()
            {
                return;
            }
            if idle && self.shared.stop.load(Ordering::Acquire) {
                return;
            }
            let next = {
                let mut core = self.shared.lock();
                let next = core.next();
                core.looks_at = Some(next.map_or(Instant::MAX, |n| n.at));
                next
            };
            store_ready = match next {
                Some(n) if n.exact => self.meet(n, &mut port),
                Some(n) => self.sleep_until(n.at, &mut port),
                None => self.sleep(&mut port),
            };
        }
    }

    /// Returns at the deadline to the microsecond, or earlier when something else is to be seen to.
    fn meet(&mut self, next: Next, port: &mut Option<&mut dyn Port>) -> bool {
        let wake_at = next.at.saturating_back(self.lead_time());
        if wake_at > now() {
            // A processor that has been idle for long comes back late more often: wake once before.
            let early = wake_at.saturating_back(EARLY_WAKE);
            if self.spin == Spin::Adaptive && early > now() {
                let store_ready = self.sleep_until(early, port);
                if store_ready || now() < early {
                    return store_ready;
                }
            }
            let store_ready = self.sleep_until(wake_at, port);
            let woke = now();
            if woke < wake_at {
                return store_ready; // something came in between
            }
            self.lead.woke(woke.saturating_since(wake_at));
            if let Ok(mut mine) = self.shared.timekeeping.try_lock() {
                mine.lead_us = self.lead_time().as_secs_f64() * 1e6;
            }
            if store_ready {
                return true;
            }
        } else if let Some(port) = port {
            port.send();
        }
        while now() < next.at && !self.shared.kick.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
        false
    }

    /// Sleeps until then, a kick, a request at the port, or news from the backing store. True: there is
    /// such news.
    fn sleep_until(&mut self, at: Instant, port: &mut Option<&mut dyn Port>) -> bool {
        self.set_timer(at.min(now() + LONGEST_SLEEP));
        self.wait(port)
    }

    /// The same without an instant to wake at.
    fn sleep(&mut self, port: &mut Option<&mut dyn Port>) -> bool {
        // An idle disk's timer rings from time to time; it need not be put off at each request. Where
        // it has rung it is readable until it is set.
        let now = now();
        if self.rings_at <= now || self.rings_at > now + LONGEST_SLEEP {
            self.set_timer(now + LONGEST_SLEEP);
        }
        self.wait(port)
    }

    fn set_timer(&mut self, at: Instant) {
        let nanos = at.as_nanos().max(1); // 0 would disarm it
        let absolute = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec {
                tv_sec: (nanos / 1_000_000_000) as i64, // 584 years at the most
                tv_nsec: (nanos % 1_000_000_000) as i64,
            },
        };
        // Setting it anew also clears that it rang. It cannot fail for a time within reach.
        let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &absolute);
        self.rings_at = at;
    }

    fn wait(&self, port: &mut Option<&mut dyn Port>) -> bool {
        if let Some(port) = port {
            return port.sleep();
        }
        let Alarms { timer, kick, store } = self.alarms();
        let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        // One that is always there stands in for one that is not.
        let mut fds = [readable(kick), readable(timer), readable(store.unwrap_or(kick))];
        let _ = poll(&mut fds, None); // a signal ends it early, which is as good as a kick
        if fds[0].revents().contains(PollFlags::IN) {
            let mut count = [0u8; 8];
            let _ = rustix::io::read(kick, &mut count);
        }
        store.is_some() && !fds[2].revents().is_empty()
    }

    fn alarms(&self) -> Alarms<'_> {
        Alarms {
            timer: self.timer.as_fd(),
            kick: self.shared.wake.as_fd(),
            store: self.shared.store.as_ref().map(AsFd::as_fd),
        }
    }
}
