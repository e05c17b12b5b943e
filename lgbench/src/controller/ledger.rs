//! What the controller did, and when, by the host's clock.

use super::Mode;

/// Gates that are kept one by one; a longer run keeps counts only.
const MAX_EVENTS: usize = 1 << 20;

/// A time under one mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Index of its phase in the plan.
    pub phase: usize,
    /// The mode.
    pub mode: Mode,
    /// Whether somebody else than the plan wanted this mode.
    pub changed: bool,
    /// Its beginning.
    pub from: u64,
    /// Its end.
    pub to: u64,
}

impl Window {
    /// Whether a time from `start` to `end` lies within.
    pub fn holds(&self, start: u64, end: u64) -> bool {
        self.from <= start && end <= self.to
    }
}

/// One hand-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// When it was done.
    pub at: u64,
    /// The guest that was running, from 0.
    pub from: usize,
    /// The one that runs now, from 0.
    pub to: usize,
    /// From the deadline to taking the turn.
    pub late_ns: u64,
    /// From the deadline to the gate being closed, the guest out.
    pub closed_after_ns: u64,
    /// Whether the turn was taken too late.
    pub missed: bool,
}

/// A gate that opened or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateEvent {
    /// When it was done.
    pub at: u64,
    /// The guest, from 0.
    pub guest: usize,
    /// Open or closed.
    pub open: bool,
}

/// Deadlines under one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deadlines {
    /// How many there were.
    pub all: u64,
    /// Those that were missed.
    pub missed: u64,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Windows in order.
    pub windows: Vec<Window>,
    /// Deadlines, one entry for each window.
    pub deadlines: Vec<Deadlines>,
    /// Switches in order.
    pub switches: Vec<Switch>,
    /// Gates in order.
    pub gates: Vec<GateEvent>,
    /// Whether the user stopped it.
    pub interrupted: bool,
}

impl Ledger {
    pub(super) fn close_window(&mut self, at: u64) {
        self.deadlines.resize(self.windows.len(), Deadlines::default());
        if let Some(window) = self.windows.last_mut() {
            window.to = at;
        }
    }

    pub(super) fn switched(&mut self, switch: Switch) {
        let missed = u64::from(switch.missed);
        self.count(1, missed);
        if self.switches.len() < MAX_EVENTS {
            self.switches.push(switch);
        }
    }

    pub(super) fn skip(&mut self, deadlines: u64) {
        self.count(deadlines, deadlines);
    }

    pub(super) fn gate(&mut self, event: GateEvent) {
        if self.gates.len() < MAX_EVENTS {
            self.gates.push(event);
        }
    }

    fn count(&mut self, all: u64, missed: u64) {
        self.deadlines.resize(self.windows.len(), Deadlines::default());
        if let Some(deadlines) = self.deadlines.last_mut() {
            deadlines.all += all;
            deadlines.missed += missed;
        }
    }
}
