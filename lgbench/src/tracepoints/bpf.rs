//! The kernel's side: an array that its programs write and this process maps, and programs at
//! tracepoints.
#![allow(unsafe_code, reason = "bpf(2) has no safe wrapper in use here, and the array is mapped")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::program::{ENTRY_BYTES, Instruction};

const MAP_CREATE: libc::c_long = 0;
const PROG_LOAD: libc::c_long = 5;
const RAW_TRACEPOINT_OPEN: libc::c_long = 17;

const MAP_TYPE_ARRAY: u32 = 2;
/// The array can be mapped.
const MMAPABLE: u32 = 1 << 10;
const PROG_TYPE_RAW_TRACEPOINT: u32 = 17;

/// That of this program.
const LICENSE: &CStr = c"MIT OR Apache-2.0";

const WORDS: usize = ENTRY_BYTES as usize / 8;

/// Two numbers of 32 bits as the kernel has them one after the other.
fn both(first: u32, second: u32) -> u64 {
    u64::from(first) | u64::from(second) << 32
}

/// # Safety
/// What the attributes point to must be there for as long as the call takes and be what the command reads.
unsafe fn bpf(command: libc::c_long, attributes: &[u64]) -> io::Result<OwnedFd> {
    // SAFETY: the attributes are read for as many bytes as there are; the rest is the caller's promise.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, attributes.as_ptr(), size_of_val(attributes))
    };
    match i32::try_from(result) {
        // SAFETY: each of the commands used here gives a descriptor that belongs to nobody else.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The array.
#[derive(Debug)]
pub(super) struct Array {
    map: OwnedFd,
    base: NonNull<u64>,
    entries: usize,
}

// SAFETY: the mapping belongs to the value and is only read.
unsafe impl Send for Array {}

impl Array {
    /// An array for so many entries, a multiple of a page's.
    pub(super) fn new(entries: u32) -> io::Result<Self> {
        let attributes = [both(MAP_TYPE_ARRAY, 4), both(ENTRY_BYTES, entries), u64::from(MMAPABLE)];
        // SAFETY: the command's attributes point to nothing.
        let map = unsafe { bpf(MAP_CREATE, &attributes) }?;
        let entries = entries as usize;
        let bytes = entries * ENTRY_BYTES as usize;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let base =
            unsafe { mmap(ptr::null_mut(), bytes, ProtFlags::READ, MapFlags::SHARED, &map, 0) }?;
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { map, base, entries })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }

    fn word(&self, entry: usize, word: usize) -> u64 {
        debug_assert!(entry < self.entries && word < WORDS);
        // SAFETY: the word lies in the mapping, aligned; the kernel may write it at any time, and any bits
        // are a number.
        unsafe { self.base.as_ptr().add(entry * WORDS + word).read_volatile() }
    }

    /// What was noted, and how much did not fit.
    pub(super) fn read(&self) -> (Vec<[u64; WORDS]>, u64) {
        let count = self.word(0, 0);
        let kept = count.min(self.entries as u64 - 1);
        let entry = |entry: usize| std::array::from_fn(|word| self.word(entry, word));
        ((1..=kept as usize).map(entry).collect(), count - kept)
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours. A failure would leave memory mapped, no more.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.entries * ENTRY_BYTES as usize) };
    }
}

/// Puts a program at a tracepoint, until what is returned is dropped.
pub(super) fn attach(tracepoint: &CStr, program: &[Instruction]) -> io::Result<OwnedFd> {
    let count = u32::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let pointer = |address: usize| address as u64;
    let attributes = [
        both(PROG_TYPE_RAW_TRACEPOINT, count),
        pointer(program.as_ptr().expose_provenance()),
        pointer(LICENSE.as_ptr().expose_provenance()),
    ];
    // SAFETY: program and licence are borrowed for the call, which reads as many instructions as it is
    // told and the text up to its end.
    let program = unsafe { bpf(PROG_LOAD, &attributes) }?;
    let program_fd = std::os::fd::AsRawFd::as_raw_fd(&program).cast_unsigned();
    let attributes = [pointer(tracepoint.as_ptr().expose_provenance()), u64::from(program_fd)];
    // SAFETY: the name is borrowed for the call, which reads it up to its end.
    unsafe { bpf(RAW_TRACEPOINT_OPEN, &attributes) }
}
