//! What a viewer has to know where more than this machine's users could connect.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustix::rand::{GetRandomFlags, getrandom};

/// A file with one is read up to here.
const MOST_BYTES: usize = 4096;

/// A password or token. It is not shown by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a text is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It is too short, or has other characters.
    #[error(
        "a password or token has at least {least} characters, all of them letters, digits, - or _",
        least = Secret::LEAST
    )]
    Weak,
    /// The file that has it cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel has no random numbers.
    #[error("the kernel gives no random numbers")]
    Random(#[source] io::Error),
}

impl Secret {
    /// No secret is shorter.
    pub const LEAST: usize = 8;

    /// A secret of this text.
    ///
    /// # Errors
    /// [`SecretError::Weak`].
    pub fn new(text: &str) -> Result<Self, SecretError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let fine = text.len() >= Self::LEAST && text.bytes().all(plain);
        if fine { Ok(Self(text.to_owned())) } else { Err(SecretError::Weak) }
    }

    /// The first line of a file.
    ///
    /// # Errors
    /// When it cannot be read, or is no secret.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let failed = |source| SecretError::Read { path: path.to_owned(), source };
        let mut text = std::fs::read(path).map_err(failed)?;
        text.truncate(MOST_BYTES);
        let text = String::from_utf8(text).map_err(|_| SecretError::Weak)?;
        Self::new(text.lines().next().unwrap_or_default().trim())
    }

    /// One that nobody guesses.
    ///
    /// # Errors
    /// [`SecretError::Random`].
    pub fn random() -> Result<Self, SecretError> {
        let bytes = random::<16>().map_err(SecretError::Random)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether somebody knows it. How long that takes does not tell how much of it was right.
    pub fn is(&self, other: &[u8]) -> bool {
        same(self.0.as_bytes(), other)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Compares all bytes, wherever the first difference is.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && std::hint::black_box(differences) == 0
}

pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let got = getrandom(&mut bytes[..], GetRandomFlags::empty())?;
    if got == N { Ok(bytes) } else { Err(io::Error::other("too few random bytes")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_ones_are_refused() {
        for weak in ["", "short", "with spaces", "umlaut-äöü", "a&b=cdefgh"] {
            assert!(Secret::new(weak).is_err(), "{weak:?}");
        }
        let secret = Secret::new("good_one-1").unwrap();
        assert!(secret.is(b"good_one-1") && !secret.is(b"good_one-2") && !secret.is(b""));
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        let (one, other) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert!(one != other && Secret::new(one.text()).is_ok());
    }

    #[test]
    fn one_comes_from_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "  secret-0 \nrest\n").unwrap();
        assert!(Secret::read(file.path()).unwrap().is(b"secret-0"));
        std::fs::write(file.path(), [0xff; 9]).unwrap();
        assert!(matches!(Secret::read(file.path()), Err(SecretError::Weak)));
        let gone = Secret::read(Path::new("/no/such")).unwrap_err().to_string();
        assert_eq!(gone, "cannot read /no/such");
    }
}
