//! NBD as bytes: numbers, options, requests, replies. Pure: nothing here reads, writes or waits, and
//! no bytes make it panic. All numbers on the wire are big-endian.
//!
//! - [`codes`]: the protocol's numbers
//! - [`option`]: what a client asks before it has a disk, and the answers
//! - [`request`]: what it asks of the disk
//! - [`reply`]: the answers to that

pub mod codes;
pub mod option;
pub mod reply;
pub mod request;

/// The two bytes at `at`; `None` beyond the end, as for the next ones.
fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(array(bytes, at)?))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(array(bytes, at)?))
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(array(bytes, at)?))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}
