//! Where metrics are given out.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A Unix socket's path, or an address and port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricsAddress {
    /// A socket of this absolute path.
    Unix(PathBuf),
    /// TCP.
    Tcp(SocketAddr),
}

impl MetricsAddress {
    /// Whether other machines can ask too.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Tcp(address) if !address.ip().is_loopback())
    }
}

impl fmt::Display for MetricsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(address) => write!(f, "http://{address}/metrics"),
        }
    }
}

impl FromStr for MetricsAddress {
    type Err = String;

    /// What has a slash is a path. Without a host, or with `localhost`, it is loopback; any other
    /// address has to be written as numbers, so that nobody opens a port to the world by a name.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            let path = std::path::absolute(text).map_err(|e| format!("--metrics {text}: {e}"))?;
            return Ok(Self::Unix(path));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Tcp(address));
        }
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        match (host, port.parse()) {
            ("" | "localhost", Ok(port)) => {
                Ok(Self::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)))
            }
            _ => Err(format!(
                "--metrics {text}: neither a socket's path nor an address: write for example \
                 /run/lab.metrics or 127.0.0.1:9100 (other addresses as numbers too)"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_addresses_are_told_apart() {
        let read = |text: &str| text.parse::<MetricsAddress>();
        assert_eq!(read("/run/m"), Ok(MetricsAddress::Unix("/run/m".into())));
        assert!(matches!(read("./m"), Ok(MetricsAddress::Unix(path)) if path.is_absolute()));
        for text in ["9100", ":9100", "localhost:9100", "127.0.0.1:9100"] {
            let wanted = MetricsAddress::Tcp("127.0.0.1:9100".parse().unwrap());
            assert_eq!(read(text), Ok(wanted), "{text}");
        }
        assert!(!read("[::1]:1").unwrap().is_open() && read("0.0.0.0:1").unwrap().is_open());
        for text in ["", "m", "example.org:9100", "127.0.0.1", "127.0.0.1:99999"] {
            assert!(read(text).unwrap_err().contains("127.0.0.1:9100"), "{text}");
        }
    }
}
