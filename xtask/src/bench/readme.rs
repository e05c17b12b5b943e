//! The README's tables are benchmarks' results, written between two markers.

use anyhow::{Context, Result, bail};

use super::Report;
use crate::workspace;

/// Writes a result's table into README.md.
pub fn update(report: &Report) -> Result<()> {
    let file = workspace::root().join("README.md");
    let told = || format!("cannot update {}", file.display());
    let text = std::fs::read_to_string(&file).with_context(told)?;
    let new = replaced(&text, &report.name, &report.markdown()).with_context(told)?;
    if new != text {
        std::fs::write(&file, new).with_context(told)?;
    }
    Ok(())
}

/// The text with everything between a benchmark's markers replaced.
fn replaced(text: &str, name: &str, table: &str) -> Result<String> {
    let (open, close) = (format!("<!-- bench:{name} -->"), format!("<!-- /bench:{name} -->"));
    let Some((before, rest)) = text.split_once(&open) else { bail!("it has no marker {open}") };
    let Some((_, after)) = rest.split_once(&close) else { bail!("no {close} follows {open}") };
    Ok(format!("{before}{open}\n{table}{close}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_only_between_its_markers() {
        let text =
            "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n<!-- bench:y --><!-- /bench:y -->\n";
        let new = replaced(text, "x", "new\n").expect("markers");
        assert_eq!(new, text.replace("old", "new"));
        assert_eq!(replaced(&new, "x", "new\n").expect("markers"), new);
        assert!(replaced("a", "x", "").is_err());
        assert!(replaced("<!-- bench:x --> a", "x", "").is_err());
    }
}
