//! A kernel's sources.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::{Doing, PatchError};
use super::hooks::{CORE, USER};
use super::makefile::MAKEFILE;

/// lguest's header; hooks are included after it.
const HEADER: &str = "drivers/lguest/lg.h";

/// The kernel's version, as its Makefile has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 2 in 2.6.32.
    pub version: u32,
    /// 6 in 2.6.32.
    pub patchlevel: u32,
    /// 32 in 2.6.32.
    pub sublevel: u32,
}

impl Version {
    const FIRST: Self = Self { version: 2, patchlevel: 6, sublevel: 30 };
    const LAST: Self = Self { version: 4, patchlevel: 13, sublevel: u32::MAX };
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.version, self.patchlevel, self.sublevel)
    }
}

/// The top folder of a kernel that has lguest and is of a version that the hooks are for.
#[derive(Clone, Debug)]
pub struct Tree {
    /// As it was given.
    pub root: PathBuf,
    /// What its Makefile says.
    pub version: Version,
}

impl Tree {
    /// Looks whether a folder is one.
    ///
    /// # Errors
    /// What it lacks.
    pub fn open(root: &Path) -> Result<Self, PatchError> {
        is_folder(root)?;
        let makefile = root.join("Makefile");
        let text = fs::read(&makefile).doing("read", &makefile)?;
        let Some(version) = version(&String::from_utf8_lossy(&text)) else {
            let what = "no VERSION, PATCHLEVEL and SUBLEVEL; is this the top folder of a kernel?";
            return Err(PatchError::Refused(format!("{}: {what}", makefile.display())));
        };
        if version < Version::FIRST || version > Version::LAST {
            return Err(PatchError::Refused(format!(
                "{}: this is Linux {version}; the hooks are for lguest of 2.6.30 to 4.13",
                makefile.display()
            )));
        }
        let tree = Self { root: root.to_owned(), version };
        for file in [CORE, USER, HEADER, MAKEFILE] {
            let path = tree.path(file);
            let what = if !path.is_file() {
                "no such file; the hooks go into lguest, whole and of a stock kernel"
            } else if path.is_symlink() {
                // It would be replaced, and lead nowhere from where it is kept.
                "a symbolic link; put the file itself there first"
            } else {
                continue;
            };
            return Err(PatchError::Refused(format!("{}: {what}", path.display())));
        }
        Ok(tree)
    }

    /// Where a file of it is.
    pub fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    /// The content of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, file: &str) -> Result<Vec<u8>, PatchError> {
        let path = self.path(file);
        fs::read(&path).doing("read", &path)
    }
}

pub(super) fn is_folder(root: &Path) -> Result<(), PatchError> {
    if root.is_dir() {
        return Ok(());
    }
    let what = "no such folder; --kernel wants the top folder of a kernel's sources";
    Err(PatchError::Refused(format!("{}: {what}", root.display())))
}

fn version(makefile: &str) -> Option<Version> {
    let value = |name: &str| {
        makefile.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            if key.trim() == name { value.trim().parse().ok() } else { None }
        })
    };
    Some(Version {
        version: value("VERSION")?,
        patchlevel: value("PATCHLEVEL")?,
        sublevel: value("SUBLEVEL")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_ordered() {
        let of = |text| version(text).map(|version| version.to_string());
        let text = "# x = 1\nVERSION = 2\nPATCHLEVEL = 6\nSUBLEVEL = 32\nEXTRAVERSION = -rc1\n";
        assert_eq!(of(text).as_deref(), Some("2.6.32"));
        assert_eq!(of("VERSION = 4\nPATCHLEVEL = x\nSUBLEVEL = 1\n"), None);
        let inside = |version, patchlevel, sublevel| {
            let this = Version { version, patchlevel, sublevel };
            (Version::FIRST..=Version::LAST).contains(&this)
        };
        assert!(inside(2, 6, 30) && inside(3, 0, 0) && inside(4, 13, 16));
        assert!(!inside(2, 6, 29) && !inside(4, 14, 0) && !inside(6, 12, 1));
    }
}
