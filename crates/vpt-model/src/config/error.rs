//! Complaints about a disk file, each with its place.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

/// Lines longer than this are not quoted: they would wrap and the caret would point nowhere.
const QUOTED_LINE_CHARS: usize = 120;

/// Syntax errors beyond this many are consequences of the first ones more often than not.
const MAX_SYNTAX_ERRORS: usize = 5;

/// One complaint. Displays as one line: `file:line:column: key: reason; remedy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// As the caller called it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The key with its table, such as `seek.full_ms`; `toml` for a syntax error.
    pub key: String,
    /// Reason and remedy.
    pub message: String,
    /// The line, and a caret under the place; empty if the line is too long to quote.
    pub snippet: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, key, message, .. } = self;
        write!(f, "{file}:{line}:{column}: {key}: {message}")
    }
}

impl std::error::Error for ConfigError {}

/// Everything that is wrong with a file, by place; never empty.
///
/// `{}` gives one line each; `{:#}` adds the source line with a caret below each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// The complaints in order of place.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a ConfigErrors {
    type Item = &'a ConfigError;
    type IntoIter = std::slice::Iter<'a, ConfigError>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
            if f.alternate() && !error.snippet.is_empty() {
                write!(f, "\n{}", error.snippet)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Collects complaints about one text.
pub(super) struct Report<'t> {
    file: &'t str,
    text: &'t str,
    // Readers share the report, and a complaint is no reason to stop reading.
    errors: RefCell<Vec<ConfigError>>,
}

impl<'t> Report<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, errors: RefCell::default() }
    }

    /// Notes that `key`, at these bytes of the text, is wrong.
    pub(super) fn add(&self, at: Range<usize>, key: &str, message: impl Into<String>) {
        let (line, column, whole) = self.locate(at.start);
        self.errors.borrow_mut().push(ConfigError {
            file: self.file.to_owned(),
            line,
            column,
            key: key.to_owned(),
            message: message.into(),
            snippet: snippet(line, column, whole, self.source(at).chars().count()),
        });
    }

    /// Notes that the text is no TOML at `at`, or at its end.
    pub(super) fn syntax(&self, reason: &str, at: Option<Range<usize>>) {
        if self.errors.borrow().len() == MAX_SYNTAX_ERRORS {
            return;
        }
        let at = at.unwrap_or(self.text.len()..self.text.len());
        let word = printable(self.source(at.clone()).trim());
        // The parser's own words for the two commonest slips would send the user the wrong way.
        let message = if reason == "duplicate key" {
            format!("{word} is given twice; keep one of them")
        } else if reason.starts_with("string values must be quoted") && word.is_empty() {
            "nothing stands after the = sign; write a value or remove the line".to_owned()
        } else if reason.starts_with("string values must be quoted") {
            let word: String = word.chars().take(40).collect();
            format!("{word} is neither a number nor true or false; a text needs quotes, \"{word}\"")
        } else {
            format!("not TOML: {reason}; a line is [table], key = value or # comment")
        };
        self.add(at, "toml", message);
    }

    /// What the user wrote at `at`; empty if that is no place in the text.
    pub(super) fn source(&self, at: Range<usize>) -> &'t str {
        self.text.get(at).unwrap_or("")
    }

    pub(super) fn is_clean(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    pub(super) fn into_errors(self) -> ConfigErrors {
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|e| (e.line, e.column)); // stable: two at one place stay in order
        ConfigErrors(errors)
    }

    /// Line and column from 1, and the line itself.
    fn locate(&self, byte: usize) -> (usize, usize, &'t str) {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        let (before, after) = self.text.split_at(byte);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = after.find('\n').map_or(self.text.len(), |newline| byte + newline);
        let line = before.matches('\n').count() + 1;
        (line, before[start..].chars().count() + 1, self.text[start..end].trim_end())
    }
}

/// The line with a gutter, and carets under `width` characters from `column` on.
fn snippet(line: usize, column: usize, whole: &str, width: usize) -> String {
    let chars = whole.chars().count();
    if whole.is_empty() || chars > QUOTED_LINE_CHARS {
        return String::new();
    }
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    // Tabs stay tabs, so that the caret is under the right character whatever a tab's width is.
    let indent: String =
        whole.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let carets = "^".repeat(width.min((chars + 1).saturating_sub(column)).max(1));
    let whole = printable(whole);
    format!("{gutter} |\n{number} | {whole}\n{gutter} | {indent}{carets}")
}

/// Without control characters, which could confuse a terminal; tabs are harmless.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}
