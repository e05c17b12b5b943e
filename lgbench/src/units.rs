//! Durations and sizes as people type them.

use std::time::Duration;

/// Why a text is no quantity.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// No duration.
    #[error("{0:?} is no duration: a number with us, ms or s, like 0.25ms")]
    Duration(String),
    /// No size.
    #[error("{0:?} is no size: a number with K, M or G, like 128M")]
    Size(String),
}

/// Longer than any experiment.
const LONGEST_S: f64 = 86_400.0;

/// A duration above zero, like `0.25ms`.
///
/// # Errors
/// [`UnitError::Duration`].
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    let wrong = || UnitError::Duration(text.to_owned());
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_s = match &text[digits.len()..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => return Err(wrong()),
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = digits.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
    let seconds = number * unit_s;
    if !(1e-9..=LONGEST_S).contains(&seconds) {
        return Err(wrong());
    }
    Ok(Duration::from_nanos((seconds * 1e9).round() as u64))
}

/// A size in bytes above zero, K, M and G as powers of 1024.
///
/// # Errors
/// [`UnitError::Size`].
pub fn size(text: &str) -> Result<u64, UnitError> {
    let wrong = || UnitError::Size(text.to_owned());
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: u64 = match &text[digits.len()..] {
        "" => 1,
        "K" | "k" => 1 << 10,
        "M" | "m" => 1 << 20,
        "G" | "g" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).filter(|bytes| *bytes > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("0.25ms"), Ok(Duration::from_micros(250)));
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("20us"), Ok(Duration::from_micros(20)));
        for wrong in ["", "5", "ms", "-1ms", "0s", "1h", "1e9s", "nans", "infs", "9999999s", "1 ms"]
        {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(
            (size("4096"), size("128M"), size("1g")),
            (Ok(4096), Ok(128 << 20), Ok(1 << 30))
        );
        for wrong in ["", "M", "0", "1.5M", "-1", "99999999999G", "1T"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
