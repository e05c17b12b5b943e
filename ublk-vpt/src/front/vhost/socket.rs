//! The socket's name: taking it, and taking over what a dead daemon has left.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::front::Access;

/// A socket that listens under a name.
pub(super) struct Listener {
    pub(super) socket: UnixListener,
    path: PathBuf,
    /// Device and inode of the name, so that no other is removed.
    file: (u64, u64),
}

impl Listener {
    /// Takes the name. Who may use the image may connect.
    ///
    /// # Errors
    /// One line, without the path.
    pub(super) fn bind(path: &Path, access: Access) -> Result<Self, String> {
        clear_stale(path)?;
        let socket = UnixListener::bind(path).map_err(|e| match e.kind() {
            io::ErrorKind::InvalidInput => {
                format!(
                    "{} characters are too long for a socket: at most 107",
                    path.as_os_str().len()
                )
            }
            io::ErrorKind::NotFound => "its folder does not exist".into(),
            _ => e.to_string(),
        })?;
        let meta = fs::metadata(path).map_err(|e| e.to_string())?;
        let listener = Self { socket, path: path.to_owned(), file: (meta.dev(), meta.ino()) };
        // Until here only its owner could: connecting takes the right to write.
        let allowed = fs::set_permissions(path, fs::Permissions::from_mode(access.mode & 0o666));
        let root = rustix::process::geteuid().is_root();
        let given = match allowed {
            Ok(()) if root => std::os::unix::fs::chown(path, Some(access.uid), Some(access.gid)),
            other => other,
        };
        match given.and_then(|()| listener.socket.set_nonblocking(true)) {
            Ok(()) => Ok(listener),
            Err(e) => {
                listener.remove();
                Err(e.to_string())
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the name, if it still is ours. Harmless when it is gone.
    pub(super) fn remove(&self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|m| (m.dev(), m.ino()) == self.file)
            && let Err(e) = fs::remove_file(&self.path)
        {
            tracing::error!("{} is not removed: {e}", self.path.display());
        }
    }
}

/// Removes a socket that nobody listens on.
fn clear_stale(path: &Path) -> Result<(), String> {
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err("exists and is no socket: remove it, or listen elsewhere".into());
        }
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        // Too long a name, for example: binding says it better.
        Err(_) => return Ok(()),
    }
    match UnixStream::connect(path) {
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|e| format!("a stale socket that cannot be removed: {e}"))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e.to_string()),
        Ok(_) => Err("another process listens there: listen elsewhere, or stop it".into()),
    }
}
