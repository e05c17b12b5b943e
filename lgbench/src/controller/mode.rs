//! How guests take turns.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{self, UnitError};

/// The report's three ways. Guests are counted from 0 here, from 1 in texts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nobody is held: the kernel's scheduler decides.
    Off,
    /// One guest first, the others held; after a while the next one, for good.
    Once {
        /// Which runs first.
        first: usize,
        /// For how long.
        after: Duration,
    },
    /// Each has a slice in turn.
    Alternate {
        /// Its length.
        interval: Duration,
    },
}

/// Why a text is no mode.
#[derive(Debug, thiserror::Error)]
pub enum ModeError {
    /// Neither of the three.
    #[error("there is no mode {0:?}; there are: off, once GUEST AFTER, alternate INTERVAL")]
    Unknown(String),
    /// No such guest.
    #[error("{0:?} is no guest: they are counted from 1")]
    Guest(String),
    /// No duration.
    #[error(transparent)]
    Duration(#[from] UnitError),
    /// A slice nobody can keep.
    #[error("an interval of {0:?} is too short: at least 20us")]
    TooShort(Duration),
}

/// A shorter slice is over before a guest is in.
pub const SHORTEST: Duration = Duration::from_micros(20);

impl Mode {
    /// Whether the gate of `guest` is open when the mode begins.
    pub fn begins_open(self, guest: usize) -> bool {
        match self {
            Self::Off => true,
            Self::Once { first, .. } => guest == first,
            Self::Alternate { .. } => guest == 0,
        }
    }

    /// A mode from words, as typed.
    ///
    /// # Errors
    /// See [`ModeError`].
    pub fn from_words(words: &[&str]) -> Result<Self, ModeError> {
        match words {
            ["off"] => Ok(Self::Off),
            ["once", guest, after] => {
                let first = guest.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                let first = first.ok_or_else(|| ModeError::Guest((*guest).to_owned()))?;
                Ok(Self::Once { first, after: units::duration(after)? })
            }
            ["alternate", interval] => {
                let interval = units::duration(interval)?;
                if interval < SHORTEST {
                    return Err(ModeError::TooShort(interval));
                }
                Ok(Self::Alternate { interval })
            }
            _ => Err(ModeError::Unknown(words.join(" "))),
        }
    }

    /// Whether somebody has to hold guests for it.
    pub fn is_gated(self) -> bool {
        self != Self::Off
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => out.write_str("off"),
            Self::Once { first, after } => write!(out, "once {} {after:?}", first + 1),
            Self::Alternate { interval } => write!(out, "alternate {interval:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_from_words() {
        let mode = |text: &str| Mode::from_words(&text.split(' ').collect::<Vec<_>>());
        assert_eq!(mode("off").unwrap(), Mode::Off);
        let once = Mode::Once { first: 1, after: Duration::from_secs(10) };
        assert_eq!(mode("once 2 10s").unwrap(), once);
        assert_eq!(once.to_string(), "once 2 10s");
        let alternate = Mode::Alternate { interval: Duration::from_micros(250) };
        assert_eq!(mode("alternate 0.25ms").unwrap(), alternate);
        assert!(!once.begins_open(0) && once.begins_open(1) && alternate.begins_open(0));
        for (text, why) in [
            ("fast", "there is no mode"),
            ("once 0 1s", "counted from 1"),
            ("alternate 5", "is no duration"),
            ("alternate 1us", "too short"),
            ("alternate", "there is no mode"),
        ] {
            assert!(mode(text).unwrap_err().to_string().contains(why), "{text}");
        }
    }
}
