//! The controller: whose turn it is, and when it ends.
//!
//! ```text
//!   deadline: take A's turn, make it leave, wait until it is out, then open B's gate
//! ```
//!
//! Deadlines are absolute and do not move when one is late. [`ledger`] keeps what happened;
//! [`mailbox`] is how somebody else changes the mode of a running experiment.

pub mod ledger;
pub mod mailbox;
pub mod mode;

use std::time::Duration;

use self::ledger::{GateEvent, Ledger, Switch, Window};
use self::mailbox::Mailbox;
pub use self::mode::Mode;
use crate::backend::{Backend, BackendError};
use crate::sys::time::{monotonic_ns, sleep_until, tsc};
use lgbench_payload::abi::{STATE_FAILED, STATE_PREPARING, STATE_RUNNING};

/// A deadline is missed when the guest's turn is taken later than this part of a slice after it.
const LATE_PART: u64 = 10;

/// Between two looks at how the guests are doing.
const LOOK_EVERY_NS: u64 = 50_000_000;

/// Between two looks at whether a guest is through with its work; the guest knows itself when it was.
const THROUGH_EVERY: Duration = Duration::from_millis(2);

/// A part of a run under one mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phase {
    /// How guests take turns.
    pub mode: Mode,
    /// For how long.
    pub length: Duration,
}

/// Why a run ended before its plan did.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The backend says so.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// Nothing comes from a guest that may run.
    #[error("guest {guest} hangs: no progress in {} s in which it could run", .patience.as_secs_f64())]
    Hangs {
        /// Which, from 1.
        guest: usize,
        /// How long it was waited for.
        patience: Duration,
    },
}

/// Lets guests run by a plan.
#[derive(Debug)]
pub struct Controller<'a, B: Backend + ?Sized> {
    backend: &'a B,
    open: Vec<bool>,
    watch: Vec<Watch>,
    patience: Duration,
    mailbox: &'a Mailbox,
    interrupted: &'a dyn Interrupted,
    ledger: Ledger,
    next_look_ns: u64,
}

/// Whether the user wants to stop.
pub trait Interrupted: std::fmt::Debug + Sync {
    /// Whether so.
    fn is_raised(&self) -> bool;
}

/// What is known of a guest's progress.
#[derive(Clone, Copy, Debug)]
struct Watch {
    progress: u64,
    /// For how long its gate has been open since then, up to the last time it closed.
    open_ns: u64,
    /// Since when it is open, where it is.
    since_ns: u64,
}

/// Why a wait ended.
enum Waited {
    Through,
    Interrupted,
    NewMode(Mode),
}

impl<'a, B: Backend + ?Sized> Controller<'a, B> {
    /// A controller of `guests` guests that all may run.
    pub fn new(
        backend: &'a B,
        guests: usize,
        patience: Duration,
        mailbox: &'a Mailbox,
        interrupted: &'a dyn Interrupted,
    ) -> Self {
        let watch = Watch { progress: 0, open_ns: 0, since_ns: monotonic_ns() };
        Self {
            backend,
            open: vec![true; guests],
            watch: vec![watch; guests],
            patience,
            mailbox,
            interrupted,
            ledger: Ledger::default(),
            next_look_ns: 0,
        }
    }

    /// Lets the guests prepare, one after the other, and holds them all; false when the user has stopped it
    /// before.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn prepare(&mut self) -> Result<bool, ControlError> {
        for guest in 0..self.open.len() {
            self.set(guest, false)?;
        }
        for guest in 0..self.open.len() {
            self.set(guest, true)?;
            while self.backend.look(guest)?.state == STATE_PREPARING {
                if self.interrupted.is_raised() {
                    return Ok(false);
                }
                self.look_at_all()?;
                std::thread::sleep(Duration::from_millis(1));
            }
            self.set(guest, false)?;
        }
        Ok(true)
    }

    /// Runs the plan; what happened is in the ledger, whether it went to its end or not.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn run(mut self, phases: &[Phase]) -> Result<Ledger, ControlError> {
        for (index, phase) in phases.iter().enumerate() {
            let begun_ns = monotonic_ns();
            let end_ns = begun_ns.saturating_add(nanoseconds(phase.length));
            let mut mode = phase.mode;
            let mut changed = false;
            loop {
                self.begin(index, mode, changed)?;
                let waited = match mode {
                    Mode::Off => self.wait(end_ns)?,
                    Mode::Once { first, after } => self.once(first, nanoseconds(after), end_ns)?,
                    Mode::Alternate { interval } => {
                        self.alternate(nanoseconds(interval), end_ns)?
                    }
                };
                self.ledger.close_window(tsc());
                match waited {
                    Waited::Through => break,
                    Waited::Interrupted => {
                        self.ledger.interrupted = true;
                        return Ok(self.ledger);
                    }
                    Waited::NewMode(new) => (mode, changed) = (new, true),
                }
            }
        }
        Ok(self.ledger)
    }

    /// Waits until the first guest has come so far with its work; false when the user has stopped it.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn wait_for_progress(&mut self, progress: u64) -> Result<bool, ControlError> {
        while !self.interrupted.is_raised() {
            let look = self.backend.look(0)?;
            if look.state == STATE_RUNNING && look.progress >= progress {
                return Ok(true);
            }
            self.look_at_all()?;
            std::thread::sleep(THROUGH_EVERY);
        }
        Ok(false)
    }

    /// Sets the gates for the beginning of a mode and opens its window.
    fn begin(&mut self, phase: usize, mode: Mode, changed: bool) -> Result<(), ControlError> {
        self.mailbox.now(mode);
        let open: Vec<bool> = (0..self.open.len()).map(|guest| mode.begins_open(guest)).collect();
        for guest in (0..open.len()).filter(|guest| !open[*guest]) {
            self.set(guest, false)?;
        }
        self.ledger.windows.push(Window { phase, mode, changed, from: tsc(), to: u64::MAX });
        for guest in (0..open.len()).filter(|guest| open[*guest]) {
            self.set(guest, true)?;
        }
        Ok(())
    }

    fn once(&mut self, first: usize, after_ns: u64, end_ns: u64) -> Result<Waited, ControlError> {
        let deadline = monotonic_ns().saturating_add(after_ns);
        let waited = self.wait(deadline.min(end_ns))?;
        if !matches!(waited, Waited::Through) || deadline >= end_ns {
            return Ok(waited);
        }
        self.switch(first, deadline, after_ns)?;
        self.wait(end_ns)
    }

    fn alternate(&mut self, interval_ns: u64, end_ns: u64) -> Result<Waited, ControlError> {
        let interval_ns = interval_ns.max(1);
        let mut current = 0;
        let mut deadline = monotonic_ns().saturating_add(interval_ns);
        while deadline < end_ns {
            let waited = self.wait(deadline)?;
            if !matches!(waited, Waited::Through) {
                return Ok(waited);
            }
            current = self.switch(current, deadline, interval_ns)?;
            // Deadlines that have passed meanwhile can only be counted; those after the end are none.
            let passed = monotonic_ns().min(end_ns - 1).saturating_sub(deadline) / interval_ns;
            self.ledger.skip(passed);
            deadline += (passed + 1) * interval_ns;
        }
        self.wait(end_ns)
    }

    /// Takes one guest's turn and gives it to the next, whose number is returned.
    fn switch(
        &mut self,
        from: usize,
        deadline_ns: u64,
        slice_ns: u64,
    ) -> Result<usize, ControlError> {
        let to = (from + 1) % self.open.len();
        let taken_ns = monotonic_ns();
        self.set(from, false)?;
        let closed_ns = monotonic_ns();
        self.set(to, true)?;
        let late_ns = taken_ns.saturating_sub(deadline_ns);
        self.ledger.switched(Switch {
            at: tsc(),
            from,
            to,
            late_ns,
            closed_after_ns: closed_ns.saturating_sub(deadline_ns),
            missed: late_ns > slice_ns / LATE_PART,
        });
        Ok(to)
    }

    fn set(&mut self, guest: usize, open: bool) -> Result<(), ControlError> {
        if self.open[guest] == open {
            return Ok(());
        }
        // A gate is open from before it is opened until after it is closed: no guest runs at another time.
        let before = tsc();
        self.backend.gate(guest, open)?;
        self.open[guest] = open;
        let now = monotonic_ns();
        let watch = &mut self.watch[guest];
        if !open {
            watch.open_ns += now.saturating_sub(watch.since_ns);
        }
        watch.since_ns = now;
        let at = if open { before } else { tsc() };
        self.ledger.gate(GateEvent { at, guest, open });
        Ok(())
    }

    fn wait(&mut self, until_ns: u64) -> Result<Waited, ControlError> {
        let mut failure = None;
        let mut new_mode = None;
        let through = sleep_until(until_ns, || {
            new_mode = self.mailbox.take();
            failure = self.look_at_all().err();
            failure.is_some() || new_mode.is_some() || self.interrupted.is_raised()
        });
        match (failure, new_mode) {
            (Some(error), _) => Err(error),
            (None, Some(mode)) => Ok(Waited::NewMode(mode)),
            (None, None) if through => Ok(Waited::Through),
            (None, None) => Ok(Waited::Interrupted),
        }
    }

    /// The watchdog.
    fn look_at_all(&mut self) -> Result<(), ControlError> {
        let now = monotonic_ns();
        if now < self.next_look_ns {
            return Ok(());
        }
        self.next_look_ns = now + LOOK_EVERY_NS;
        for guest in 0..self.open.len() {
            let look = self.backend.look(guest)?;
            if look.state == STATE_FAILED {
                let why = "its payload gave up".to_owned();
                return Err(BackendError::Failed { guest: guest + 1, why }.into());
            }
            let watch = &mut self.watch[guest];
            if look.progress != watch.progress {
                *watch = Watch { progress: look.progress, open_ns: 0, since_ns: now };
                continue;
            }
            // Slices add up: a guest that hangs does so in all of them.
            let present_ns = if self.open[guest] { now.saturating_sub(watch.since_ns) } else { 0 };
            if watch.open_ns + present_ns > nanoseconds(self.patience) {
                return Err(ControlError::Hangs { guest: guest + 1, patience: self.patience });
            }
        }
        Ok(())
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{GuestLog, Look, Placement};
    use crate::memory::GuestSpec;
    use lgbench_payload::abi::STATE_RUNNING;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Guests of which only the first gets on, and takes a while to be out.
    #[derive(Debug, Default)]
    struct Stalled {
        looks: AtomicU64,
        way_out: Duration,
    }

    impl Backend for Stalled {
        fn name(&self) -> &'static str {
            "stalled"
        }

        fn start(
            &mut self,
            _: &[GuestSpec],
            _: Placement,
            _: &dyn Fn() -> bool,
        ) -> Result<(), BackendError> {
            Ok(())
        }

        fn threads(&self) -> Vec<u32> {
            Vec::new()
        }

        fn gate(&self, guest: usize, open: bool) -> Result<(), BackendError> {
            if guest == 0 && !open {
                std::thread::sleep(self.way_out);
            }
            Ok(())
        }

        fn look(&self, guest: usize) -> Result<Look, BackendError> {
            let progress = if guest == 0 { self.looks.fetch_add(1, Ordering::Relaxed) } else { 7 };
            Ok(Look { state: STATE_RUNNING, progress })
        }

        fn collect(&mut self) -> Result<Vec<GuestLog>, BackendError> {
            Ok(Vec::new())
        }
    }

    #[derive(Debug)]
    struct Never;

    impl Interrupted for Never {
        fn is_raised(&self) -> bool {
            false
        }
    }

    fn run(mode: Mode, length: Duration) -> Result<Ledger, ControlError> {
        lead(&Stalled::default(), Duration::from_millis(30), mode, length)
    }

    fn lead(
        backend: &Stalled,
        patience: Duration,
        mode: Mode,
        length: Duration,
    ) -> Result<Ledger, ControlError> {
        let mailbox = Mailbox::default();
        Controller::new(backend, 2, patience, &mailbox, &Never).run(&[Phase { mode, length }])
    }

    #[test]
    fn a_guest_that_hangs_is_found_in_slices_shorter_than_patience() {
        let interval = Duration::from_millis(1);
        let error = run(Mode::Alternate { interval }, Duration::from_secs(3600)).unwrap_err();
        assert!(matches!(error, ControlError::Hangs { guest: 2, .. }), "{error}");
    }

    #[test]
    fn work_ends_when_it_is_done_or_gets_nowhere() {
        let (mailbox, patience) = (Mailbox::default(), Duration::from_millis(30));
        let guests = Stalled::default();
        let mut one = Controller::new(&guests, 1, patience, &mailbox, &Never);
        assert!(one.wait_for_progress(20).unwrap());
        assert!(guests.looks.load(Ordering::Relaxed) > 20);
        let mut two = Controller::new(&guests, 2, patience, &mailbox, &Never);
        let error = two.wait_for_progress(u64::MAX).unwrap_err();
        assert!(matches!(error, ControlError::Hangs { guest: 2, .. }), "{error}");
    }

    #[test]
    fn deadlines_after_the_end_are_none() {
        let ms = Duration::from_millis;
        let slow = Stalled { way_out: ms(2000), ..Stalled::default() };
        let mode = Mode::Alternate { interval: ms(100) };
        let ledger = lead(&slow, Duration::from_secs(60), mode, ms(1000)).unwrap();
        // The first, and those that pass while the guest is on its way out.
        assert_eq!(ledger.switches.len(), 1);
        assert!((1..=9).contains(&ledger.deadlines[0].all), "{:?}", ledger.deadlines);
    }

    #[test]
    fn a_guest_that_is_held_does_not_hang() {
        let once = Mode::Once { first: 0, after: Duration::from_secs(3600) };
        let ledger = run(once, Duration::from_millis(200)).unwrap();
        assert!(ledger.switches.is_empty());
    }
}
