//! A guest's memory: a memfd that the host maps, too. Address in the guest and offset in the file are
//! the same.
#![allow(unsafe_code, reason = "a mapping that guest and host both use")]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use lgbench_payload::abi::{self, Control, LARGE_PAGE, Record};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};

use super::{GuestSpec, MAX_BYTES, MemoryError};
use crate::image::IMAGE;

/// The memory, with image and control page in place.
#[derive(Debug)]
pub struct GuestMemory {
    file: File,
    reserved: NonNull<u8>,
    reserved_bytes: usize,
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping belongs to the value; it is reached through atomics and through copies that the
// methods' contracts order.
unsafe impl Send for GuestMemory {}
// SAFETY: as above.
unsafe impl Sync for GuestMemory {}

impl GuestMemory {
    /// Memory for a guest that is about to start.
    ///
    /// # Errors
    /// See [`MemoryError`].
    pub fn new(spec: &GuestSpec, flavour: u32) -> Result<Self, MemoryError> {
        let needed = spec.memory_bytes();
        if needed > MAX_BYTES {
            return Err(MemoryError::TooLarge { needed_mib: needed >> 20 });
        }
        let memory = Self::map(needed)
            .map_err(|source| MemoryError::Refused { mib: needed >> 20, source })?;
        memory.write(abi::IMAGE, IMAGE);
        let control = memory.control();
        control.payload.store(spec.payload as u32, Relaxed);
        control.flavour.store(flavour, Relaxed);
        control.elements.store(spec.elements, Relaxed);
        control.threshold.store(spec.threshold, Relaxed);
        control.tick_ns.store(spec.tick_ns, Relaxed);
        control.log_capacity.store(spec.log_capacity, Relaxed);
        control.heap_start.store(spec.heap_start(), Relaxed);
        control.heap_bytes.store(spec.heap_bytes, Relaxed);
        Ok(memory)
    }

    fn map(needed: u64) -> io::Result<Self> {
        let bytes = usize::try_from(needed).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let fd = memfd_create("lgbench-guest", MemfdFlags::CLOEXEC)?;
        ftruncate(&fd, needed)?;
        let large = LARGE_PAGE as usize;
        let reserved_bytes = bytes + large;
        // SAFETY: a new mapping, of nothing yet, that no one else knows.
        let reserved = unsafe {
            mmap_anonymous(ptr::null_mut(), reserved_bytes, ProtFlags::empty(), MapFlags::PRIVATE)
        }?;
        // Large pages need an address that is a multiple of their size.
        let base = reserved
            .cast::<u8>()
            .wrapping_add(reserved.addr().next_multiple_of(large) - reserved.addr());
        let kept = |pointer: *mut u8| NonNull::new(pointer).ok_or(io::ErrorKind::OutOfMemory);
        // From here on dropping the value takes the whole reservation away.
        let memory = Self {
            file: fd.into(),
            reserved: kept(reserved.cast())?,
            reserved_bytes,
            base: kept(base)?,
            bytes,
        };
        let both = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::FIXED;
        // SAFETY: the range lies within the reservation above, which nothing uses.
        unsafe { mmap(base.cast(), bytes, both, flags, &memory.file, 0) }?;
        // Without large pages, or without all of it beforehand, it works as well, if less evenly.
        for advice in [Advice::LinuxHugepage, Advice::LinuxPopulateWrite] {
            // SAFETY: advice that changes no content, about a range that is ours.
            let advised = unsafe { madvise(base.cast(), bytes, advice) };
            if advice == Advice::LinuxPopulateWrite && advised == Err(rustix::io::Errno::NOMEM) {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
        }
        Ok(memory)
    }

    /// The file behind it.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Where the host has it.
    pub fn host_address(&self) -> u64 {
        self.base.as_ptr().addr() as u64
    }

    /// Its size in bytes.
    pub fn len(&self) -> u64 {
        self.bytes as u64
    }

    /// Whether there is none: never.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Writes bytes before the guest has started; what lies outside is left out.
    pub fn write(&self, address: u64, bytes: &[u8]) {
        let Ok(start) = usize::try_from(address) else { return };
        if start > self.bytes || bytes.len() > self.bytes - start {
            return;
        }
        // SAFETY: the range was just checked to lie in the mapping, and no guest runs yet.
        unsafe {
            self.base.as_ptr().add(start).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
        };
    }

    /// The control page.
    pub fn control(&self) -> &Control {
        let at = abi::CONTROL as usize;
        // SAFETY: every guest's memory is larger than the fixed part of the layout, the page is aligned,
        // and made of atomics, so that the guest may change it at any time.
        unsafe { &*self.base.as_ptr().add(at).cast::<Control>() }
    }

    /// The records of a guest that does not run any more.
    pub fn records(&self) -> Vec<Record> {
        let room = (self.bytes - abi::LOG as usize) / size_of::<Record>();
        let control = self.control();
        let capacity = control.log_capacity.load(Relaxed).min(room as u64);
        let count = control.log_count.load(Acquire).min(capacity) as usize;
        let log = self.base.as_ptr().wrapping_add(abi::LOG as usize).cast::<Record>();
        // SAFETY: `count` records lie in the mapping, aligned; any bits are a record, and the guest that
        // wrote them has ended.
        unsafe { std::slice::from_raw_parts(log, count) }.to_vec()
    }
}

impl Drop for GuestMemory {
    fn drop(&mut self) {
        // SAFETY: the reservation is ours and whatever used it borrowed this value. A failure would
        // leave memory reserved, no more.
        let _ = unsafe { munmap(self.reserved.as_ptr().cast(), self.reserved_bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lgbench_payload::abi::Payload;

    fn spec() -> GuestSpec {
        GuestSpec {
            payload: Payload::Gap,
            elements: 0,
            threshold: 1000,
            tick_ns: 0,
            log_capacity: 10,
            heap_bytes: 1,
        }
    }

    #[test]
    fn the_image_is_in_place_and_parameters_are_too() {
        let memory = GuestMemory::new(&spec(), abi::FLAVOUR_GUEST).unwrap();
        assert_eq!(memory.len(), 0x80_0000);
        assert_eq!(memory.host_address() % LARGE_PAGE, 0);
        let control = memory.control();
        assert_eq!(control.heap_start.load(Relaxed), 0x60_0000);
        assert_eq!(control.threshold.load(Relaxed), 1000);
        let mut first = [0; 64];
        std::os::unix::fs::FileExt::read_exact_at(&memory.file, &mut first, abi::IMAGE).unwrap();
        assert_eq!(first, IMAGE[..64]);
    }

    #[test]
    fn a_count_that_a_broken_guest_wrote_stays_within_the_log() {
        let memory = GuestMemory::new(&spec(), abi::FLAVOUR_GUEST).unwrap();
        memory.control().log_count.store(u64::MAX, Relaxed);
        assert_eq!(memory.records().len(), 10);
        memory.control().log_capacity.store(u64::MAX, Relaxed);
        assert!(memory.records().len() < 0x40_0000);
    }

    #[test]
    fn too_large_is_said() {
        let error = GuestMemory::new(&GuestSpec { heap_bytes: 4 << 30, ..spec() }, 0).unwrap_err();
        assert!(error.to_string().contains("at most 3072 MiB"), "{error}");
        assert!(GuestMemory::new(&GuestSpec { heap_bytes: u64::MAX - 1, ..spec() }, 0).is_err());
    }
}
