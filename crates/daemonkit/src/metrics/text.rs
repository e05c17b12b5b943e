//! Pieces of Prometheus' text format.

use std::fmt::Write;

/// Announces a family of samples: its name, its type and its meaning.
// Writing to a String cannot fail.
pub fn about(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}");
    let _ = writeln!(text, "# TYPE {name} {kind}");
}

/// A label's value: what would end it, or the line, is written with a backslash.
pub fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}
