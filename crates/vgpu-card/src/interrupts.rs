//! Interrupts: counts of events, what the driver has seen of them, and the line that follows from both.
//!
//! A count that the driver acknowledges by writing what it has read loses no event, however late either
//! side looks: one that happens between the driver's reading and writing makes the count differ from
//! what was written. A bit that is cleared could not do that.

use crate::ids::{Fld, Reg};
use crate::layout::Layout;

/// What interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// A command buffer is done.
    Buffer,
    /// A SYNC command.
    Sync,
    /// A vertical blank.
    Vblank,
    /// An error.
    Error,
}

/// All sources, with their fields in INT_COUNT, INT_ACK and INT_ENABLE.
const SOURCES: [(Source, Fld, Fld, Fld); 4] = [
    (Source::Buffer, Fld::IntCountBuffer, Fld::IntAckBuffer, Fld::IntEnableBuffer),
    (Source::Sync, Fld::IntCountSync, Fld::IntAckSync, Fld::IntEnableSync),
    (Source::Vblank, Fld::IntCountVblank, Fld::IntAckVblank, Fld::IntEnableVblank),
    (Source::Error, Fld::IntCountError, Fld::IntAckError, Fld::IntEnableError),
];

/// What the line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// It goes up, or is up and must be noticed once more.
    Raise,
    /// It goes down.
    Lower,
}

/// The state of all sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interrupts {
    counts: [u8; SOURCES.len()],
    acks: [u8; SOURCES.len()],
    enabled: [bool; SOURCES.len()],
    line: bool,
}

impl Interrupts {
    /// Counts an event. One that is 255 ahead stays there, or it would look as if it was seen.
    pub(crate) fn count(&mut self, source: Source) -> Change {
        let (count, ack) = (&mut self.counts[source as usize], self.acks[source as usize]);
        if count.wrapping_sub(ack) < u8::MAX {
            *count = count.wrapping_add(1);
        }
        self.settle(false)
    }

    /// Takes what the driver has written to INT_ACK and INT_ENABLE.
    pub(crate) fn take(&mut self, layout: &Layout, ack: u32, enable: u32) -> Change {
        let before = self.acks;
        for (source, _, acked, enabled) in SOURCES {
            self.acks[source as usize] = layout.get(acked, ack) as u8;
            self.enabled[source as usize] = layout.get(enabled, enable) != 0;
        }
        self.settle(before != self.acks)
    }

    /// Everything counts as seen.
    pub(crate) fn forget(&mut self) -> Change {
        self.counts = self.acks;
        self.settle(false)
    }

    fn settle(&mut self, again: bool) -> Change {
        let pending =
            SOURCES.iter().any(|(source, ..)| self.is_enabled(*source) && self.is_pending(*source));
        let was = std::mem::replace(&mut self.line, pending);
        match (was, pending) {
            (false, true) => Change::Raise,
            (true, true) if again => Change::Raise,
            (true, false) => Change::Lower,
            _ => Change::None,
        }
    }

    pub(crate) fn is_pending(&self, source: Source) -> bool {
        self.counts[source as usize] != self.acks[source as usize]
    }

    pub(crate) fn is_enabled(&self, source: Source) -> bool {
        self.enabled[source as usize]
    }

    pub(crate) fn line(&self) -> bool {
        self.line
    }

    /// The register of counts.
    pub(crate) fn register(&self, layout: &Layout) -> (Reg, u32) {
        let word = SOURCES.iter().fold(0, |word, (source, count, ..)| {
            layout.put(*count, word, self.counts[*source as usize].into())
        });
        (Reg::IntCount, word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::layout;

    /// Acknowledges so many buffers, with all sources enabled or none.
    fn ack(interrupts: &mut Interrupts, buffers: u32, enable: bool) -> Change {
        let layout = layout();
        let enable = if enable { u32::MAX } else { 0 };
        interrupts.take(&layout, layout.put(Fld::IntAckBuffer, 0, buffers), enable)
    }

    #[test]
    fn an_event_between_reading_and_acknowledging_is_not_lost() {
        let mut interrupts = Interrupts::default();
        assert_eq!(ack(&mut interrupts, 0, true), Change::None);
        assert_eq!(interrupts.count(Source::Buffer), Change::Raise);
        // The driver has read 1, and another happens before its write is seen.
        assert_eq!(interrupts.count(Source::Buffer), Change::None, "the line is up");
        assert_eq!(ack(&mut interrupts, 1, true), Change::Raise, "once more");
        assert_eq!(ack(&mut interrupts, 2, true), Change::Lower);
    }

    #[test]
    fn enabling_what_is_pending_raises_the_line() {
        let mut interrupts = Interrupts::default();
        assert_eq!(interrupts.count(Source::Error), Change::None);
        assert_eq!(ack(&mut interrupts, 0, true), Change::Raise);
        assert_eq!(ack(&mut interrupts, 0, true), Change::None);
        assert_eq!(ack(&mut interrupts, 0, false), Change::Lower);
        assert!(interrupts.is_pending(Source::Error) && !interrupts.line());
        assert_eq!(interrupts.forget(), Change::None);
        assert!(!interrupts.is_pending(Source::Error));
    }

    #[test]
    fn a_count_never_comes_round_to_what_was_seen() {
        let mut interrupts = Interrupts::default();
        for _ in 0..1000 {
            interrupts.count(Source::Buffer);
            assert!(interrupts.is_pending(Source::Buffer));
        }
        let (_, word) = interrupts.register(&layout());
        assert_eq!(layout().get(Fld::IntCountBuffer, word), 255);
    }
}
