//! How wide text will be, and wrapping it.
//!
//! The SVG may be shown with a font other than the one named first, so widths are estimated on the
//! generous side instead of read from one font file.

/// Families in order of preference. The first is compiled in for the PNG.
pub(crate) const FAMILIES: &str = "Ubuntu, 'DejaVu Sans', Helvetica, Arial, sans-serif";

/// Estimated width of `text` at `size` pixels, in pixels.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let ems: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | 'I' => 0.27,
            'f' | 'r' | 't' | ' ' | '(' | ')' | '[' | ']' | '/' | '-' | '"' => 0.36,
            'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.86,
            'A'..='Z' => 0.66,
            _ if c.is_ascii() => 0.56,
            '\u{1100}'.. => 1.0, // wide scripts; also right for most symbols
            _ => 0.6,
        })
        .sum();
    ems * size * 1.05
}

/// Breaks `text` at spaces into lines of at most `room` pixels. A word longer than a line is cut.
pub(crate) fn wrap(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let word = shorten(word, size, room);
        let longer = if line.is_empty() { word.clone() } else { format!("{line} {word}") };
        if line.is_empty() || width(&longer, size) <= room {
            line = longer;
        } else {
            lines.push(std::mem::replace(&mut line, word));
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// `text`, or as much of its beginning as fits in `room` pixels, with an ellipsis.
pub(crate) fn shorten(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if width(&kept, size) + width("…", size) > room {
            kept.pop();
            break;
        }
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_fit_and_lose_no_word() {
        let text = "the quick brown fox jumps over the lazy dog again and again";
        let lines = wrap(text, 12.0, 120.0);
        assert!(lines.len() > 2);
        assert!(lines.iter().all(|l| width(l, 12.0) <= 120.0), "{lines:?}");
        assert_eq!(lines.join(" "), text);
        assert!(wrap("   ", 12.0, 100.0).is_empty());
    }

    #[test]
    fn what_cannot_be_wrapped_is_shortened() {
        let lines = wrap(&"x".repeat(500), 12.0, 100.0);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with('…') && width(&lines[0], 12.0) <= 100.0);
    }
}
