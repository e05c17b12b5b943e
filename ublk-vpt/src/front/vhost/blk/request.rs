//! What one chain asks of the disk.

use virtio_bindings::virtio_blk::{
    VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_WRITE_ZEROES, VIRTIO_BLK_ID_BYTES,
    VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_OK, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_T_DISCARD,
    VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT,
    VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP,
};
use vm_memory::{GuestAddress, GuestMemory};
use vpt_model::Op;

use super::chain::{Chain, Malformed, Segment, gather, split_front, split_last_byte, total};
use super::config::{Config, LARGEST_REQUEST, MOST_DISCARD_SECTORS, MOST_ZERO_SECTORS};

/// Bytes of a sector, the unit of all addresses, whatever the block size.
pub(super) const SECTOR: u64 = 512;
/// Type, reserved, first sector.
const HEADER_BYTES: usize = 16;
/// First sector, sectors, flags.
const RANGE_BYTES: usize = 16;

/// How a request ended, as the guest sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok,
    /// Failed.
    IoError,
    /// This device does not do that.
    Unsupported,
}

impl Status {
    /// The status byte.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ok => VIRTIO_BLK_S_OK as u8,
            Self::IoError => VIRTIO_BLK_S_IOERR as u8,
            Self::Unsupported => VIRTIO_BLK_S_UNSUPP as u8,
        }
    }
}

/// What requests are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The device.
    pub config: Config,
    /// The feature bits that the driver took.
    pub features: u64,
}

impl Limits {
    fn has(&self, feature: u32) -> bool {
        self.features & (1 << feature) != 0
    }

    /// A driver that cannot flush must be able to rely on every write.
    fn fua(&self) -> bool {
        !self.has(VIRTIO_BLK_F_FLUSH)
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// To be done by the engine.
    Io {
        /// What.
        op: Op,
        /// First byte.
        offset: u64,
        /// Bytes.
        len: u64,
    },
    /// The device's name, into the data.
    Identify,
    /// Nothing, but to say so.
    Refuse(Status),
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub action: Action,
    /// Where the data of a write is, or that of a read goes.
    pub data: Vec<Segment>,
    /// Where the status byte goes.
    pub status: GuestAddress,
}

impl Request {
    /// Reads header, and for some the ranges, from guest memory.
    ///
    /// # Errors
    /// There is not even a status byte to complain in. Everything else becomes [`Action::Refuse`].
    pub fn parse<M: GuestMemory>(
        mem: &M,
        mut chain: Chain,
        limits: &Limits,
    ) -> Result<Self, Malformed> {
        let status = split_last_byte(&mut chain.writable).ok_or(Malformed::Short)?;
        let refuse =
            |status_byte| Self { action: Action::Refuse(status_byte), data: Vec::new(), status };
        let mut header = [0; HEADER_BYTES];
        let front = split_front(&mut chain.readable, HEADER_BYTES as u32);
        if front.is_none_or(|front| gather(mem, &front, &mut header).is_err()) {
            return Ok(refuse(Status::IoError));
        }
        let kind = u32_at(&header, 0);
        let sector = u64_at(&header, 8);
        let (data, action) = match kind {
            VIRTIO_BLK_T_IN => {
                let action = limits.transfer(Op::Read, sector, total(&chain.writable));
                (chain.writable, action)
            }
            VIRTIO_BLK_T_OUT => {
                let op = Op::Write { fua: limits.fua() };
                let action = limits.transfer(op, sector, total(&chain.readable));
                (chain.readable, action)
            }
            VIRTIO_BLK_T_FLUSH => (Vec::new(), Ok(Action::Io { op: Op::Flush, offset: 0, len: 0 })),
            VIRTIO_BLK_T_GET_ID => (chain.writable, Ok(Action::Identify)),
            VIRTIO_BLK_T_DISCARD if limits.has(VIRTIO_BLK_F_DISCARD) => {
                (Vec::new(), limits.range(mem, &chain.readable, Op::Discard))
            }
            VIRTIO_BLK_T_WRITE_ZEROES if limits.has(VIRTIO_BLK_F_WRITE_ZEROES) => {
                (Vec::new(), limits.range(mem, &chain.readable, Op::WriteZeroes))
            }
            _ => (Vec::new(), Err(Status::Unsupported)),
        };
        Ok(match action {
            Ok(action) => Self { action, data, status },
            Err(status_byte) => refuse(status_byte),
        })
    }
}

impl Limits {
    fn transfer(&self, op: Op, sector: u64, len: u64) -> Result<Action, Status> {
        let refused = op.is_write() && self.config.read_only;
        if refused || len == 0 || len > u64::from(LARGEST_REQUEST) {
            return Err(Status::IoError);
        }
        let offset = self.inside(sector, len)?;
        Ok(Action::Io { op, offset, len })
    }

    /// A discard or a write of zeroes: one range, as the configuration space says.
    fn range<M: GuestMemory>(&self, mem: &M, data: &[Segment], op: Op) -> Result<Action, Status> {
        let mut range = [0; RANGE_BYTES];
        if self.config.read_only || total(data) != RANGE_BYTES as u64 {
            return Err(Status::IoError);
        }
        gather(mem, data, &mut range).map_err(|_| Status::IoError)?;
        let (sector, sectors, flags) = (u64_at(&range, 0), u32_at(&range, 8), u32_at(&range, 12));
        // Unmapping or not is our choice; that a discard unmaps goes without saying.
        let (most, flags_known) = match op {
            Op::Discard => (MOST_DISCARD_SECTORS, 0),
            _ => (MOST_ZERO_SECTORS, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP),
        };
        if flags & !flags_known != 0 {
            return Err(Status::Unsupported);
        }
        if sectors == 0 || sectors > most {
            return Err(Status::IoError);
        }
        let len = u64::from(sectors) * SECTOR;
        Ok(Action::Io { op, offset: self.inside(sector, len)?, len })
    }

    /// The first byte of a range of whole blocks that lies on the disk.
    fn inside(&self, sector: u64, len: u64) -> Result<u64, Status> {
        let block = u64::from(self.config.block_size);
        let offset = sector.checked_mul(SECTOR).ok_or(Status::IoError)?;
        let end = offset.checked_add(len).ok_or(Status::IoError)?;
        let whole = offset.is_multiple_of(block) && len.is_multiple_of(block);
        if whole && end <= self.config.bytes { Ok(offset) } else { Err(Status::IoError) }
    }
}

/// The name that a guest sees, as `/dev/disk/by-id/virtio-NAME`.
pub(in crate::front::vhost) fn identity(id: u32) -> [u8; VIRTIO_BLK_ID_BYTES as usize] {
    let mut name = [0; VIRTIO_BLK_ID_BYTES as usize];
    for (to, from) in name.iter_mut().zip(format!("ublk-vpt-{id:04}").bytes()) {
        *to = from;
    }
    name
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use vm_memory::{Bytes, GuestMemoryMmap};

    use super::*;

    const ALL: u64 = u64::MAX;
    const DATA: u64 = 0x2000;
    const STATUS: u64 = 0xf000;

    fn limits(features: u64) -> Limits {
        let config = Config { bytes: 1 << 20, block_size: 4096, queues: 1, read_only: false };
        Limits { config, features }
    }

    fn segment(at: u64, bytes: u32) -> Segment {
        Segment { at: GuestAddress(at), bytes }
    }

    /// A request with that much data to read and to write.
    fn ask(limits: &Limits, kind: u32, sector: u64, data: &[u8], room: u32) -> Request {
        let mem: GuestMemoryMmap =
            GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 0x10000)]).unwrap();
        mem.write_obj(kind, GuestAddress(0)).unwrap();
        mem.write_obj(sector, GuestAddress(8)).unwrap();
        mem.write_slice(data, GuestAddress(DATA)).unwrap();
        let chain = Chain {
            // The header in two pieces, the second with the data.
            readable: vec![segment(0, 16), segment(DATA, data.len() as u32)],
            writable: vec![segment(0x4000, room), segment(STATUS, 1)],
        };
        let request = Request::parse(&mem, chain, limits).unwrap();
        assert_eq!(request.status, GuestAddress(STATUS));
        request
    }

    fn range(sector: u64, sectors: u32, flags: u32) -> Vec<u8> {
        [&sector.to_le_bytes()[..], &sectors.to_le_bytes(), &flags.to_le_bytes()].concat()
    }

    #[test]
    fn reads_and_writes() {
        let io = |op, offset, len| Action::Io { op, offset, len };
        let read = ask(&limits(ALL), VIRTIO_BLK_T_IN, 8, &[], 4096);
        assert_eq!(read.action, io(Op::Read, 4096, 4096));
        assert_eq!(read.data, [segment(0x4000, 4096)]);
        let write = |features| ask(&limits(features), VIRTIO_BLK_T_OUT, 8, &[0; 4096], 0).action;
        assert_eq!(write(ALL), io(Op::Write { fua: false }, 4096, 4096));
        let no_flush = ALL & !(1 << VIRTIO_BLK_F_FLUSH);
        assert_eq!(write(no_flush), io(Op::Write { fua: true }, 4096, 4096));
    }

    #[test]
    fn what_is_not_on_the_disk_or_not_whole_fails() {
        let error = Action::Refuse(Status::IoError);
        let ask = |kind, sector, room| ask(&limits(ALL), kind, sector, &[], room).action;
        assert_eq!(ask(VIRTIO_BLK_T_IN, 2048, 4096), error, "beyond the end");
        assert_eq!(ask(VIRTIO_BLK_T_IN, 2040, 8192), error, "across the end");
        assert_eq!(ask(VIRTIO_BLK_T_IN, u64::MAX, 4096), error, "overflow");
        assert_eq!(ask(VIRTIO_BLK_T_IN, u64::MAX / 512, 4096), error, "overflow");
        assert_eq!(ask(VIRTIO_BLK_T_IN, 1, 4096), error, "not on a block");
        assert_eq!(ask(VIRTIO_BLK_T_IN, 0, 512), error, "not whole blocks");
        assert_eq!(ask(VIRTIO_BLK_T_IN, 0, 0), error, "nothing");
        assert_eq!(ask(VIRTIO_BLK_T_IN, 0, LARGEST_REQUEST + 4096), error, "too much");
        assert_eq!(ask(99, 0, 0), Action::Refuse(Status::Unsupported));
    }

    #[test]
    fn discard_and_zeroes_take_one_range() {
        let ask = |kind, range: &[u8]| ask(&limits(ALL), kind, 0, range, 0).action;
        let (discard, zero) = (VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES);
        let done = |op| Action::Io { op, offset: 4096, len: 4096 };
        let error = Action::Refuse(Status::IoError);
        assert_eq!(ask(discard, &range(8, 8, 0)), done(Op::Discard));
        assert_eq!(ask(zero, &range(8, 8, 1)), done(Op::WriteZeroes));
        assert_eq!(ask(discard, &range(8, 8, 1)), Action::Refuse(Status::Unsupported));
        assert_eq!(ask(zero, &range(8, 8, 2)), Action::Refuse(Status::Unsupported));
        assert_eq!(ask(discard, &range(8, 0, 0)), error);
        assert_eq!(ask(discard, &range(2048, 8, 0)), error);
        assert_eq!(ask(discard, &range(8, u32::MAX, 0)), error);
        assert_eq!(ask(discard, &[range(8, 8, 0), range(16, 8, 0)].concat()), error);
        assert_eq!(ask(discard, &[1]), error);
    }

    #[test]
    fn a_driver_gets_only_what_it_agreed_to() {
        let unsupported = Action::Refuse(Status::Unsupported);
        for kind in [VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES] {
            assert_eq!(ask(&limits(0), kind, 0, &range(8, 8, 0), 0).action, unsupported);
        }
    }

    #[test]
    fn nothing_is_written_to_a_read_only_disk() {
        let mut limits = limits(ALL);
        limits.config.read_only = true;
        let error = Action::Refuse(Status::IoError);
        assert_eq!(ask(&limits, VIRTIO_BLK_T_OUT, 0, &[0; 4096], 0).action, error);
        assert_eq!(ask(&limits, VIRTIO_BLK_T_DISCARD, 0, &range(0, 8, 0), 0).action, error);
    }

    #[test]
    fn without_a_status_byte_there_is_no_request() {
        let mem: GuestMemoryMmap =
            GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 0x1000)]).unwrap();
        let chain = Chain { readable: vec![segment(0, 16)], writable: vec![segment(0, 0)] };
        assert_eq!(Request::parse(&mem, chain, &limits(ALL)), Err(Malformed::Short));
        // A status byte but no header: that can be told.
        let chain = Chain { readable: vec![segment(0, 15)], writable: vec![segment(0, 1)] };
        let request = Request::parse(&mem, chain, &limits(ALL)).unwrap();
        assert_eq!(request.action, Action::Refuse(Status::IoError));
    }
}
