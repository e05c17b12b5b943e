//! Requests.

use super::codes::REQUEST;
use super::{be16, be32, be64};

/// One request as it was sent, not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// [`super::codes::flag`] bits.
    pub flags: u16,
    /// A [`super::codes::cmd`] number.
    pub command: u16,
    /// The client's name for it.
    pub cookie: u64,
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub len: u32,
}

impl Request {
    /// Bytes of a request, without the data of a write.
    pub const BYTES: usize = 28;

    /// Reads one; `None` when there are too few bytes or the magic number is another.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if be32(bytes, 0)? != REQUEST {
            return None;
        }
        Some(Self {
            flags: be16(bytes, 4)?,
            command: be16(bytes, 6)?,
            cookie: be64(bytes, 8)?,
            offset: be64(bytes, 16)?,
            len: be32(bytes, 24)?,
        })
    }

    /// As it is sent: for tests.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&REQUEST.to_be_bytes());
        bytes[4..6].copy_from_slice(&self.flags.to_be_bytes());
        bytes[6..8].copy_from_slice(&self.command.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.cookie.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.offset.to_be_bytes());
        bytes[24..].copy_from_slice(&self.len.to_be_bytes());
        bytes
    }
}
