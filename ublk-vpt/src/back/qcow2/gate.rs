//! Which files an image may name. Whoever owns an image writes its header, so a header that names
//! `/etc/shadow` must not make us read it: only what was allowed by name is opened, nothing by default.

use std::io;
use std::path::{Path, PathBuf};

/// Files and directories that may be below an image.
#[derive(Clone, Debug, Default)]
pub(super) struct AllowList {
    /// Without symbolic links.
    places: Vec<PathBuf>,
}

impl AllowList {
    /// Each is a file, or a directory with everything below it.
    ///
    /// # Errors
    /// One that is not there, and why.
    pub(super) fn new(places: &[PathBuf]) -> Result<Self, (PathBuf, io::Error)> {
        let places = places.iter().map(|path| path.canonicalize().map_err(|e| (path.clone(), e)));
        Ok(Self { places: places.collect::<Result<_, _>>()? })
    }

    /// Whether a file may be opened; its path has to be free of symbolic links.
    pub(super) fn allows(&self, canonical: &Path) -> bool {
        // By whole components: /srv/masters does not allow /srv/masters-of-others.
        self.places.iter().any(|place| canonical.starts_with(place))
    }
}

/// The protocol that a name asks QEMU for, as in `nbd:host:10809` and `json:{...}`: what stands before
/// a colon that comes before any slash.
pub(super) fn protocol(name: &str) -> Option<&str> {
    let (before, _) = name.split_once(':')?;
    (!before.contains('/')).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_allowed_and_what_is_below_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["masters", "masters-of-others"] {
            std::fs::create_dir(root.join(name)).unwrap();
            std::fs::write(root.join(name).join("m.img"), "").unwrap();
        }
        std::os::unix::fs::symlink(root.join("masters"), root.join("link")).unwrap();
        assert!(!AllowList::default().allows(&root.join("masters/m.img")));
        for place in ["masters", "masters/m.img", "link", "masters/../masters/."] {
            let list = AllowList::new(&[root.join(place)]).unwrap();
            assert!(list.allows(&root.join("masters/m.img")), "{place}");
            assert!(!list.allows(&root.join("masters-of-others/m.img")), "{place}");
            assert!(!list.allows(&root), "{place}");
        }
        let (path, _) = AllowList::new(&[root.join("none")]).unwrap_err();
        assert_eq!(path, root.join("none"));
    }

    #[test]
    fn protocols() {
        for (name, wanted) in [
            ("json:{\"driver\":\"file\"}", Some("json")),
            ("nbd:localhost:10809", Some("nbd")),
            ("nbd+unix:///x", Some("nbd+unix")),
            ("file:/etc/passwd", Some("file")),
            ("master.img", None),
            ("./a:b", None),
            ("/srv/a:b", None),
        ] {
            assert_eq!(protocol(name), wanted, "{name}");
        }
    }
}
