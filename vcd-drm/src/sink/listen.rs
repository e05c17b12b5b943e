//! Listening, and who may then connect.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use super::Error;

/// Listens at an address: beyond loopback only when something keeps strangers out. What that would be
/// is told as `what`.
pub(super) fn listen(
    kind: &'static str,
    address: SocketAddr,
    guarded: bool,
    what: &'static str,
) -> Result<TcpListener, Error> {
    if !guarded && !is_loopback(address) {
        return Err(Error::Unguarded { kind, address, what });
    }
    let failed = |source: std::io::Error| {
        let hint = match source.kind() {
            ErrorKind::AddrInUse => {
                ": another program does; give another port, or 0 for a free one"
            }
            ErrorKind::PermissionDenied => ": ports below 1024 are root's; give another",
            ErrorKind::AddrNotAvailable => ": that is no address of this machine",
            _ => "",
        };
        Error::Listen { kind, address, hint, source }
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    // A client that was there a moment ago may be gone when it is accepted.
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// Whether only this machine reaches an address.
pub(super) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_loopback_something_has_to_be_known() {
        for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let refused = listen("x", open.parse().unwrap(), false, "a token").unwrap_err();
            assert!(matches!(refused, Error::Unguarded { .. }), "{open}: {refused}");
            assert!(refused.to_string().ends_with("beyond loopback a token is required"));
        }
        assert!(listen("x", "0.0.0.0:0".parse().unwrap(), true, "a token").is_ok());
        for own in ["127.0.0.1:0", "127.9.9.9:0"] {
            assert!(listen("x", own.parse().unwrap(), false, "a token").is_ok(), "{own}");
        }
        assert!(is_loopback("[::1]:1".parse().unwrap()));
        assert!(is_loopback("[::ffff:127.0.0.1]:1".parse().unwrap()));
        assert!(!is_loopback("[::ffff:192.0.2.1]:1".parse().unwrap()));
    }

    #[test]
    fn a_port_in_use_is_told() {
        let first = listen("x", "127.0.0.1:0".parse().unwrap(), false, "").unwrap();
        let refused = listen("x", first.local_addr().unwrap(), false, "").unwrap_err();
        assert!(refused.to_string().contains("another program does"), "{refused}");
    }
}
