//! Unix sockets that outlive the process that made them.

use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

/// Whether there is a stream socket under this name at which nobody listens any more. False as well
/// where that cannot be known.
pub fn is_stale(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    let Ok(address) = SocketAddrUnix::new(path) else { return false };
    // Not to wait for a listener whose backlog is full.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let Ok(client) = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None) else {
        return false;
    };
    is_socket && connect(&client, &address) == Err(Errno::CONNREFUSED)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn only_what_nobody_listens_at() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        assert!(!is_stale(&path));
        let listener = UnixListener::bind(&path).unwrap();
        assert!(!is_stale(&path));
        drop(listener);
        assert!(is_stale(&path));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        assert!(!is_stale(&path));
    }
}
