//! The guest's memory, as the other side gave it to us.

use std::fs::File;
use std::sync::Arc;

use vhost::vhost_user::message::VhostUserMemoryRegion;
use vm_memory::{FileOffset, GuestAddress, GuestMemoryMmap, GuestRegionMmap, MmapRegion};

/// All of it; mapped for as long as anybody holds it.
#[derive(Clone)]
pub(super) struct Memory {
    /// By guest-physical address.
    pub(super) mapped: Arc<GuestMemoryMmap>,
    /// By the other side's own addresses, in which it tells where the rings are.
    theirs: Vec<Range>,
}

#[derive(Clone, Copy)]
struct Range {
    theirs: u64,
    guest: u64,
    bytes: u64,
}

impl Memory {
    /// Maps what a table of regions names.
    pub(super) fn map(regions: &[VhostUserMemoryRegion], files: Vec<File>) -> Result<Self, String> {
        if regions.len() != files.len() {
            return Err(format!("{} memory regions with {} files", regions.len(), files.len()));
        }
        let mut mapped = Vec::new();
        let mut theirs = Vec::new();
        for (region, file) in regions.iter().zip(files) {
            let bytes = region.memory_size;
            let range = Range { theirs: region.user_addr, guest: region.guest_phys_addr, bytes };
            let area = map(file, region.mmap_offset, bytes)?;
            let area = GuestRegionMmap::new(area, GuestAddress(range.guest));
            mapped.push(area.ok_or("a memory region reaches beyond the last address")?);
            theirs.push(range);
        }
        let mapped = GuestMemoryMmap::from_regions(mapped)
            .map_err(|e| format!("the memory regions do not fit together ({e})"))?;
        Ok(Self { mapped: Arc::new(mapped), theirs })
    }

    /// The guest's address of one of the other side's.
    pub(super) fn guest_address(&self, theirs: u64) -> Option<GuestAddress> {
        self.theirs.iter().find_map(|range| {
            let inside = theirs.checked_sub(range.theirs).filter(|&at| at < range.bytes)?;
            range.guest.checked_add(inside).map(GuestAddress)
        })
    }
}

/// Maps a part of a file. What lies beyond its end would kill us when touched, so it is refused.
pub(super) fn map(file: File, offset: u64, bytes: u64) -> Result<MmapRegion, String> {
    let tell = |e: &dyn std::fmt::Display| format!("{bytes} bytes cannot be mapped ({e})");
    let size = usize::try_from(bytes).map_err(|e| tell(&e))?;
    let length = file.metadata().map_err(|e| tell(&e))?.len();
    if bytes == 0 || offset.checked_add(bytes).is_none_or(|end| end > length) {
        return Err(tell(&format!("the file has {length}, from {offset} on are wanted")));
    }
    MmapRegion::from_file(FileOffset::new(file, offset), size).map_err(|e| tell(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: u64) -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(bytes).unwrap();
        file
    }

    #[test]
    fn addresses_are_translated_inside_only() {
        let region = VhostUserMemoryRegion::new(0x10_0000, 0x1000, 0x7000_0000, 0);
        let memory = Memory::map(&[region], vec![file(0x1000)]).unwrap();
        assert_eq!(memory.guest_address(0x7000_0fff), Some(GuestAddress(0x10_0fff)));
        assert_eq!(memory.guest_address(0x7000_1000), None);
        assert_eq!(memory.guest_address(0), None);
    }

    #[test]
    fn a_region_beyond_its_file_is_refused() {
        let map = |size, offset| {
            Memory::map(&[VhostUserMemoryRegion::new(0, size, 0, offset)], vec![file(0x2000)])
        };
        assert!(map(0x1000, 0x1000).is_ok());
        for (size, offset) in [(0x1000, 0x2000), (0x3000, 0), (u64::MAX, 0x1000), (0, 0)] {
            assert!(map(size, offset).is_err(), "{size:#x} at {offset:#x}");
        }
    }
}
