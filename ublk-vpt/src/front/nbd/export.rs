//! The disk as its clients see it, and what they may ask of it. Pure, as [`super::wire`] is.

use vpt_model::Op;

use super::wire::codes::{NbdError, can, cmd, flag};
use super::wire::request::Request;

/// Longest data of a read or a write: what clients take for granted that a server can do.
pub const LONGEST_DATA: u32 = 32 << 20;
/// Longest data of a write that is too long and still read, for the client to be told.
const LONGEST_DROPPED: u32 = 64 << 20;
/// What the store likes best.
pub const PREFERRED_BLOCK: u32 = 4096;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its name; the empty name means it as well.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// Its size in bytes: whole blocks.
    pub bytes: u64,
    /// Smallest unit, bytes: offsets and lengths are multiples of it.
    pub block_bytes: u32,
    /// No writing.
    pub read_only: bool,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The disk does it. The data of a write follows on the wire.
    Do(Command),
    /// It is refused, after `dropped` bytes of data that follow have been read.
    Refuse {
        /// What the client is told.
        error: NbdError,
        /// The same for people.
        why: &'static str,
        /// Bytes.
        dropped: u32,
    },
    /// The client is done.
    End,
    /// What follows cannot be understood any more.
    Cut(&'static str),
}

/// What the disk is to do: inside its bounds, in whole blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// What.
    pub op: Op,
    /// First byte.
    pub offset: u64,
    /// Bytes; 0 for a flush.
    pub len: u32,
    /// Flush before it is answered: for operations that have no FUA of their own.
    pub then_flush: bool,
}

impl Export {
    /// Whether a client may call it so.
    pub fn is_called(&self, name: &[u8]) -> bool {
        name.is_empty() || name == self.name.as_bytes()
    }

    /// What it can do, as [`can`] bits.
    pub fn flags(&self, structured: bool) -> u16 {
        let mut flags = can::HAS_FLAGS
            | can::FLUSH
            | can::FUA
            | can::ROTATIONAL
            | can::TRIM
            | can::WRITE_ZEROES
            // One engine serves all connections, and its flush is for all that it has completed.
            | can::MULTI_CONN;
        if self.read_only {
            flags |= can::READ_ONLY;
        }
        if structured {
            flags |= can::DF;
        }
        flags
    }

    /// Judges a request.
    pub fn judge(&self, request: &Request, structured: bool) -> Judgement {
        let Request { flags, command, offset, len, .. } = *request;
        let dropped = if command == cmd::WRITE { len } else { 0 };
        if dropped > LONGEST_DROPPED {
            return Judgement::Cut("a write far longer than 32 MiB");
        }
        let refuse = |error, why| Judgement::Refuse { error, why, dropped };
        let fua = flags & flag::FUA != 0;
        // FUA may stand at every request, also where it means nothing.
        let (op, known) = match command {
            cmd::READ if structured => (Op::Read, flag::FUA | flag::DF),
            cmd::READ => (Op::Read, flag::FUA),
            cmd::WRITE => (Op::Write { fua }, flag::FUA),
            cmd::FLUSH => (Op::Flush, flag::FUA),
            cmd::TRIM => (Op::Discard, flag::FUA),
            // Zeroes always have room behind them here.
            cmd::WRITE_ZEROES => (Op::WriteZeroes, flag::FUA | flag::NO_HOLE),
            cmd::DISC => return Judgement::End,
            _ => return refuse(NbdError::Inval, "no such command here"),
        };
        if flags & !known != 0 {
            return refuse(NbdError::Inval, "a flag that this command does not have here");
        }
        if op == Op::Flush {
            return Judgement::Do(Command { op, offset: 0, len: 0, then_flush: false });
        }
        if self.read_only && op != Op::Read {
            return refuse(NbdError::Perm, "the disk is read-only");
        }
        if len == 0 {
            return refuse(NbdError::Inval, "a request of no bytes");
        }
        let block = u64::from(self.block_bytes.max(1));
        if !offset.is_multiple_of(block) || !u64::from(len).is_multiple_of(block) {
            return refuse(NbdError::Inval, "not in whole blocks of the disk");
        }
        if offset.checked_add(u64::from(len)).is_none_or(|end| end > self.bytes) {
            let writes = matches!(op, Op::Write { .. } | Op::WriteZeroes);
            let error = if writes { NbdError::NoSpc } else { NbdError::Inval };
            return refuse(error, "beyond the end of the disk");
        }
        if len > LONGEST_DATA && matches!(op, Op::Read | Op::Write { .. }) {
            let whole = flags & flag::DF != 0;
            let error = if whole { NbdError::Overflow } else { NbdError::Inval };
            return refuse(error, "more than 32 MiB at once");
        }
        let then_flush = fua && matches!(op, Op::Discard | Op::WriteZeroes);
        Judgement::Do(Command { op, offset, len, then_flush })
    }
}
