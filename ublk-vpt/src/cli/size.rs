//! Sizes as people write them.

/// Reads `4096`, `512M`, `1G`, `1.5GiB`, `2TB`: K, M, G, T are powers of 1024, with or without `iB`;
/// `kB`, `MB`, `GB`, `TB` are powers of 1000. The result is a positive multiple of 512 bytes.
///
/// # Errors
/// One line that says what would do.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size; write for example 512M, 1G or 1.5GiB");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let unit: f64 = match unit.trim() {
        "" | "B" => 1.0,
        "K" | "k" | "KiB" => 1024.0,
        "M" | "m" | "MiB" => 1024.0 * 1024.0,
        "G" | "g" | "GiB" => 1024.0 * 1024.0 * 1024.0,
        "T" | "t" | "TiB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        _ => return Err(wrong()),
    };
    let bytes = number * unit;
    // Largest file offset; and above 2^53 a float is no longer exact, but still a multiple of 512.
    if !(512.0..9.2e18).contains(&bytes) {
        return Err(format!("{text}: a device has at least 512 bytes and at most 8 EiB"));
    }
    if bytes % 512.0 != 0.0 {
        return Err(format!("{text}: not a multiple of 512 bytes"));
    }
    Ok(bytes as u64)
}

/// A size for people, in powers of 1024: `1.0 GiB`.
pub fn format_size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, bytes) in [
            ("512", 512),
            ("4K", 4096),
            ("1G", 1 << 30),
            ("1.5GiB", 3 << 29),
            ("1 MiB", 1 << 20),
            ("512MB", 512_000_000),
            ("2T", 2 << 40),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in
            ["", "G", "0", "511", "-1G", "1X", "1e3", "1.2.3G", "99999999T", "1kB", "nan", "inf"]
        {
            assert!(parse_size(text).is_err(), "{text}");
        }
        assert_eq!(format_size(1 << 30), "1.0 GiB");
        assert_eq!(format_size(512), "512 B");
    }
}
