//! Folders to mount on.

use std::io;
use std::path::{Path, PathBuf};

use crate::mounts;

/// The folder's full name if a mount can go there; otherwise what is wrong and what to do.
pub(super) fn check(path: &Path) -> Result<PathBuf, String> {
    match std::fs::metadata(path) {
        Ok(meta) if !meta.is_dir() => return Err("is not a folder: give an empty folder".into()),
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err("no such folder: create it first".into());
        }
        Err(e) if e.raw_os_error() == Some(libc::ENOTCONN) => {
            return Err("a dead mount is still there: `umount -l` it".into());
        }
        Err(e) => return Err(format!("cannot be used ({e})")),
    }
    let full = path.canonicalize().map_err(|e| format!("cannot be used ({e})"))?;
    if mounts::is_mount_point(&full) {
        return Err("busy: something is mounted there already: choose another folder".into());
    }
    match std::fs::read_dir(&full).map(|mut entries| entries.next().is_some()) {
        Ok(false) => Ok(full),
        Ok(true) => Err("busy: the folder is not empty: give an empty folder".into()),
        Err(e) => Err(format!("cannot be read ({e})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_empty_folders_will_do() {
        let dir = tempfile::tempdir().unwrap();
        assert!(check(dir.path()).is_ok());
        std::fs::write(dir.path().join("x"), "").unwrap();
        assert!(check(dir.path()).unwrap_err().contains("not empty"));
        assert!(check(&dir.path().join("none")).unwrap_err().contains("no such folder"));
        assert!(check(&dir.path().join("x")).unwrap_err().contains("not a folder"));
        assert!(check(Path::new("/proc")).unwrap_err().contains("mounted there already"));
    }
}
