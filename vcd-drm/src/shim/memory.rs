//! Memory that a card shares with its driver and with programs: registers and pixels.
//!
//! Others write it at any time, so accesses are volatile loads and stores of naturally aligned words, and
//! what was read is a copy. Drawing is different: see [`Framebuffer::words_mut`].

use std::fs::File;

use memmap2::{MmapOptions, MmapRaw};

use super::Error;

/// A mapping of the card's file.
#[derive(Debug)]
pub(super) struct Memory {
    map: MmapRaw,
}

impl Memory {
    pub(super) fn map(file: &File, at: u64, bytes: u32, what: &'static str) -> Result<Self, Error> {
        let map = MmapOptions::new().offset(at).len(bytes as usize).map_raw(file);
        map.map(|map| Self { map }).map_err(|source| Error::Map { what, source })
    }

    pub(super) fn map_read_only(file: &File, at: u64, bytes: usize) -> Result<Self, Error> {
        let map = MmapOptions::new().offset(at).len(bytes).map_raw_read_only(file);
        map.map(|map| Self { map }).map_err(|source| Error::Map { what: "DMA memory", source })
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    /// Where a word is.
    ///
    /// # Panics
    /// When it is not aligned or not all inside.
    #[track_caller]
    fn word<T>(&self, offset: usize) -> *mut T {
        let size = size_of::<T>();
        let inside = offset.checked_add(size).is_some_and(|end| end <= self.len());
        assert!(
            inside && offset.is_multiple_of(size),
            "no word of {size} bytes at {offset:#x} of {:#x}",
            self.len()
        );
        self.map.as_mut_ptr().wrapping_add(offset).cast()
    }

    #[track_caller]
    pub(super) fn load<T: Word>(&self, offset: usize) -> T {
        let word = self.word::<T>(offset);
        // SAFETY: `word` is aligned and inside of the mapping, which lives as long as `self`; the
        // access is volatile, no reference to the memory exists, and any value is a T.
        #[allow(unsafe_code)]
        unsafe {
            word.read_volatile()
        }
    }

    /// Must not be called on a mapping made read-only.
    #[track_caller]
    pub(super) fn store<T: Word>(&self, offset: usize, value: T) {
        let word = self.word::<T>(offset);
        // SAFETY: as in `load`; the mapping can be written, as registers and framebuffer always are.
        #[allow(unsafe_code)]
        unsafe {
            word.write_volatile(value);
        }
    }

    /// All of it as words, in this machine's order.
    fn words_mut(&mut self) -> &mut [u32] {
        let length = self.len() / 4;
        // SAFETY: a mapping begins at a page, is as long as `len` says, can be written, and lives as
        // long as `self`, which is borrowed: nothing in this process uses it meanwhile. Drivers and
        // other processes may. No rule of the language binds them; what they can bring about is that a
        // word has another value when it is read again. Every value is a u32, and who draws takes what
        // it reads for colours, never for places.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts_mut(self.map.as_mut_ptr().cast(), length)
        }
    }

    #[track_caller]
    fn check(&self, offset: usize, length: usize) {
        let end = offset.checked_add(length);
        assert!(
            end.is_some_and(|end| end <= self.len()),
            "no {length} bytes at {offset:#x} of {:#x}",
            self.len()
        );
    }

    #[track_caller]
    pub(super) fn read(&self, offset: usize, into: &mut [u8]) {
        self.check(offset, into.len());
        let (head, rest) = into.split_at_mut(to_alignment(offset).min(into.len()));
        for (at, byte) in (offset..).zip(head.iter_mut()) {
            *byte = self.load(at);
        }
        let mut at = offset + head.len();
        let mut words = rest.chunks_exact_mut(8);
        for word in &mut words {
            word.copy_from_slice(&self.load::<u64>(at).to_ne_bytes());
            at += 8;
        }
        for (at, byte) in (at..).zip(words.into_remainder()) {
            *byte = self.load(at);
        }
    }

    #[track_caller]
    fn write(&self, offset: usize, bytes: &[u8]) {
        self.check(offset, bytes.len());
        let (head, rest) = bytes.split_at(to_alignment(offset).min(bytes.len()));
        for (at, byte) in (offset..).zip(head) {
            self.store(at, *byte);
        }
        let mut at = offset + head.len();
        let (words, tail) = rest.as_chunks::<8>();
        for word in words {
            self.store(at, u64::from_ne_bytes(*word));
            at += 8;
        }
        for (at, byte) in (at..).zip(tail) {
            self.store(at, *byte);
        }
    }
}

/// Bytes up to the next word of 8 bytes.
fn to_alignment(offset: usize) -> usize {
    offset.next_multiple_of(8) - offset
}

/// A machine word, of which every bit pattern is a value.
pub(super) trait Word: Copy {}
impl Word for u8 {}
impl Word for u32 {}
impl Word for u64 {}

/// BAR 0, in words of 32 bits.
///
/// The daemon's own accesses are not trapped. The driver may write a register between any two of
/// them.
#[derive(Debug)]
pub struct Registers(pub(super) Memory);

impl Registers {
    /// Its size in bytes.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    /// What is in the register at an offset.
    ///
    /// # Panics
    /// When there is none. Offsets come from the card's description, never from the driver.
    #[track_caller]
    pub fn read(&self, offset: usize) -> u32 {
        u32::from_le(self.0.load(offset))
    }

    /// Puts a value into the register at an offset.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn write(&self, offset: usize, value: u32) {
        self.0.store(offset, value.to_le());
    }
}

/// BAR 2.
#[derive(Debug)]
pub struct Framebuffer(pub(super) Memory);

impl Framebuffer {
    /// Its size in bytes.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    /// The word at an offset.
    ///
    /// # Panics
    /// When it is not all inside, or not aligned.
    #[track_caller]
    pub fn read_word(&self, offset: usize) -> u32 {
        u32::from_le(self.0.load(offset))
    }

    /// Puts a word to an offset.
    ///
    /// # Panics
    /// When it is not all inside, or not aligned.
    #[track_caller]
    pub fn write_word(&self, offset: usize, value: u32) {
        self.0.store(offset, value.to_le());
    }

    /// All words of it, for drawing. Drivers and programs may write them meanwhile, so a word that is
    /// read twice may differ: take it for a colour, and for nothing else.
    pub fn words_mut(&mut self) -> &mut [u32] {
        self.0.words_mut()
    }

    /// Copies bytes out.
    ///
    /// # Panics
    /// When they are not all inside.
    #[track_caller]
    pub fn read(&self, offset: usize, into: &mut [u8]) {
        self.0.read(offset, into);
    }

    /// Copies bytes in.
    ///
    /// # Panics
    /// When they are not all inside.
    #[track_caller]
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        self.0.write(offset, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(bytes: u32) -> Memory {
        let file = tempfile::tempfile().expect("a temporary file");
        file.set_len(bytes.into()).expect("its length");
        Memory::map(&file, 0, bytes, "file").expect("a mapping")
    }

    #[test]
    fn words_keep_their_values() {
        let registers = Registers(memory(4096));
        registers.write(4092, 0x1234_5678);
        assert_eq!(registers.read(4092), 0x1234_5678);
        assert_eq!(registers.0.load::<u8>(4092), 0x78, "little endian, as PCI is");
        assert_eq!(registers.read(4088), 0);
    }

    #[test]
    fn bytes_of_all_lengths_at_all_places_are_copied_exactly() {
        let framebuffer = Framebuffer(memory(4096));
        let pattern: Vec<u8> = (1..=40).collect();
        for offset in 0..10 {
            for length in 0..pattern.len() {
                framebuffer.write(0, &[0xa5; 64]);
                framebuffer.write(offset, &pattern[..length]);
                let mut all = [0; 64];
                framebuffer.read(0, &mut all);
                assert_eq!(all[offset..offset + length], pattern[..length]);
                assert!(all[..offset].iter().chain(&all[offset + length..]).all(|&b| b == 0xa5));
                let mut part = vec![0; length];
                framebuffer.read(offset, &mut part);
                assert_eq!(part, pattern[..length]);
            }
        }
        framebuffer.write(4090, &pattern[..6]);
        framebuffer.read(4096, &mut []);
    }

    #[test]
    fn nothing_outside_is_touched() {
        let outside = |access: fn(&Framebuffer)| {
            let framebuffer = Framebuffer(memory(4096));
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| access(&framebuffer))).is_err()
        };
        assert!(outside(|f| f.write(4090, &[0; 7])));
        assert!(outside(|f| f.write(usize::MAX, &[0; 7])));
        assert!(outside(|f| f.read(4097, &mut [])));
        assert!(outside(|f| f.write_word(4094, 0)));
        assert!(outside(|f| _ = f.read_word(2)), "not aligned");
        assert!(!outside(|f| f.write_word(4092, 0)));
    }
}
