//! A gate: whether a guest may run, and whether it is out.
//!
//! ```text
//!   controller                          the guest's thread
//!   take_turn: turn = CLOSED            wait_for_turn: out = yes, sleeps while turn is CLOSED
//!   (makes the thread leave the guest)  out = no, and looks at turn once more
//!   wait_until_out: out?                enters the guest
//! ```
//!
//! Each side writes its own word before it reads the other's, all in one order: when the controller
//! sees "out", the thread cannot enter the guest before it is given its turn again.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex;

use crate::sys::time::{monotonic_ns, timespec};

const CLOSED: u32 = 0;
const OPEN: u32 = 1;
const ENDED: u32 = 2;

const IN: u32 = 0;
const OUT: u32 = 1;

/// The controller looks for so long before it sleeps: a guest is out within that on most machines.
const LOOK_NS: u64 = 200_000;

/// A gate between one controller and one guest's thread.
#[derive(Debug)]
pub struct Gate {
    turn: AtomicU32,
    out: AtomicU32,
    awaited: AtomicU32,
}

/// Why a sleeping guest woke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The time has come.
    Time,
    /// Something else, perhaps that its turn was taken.
    Else,
}

impl Gate {
    /// A gate that is open, its guest out.
    pub fn new() -> Self {
        Self { turn: AtomicU32::new(OPEN), out: AtomicU32::new(OUT), awaited: AtomicU32::new(0) }
    }

    /// Guest: returns when it may run, false when it is to end.
    pub fn wait_for_turn(&self) -> bool {
        if self.turn.load(SeqCst) == OPEN && self.out.load(SeqCst) == IN {
            return true;
        }
        loop {
            self.say_out();
            match self.turn.load(SeqCst) {
                ENDED => return false,
                OPEN => {
                    self.out.store(IN, SeqCst);
                    if self.turn.load(SeqCst) == OPEN {
                        return true;
                    }
                }
                _ => {
                    // Woken, interrupted, or the value had changed: look again.
                    let _ = futex::wait(&self.turn, futex::Flags::PRIVATE, CLOSED, None);
                }
            }
        }
    }

    /// Guest: whether it still has its turn.
    pub fn is_open(&self) -> bool {
        self.turn.load(SeqCst) == OPEN
    }

    /// Guest: sleeps until a time, unless its turn is taken or a signal comes.
    pub fn sleep_until(&self, deadline_ns: u64) -> Woken {
        let all = std::num::NonZeroU32::MAX;
        let until = timespec(deadline_ns);
        let flags = futex::Flags::PRIVATE;
        match futex::wait_bitset(&self.turn, flags, OPEN, Some(&until), all) {
            Err(Errno::TIMEDOUT) => Woken::Time,
            _ => Woken::Else,
        }
    }

    /// Guest: it is out for good.
    pub fn leave(&self) {
        self.say_out();
    }

    fn say_out(&self) {
        if self.out.swap(OUT, SeqCst) != OUT && self.awaited.load(SeqCst) != 0 {
            // Nothing to do about a failure: the controller's wait has a limit.
            let _ = futex::wake(&self.out, futex::Flags::PRIVATE, 1);
        }
    }

    /// Controller: lets the guest run.
    pub fn open(&self) {
        self.change(OPEN);
    }

    /// Controller: takes the guest's turn. It has to be made to leave the guest, too.
    pub fn take_turn(&self) {
        let _ = self.turn.compare_exchange(OPEN, CLOSED, SeqCst, SeqCst);
    }

    /// Controller: the guest is to end. It has to be made to leave the guest, too.
    pub fn end(&self) {
        self.change(ENDED);
    }

    fn change(&self, to: u32) {
        if self.turn.swap(to, SeqCst) != to {
            // As above.
            let _ = futex::wake(&self.turn, futex::Flags::PRIVATE, 1);
        }
    }

    /// Controller: waits until the guest is out; false when it is not within `patience`.
    pub fn wait_until_out(&self, patience: Duration) -> bool {
        let begun = monotonic_ns();
        let deadline = begun + u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX / 2);
        while self.out.load(SeqCst) != OUT {
            let now = monotonic_ns();
            if now >= deadline {
                return false;
            }
            if now < begun + LOOK_NS {
                std::hint::spin_loop();
                continue;
            }
            self.awaited.store(1, SeqCst);
            let left = timespec(deadline - now);
            let _ = futex::wait(&self.out, futex::Flags::PRIVATE, IN, Some(&left));
            self.awaited.store(0, SeqCst);
        }
        true
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn a_held_guest_stands_still_however_often_it_is_held() {
        let (gate, steps) = (Arc::new(Gate::new()), Arc::new(AtomicU64::new(0)));
        let guest = std::thread::spawn({
            let (gate, steps) = (Arc::clone(&gate), Arc::clone(&steps));
            move || {
                while gate.wait_for_turn() {
                    steps.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        // On a machine that has other things to do it takes its time to begin.
        while steps.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        for round in 0..400 {
            gate.open();
            if round % 2 == 0 {
                std::thread::yield_now();
            }
            gate.take_turn();
            assert!(gate.wait_until_out(Duration::from_secs(20)));
            let before = steps.load(Ordering::SeqCst);
            std::hint::spin_loop();
            assert_eq!(steps.load(Ordering::SeqCst), before);
        }
        gate.end();
        guest.join().unwrap();
    }

    #[test]
    fn a_guest_that_does_not_leave_is_not_waited_for_for_ever() {
        let gate = Gate::new();
        assert!(gate.wait_for_turn());
        gate.take_turn();
        assert!(!gate.wait_until_out(Duration::from_millis(5)));
    }

    #[test]
    fn a_sleeping_guest_wakes_in_time_and_not_at_all_when_its_turn_is_gone() {
        let gate = Gate::new();
        let deadline = monotonic_ns() + 2_000_000;
        assert_eq!(gate.sleep_until(deadline), Woken::Time);
        assert!(monotonic_ns() >= deadline);
        gate.take_turn();
        assert_eq!(gate.sleep_until(u64::MAX / 4), Woken::Else);
    }
}
