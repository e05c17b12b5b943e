//! Disk description files: TOML text to [`DiskSpec`] and back.
//!
//! Pure: the caller reads the file. Every complaint carries file, line and column (counted in
//! characters from 1), the key, the reason and the remedy; as many as can be found are given at once.
//!
//! ```text
//!   text --toml--> tree with spans --Table getters--> checked values --> DiskSpec
//!                                   \-> Report: one ConfigError per complaint
//! ```
//!
//! The tree is walked by hand instead of being deserialised into structs: a derived deserialiser
//! stops at the first error and cannot say where a key that is *missing* should have stood.
//! The user's reference of every table and key is `docs/disk-files.md`.

mod dump;
mod error;
mod k;
mod limits;
mod seek;
pub mod serve;
mod suggest;
mod table;
mod tables;
mod transfer;

pub use dump::dump_disk;
pub use error::{ConfigError, ConfigErrors};
pub use k::{KDefaults, KModeName, UnknownKMode};
pub use serve::ServeDefaults;

use toml::de::DeTable;

use crate::spec::DiskSpec;
use error::Report;

/// What a disk file says: the disk, and how the scale k is to be handled unless the user says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct DiskConfig {
    /// The disk.
    pub spec: DiskSpec,
    /// The `[k]` table; all `None` if there is none.
    pub k: KDefaults,
    /// The `[serve]` table, if there is one; [`dump_disk`] leaves it out.
    pub serve: Option<ServeDefaults>,
}

/// Reads a disk description. `file` is only used in messages; `text` is the file's whole content.
///
/// # Errors
/// Everything that is wrong with the text, in order of place: either all syntax errors, or, when it
/// is TOML, every unknown key, wrong type, number out of range and impossible disk that was found.
pub fn parse_disk(file: &str, text: &str) -> Result<DiskConfig, ConfigErrors> {
    let report = Report::new(file, text);
    let (root, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        for error in &syntax {
            report.syntax(error.message(), error.span());
        }
        return Err(report.into_errors());
    }
    if root.get_ref().is_empty() {
        report.add(
            0..0,
            "disk",
            "the file describes nothing; start from one of configs/disks or docs/disk-files.md",
        );
        return Err(report.into_errors());
    }
    let config = tables::read(&report, root.get_ref());
    if report.is_clean() { Ok(config) } else { Err(report.into_errors()) }
}

#[cfg(test)]
mod tests;
