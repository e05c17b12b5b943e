//! The scale k and the law that moves it.
//!
//! The proposal (section 5.1): a request that is back after its due time means k is too small; many
//! requests held back mean k is too large. Taken literally that settles at a fixed share of late
//! requests, and the queue says more about the guest's depth than about the store. This law asks the
//! question directly: with arrival a, backing store done b and due c, the scale that would just have
//! sufficed was r = k*(b-a)/(c-a).
//!
//! - *Raise at once*: when at least 3 requests and at least 1 % of the window are late,
//!   k = min(4k, max(k, 1.05 q)), q being the 99th percentile of r (before the window is full, its third
//!   largest), and a new window begins.
//! - *Lower slowly*, at the end of a window of 256: if 1.05 q < 0.75 k, k = max(0.75 k, 1.05 q, k_min).
//!
//! A raise is known to have been too little only by requests that arrived after it: those that were in
//! flight waited behind others with the smaller k, and judging by them would raise k again for what has
//! been put right already, far beyond what is needed when many wait.
//!
//! Only the backing store's lateness is judged. The clock's is no reason to slow the disk down.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::units::{Instant, nanos};

/// Requests in a window.
pub const WINDOW: usize = 256;
const MIN_LATE: usize = 3;
const LATE_SHARE: f64 = 0.01;
const MARGIN: f64 = 1.05;
const MAX_RAISE: f64 = 4.0;
const MAX_LOWER: f64 = 0.75;
/// Epochs kept in the report; older ones are counted and let go.
const MAX_EPOCHS: usize = 4096;

/// Every k there may be. Beyond, a request would take days, or no time that a clock could tell.
pub const SCALES: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

/// Who decides on k.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KMode {
    /// The law, always.
    #[default]
    Adapt,
    /// The law for the first requests, then k stays.
    CalibrateThenLock,
    /// The user.
    Fixed,
}

impl fmt::Display for KMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Adapt => "adapt",
            Self::CalibrateThenLock => "calibrate-then-lock",
            Self::Fixed => "fixed",
        })
    }
}

impl FromStr for KMode {
    type Err = KError;
    fn from_str(s: &str) -> Result<Self, KError> {
        match s {
            "adapt" => Ok(Self::Adapt),
            "calibrate-then-lock" => Ok(Self::CalibrateThenLock),
            "fixed" => Ok(Self::Fixed),
            _ => Err(KError::Mode(s.into())),
        }
    }
}

/// A setting that k cannot have.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum KError {
    /// Unknown mode.
    #[error("mode `{0}` is not known: use adapt, calibrate-then-lock or fixed")]
    Mode(String),
    /// Not a scale.
    #[error("{name} = {value} is no scale: give a number from 0.000001 to 1000000, such as 1")]
    Value {
        /// Which setting.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// No scale can be between them.
    #[error("k_min = {min} is above k_max = {max}")]
    Order {
        /// Lower bound.
        min: f64,
        /// Upper bound.
        max: f64,
    },
    /// Out of the bounds.
    #[error("k = {k} is outside k_min = {min} and k_max = {max}")]
    Bounds {
        /// The scale.
        k: f64,
        /// Lower bound.
        min: f64,
        /// Upper bound.
        max: f64,
    },
}

/// How k is to be treated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KSettings {
    /// Who decides.
    pub mode: KMode,
    /// The scale to begin with.
    pub k: f64,
    /// The law never goes below. 1 keeps a fast store from making the disk faster than the real one.
    pub k_min: f64,
    /// The law never goes above.
    pub k_max: f64,
    /// Requests after which calibrate-then-lock locks.
    pub calibrate_requests: u64,
}

impl Default for KSettings {
    fn default() -> Self {
        Self { mode: KMode::Adapt, k: 1.0, k_min: 1.0, k_max: 1e3, calibrate_requests: 2048 }
    }
}

impl KSettings {
    /// Checks every number, and that the bounds hold unless k is fixed.
    ///
    /// # Errors
    /// Names the setting that is no scale, or the bound that is broken.
    pub fn checked(self) -> Result<Self, KError> {
        for (name, value) in [("k", self.k), ("k_min", self.k_min), ("k_max", self.k_max)] {
            if !SCALES.contains(&value) {
                return Err(KError::Value { name, value });
            }
        }
        if self.k_min > self.k_max {
            return Err(KError::Order { min: self.k_min, max: self.k_max });
        }
        // A fixed k is the user's alone; the bounds are for what the law chooses.
        if self.mode != KMode::Fixed && !(self.k_min..=self.k_max).contains(&self.k) {
            return Err(KError::Bounds { k: self.k, min: self.k_min, max: self.k_max });
        }
        Ok(self)
    }
}

/// What is known of one finished request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// When it reached the disk (a).
    pub arrival: Instant,
    /// When the backing store was done with it (b).
    pub backing_done: Instant,
    /// When it was due (c).
    pub due: Instant,
    /// The scale that `due` was made with.
    pub k: f64,
}

/// A stretch of constant k.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// When it began.
    pub at: Instant,
    /// The scale in it.
    pub k: f64,
    /// Requests judged in it.
    pub requests: u64,
    /// Of these, late.
    pub late: u64,
}

/// What must be known of k to convert results to the modelled disk.
#[derive(Clone, Debug, PartialEq)]
pub struct KReport {
    /// Who decides.
    pub mode: KMode,
    /// The scale in force.
    pub k: f64,
    /// Lowest so far.
    pub min: f64,
    /// Time-weighted mean.
    pub mean: f64,
    /// Highest so far.
    pub max: f64,
    /// Whether k can no longer move by itself.
    pub locked: bool,
    /// Requests judged, and late ones, since the beginning.
    pub requests: u64,
    /// See `requests`.
    pub late: u64,
    /// False when, k being locked, more than 1 % of the requests were late.
    pub valid: bool,
    /// All stretches of constant k, the last being the present one.
    pub epochs: Vec<Epoch>,
    /// Epochs no longer in the log.
    pub epochs_dropped: u64,
}

/// Moves k by what the backing store does.
#[derive(Clone, Debug)]
pub struct KController {
    settings: KSettings,
    k: f64,
    locked: bool,
    window: Vec<f64>,
    window_late: usize,
    /// When the law last raised k.
    raised: Instant,
    /// Requests judged since the calibration began.
    calibrated: u64,
    judged: u64,
    late: u64,
    locked_judged: u64,
    locked_late: u64,
    min: f64,
    max: f64,
    /// Integral of k over time up to the present epoch, and where it starts.
    weight: f64,
    began: Instant,
    epoch: Epoch,
    epochs: VecDeque<Epoch>,
    dropped: u64,
}

impl KController {
    /// Begins at `now`.
    ///
    /// # Errors
    /// If a setting is no scale or the bounds do not hold.
    pub fn new(settings: KSettings, now: Instant) -> Result<Self, KError> {
        let settings = settings.checked()?;
        Ok(Self {
            settings,
            k: settings.k,
            locked: settings.mode == KMode::Fixed,
            window: Vec::with_capacity(WINDOW),
            window_late: 0,
            raised: now,
            calibrated: 0,
            judged: 0,
            late: 0,
            locked_judged: 0,
            locked_late: 0,
            min: settings.k,
            max: settings.k,
            weight: 0.0,
            began: now,
            epoch: Epoch { at: now, k: settings.k, requests: 0, late: 0 },
            epochs: VecDeque::new(),
            dropped: 0,
        })
    }

    /// The scale in force.
    pub fn k(&self) -> f64 {
        self.k
    }

    /// The settings in force.
    pub fn settings(&self) -> KSettings {
        self.settings
    }

    /// New settings from the user; `settings.k` becomes the scale. Judgement of a locked run and the
    /// calibration begin anew.
    ///
    /// # Errors
    /// If a setting is no scale or the bounds do not hold; then nothing changes.
    pub fn set(&mut self, now: Instant, settings: KSettings) -> Result<(), KError> {
        self.settings = settings.checked()?;
        self.locked = settings.mode == KMode::Fixed;
        self.calibrated = 0;
        (self.locked_judged, self.locked_late) = (0, 0);
        self.restart_window();
        self.raised = now;
        self.change(now, settings.k);
        Ok(())
    }

    /// Judges one finished request and returns the scale from now on.
    pub fn observe(&mut self, now: Instant, seen: &Observation) -> f64 {
        let allowed = nanos(seen.due.saturating_since(seen.arrival));
        if allowed == 0 {
            return self.k; // nothing modelled, nothing to judge
        }
        let took = nanos(seen.backing_done.saturating_since(seen.arrival));
        let late = took > allowed;
        self.judged += 1;
        self.calibrated += 1;
        self.epoch.requests += 1;
        if late {
            self.late += 1;
            self.epoch.late += 1;
        }
        if self.locked {
            self.locked_judged += 1;
            self.locked_late += u64::from(late);
            return self.k;
        }
        if seen.arrival >= self.raised {
            self.window.push(seen.k * took as f64 / allowed as f64);
            self.window_late += usize::from(late);
            self.apply_law(now);
        }
        if self.settings.mode == KMode::CalibrateThenLock
            && self.calibrated >= self.settings.calibrate_requests
        {
            self.locked = true;
        }
        self.k
    }

    fn apply_law(&mut self, now: Instant) {
        let n = self.window.len();
        let (min, max) = (self.settings.k_min, self.settings.k_max);
        if self.window_late >= MIN_LATE && self.window_late as f64 >= LATE_SHARE * n as f64 {
            let wanted = MARGIN * self.third_largest();
            let k = wanted.max(self.k).min(MAX_RAISE * self.k).clamp(min, max);
            self.restart_window();
            if k > self.k {
                self.raised = now;
            }
            self.change(now, k);
        } else if n >= WINDOW {
            let wanted = MARGIN * self.third_largest();
            self.restart_window();
            if wanted < MAX_LOWER * self.k {
                self.change(now, wanted.max(MAX_LOWER * self.k).clamp(min, max));
            }
        }
    }

    /// The 99th percentile of a full window of 256 is its third largest value too.
    fn third_largest(&mut self) -> f64 {
        let index = self.window.len() - MIN_LATE;
        *self.window.select_nth_unstable_by(index, f64::total_cmp).1
    }

    fn restart_window(&mut self) {
        self.window.clear();
        self.window_late = 0;
    }

    fn change(&mut self, now: Instant, k: f64) {
        if k == self.k {
            return;
        }
        self.weight += self.epoch_weight(now);
        let next = Epoch { at: now, k, requests: 0, late: 0 };
        self.epochs.push_back(std::mem::replace(&mut self.epoch, next));
        if self.epochs.len() > MAX_EPOCHS {
            self.epochs.pop_front();
            self.dropped += 1;
        }
        self.k = k;
        self.min = self.min.min(k);
        self.max = self.max.max(k);
    }

    fn epoch_weight(&self, now: Instant) -> f64 {
        self.epoch.k * nanos(now.saturating_since(self.epoch.at)) as f64
    }

    /// The report as of `now`.
    pub fn report(&self, now: Instant) -> KReport {
        let total = nanos(now.saturating_since(self.began)) as f64;
        let weight = self.weight + self.epoch_weight(now);
        KReport {
            mode: self.settings.mode,
            k: self.k,
            min: self.min,
            mean: if total > 0.0 { weight / total } else { self.k },
            max: self.max,
            locked: self.locked,
            requests: self.judged,
            late: self.late,
            valid: self.locked_late as f64 <= LATE_SHARE * self.locked_judged as f64,
            epochs: self.epochs.iter().copied().chain([self.epoch]).collect(),
            epochs_dropped: self.dropped,
        }
    }
}
