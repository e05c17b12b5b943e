//! Where clients connect: what may be asked for, and sockets that listen there.

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, fchmod};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::front::Access;

/// The port that is NBD's.
const PORT: u16 = 10809;
/// Clients that may wait to be accepted.
const BACKLOG: i32 = 128;
/// Characters of a path that need no escaping in a URI, beside letters and digits.
const PLAIN: &[u8] = b"/-._~";

/// A place to listen at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP port.
    Tcp {
        /// A name or an address.
        host: String,
        /// 0: any free one.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

impl Listen {
    /// Loopback, at NBD's port for device 0 and at the next ones for the next.
    pub fn by_default(id: u32) -> Self {
        let port = u16::try_from(id).ok().and_then(|id| PORT.checked_add(id));
        Self::Tcp { host: "127.0.0.1".into(), port: port.unwrap_or(0) }
    }

    /// From `HOST:PORT`, `[ADDRESS]:PORT`, or a path, which has a slash.
    ///
    /// # Errors
    /// One line.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            return Ok(Self::Unix(text.into()));
        }
        let refuse = |why: &str| {
            format!("--listen {text}: {why}: give HOST:PORT, [ADDRESS]:PORT, or a path with a /")
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(|| refuse("no port"))?;
        let port = port.parse().map_err(|_| refuse("not a port"))?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        match bare.unwrap_or(host) {
            "" => Err(refuse("no host")),
            host if host.contains(':') && bare.is_none() => {
                Err(refuse("an IPv6 address needs brackets"))
            }
            host => Ok(Self::Tcp { host: host.into(), port }),
        }
    }

    /// Listens.
    ///
    /// # Errors
    /// One line that says where and what to do; then nothing listens and nothing is left.
    pub(super) fn bind(&self, access: Access) -> Result<Bound, String> {
        match self {
            Self::Tcp { host, port } => bind_tcp(host, *port).map_err(|(e, why)| match why {
                "" => format!("--listen {self}: {e}"),
                why => format!("--listen {self}: {e}: {why}"),
            }),
            Self::Unix(path) => {
                bind_unix(path, access).map_err(|why| format!("--listen {self}: {why}"))
            }
        }
    }
}

/// Sockets that listen.
#[derive(Debug)]
pub(super) struct Bound {
    /// One for each address of the host.
    pub(super) sockets: Vec<OwnedFd>,
    /// The address that clients are told.
    pub(super) address: Address,
    /// What the user should know.
    pub(super) notes: Vec<String>,
}

/// Where clients really connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// An address and the port that was free.
    Tcp(SocketAddr),
    /// The socket's file.
    Unix(PathBuf),
}

impl Address {
    /// The NBD URI of an export here.
    pub(super) fn uri(&self, export: &str) -> String {
        match self {
            Self::Tcp(address) => format!("nbd://{address}/{export}"),
            Self::Unix(path) => {
                let mut escaped = String::new();
                for &byte in path.as_os_str().as_encoded_bytes() {
                    if byte.is_ascii_alphanumeric() || PLAIN.contains(&byte) {
                        escaped.push(char::from(byte));
                    } else {
                        escaped += &format!("%{byte:02X}");
                    }
                }
                format!("nbd+unix:///{export}?socket={escaped}")
            }
        }
    }
}

fn bind_tcp(host: &str, port: u16) -> Result<Bound, (io::Error, &'static str)> {
    let found = (host, port).to_socket_addrs().map_err(|e| (e, "no such host"))?;
    let mut sockets = Vec::new();
    let mut first: Option<SocketAddr> = None;
    let mut failed = None;
    for mut address in found {
        if address.port() == 0 {
            // The one that was free for the first address.
            address.set_port(first.map_or(0, |first| first.port()));
        }
        match TcpListener::bind(address).and_then(|socket| Ok((socket.local_addr()?, socket))) {
            Ok((bound, socket)) => {
                first.get_or_insert(bound);
                sockets.push(OwnedFd::from(socket));
            }
            // A name's other addresses need not all be of this machine as it is now.
            Err(e) if e.kind() == io::ErrorKind::AddrNotAvailable => failed = Some(e),
            Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
                return Err((e, "give another port: --listen HOST:PORT"));
            }
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                return Err((e, "ports below 1024 are root's: give another"));
            }
            Err(e) => return Err((e, "")),
        }
    }
    let Some(address) = first else {
        let none = || io::Error::other("the host has no address");
        return Err((failed.unwrap_or_else(none), "give an address of this machine"));
    };
    let notes = vec![note(address.ip(), host)];
    Ok(Bound { sockets, address: Address::Tcp(address), notes })
}

/// NBD without TLS knows no passwords.
fn note(ip: IpAddr, host: &str) -> String {
    if ip.is_loopback() {
        "every user of this machine can connect; a Unix socket (--listen PATH) has permissions"
            .into()
    } else {
        format!(
            "whoever reaches {host} can read and write this disk: there is no password and no \
             encryption"
        )
    }
}

fn bind_unix(path: &Path, access: Access) -> Result<Bound, String> {
    clear_stale(path)?;
    let tell = |e: rustix::io::Errno| match e {
        rustix::io::Errno::NAMETOOLONG => "the path is too long for a socket".into(),
        e => io::Error::from(e).to_string(),
    };
    let address = SocketAddrUnix::new(path).map_err(tell)?;
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .map_err(tell)?;
    // The file gets the socket's mode: at no moment may others connect.
    fchmod(&socket, Mode::RUSR | Mode::WUSR).map_err(tell)?;
    rustix::net::bind(&socket, &address).map_err(tell)?;
    let opened = open_to(path, access).and_then(|()| Ok(rustix::net::listen(&socket, BACKLOG)?));
    if let Err(why) = opened {
        let _ = fs::remove_file(path); // the reason that is told is the first one
        return Err(why.to_string());
    }
    Ok(Bound { sockets: vec![socket], address: Address::Unix(path.into()), notes: Vec::new() })
}

/// Gives the socket to who may use the image; only root can. Not by its name, behind which there may be
/// something else by now.
fn open_to(path: &Path, access: Access) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let itself = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let meta = fs::metadata(&itself)?;
    if !meta.file_type().is_socket() {
        return Err(io::Error::other("was replaced by something else"));
    }
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&itself, Some(access.uid), Some(access.gid))?;
    }
    fs::set_permissions(&itself, fs::Permissions::from_mode(access.mode & 0o660))
}

/// Removes a socket that nobody listens at; refuses whatever else is there.
fn clear_stale(path: &Path) -> Result<(), String> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e.to_string()),
        Ok(meta) if !meta.file_type().is_socket() => {
            Err("exists and is no socket: give another path".into())
        }
        Ok(_) if crate::sockets::is_stale(path) => {
            fs::remove_file(path).map_err(|e| format!("a dead socket cannot be removed: {e}"))
        }
        Ok(_) => Err("in use by another program: give another path".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_asked_for() {
        let tcp = |host: &str, port| Listen::Tcp { host: host.into(), port };
        for (text, listen) in [
            ("127.0.0.1:10810", tcp("127.0.0.1", 10810)),
            ("localhost:0", tcp("localhost", 0)),
            ("[::1]:7", tcp("::1", 7)),
            ("/run/x.sock", Listen::Unix("/run/x.sock".into())),
            ("/run/a:7", Listen::Unix("/run/a:7".into())),
        ] {
            assert_eq!(Listen::parse(text), Ok(listen.clone()));
            assert_eq!(listen.to_string(), text);
        }
        for (text, why) in [
            ("", "no port"),
            ("localhost", "no port"),
            ("x:y", "not a port"),
            ("x:70000", "not a port"),
            (":7", "no host"),
            ("::1:7", "needs brackets"),
        ] {
            let said = Listen::parse(text).unwrap_err();
            assert!(said.contains(why) && said.contains("HOST:PORT"), "{text:?}: {said}");
        }
        assert_eq!(Listen::by_default(3).to_string(), "127.0.0.1:10812");
    }

    #[test]
    fn the_uri_of_an_export() {
        let uri = |address: Address| address.uri("vpt0");
        let v6 = Address::Tcp("[::1]:7".parse().unwrap());
        assert_eq!(uri(v6), "nbd://[::1]:7/vpt0");
        let unix = Address::Unix("/tmp/a b&c/x.sock".into());
        assert_eq!(uri(unix), "nbd+unix:///vpt0?socket=/tmp/a%20b%26c/x.sock");
    }

    #[test]
    fn a_dead_socket_gives_way_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let me = Access {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            mode: 0o660,
        };
        let path = dir.path().join("s");
        let bind = || Listen::Unix(path.clone()).bind(me);
        let bound = bind().unwrap();
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o660, "{mode:o}");
        assert!(bind().unwrap_err().contains("in use"));
        drop(bound);
        drop(bind().unwrap());
        fs::remove_file(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        assert!(bind().unwrap_err().contains("no socket"));
        let long = Listen::Unix(dir.path().join("x".repeat(120)));
        assert!(long.bind(me).unwrap_err().contains("too long"));
    }

    #[test]
    fn a_port_is_taken_once_and_is_free_afterwards() {
        let any = Listen::parse("127.0.0.1:0").unwrap();
        let me = Access { uid: 0, gid: 0, mode: 0 };
        let bound = any.bind(me).unwrap();
        let Address::Tcp(address) = bound.address else { panic!("{bound:?}") };
        assert!(bound.notes[0].contains("every user of this machine"), "{bound:?}");
        let again = Listen::parse(&address.to_string()).unwrap();
        let said = again.bind(me).unwrap_err();
        assert!(said.contains(&address.to_string()) && said.contains("another port"), "{said}");
        drop(bound.sockets);
        again.bind(me).unwrap();
    }
}
