//! The `[k]` table: how the scale k is to be handled by default.

use std::fmt;
use std::str::FromStr;

/// Names of the controller's modes as users write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KModeName {
    /// k follows the backing store all the time.
    Adapt,
    /// k adapts over the first requests, then stays.
    CalibrateThenLock,
    /// k is what the user says.
    Fixed,
}

impl KModeName {
    /// Every mode with its name.
    pub const ALL: [(&'static str, Self); 3] = [
        ("adapt", Self::Adapt),
        ("calibrate-then-lock", Self::CalibrateThenLock),
        ("fixed", Self::Fixed),
    ];

    /// The name as users write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adapt => "adapt",
            Self::CalibrateThenLock => "calibrate-then-lock",
            Self::Fixed => "fixed",
        }
    }
}

impl fmt::Display for KModeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No mode has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no mode of k; use adapt, calibrate-then-lock or fixed")]
pub struct UnknownKMode(pub String);

impl FromStr for KModeName {
    type Err = UnknownKMode;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .find(|(n, _)| *n == name)
            .map(|&(_, mode)| mode)
            .ok_or_else(|| UnknownKMode(name.to_owned()))
    }
}

/// Defaults for the controller of k. `None`: the controller's own default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KDefaults {
    /// How k is found.
    pub mode: Option<KModeName>,
    /// The value to start with, or to stay with.
    pub k: Option<f64>,
    /// Never below this.
    pub k_min: Option<f64>,
    /// Never above this.
    pub k_max: Option<f64>,
    /// After how many requests `calibrate-then-lock` locks.
    pub calibrate_requests: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for (name, mode) in KModeName::ALL {
            assert_eq!(name.parse(), Ok(mode));
            assert_eq!(mode.to_string(), name);
        }
        let error = KModeName::from_str("auto").unwrap_err().to_string();
        assert_eq!(error, "\"auto\" is no mode of k; use adapt, calibrate-then-lock or fixed");
    }
}
