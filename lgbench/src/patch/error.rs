//! What can go wrong.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Something in a file that is not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Within the tree.
    pub file: String,
    /// From 1, where it is about one.
    pub line: Option<usize>,
    /// What is wrong, in a sentence.
    pub what: String,
}

impl Finding {
    /// About a line.
    pub fn at(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: Some(line), what: what.into() }
    }

    /// About a file as a whole.
    pub fn in_file(file: &str, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// Why a tree was not patched, not found in order, or not restored.
#[derive(Debug, Error)]
pub enum PatchError {
    /// The tree has not the shape that the hooks need: one line each.
    #[error("{}", lines(.0))]
    Shape(Vec<Finding>),
    /// Something stands against it, in a sentence.
    #[error("{0}")]
    Refused(String),
    /// Ctrl-C, before anything was changed.
    #[error("interrupted; nothing was changed")]
    Interrupted,
    /// The system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// Such as "read".
        doing: &'static str,
        /// What was to be read.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
}

fn lines(findings: &[Finding]) -> String {
    findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\nlgbench: ")
}

/// Says what was tried when it fails.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, PatchError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, PatchError> {
        self.map_err(|source| PatchError::Io { doing, path: path.to_owned(), source })
    }
}
