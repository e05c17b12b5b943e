//! Results from disk, pages and figures to it; text to standard output.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use labplot::Figure;
use labstats::results::Results;

/// The file that `lgbench run` writes into its folder.
pub const RESULTS: &str = "results.json";

/// What that is called once another run has taken its place.
pub const OLD_RESULTS: &str = "results.old.json";

/// Reads the results in a file, or in the [`RESULTS`] of a folder.
///
/// # Errors
/// What could not be read, or what is wrong in it, with its place.
pub fn read(path: &Path) -> Result<Results> {
    let file = if path.is_dir() { path.join(RESULTS) } else { path.to_owned() };
    let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Results::from_json(&file.display().to_string(), &text)?)
}

/// Writes a file whole or not at all.
///
/// # Errors
/// What went wrong, with the file's name.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    daemonkit::atomic::write(path, bytes, 0o666)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Prints; a reader that has seen enough, such as `head`, is no error.
///
/// # Errors
/// When standard output cannot be written to.
pub fn put(text: &str) -> Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// A figure and the name its file gets, without an ending.
#[derive(Clone, Debug)]
pub struct Named {
    /// Such as `fig6-alternate-kvm-guest1`.
    pub name: String,
    /// The figure.
    pub figure: Figure,
}

/// Writes every figure as SVG into `folder`, which is made if need be; tells which files.
///
/// # Errors
/// When the folder cannot be made or a file cannot be written.
pub fn write_figures(folder: &Path, figures: &[Named]) -> Result<Vec<PathBuf>> {
    if folder.exists() && !folder.is_dir() {
        bail!("{} is not a folder; figures need one", folder.display());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut files = Vec::new();
    for one in figures {
        let file = folder.join(format!("{}.svg", one.name));
        write(&file, one.figure.to_svg().as_bytes())?;
        files.push(file);
    }
    Ok(files)
}

/// `text` as part of a file's name: letters, digits, dots and dashes.
pub fn file_name(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let dashed: String = text.chars().map(plain).collect();
    let parts: Vec<&str> = dashed.split('-').filter(|part| !part.is_empty()).collect();
    // A leading dot would hide the file, or climb.
    parts.join("-").trim_start_matches(['.', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn names_of_files_stay_in_their_folder() {
        assert_eq!(
            file_name("fig6 alternate kvm: slice 0.25 ms"),
            "fig6-alternate-kvm-slice-0.25-ms"
        );
        assert_eq!(file_name("../../etc/passwd"), "etc-passwd");
    }
}
