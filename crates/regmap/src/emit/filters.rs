//! What templates may do with words and numbers.

use minijinja::Environment;

/// Columns between tabs.
const TAB: usize = 8;

/// Where the value of a macro stands.
const VALUE_COLUMN: usize = 48;

/// Adds all filters and functions.
pub(super) fn add(environment: &mut Environment<'_>) {
    environment
        .add_filter("hex", |value: u32, digits: usize| format!("{value:#0w$x}", w = digits + 2));
    environment.add_filter("digits", |value: u32| format!("{value:x}"));
    environment.add_filter("quoted", |text: String| quoted(&text));
    environment.add_filter("xml", |text: String| xml(&text));
    environment.add_filter("camel", |word: String| camel(&word));
    environment.add_filter("summary", |text: String| summary(&text));
    environment.add_filter("comment", |text: String| text.replace("*/", "* /"));
    environment.add_filter("cell", |text: String| one_line(&text.replace('|', "\\|")));
    environment.add_function("define", |name: String, value: String| define(&name, &value));
}

/// A macro of the C header, its value in a column.
fn define(name: &str, value: &str) -> String {
    let start = format!("#define {name}");
    // At least one tab, and at most what the column asks for.
    let tabs = VALUE_COLUMN.saturating_sub(start.len()).div_ceil(TAB).max(1);
    format!("{start}{}{value}", "\t".repeat(tabs))
}

/// A text of several lines as one.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text in double quotes, as TOML and SystemRDL have it, on one line.
fn quoted(text: &str) -> String {
    format!("\"{}\"", one_line(text).replace('\\', "\\\\").replace('"', "\\\""))
}

/// A text between tags, on one line.
fn xml(text: &str) -> String {
    one_line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// `mode_size` or `MODE_SIZE` as `ModeSize`.
fn camel(word: &str) -> String {
    let capital = |part: &str| {
        let mut letters = part.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first
            .into_iter()
            .chain(letters.map(|letter| letter.to_ascii_lowercase()))
            .collect::<String>()
    };
    word.split('_').map(capital).collect()
}

/// The first sentence, on one line.
fn summary(text: &str) -> String {
    let line = one_line(text);
    match line.find(". ") {
        Some(end) => line[..=end].to_owned(),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_what_is_needed() {
        assert_eq!(camel("mode_size"), "ModeSize");
        assert_eq!(camel("V0_X"), "V0X");
        assert_eq!(summary("One\n thing. And another."), "One thing.");
        assert_eq!(summary("1.5 of it"), "1.5 of it");
        assert_eq!(define("A", "1"), format!("#define A{}1", "\t".repeat(5)));
        assert_eq!(define(&"A".repeat(60), "1"), format!("#define {}\t1", "A".repeat(60)));
    }
}
