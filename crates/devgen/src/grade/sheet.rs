//! Checks and their parts: what each is worth, and what was found.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

/// Why a check ended before all of its parts were looked at.
#[derive(Debug)]
pub struct Stop(pub String);

impl<E: Display> From<E> for Stop {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Something to be checked.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What it is called on command lines and in reports.
    pub id: &'static str,
    /// A few words.
    pub title: &'static str,
    /// Its parts, and points for each.
    pub parts: &'static [(&'static str, u32)],
}

/// What was found at a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What should be so.
    pub what: String,
    /// Points for it.
    pub of: u32,
    /// Whether it is so.
    pub ok: bool,
    /// What was seen.
    pub evidence: String,
}

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The check's.
    pub id: String,
    /// The check's.
    pub title: String,
    /// In the check's order.
    pub parts: Vec<Part>,
    /// What the kernel had to complain about meanwhile.
    pub trace: Vec<String>,
    /// How long it took.
    pub milliseconds: u64,
}

impl Found {
    /// Points given.
    pub fn points(&self) -> u32 {
        self.parts.iter().filter(|part| part.ok).map(|part| part.of).sum()
    }

    /// Points there are.
    pub fn of(&self) -> u32 {
        self.parts.iter().map(|part| part.of).sum()
    }

    /// Whether all is well.
    pub fn passed(&self) -> bool {
        self.points() == self.of()
    }

    /// `pass`, `partial` or `fail`.
    pub fn verdict(&self) -> &'static str {
        match self.points() {
            points if points == self.of() => "pass",
            0 => "fail",
            _ => "partial",
        }
    }
}

/// A check's results while it runs.
#[derive(Debug)]
pub struct Sheet {
    check: Check,
    said: Vec<Option<(bool, String)>>,
}

impl Sheet {
    /// Nothing is known yet.
    pub fn new(check: Check) -> Self {
        Self { check, said: vec![None; check.parts.len()] }
    }

    /// Says what was found at the next part.
    pub fn say(&mut self, ok: bool, evidence: impl Into<String>) {
        if let Some(next) = self.said.iter_mut().find(|said| said.is_none()) {
            *next = Some((ok, evidence.into()));
        }
    }

    /// The end, by itself or before all parts were looked at.
    pub fn end(self, result: Result<(), Stop>) -> Found {
        let why = result.err().map_or_else(|| "not looked at".to_owned(), |stop| stop.0);
        let mut why = Some(why);
        let parts = self.check.parts.iter().zip(self.said).map(|((what, of), said)| {
            let (ok, evidence) = said
                .unwrap_or_else(|| (false, why.take().unwrap_or_else(|| "not reached".to_owned())));
            Part { what: (*what).to_owned(), of: *of, ok, evidence }
        });
        Found {
            id: self.check.id.to_owned(),
            title: self.check.title.to_owned(),
            parts: parts.collect(),
            trace: Vec::new(),
            milliseconds: 0,
        }
    }
}

impl Check {
    /// No part was looked at, for a reason.
    pub fn untried(self, why: &str) -> Found {
        Sheet::new(self).end(Err(Stop(why.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: Check =
        Check { id: "a", title: "A", parts: &[("one", 1), ("two", 2), ("three", 4)] };

    #[test]
    fn points_are_given_for_parts() {
        let mut sheet = Sheet::new(CHECK);
        sheet.say(true, "seen");
        sheet.say(false, "not seen");
        let found = sheet.end(Err(Stop("the card is gone".into())));
        assert_eq!((found.points(), found.of(), found.verdict()), (1, 7, "partial"));
        assert_eq!(found.parts[2].evidence, "the card is gone");
        assert_eq!(CHECK.untried("no card").verdict(), "fail");
    }
}
