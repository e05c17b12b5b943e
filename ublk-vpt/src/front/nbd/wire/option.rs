//! Options and their answers.

use super::codes::{OPTION, OPTION_REPLY, info};
use super::{be16, be32, be64};

/// Longest data of an option that is looked at. A GO with the longest name and every question there is
/// has a tenth of it.
pub const LONGEST_OPTION: u32 = 64 * 1024;
/// Longest string of the protocol.
const LONGEST_STRING: usize = 4096;
/// Magic number, option, length.
const HEAD: usize = 16;

/// What stands at the beginning of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// Not all of it is there.
    Part,
    /// One option.
    Option {
        /// Which.
        code: u32,
        /// Its data.
        data: &'a [u8],
        /// Bytes that it takes, all in all.
        bytes: usize,
    },
    /// Too long to be looked at.
    TooLong {
        /// Which.
        code: u32,
    },
    /// Something else.
    Garbage,
}

/// Looks for an option.
pub fn find(bytes: &[u8]) -> Found<'_> {
    match be64(bytes, 0) {
        None => return Found::Part,
        Some(OPTION) => {}
        Some(_) => return Found::Garbage,
    }
    let (Some(code), Some(len)) = (be32(bytes, 8), be32(bytes, 12)) else { return Found::Part };
    if len > LONGEST_OPTION {
        return Found::TooLong { code };
    }
    let end = HEAD + len as usize;
    match bytes.get(HEAD..end) {
        Some(data) => Found::Option { code, data, bytes: end },
        None => Found::Part,
    }
}

/// What an INFO or a GO asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The export's name; empty for the default one.
    pub name: &'a [u8],
    /// [`info`] numbers, known or not.
    pub about: Vec<u16>,
}

/// Reads the data of an INFO or a GO; `None` when it is none.
pub fn asked(data: &[u8]) -> Option<Asked<'_>> {
    let len = be32(data, 0)? as usize;
    if len > LONGEST_STRING {
        return None;
    }
    let name = data.get(4..4 + len)?;
    let count = usize::from(be16(data, 4 + len)?);
    let list = data.get(6 + len..)?;
    if list.len() != 2 * count {
        return None;
    }
    Some(Asked { name, about: (0..count).filter_map(|i| be16(list, 2 * i)).collect() })
}

/// Adds an answer to an option.
pub fn answer(out: &mut Vec<u8>, code: u32, kind: u32, data: &[&[u8]]) {
    let len: usize = data.iter().map(|part| part.len()).sum();
    out.extend(OPTION_REPLY.to_be_bytes());
    out.extend(code.to_be_bytes());
    out.extend(kind.to_be_bytes());
    out.extend((len as u32).to_be_bytes()); // no answer of ours is longer than a name and a line
    data.iter().for_each(|part| out.extend(*part));
}

/// The data of an [`info::EXPORT`].
pub fn export_info(bytes: u64, flags: u16) -> [u8; 12] {
    let mut data = [0; 12];
    data[..2].copy_from_slice(&info::EXPORT.to_be_bytes());
    data[2..10].copy_from_slice(&bytes.to_be_bytes());
    data[10..].copy_from_slice(&flags.to_be_bytes());
    data
}

/// The data of an [`info::BLOCK_SIZE`], all in bytes.
pub fn block_size_info(smallest: u32, preferred: u32, largest: u32) -> [u8; 14] {
    let mut data = [0; 14];
    data[..2].copy_from_slice(&info::BLOCK_SIZE.to_be_bytes());
    for (at, number) in [(2, smallest), (6, preferred), (10, largest)] {
        data[at..at + 4].copy_from_slice(&number.to_be_bytes());
    }
    data
}
