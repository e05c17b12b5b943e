//! `cargo xtask lint`: every check the project has, all run before the verdict.
//!
//! - [`tools`]: programs that check (rustfmt, clippy, cargo-deny, shellcheck)
//! - [`directions`]: which package may depend on which
//! - [`modules`]: what a module may not mention, read from the source by [`rust_source`]
//! - [`kernel_c`]: C in the kernel's style
//! - [`hygiene`]: file lengths and sizes, words that must not appear, test folders
//! - [`markdown`]: links inside the repository
//! - [`crate::regs`]: what is generated is up to date

pub mod directions;
pub mod hygiene;
pub mod kernel_c;
pub mod markdown;
pub mod modules;
pub mod rust_source;
pub mod tools;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;

use crate::deps;
use crate::workspace;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the root.
    pub file: PathBuf,
    /// Its line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl Finding {
    /// A finding about a line of a file.
    pub fn new(file: impl AsRef<Path>, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.as_ref().to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(out, "{}:", self.line)?;
        }
        write!(out, " {}", self.message)
    }
}

/// How a step ended.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing is wrong; with a remark, may be empty.
    Passed(String),
    /// It could not run here, and why.
    Skipped(String),
    /// What is wrong, a line each.
    Failed(Vec<String>),
}

impl From<Vec<Finding>> for Outcome {
    fn from(findings: Vec<Finding>) -> Self {
        if findings.is_empty() {
            Self::Passed(String::new())
        } else {
            Self::Failed(findings.iter().map(Finding::to_string).collect())
        }
    }
}

/// A text file of the repository.
#[derive(Clone, Debug)]
pub struct Source {
    /// Relative to the root.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

impl Source {
    /// A source made up, for tests of rules.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// The file name's ending, without the dot.
    pub fn extension(&self) -> &str {
        self.path.extension().and_then(|text| text.to_str()).unwrap_or_default()
    }
}

/// All text files of the repository; files that are not UTF-8 are left out.
pub fn sources() -> Result<Vec<Source>> {
    let root = workspace::root();
    let read = |path: PathBuf| {
        let text = String::from_utf8(std::fs::read(root.join(&path)).ok()?).ok()?;
        Some(Source { path, text })
    };
    Ok(workspace::files()?.into_iter().filter_map(read).collect())
}

/// Runs every step; true when none failed.
pub fn main(fix: bool) -> Result<bool> {
    if fix {
        tools::fix()?;
    }
    deps::ensure_libclang()?; // clippy builds what needs it
    let sources = sources()?;
    let mut failed = Vec::new();
    let mut step = |name: &'static str, check: &dyn Fn() -> Result<Outcome>| {
        let start = Instant::now();
        // A check that cannot do its work must not stop the others, nor count as passed.
        let outcome = check().unwrap_or_else(|error| Outcome::Failed(vec![format!("{error:#}")]));
        let seconds = start.elapsed().as_secs_f64();
        let (word, lines) = match outcome {
            Outcome::Passed(remark) => {
                ("ok", Vec::from_iter((!remark.is_empty()).then_some(remark)))
            }
            Outcome::Skipped(why) => ("skipped", vec![why]),
            Outcome::Failed(lines) => {
                failed.push(name);
                ("FAILED", lines)
            }
        };
        println!("lint: {name:<12} {word} ({seconds:.1} s)");
        for line in lines {
            println!("    {line}");
        }
    };
    step("files", &|| Ok(hygiene::check_lengths(&sources).into()));
    step("sizes", &|| Ok(hygiene::check_sizes(&workspace::root(), &workspace::files()?).into()));
    step("words", &|| Ok(hygiene::check_words(&sources, &hygiene::Words::here()).into()));
    step("test-folders", &|| Ok(hygiene::check_test_folders(&sources).into()));
    step("links", &|| Ok(markdown::check(&sources).into()));
    step("modules", &|| Ok(modules::check(&sources, modules::RULES).into()));
    step("kernel-c", &|| Ok(kernel_c::check_all(&sources).into()));
    step("regs", &crate::regs::lint);
    step("directions", &|| Ok(directions::check(&workspace::metadata()?.packages).into()));
    step("shellcheck", &|| tools::shellcheck(&sources));
    step("fmt", &tools::fmt);
    step("clippy", &tools::clippy);
    step("deny", &tools::deny);
    step("advisories", &tools::advisories);
    if failed.is_empty() {
        println!("lint: all ok");
    } else {
        println!("lint: FAILED: {}", failed.join(", "));
    }
    Ok(failed.is_empty())
}
