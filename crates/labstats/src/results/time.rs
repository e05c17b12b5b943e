//! Just enough of RFC 3339 to write a time and to refuse what is none.

/// Seconds since 1970 as a time in UTC: `2026-01-31T12:00:00Z`.
pub fn rfc3339(seconds: u64) -> String {
    // Days to a date: years begin in March here, so that the odd day is the last of a year.
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

/// Whether `text` is a time as RFC 3339 writes it: `2026-01-31T12:00:00Z`, with a fraction of a second
/// or an offset such as `+02:00` if wanted.
pub fn is_rfc3339(text: &str) -> bool {
    parse(text).is_some()
}

fn parse(text: &str) -> Option<()> {
    let bytes = text.as_bytes();
    let number = |from: usize, digits: usize, low: u32, high: u32| {
        let part = text.get(from..from + digits)?;
        let all_digits = part.bytes().all(|b| b.is_ascii_digit());
        let value: u32 = all_digits.then(|| part.parse().ok())??;
        (low..=high).contains(&value).then_some(())
    };
    let sign = |at: usize, signs: &[u8]| bytes.get(at).filter(|b| signs.contains(b)).map(|_| ());
    number(0, 4, 0, 9999)?;
    sign(4, b"-")?;
    number(5, 2, 1, 12)?;
    sign(7, b"-")?;
    number(8, 2, 1, 31)?;
    sign(10, b"Tt ")?;
    number(11, 2, 0, 23)?;
    sign(13, b":")?;
    number(14, 2, 0, 59)?;
    sign(16, b":")?;
    number(17, 2, 0, 60)?; // 60: a leap second
    let mut at = 19;
    if bytes.get(at) == Some(&b'.') {
        let digits = bytes[at + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        at += 1 + (digits > 0).then_some(digits)?;
    }
    match bytes.get(at)? {
        b'Z' | b'z' => at += 1,
        b'+' | b'-' => {
            number(at + 1, 2, 0, 23)?;
            sign(at + 3, b":")?;
            number(at + 4, 2, 0, 59)?;
            at += 6;
        }
        _ => return None,
    }
    (at == bytes.len()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::{is_rfc3339, rfc3339};

    #[test]
    fn dates_over_leap_days() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(951_868_800), "2000-03-01T00:00:00Z");
        assert_eq!(rfc3339(1_767_225_599), "2025-12-31T23:59:59Z");
        assert_eq!(rfc3339(1_798_761_599), "2026-12-31T23:59:59Z");
        assert!(is_rfc3339(&rfc3339(1_798_761_599)));
    }

    #[test]
    fn times_are_told_from_other_text() {
        for good in
            ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.123+02:00", "2016-12-31 23:59:60Z"]
        {
            assert!(is_rfc3339(good), "{good}");
        }
        for bad in [
            "",
            "yesterday",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "2026-13-31T12:00:00Z",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T12:00:00Zx",
            "2026-01-31T12:00:00+2:00",
            "+026-01-31T12:00:00Z",
            "2026-01-31T12:00:0é",
        ] {
            assert!(!is_rfc3339(bad), "{bad}");
        }
    }
}
