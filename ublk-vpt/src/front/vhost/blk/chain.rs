//! Descriptor chains: the pieces of guest memory that make up one request.

use thiserror::Error;
use virtio_bindings::virtio_ring::{VRING_DESC_F_INDIRECT, VRING_DESC_F_NEXT, VRING_DESC_F_WRITE};
use virtio_queue::desc::split::Descriptor;
use vm_memory::{Address, Bytes, GuestAddress, GuestMemory};

/// Bytes of one descriptor.
const DESCRIPTOR_BYTES: u64 = 16;

/// Bytes of guest memory, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where they are. Not checked: copying does that.
    pub at: GuestAddress,
    /// How many.
    pub bytes: u32,
}

/// Why a chain is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// A descriptor outside its table, or a table outside the guest's memory.
    #[error("a descriptor outside the table or the guest's memory")]
    Outside,
    /// More descriptors than the table has.
    #[error("a chain that does not end")]
    Endless,
    /// A table in a table, not the last of its chain, or of no whole descriptors.
    #[error("an indirect table where none may be")]
    Indirect,
    /// What the device reads must come before what it writes.
    #[error("a readable descriptor after a writable one")]
    Order,
    /// No byte for the status, or no header.
    #[error("no room for header or status")]
    Short,
}

/// The pieces of one request, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// What the device reads.
    pub readable: Vec<Segment>,
    /// What the device writes.
    pub writable: Vec<Segment>,
}

impl Chain {
    /// Follows the descriptors from `head` on, in the table of `size` descriptors at `table`.
    ///
    /// # Errors
    /// See [`Malformed`].
    pub fn walk<M: GuestMemory>(
        mem: &M,
        table: GuestAddress,
        size: u16,
        head: u16,
    ) -> Result<Self, Malformed> {
        let mut chain = Self::default();
        let (mut table, mut size, mut index) = (table, u32::from(size), u32::from(head));
        let (mut inside_indirect, mut left) = (false, size);
        loop {
            if left == 0 {
                return Err(Malformed::Endless);
            }
            left -= 1;
            let descriptor = read(mem, table, size, index)?;
            let flag = |flag: u32| u32::from(descriptor.flags()) & flag != 0;
            if flag(VRING_DESC_F_INDIRECT) {
                let bytes = u64::from(descriptor.len());
                let whole = bytes > 0 && bytes % DESCRIPTOR_BYTES == 0;
                if inside_indirect || flag(VRING_DESC_F_NEXT) || !whole {
                    return Err(Malformed::Indirect);
                }
                // At most 2^28, and `next` reaches 2^16 of them.
                size = (bytes / DESCRIPTOR_BYTES) as u32;
                (table, index, inside_indirect) = (descriptor.addr(), 0, true);
                left = size.min(1 << 16);
                continue;
            }
            let segment = Segment { at: descriptor.addr(), bytes: descriptor.len() };
            if flag(VRING_DESC_F_WRITE) {
                chain.writable.push(segment);
            } else if chain.writable.is_empty() {
                chain.readable.push(segment);
            } else {
                return Err(Malformed::Order);
            }
            if !flag(VRING_DESC_F_NEXT) {
                return Ok(chain);
            }
            index = u32::from(descriptor.next());
        }
    }
}

fn read<M: GuestMemory>(
    mem: &M,
    table: GuestAddress,
    size: u32,
    index: u32,
) -> Result<Descriptor, Malformed> {
    if index >= size {
        return Err(Malformed::Outside);
    }
    let at = table.checked_add(u64::from(index) * DESCRIPTOR_BYTES).ok_or(Malformed::Outside)?;
    mem.read_obj(at).map_err(|_| Malformed::Outside)
}

/// Bytes in all segments together.
pub(super) fn total(segments: &[Segment]) -> u64 {
    segments.iter().map(|s| u64::from(s.bytes)).sum()
}

/// Takes the first `bytes` out of the segments, which then begin after them. False: there are fewer.
pub(super) fn split_front(segments: &mut Vec<Segment>, bytes: u32) -> Option<Vec<Segment>> {
    let mut front = Vec::new();
    let mut wanted = bytes;
    while wanted > 0 {
        let first = segments.first_mut()?;
        let part = first.bytes.min(wanted);
        front.push(Segment { at: first.at, bytes: part });
        wanted -= part;
        if part == first.bytes {
            segments.remove(0);
        } else {
            first.at = first.at.checked_add(u64::from(part))?;
            first.bytes -= part;
        }
    }
    Some(front)
}

/// Takes the very last byte out of the segments.
pub(super) fn split_last_byte(segments: &mut Vec<Segment>) -> Option<GuestAddress> {
    loop {
        let last = segments.last_mut()?;
        if last.bytes > 0 {
            last.bytes -= 1;
            let at = last.at.checked_add(u64::from(last.bytes));
            if last.bytes == 0 {
                segments.pop();
            }
            return at;
        }
        segments.pop();
    }
}

/// Copies guest memory into `to`, segment by segment, until `to` is full.
///
/// # Errors
/// The segments hold fewer bytes, or reach outside the guest's memory.
pub fn gather<M: GuestMemory>(mem: &M, from: &[Segment], to: &mut [u8]) -> Result<(), Malformed> {
    let mut rest = to;
    for segment in from {
        let part = rest.len().min(segment.bytes as usize);
        let (now, later) = rest.split_at_mut(part);
        mem.read_slice(now, segment.at).map_err(|_| Malformed::Outside)?;
        rest = later;
    }
    if rest.is_empty() { Ok(()) } else { Err(Malformed::Short) }
}

/// Copies `from` into guest memory, segment by segment.
///
/// # Errors
/// The segments hold fewer bytes, or reach outside the guest's memory.
pub fn scatter<M: GuestMemory>(mem: &M, from: &[u8], to: &[Segment]) -> Result<(), Malformed> {
    let mut rest = from;
    for segment in to {
        let (now, later) = rest.split_at(rest.len().min(segment.bytes as usize));
        mem.write_slice(now, segment.at).map_err(|_| Malformed::Outside)?;
        rest = later;
    }
    if rest.is_empty() { Ok(()) } else { Err(Malformed::Short) }
}

#[cfg(test)]
mod tests {
    use vm_memory::GuestMemoryMmap;

    use super::*;

    const NEXT: u16 = VRING_DESC_F_NEXT as u16;
    const WRITE: u16 = VRING_DESC_F_WRITE as u16;
    const INDIRECT: u16 = VRING_DESC_F_INDIRECT as u16;

    fn walk(
        descriptors: &[(u64, u32, u16, u16)],
        size: u16,
        head: u16,
    ) -> Result<Chain, Malformed> {
        let mem = memory();
        put(&mem, 0, descriptors);
        Chain::walk(&mem, GuestAddress(0), size, head)
    }

    fn memory() -> GuestMemoryMmap {
        GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 0x10000)]).unwrap()
    }

    fn put(mem: &GuestMemoryMmap, at: u64, descriptors: &[(u64, u32, u16, u16)]) {
        for (&(addr, len, flags, next), i) in descriptors.iter().zip(0..) {
            let at = GuestAddress(at + i * DESCRIPTOR_BYTES);
            mem.write_obj(Descriptor::new(addr, len, flags, next), at).unwrap();
        }
    }

    fn segment(at: u64, bytes: u32) -> Segment {
        Segment { at: GuestAddress(at), bytes }
    }

    #[test]
    fn a_chain_is_followed_in_its_own_order() {
        let chain = walk(&[(1, 2, WRITE, 0), (0, 0, 0, 0), (3, 4, NEXT, 0)], 4, 2).unwrap();
        assert_eq!(chain.readable, [segment(3, 4)]);
        assert_eq!(chain.writable, [segment(1, 2)]);
    }

    #[test]
    fn an_indirect_table_is_followed_once() {
        let mem = memory();
        put(&mem, 0x100, &[(1, 2, NEXT, 1), (3, 4, WRITE, 0)]);
        put(&mem, 0, &[(0x100, 32, INDIRECT, 0)]);
        let chain = Chain::walk(&mem, GuestAddress(0), 1, 0).unwrap();
        assert_eq!((chain.readable.len(), chain.writable.len()), (1, 1));
        put(&mem, 0x100, &[(0x100, 32, INDIRECT, 0)]);
        assert_eq!(Chain::walk(&mem, GuestAddress(0), 1, 0), Err(Malformed::Indirect));
    }

    #[test]
    fn what_is_no_chain_is_refused() {
        for (descriptors, size, head, why) in [
            (&[(0, 1, NEXT, 0)][..], 4, 0, Malformed::Endless),
            (&[(0, 1, NEXT, 1), (0, 1, NEXT, 0)], 4, 0, Malformed::Endless),
            (&[(0, 1, NEXT, 4)], 4, 0, Malformed::Outside),
            (&[(0, 1, 0, 0)], 4, 4, Malformed::Outside),
            (&[(0, 1, NEXT | WRITE, 1), (0, 1, 0, 0)], 4, 0, Malformed::Order),
            (&[(0x100, 17, INDIRECT, 0)], 4, 0, Malformed::Indirect),
            (&[(0x100, 0, INDIRECT, 0)], 4, 0, Malformed::Indirect),
            (&[(0x100, 16, INDIRECT | NEXT, 0)], 4, 0, Malformed::Indirect),
            (&[(0xffff_ffff, 16, INDIRECT, 0)], 4, 0, Malformed::Outside),
            (&[(u64::MAX - 7, 32, INDIRECT, 0)], 4, 0, Malformed::Outside),
        ] {
            assert_eq!(walk(descriptors, size, head), Err(why), "{descriptors:x?}");
        }
    }

    #[test]
    fn copying_stays_inside() {
        let mem = memory();
        let mut buf = [0; 4];
        assert_eq!(gather(&mem, &[segment(0xfffe, 4)], &mut buf), Err(Malformed::Outside));
        assert_eq!(gather(&mem, &[segment(0, 3)], &mut buf), Err(Malformed::Short));
        scatter(&mem, b"abcd", &[segment(8, 1), segment(16, 100)]).unwrap();
        gather(&mem, &[segment(8, 1), segment(16, 3)], &mut buf).unwrap();
        assert_eq!(&buf, b"abcd");
        assert_eq!(scatter(&mem, b"abcd", &[segment(u64::MAX, 4)]), Err(Malformed::Outside));
    }

    #[test]
    fn front_and_last_byte_come_off() {
        let mut segments = vec![segment(0, 10), segment(100, 7), segment(200, 0)];
        let front = split_front(&mut segments, 16).unwrap();
        assert_eq!(front, [segment(0, 10), segment(100, 6)]);
        assert_eq!(total(&segments), 1);
        assert_eq!(split_last_byte(&mut segments), Some(GuestAddress(106)));
        assert_eq!(split_last_byte(&mut segments), None);
        assert_eq!(split_front(&mut segments, 1), None);
    }
}
