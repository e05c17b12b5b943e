//! What the device says about itself: feature bits and the configuration space.

use virtio_bindings::virtio_blk::{
    VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_MQ,
    VIRTIO_BLK_F_RO, VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_SIZE_MAX, VIRTIO_BLK_F_TOPOLOGY,
    VIRTIO_BLK_F_WRITE_ZEROES,
};
use virtio_bindings::virtio_config::VIRTIO_F_VERSION_1;
use virtio_bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};

use super::request::SECTOR;

/// Most data segments of one request.
pub const MOST_SEGMENTS: u32 = 126;
/// Largest of them, bytes.
const LARGEST_SEGMENT: u32 = 64 << 10;
/// Largest request, bytes of data.
pub const LARGEST_REQUEST: u32 = MOST_SEGMENTS * LARGEST_SEGMENT;
/// Largest range of one discard, in sectors: 1 GiB.
pub(super) const MOST_DISCARD_SECTORS: u32 = 1 << 21;
/// Largest range of one write of zeroes, in sectors: 8 MiB, which a modelled disk has to write.
pub(super) const MOST_ZERO_SECTORS: u32 = 1 << 14;
/// Bytes of the configuration space up to the limits of writing zeroes.
const CONFIG_BYTES: usize = 60;

/// What the configuration space is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Size of the disk, a multiple of 512.
    pub bytes: u64,
    /// Logical block size: 512 or 4096.
    pub block_size: u32,
    /// Queues.
    pub queues: u16,
    /// No writing.
    pub read_only: bool,
}

impl Config {
    /// The device's feature bits, without those of the transport.
    ///
    /// VIRTIO_BLK_F_CONFIG_WCE is left out on purpose: a guest could turn its cache off with it, and
    /// would not be asked again after this process was replaced, which then would not know.
    pub fn features(&self) -> u64 {
        let always = [
            VIRTIO_BLK_F_SIZE_MAX,
            VIRTIO_BLK_F_SEG_MAX,
            VIRTIO_BLK_F_BLK_SIZE,
            VIRTIO_BLK_F_TOPOLOGY,
            VIRTIO_BLK_F_FLUSH,
            VIRTIO_F_VERSION_1,
            VIRTIO_RING_F_EVENT_IDX,
            VIRTIO_RING_F_INDIRECT_DESC,
        ];
        let writing: &[u32] = if self.read_only {
            &[VIRTIO_BLK_F_RO]
        } else {
            &[VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_WRITE_ZEROES]
        };
        let several: &[u32] = if self.queues > 1 { &[VIRTIO_BLK_F_MQ] } else { &[] };
        always.iter().chain(writing).chain(several).fold(0, |bits, &bit| bits | 1 << bit)
    }

    /// `size` bytes of the configuration space from `offset` on; zeroes where it has ended.
    pub fn read(&self, offset: usize, size: usize) -> Vec<u8> {
        let space = self.space();
        (0..size)
            .map(|i| offset.checked_add(i).and_then(|at| space.get(at)).copied().unwrap_or(0))
            .collect()
    }

    /// `struct virtio_blk_config`, little endian.
    fn space(&self) -> [u8; CONFIG_BYTES] {
        let mut space = [0; CONFIG_BYTES];
        let mut put = |at: usize, value: &[u8]| {
            if let Some(place) = space.get_mut(at..at + value.len()) {
                place.copy_from_slice(value);
            }
        };
        let block_sectors = self.block_size / SECTOR as u32;
        put(0, &(self.bytes / SECTOR).to_le_bytes()); // capacity
        put(8, &LARGEST_SEGMENT.to_le_bytes()); // size_max
        put(12, &MOST_SEGMENTS.to_le_bytes()); // seg_max
        put(20, &self.block_size.to_le_bytes()); // blk_size
        // Topology, in logical blocks: a physical block is one, and nothing is better than another.
        put(26, &1u16.to_le_bytes()); // min_io_size
        put(32, &[1]); // writeback
        put(34, &self.queues.to_le_bytes()); // num_queues
        if !self.read_only {
            put(36, &MOST_DISCARD_SECTORS.to_le_bytes()); // max_discard_sectors
            put(40, &1u32.to_le_bytes()); // max_discard_seg
            put(44, &block_sectors.to_le_bytes()); // discard_sector_alignment
            put(48, &MOST_ZERO_SECTORS.to_le_bytes()); // max_write_zeroes_sectors
            put(52, &1u32.to_le_bytes()); // max_write_zeroes_seg
            put(56, &[1]); // write_zeroes_may_unmap
        }
        space
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: Config = Config { bytes: 1 << 30, block_size: 4096, queues: 4, read_only: false };

    #[test]
    fn the_space_is_where_the_standard_says() {
        let space = DISK.read(0, 60);
        assert_eq!(space[0..8], (1u64 << 21).to_le_bytes());
        assert_eq!(space[20..24], 4096u32.to_le_bytes());
        assert_eq!(space[34..36], 4u16.to_le_bytes());
        assert_eq!(space[44..48], 8u32.to_le_bytes());
        // Newer drivers ask for more than there is, and broken ones for what is nowhere.
        assert_eq!(DISK.read(56, 40), [&[1][..], &[0; 39]].concat());
        assert_eq!(DISK.read(usize::MAX, 2), [0, 0]);
    }

    #[test]
    fn a_read_only_disk_offers_no_way_to_change_it() {
        let locked = Config { read_only: true, queues: 1, ..DISK };
        let bit = |bit: u32| 1u64 << bit;
        assert_ne!(locked.features() & bit(VIRTIO_BLK_F_RO), 0);
        let changing = bit(VIRTIO_BLK_F_DISCARD) | bit(VIRTIO_BLK_F_WRITE_ZEROES);
        assert_eq!(locked.features() & (changing | bit(VIRTIO_BLK_F_MQ)), 0);
        assert_eq!(DISK.features() & changing, changing);
        assert_ne!(DISK.features() & bit(VIRTIO_BLK_F_MQ), 0);
    }
}
