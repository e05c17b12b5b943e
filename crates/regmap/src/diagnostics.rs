//! Complaints about a description, each with its place.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

/// Lines longer than this are not quoted: they would wrap, and the caret would point nowhere.
const QUOTED_CHARS: usize = 120;

/// Bytes of the description that something was read from.
///
/// All places are equal: two cards are the same whatever their files look like. A card that a program
/// made has the default place, the file's beginning.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    start: usize,
    end: usize,
}

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

impl From<Range<usize>> for Place {
    fn from(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

/// One complaint. Displays as one line: `file:line:column: item: reason; remedy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// As the caller called it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What it is about, such as `register mode_size`.
    pub item: String,
    /// Reason and remedy.
    pub message: String,
    /// The line, and a caret under the place; empty if the line is too long to quote.
    pub snippet: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, item, message, .. } = self;
        write!(f, "{file}:{line}:{column}: {item}: {message}")
    }
}

impl std::error::Error for Diagnostic {}

/// Everything that is wrong with a description, by place; never empty.
///
/// `{}` gives one line each; `{:#}` adds the source line with a caret below each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// The complaints in order of place.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
            if f.alternate() && !diagnostic.snippet.is_empty() {
                write!(f, "\n{}", diagnostic.snippet)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// Collects complaints about one text.
#[derive(Clone, Debug)]
pub struct Report<'t> {
    file: &'t str,
    text: &'t str,
    // Whoever reads shares the report, and a complaint is no reason to stop reading.
    found: RefCell<Vec<Diagnostic>>,
    /// Ids of what could not be read.
    left_out: RefCell<Vec<String>>,
}

impl<'t> Report<'t> {
    /// An empty report about a file's text.
    pub fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, found: RefCell::default(), left_out: RefCell::default() }
    }

    /// Notes that an item is wrong: why, and what to do.
    pub fn add(&self, at: impl Into<Place>, item: &str, message: impl Into<String>) {
        let place = at.into();
        let (line, column, whole) = self.locate(place.start);
        let width = self.source(place).chars().count();
        self.found.borrow_mut().push(Diagnostic {
            file: self.file.to_owned(),
            line,
            column,
            item: printable(item),
            message: printable(&message.into()),
            snippet: snippet(line, column, whole, width),
        });
    }

    /// Notes that something with this id was complained about and left out, so that nobody complains of
    /// its absence as well.
    pub fn leave_out(&self, id: &str) {
        self.left_out.borrow_mut().push(id.to_owned());
    }

    /// Whether something with this id was left out.
    pub fn is_left_out(&self, id: &str) -> bool {
        self.left_out.borrow().iter().any(|one| one == id)
    }

    /// `line N` for a place, to speak of it in another complaint.
    pub fn line_of(&self, place: Place) -> String {
        format!("line {}", self.locate(place.start).0)
    }

    /// What stands at a place, empty if that is none in the text.
    pub fn source(&self, place: Place) -> &'t str {
        self.text.get(place.start..place.end).unwrap_or("")
    }

    /// Whether there is nothing to complain about so far.
    pub fn is_clean(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// The end of the report.
    ///
    /// # Errors
    /// All that was found, by place.
    pub fn finish(self) -> Result<(), Diagnostics> {
        if self.is_clean() { Ok(()) } else { Err(self.into_diagnostics()) }
    }

    /// All that was found; for when something is known to be.
    pub(crate) fn into_diagnostics(self) -> Diagnostics {
        let mut found = self.found.into_inner();
        found.sort_by_key(|one| (one.line, one.column)); // stable: two at one place stay in order
        found.dedup();
        Diagnostics(found)
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
    if whole.is_empty() || chars > QUOTED_CHARS {
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
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}
