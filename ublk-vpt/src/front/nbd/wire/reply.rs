//! Replies: their first bytes, which the data of a read or the text of an error follows.

use super::codes::{CHUNK, NbdError, SIMPLE_REPLY, chunk};

/// The first bytes of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    bytes: [u8; Self::LONGEST],
    len: u8,
}

impl Head {
    /// A chunk with an offset.
    const LONGEST: usize = 28;

    fn new(parts: &[&[u8]]) -> Self {
        let mut head = Self { bytes: [0; Self::LONGEST], len: 0 };
        for part in parts {
            let at = usize::from(head.len);
            head.bytes[at..at + part.len()].copy_from_slice(part);
            head.len += part.len() as u8; // at most LONGEST
        }
        head
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Success without data.
pub fn done(cookie: u64) -> Head {
    simple(cookie, 0)
}

/// Success of a read; `len` bytes of data follow, which are those at `offset`.
pub fn data(cookie: u64, structured: bool, offset: u64, len: u32) -> Head {
    if structured {
        // No read is so long that the offset before it makes a difference.
        last_chunk(cookie, chunk::OFFSET_DATA, len.saturating_add(8), &[&offset.to_be_bytes()])
    } else {
        simple(cookie, 0)
    }
}

/// Failure. With structure, the first 65535 bytes of a text for people follow: what is returned beside
/// the head is how many of them. Without, nothing.
pub fn error(cookie: u64, structured: bool, error: NbdError, text: &str) -> (Head, usize) {
    if !structured {
        return (simple(cookie, error.code()), 0);
    }
    let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
    let parts: &[&[u8]] = &[&error.code().to_be_bytes(), &len.to_be_bytes()];
    (last_chunk(cookie, chunk::ERROR, 6 + u32::from(len), parts), usize::from(len))
}

fn simple(cookie: u64, error: u32) -> Head {
    Head::new(&[&SIMPLE_REPLY.to_be_bytes(), &error.to_be_bytes(), &cookie.to_be_bytes()])
}

fn last_chunk(cookie: u64, kind: u16, len: u32, more: &[&[u8]]) -> Head {
    let head: [&[u8]; 5] = [
        &CHUNK.to_be_bytes(),
        &chunk::DONE.to_be_bytes(),
        &kind.to_be_bytes(),
        &cookie.to_be_bytes(),
        &len.to_be_bytes(),
    ];
    let mut parts = [&[][..]; 7];
    parts[..5].copy_from_slice(&head);
    parts[5..5 + more.len()].copy_from_slice(more);
    Head::new(&parts)
}
