//! `cargo xtask regs`: what is generated from a card's description, in the places where it is used.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use regmap::emit::{Output, emit};

use crate::lint::Outcome;
use crate::workspace;

/// The description of the base card.
const BASE: &str = "configs/cards/base.toml";

/// What is generated from it, and where it is used.
const FILES: &[(Output, &str)] = &[
    (Output::CHeader, "vcd-drm/driver/base/regs.h"),
    (Output::RustConstants, "crates/vgpu-card/src/regs.rs"),
    (Output::RustIds, "crates/vgpu-card/src/ids.rs"),
    (Output::Chapter, "docs/base-card/registers.md"),
];

/// Writes the files, or with `check` only says which are not as they would be written; true when none is.
pub fn main(check: bool) -> Result<bool> {
    let root = workspace::root();
    if check {
        let stale = stale(&root)?;
        stale.iter().for_each(|line| println!("{line}"));
        return Ok(stale.is_empty());
    }
    for (file, text) in generated(&root)? {
        let path = root.join(file);
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {file}"))?;
        println!("{file}");
    }
    Ok(true)
}

/// The check as a step of `cargo xtask lint`.
pub fn lint() -> Result<Outcome> {
    let stale = stale(&workspace::root())?;
    Ok(if stale.is_empty() { Outcome::Passed(String::new()) } else { Outcome::Failed(stale) })
}

/// A line for each file that is out of date.
fn stale(root: &Path) -> Result<Vec<String>> {
    let differs = |file: &str, text: &str| {
        fs::read_to_string(root.join(file)).map_or(true, |there| there != text)
    };
    let files = generated(root)?.into_iter().filter(|(file, text)| differs(file, text));
    Ok(files
        .map(|(file, _)| format!("{file}: not what {BASE} gives; run: cargo xtask regs"))
        .collect())
}

fn generated(root: &Path) -> Result<Vec<(&'static str, String)>> {
    let text =
        fs::read_to_string(root.join(BASE)).with_context(|| format!("cannot read {BASE}"))?;
    let card = match regmap::parse(BASE, &text) {
        Ok(card) => card,
        // With the lines and carets below them.
        Err(errors) => bail!("the description has errors\n{errors:#}"),
    };
    // The program that plays cards plays those that are not the base card, too.
    let all = regmap::parse_template(BASE, &text)?;
    let one = |(output, file): &(Output, &'static str)| {
        let card = if *output == Output::RustIds { &all } else { &card };
        Ok((*file, emit(card, *output, BASE)?))
    };
    FILES.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_or_missing_file_is_found() {
        let root = tempfile::tempdir().expect("a folder");
        let copy = |file: &str| {
            let to = root.path().join(file);
            fs::create_dir_all(to.parent().expect("a folder")).expect("the folder");
            fs::copy(workspace::root().join(file), to).expect("a copy");
        };
        copy(BASE);
        FILES.iter().for_each(|(_, file)| copy(file));
        assert_eq!(stale(root.path()).expect("a description"), Vec::<String>::new());
        fs::remove_file(root.path().join(FILES[0].1)).expect("it was there");
        fs::write(root.path().join(FILES[1].1), "// other\n").expect("it can be written");
        let found = stale(root.path()).expect("a description");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].ends_with("run: cargo xtask regs"), "{found:?}");
        fs::write(root.path().join(BASE), "[card]\n").expect("it can be written");
        let error = stale(root.path()).expect_err("no card").to_string();
        assert!(error.contains("base.toml:1:"), "{error}");
    }
}
