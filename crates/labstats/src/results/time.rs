//! Just enough of RFC 3339 to refuse what is no time.

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
    use super::is_rfc3339;

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
