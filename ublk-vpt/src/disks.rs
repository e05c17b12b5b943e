//! Finding a modelled disk by file or by name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::daemon::device::DiskText;

/// The repository's own disks, by name.
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/built_in_disks.rs"));

/// Largest disk file that is read: a name mistyped into that of an image must not fill the memory.
const MAX_BYTES: u64 = 1 << 20;

/// Why there is no such disk.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// No file and no name.
    #[error(
        "no disk {name:?}: neither a file nor a known name{}; known disks: {}",
        hint(similar),
        list(known)
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// The name it is most like.
        similar: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// A file that cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

fn hint(similar: &Option<String>) -> String {
    similar.as_ref().map_or(String::new(), |name| format!("; did you mean {name:?}?"))
}

fn list(known: &[String]) -> String {
    if known.is_empty() { "none on this machine".into() } else { known.join(", ") }
}

/// Where names are looked up.
#[derive(Clone, Debug)]
pub struct Catalogue {
    folders: Vec<PathBuf>,
    built_in: &'static [(&'static str, &'static str)],
}

impl Catalogue {
    /// `./configs/disks`, the `share/ublk-vpt/disks` beside the executable's folder,
    /// `/etc/ublk-vpt/disks`, and the built-in ones; the first that has the name wins.
    pub fn of_this_machine() -> Self {
        let mut folders = vec![PathBuf::from("configs/disks")];
        if let Ok(exe) = std::env::current_exe()
            && let Some(prefix) = exe.parent().and_then(Path::parent)
        {
            folders.push(prefix.join("share/ublk-vpt/disks"));
        }
        folders.push("/etc/ublk-vpt/disks".into());
        Self { folders, built_in: BUILT_IN }
    }

    /// All names with where each is found, sorted.
    pub fn names(&self) -> BTreeMap<String, String> {
        let mut names = BTreeMap::new();
        for folder in &self.folders {
            // A folder that is missing or not readable simply has no disks.
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.extension().is_some_and(|e| e == "toml")
                    && let Some(name) = path.file_stem()
                {
                    let name = name.to_string_lossy().into_owned();
                    names.entry(name).or_insert_with(|| path.display().to_string());
                }
            }
        }
        for (name, _) in self.built_in {
            names.entry((*name).to_owned()).or_insert_with(|| format!("built in: {name}"));
        }
        names
    }

    /// The disk that `what` means: a path when it has a slash or ends in `.toml`, else a name.
    ///
    /// # Errors
    /// See [`DiskError`].
    pub fn find(&self, what: &str) -> Result<DiskText, DiskError> {
        let path = Path::new(what);
        if what.contains('/') || path.extension().is_some_and(|e| e == "toml") {
            return read(path);
        }
        for folder in &self.folders {
            let path = folder.join(format!("{what}.toml"));
            if path.exists() {
                return read(&path);
            }
        }
        if let Some((name, text)) = self.built_in.iter().find(|(name, _)| *name == what) {
            let origin = format!("built in: {name}");
            return Ok(DiskText { name: (*name).into(), origin, text: (*text).into() });
        }
        let known: Vec<String> = self.names().into_keys().collect();
        let similar = most_similar(what, &known);
        Err(DiskError::Unknown { name: what.into(), similar, known })
    }
}

/// Reads one disk file.
///
/// # Errors
/// It is missing, no plain file, too large or no text.
pub fn read(path: &Path) -> Result<DiskText, DiskError> {
    let refuse = |reason: String| DiskError::File { path: path.to_owned(), reason };
    let meta = fs::metadata(path).map_err(|e| refuse(e.to_string()))?;
    if !meta.is_file() {
        return Err(refuse("not a plain file".into()));
    }
    if meta.len() > MAX_BYTES {
        let size = meta.len();
        return Err(refuse(format!("{size} bytes is too large for a disk's TOML file")));
    }
    let bytes = fs::read(path).map_err(|e| refuse(e.to_string()))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| refuse("not text (UTF-8): is this a disk's TOML file?".into()))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(DiskText { name, origin: path.display().to_string(), text })
}

/// The name a mistyped one most likely stood for, if any comes close.
fn most_similar(what: &str, known: &[String]) -> Option<String> {
    let what = what.to_lowercase();
    let likeness = |name: &String| {
        if !what.is_empty() && name.contains(&what) {
            return 1.0; // "barracuda" for "barracuda-st32171w"
        }
        strsim::jaro_winkler(&what, &name.to_lowercase())
    };
    let (score, name) =
        known.iter().map(|name| (likeness(name), name)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.75).then(|| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(dir: &Path) -> Catalogue {
        let built_in = &[("cheetah-9lp", "built"), ("barracuda-st32171w", "built")];
        Catalogue { folders: vec![dir.join("a"), dir.join("missing")], built_in }
    }

    #[test]
    fn a_folder_comes_before_what_is_built_in() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        let disks = catalogue(dir.path());
        assert_eq!(disks.find("cheetah-9lp").unwrap().text, "built");
        fs::write(dir.path().join("a/cheetah-9lp.toml"), "mine").unwrap();
        let found = disks.find("cheetah-9lp").unwrap();
        assert_eq!((found.name.as_str(), found.text.as_str()), ("cheetah-9lp", "mine"));
        assert_eq!(disks.names().len(), 2);
    }

    #[test]
    fn an_unknown_name_gets_a_hint_and_the_list() {
        let dir = tempfile::tempdir().unwrap();
        let disks = catalogue(dir.path());
        let text = disks.find("baracuda").unwrap_err().to_string();
        assert!(text.contains("did you mean \"barracuda-st32171w\"?"), "{text}");
        assert!(text.ends_with("known disks: barracuda-st32171w, cheetah-9lp"), "{text}");
        let text = disks.find("9lp").unwrap_err().to_string();
        assert!(text.contains("did you mean \"cheetah-9lp\"?"), "{text}");
        assert!(!disks.find("zzz").unwrap_err().to_string().contains("did you mean"));
    }

    #[test]
    fn files_that_are_no_disk_files_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let disks = catalogue(dir.path());
        let path = dir.path().join("x.toml");
        let find = || disks.find(path.to_str().unwrap()).unwrap_err().to_string();
        assert!(find().contains("x.toml: No such file"));
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(find().contains("not text"));
        fs::File::create(&path).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert!(find().contains("too large"));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(find().contains("not a plain file"));
    }
}
