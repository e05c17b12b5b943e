//! Folders to mount on: checking them, and getting mounts off them again.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::mount::UnmountFlags;

/// Whether a mount can go there; otherwise what is wrong and what to do.
pub(super) fn check(path: &Path) -> Result<(), String> {
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
    if is_mounted(path) {
        return Err("busy: something is mounted there already: choose another folder".into());
    }
    match std::fs::read_dir(path).map(|mut d| d.next().is_some()) {
        Ok(false) => Ok(()),
        Ok(true) => Err("busy: the folder is not empty: give an empty folder".into()),
        Err(e) => Err(format!("cannot be read ({e})")),
    }
}

/// Whether something is mounted exactly there. Asks the mount table, not the folder: a dead FUSE mount
/// answers no question.
pub fn is_mounted(path: &Path) -> bool {
    let wanted = lexically_absolute(path);
    let Ok(table) = std::fs::read("/proc/self/mountinfo") else { return false };
    table.split(|&b| b == b'\n').any(|line| {
        let field = line.split(|&b| b == b' ').nth(4);
        field.is_some_and(|f| unescape(f) == wanted.as_os_str().as_bytes())
    })
}

/// The absolute path, with the folder above it resolved: resolving the last part could ask a dead mount.
fn lexically_absolute(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    match (absolute.parent().map(Path::canonicalize), absolute.file_name()) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => absolute,
    }
}

/// The kernel writes space, tab, newline and backslash in mount paths as three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let code = (first == b'\\')
            .then(|| after.get(..3))
            .flatten()
            .and_then(|d| std::str::from_utf8(d).ok())
            .and_then(|d| u8::from_str_radix(d, 8).ok());
        match code {
            Some(byte) => {
                out.push(byte);
                rest = &after[3..];
            }
            None => {
                out.push(first);
                rest = after;
            }
        }
    }
    out
}

/// Takes a mount off, whoever still has files open on it, and whether or not its daemon lives.
///
/// # Errors
/// If the kernel refuses and fusermount3 cannot do it either.
pub fn unmount(path: &Path) -> io::Result<()> {
    let wanted = lexically_absolute(path);
    match rustix::mount::unmount(&wanted, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::PERM) => {
            let status = Command::new("fusermount3")
                .args(["-u", "-z", "-q", "--"])
                .arg(&wanted)
                .stdin(Stdio::null())
                .status()?;
            if status.success() {
                return Ok(());
            }
            Err(io::Error::other(format!("fusermount3 -u ended with {status}")))
        }
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_mounts_and_plain_folders() {
        assert!(is_mounted(Path::new("/proc")));
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_mounted(dir.path()));
        assert!(check(dir.path()).is_ok());
        std::fs::write(dir.path().join("x"), "").unwrap();
        assert!(check(dir.path()).unwrap_err().contains("not empty"));
        assert!(check(&dir.path().join("none")).unwrap_err().contains("no such folder"));
        assert!(check(&dir.path().join("x")).unwrap_err().contains("not a folder"));
        assert!(check(Path::new("/proc")).unwrap_err().contains("mounted there already"));
    }

    #[test]
    fn undoes_the_kernels_escapes() {
        assert_eq!(unescape(br"/a\040b\134c\0"), br"/a b\c\0");
    }
}
