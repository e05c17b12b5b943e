//! The numbers of the NBD protocol, as its specification (doc/proto.md of the nbd project) has them.
//! Only those that are sent or understood here.

/// First thing a server says.
pub const GREETING: u64 = 0x4e42_444d_4147_4943;
/// Second thing, and the first of every option.
pub const OPTION: u64 = 0x4948_4156_454f_5054;
/// First of every answer to an option.
pub const OPTION_REPLY: u64 = 0x0003_e889_0455_65a9;
/// First of every request.
pub const REQUEST: u32 = 0x2560_9513;
/// First of every simple reply.
pub const SIMPLE_REPLY: u32 = 0x6744_6698;
/// First of every chunk of a structured reply.
pub const CHUNK: u32 = 0x668e_33ef;

/// Both sides: options can be answered one by one.
pub const FIXED_NEWSTYLE: u16 = 1 << 0;
/// Both sides: no 124 zeroes after the answer to an EXPORT_NAME.
pub const NO_ZEROES: u16 = 1 << 1;

/// Options.
pub mod opt {
    /// Take this export; the answer is the export itself or the end.
    pub const EXPORT_NAME: u32 = 1;
    /// Good-bye.
    pub const ABORT: u32 = 2;
    /// Which exports are there?
    pub const LIST: u32 = 3;
    /// What is this export?
    pub const INFO: u32 = 6;
    /// The same, and take it.
    pub const GO: u32 = 7;
    /// Replies may have structure.
    pub const STRUCTURED_REPLY: u32 = 8;
}

/// Answers to options.
pub mod rep {
    /// Done.
    pub const ACK: u32 = 1;
    /// One export.
    pub const SERVER: u32 = 2;
    /// Something about an export.
    pub const INFO: u32 = 3;
    /// No such option here.
    pub const ERR_UNSUP: u32 = (1 << 31) + 1;
    /// The option's data is wrong.
    pub const ERR_INVALID: u32 = (1 << 31) + 3;
    /// No such export.
    pub const ERR_UNKNOWN: u32 = (1 << 31) + 6;
    /// Too much data.
    pub const ERR_TOO_BIG: u32 = (1 << 31) + 9;
}

/// What can be told about an export.
pub mod info {
    /// Size and flags.
    pub const EXPORT: u16 = 0;
    /// Its name.
    pub const NAME: u16 = 1;
    /// A line for people.
    pub const DESCRIPTION: u16 = 2;
    /// Smallest, preferred and largest request.
    pub const BLOCK_SIZE: u16 = 3;
}

/// What an export can do.
pub mod can {
    /// There are flags.
    pub const HAS_FLAGS: u16 = 1 << 0;
    /// No writing.
    pub const READ_ONLY: u16 = 1 << 1;
    /// FLUSH.
    pub const FLUSH: u16 = 1 << 2;
    /// The flag FUA.
    pub const FUA: u16 = 1 << 3;
    /// It seeks.
    pub const ROTATIONAL: u16 = 1 << 4;
    /// TRIM.
    pub const TRIM: u16 = 1 << 5;
    /// WRITE_ZEROES.
    pub const WRITE_ZEROES: u16 = 1 << 6;
    /// The flag DF.
    pub const DF: u16 = 1 << 7;
    /// A flush on one connection is for what was written on any.
    pub const MULTI_CONN: u16 = 1 << 8;
}

/// Requests.
pub mod cmd {
    /// Give me bytes.
    pub const READ: u16 = 0;
    /// Take bytes.
    pub const WRITE: u16 = 1;
    /// Good-bye.
    pub const DISC: u16 = 2;
    /// Make durable what has been completed.
    pub const FLUSH: u16 = 3;
    /// Bytes that are of no more use.
    pub const TRIM: u16 = 4;
    /// Bytes that are to read as zeroes.
    pub const WRITE_ZEROES: u16 = 6;
}

/// Flags of requests.
pub mod flag {
    /// Durable before it is answered.
    pub const FUA: u16 = 1 << 0;
    /// Zeroes with room behind them.
    pub const NO_HOLE: u16 = 1 << 1;
    /// All data in one chunk.
    pub const DF: u16 = 1 << 2;
}

/// Kinds of chunks.
pub mod chunk {
    /// Flag: this is the last one.
    pub const DONE: u16 = 1;
    /// Data, behind its offset.
    pub const OFFSET_DATA: u16 = 1;
    /// An error, with a text.
    pub const ERROR: u16 = (1 << 15) + 1;
}

/// Errors of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum NbdError {
    /// Not allowed: a write to a read-only disk.
    Perm = 1,
    /// The store failed.
    Io = 5,
    /// Not enough memory.
    NoMem = 12,
    /// A request that is none, or outside the disk.
    Inval = 22,
    /// No room: beyond the end, or the store is full.
    NoSpc = 28,
    /// More than one chunk can hold.
    Overflow = 75,
    /// The store cannot do it.
    NotSup = 95,
    /// The server is ending.
    Shutdown = 108,
}

impl NbdError {
    /// The error for a Linux errno; what has no number of its own is an I/O error.
    pub fn of_errno(raw: i32) -> Self {
        match raw {
            libc::EPERM | libc::EACCES | libc::EROFS => Self::Perm,
            libc::ENOMEM => Self::NoMem,
            libc::EINVAL => Self::Inval,
            libc::ENOSPC | libc::EDQUOT | libc::EFBIG => Self::NoSpc,
            libc::EOPNOTSUPP => Self::NotSup,
            _ => Self::Io,
        }
    }

    /// Its number on the wire.
    pub const fn code(self) -> u32 {
        self as u32
    }
}
