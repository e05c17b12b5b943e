//! A writer that knows, block by block, what a disk must hold: for killing daemons under it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

const SECTOR: usize = 512;
const BLOCK: usize = 4096;
/// Largest write, blocks.
const MOST: usize = 16;
/// Between two flushes.
const WRITES_PER_FLUSH: u64 = 8;

/// Numbers that look random and are the same in every run.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number (splitmix64).
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// The next number below a limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.draw() % limit
    }
}

fn mix(number: u64) -> u64 {
    let z = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What one writer did, and so what must be there.
#[derive(Debug)]
pub struct Written {
    writer: u64,
    begin: u64,
    /// The last acknowledged write of each block; 0: never written.
    serials: Vec<u64>,
    acknowledged: u64,
}

/// Writes past the page cache into a region of its own, a request at a time, and flushes now and then.
#[derive(Debug)]
pub struct Writer {
    file: File,
    random: Random,
    written: Written,
    memory: Vec<u8>,
}

impl Writer {
    /// For the region of `len` bytes from `begin` on.
    ///
    /// # Panics
    /// When the disk cannot be opened for direct I/O.
    pub fn open(disk: &Path, writer: u64, begin: u64, len: u64) -> Self {
        let mut open = OpenOptions::new();
        let file = open
            .read(true)
            .write(true)
            .custom_flags(rustix::fs::OFlags::DIRECT.bits().cast_signed())
            .open(disk);
        let serials = vec![0; (len / BLOCK as u64) as usize];
        Self {
            file: file.expect("the disk"),
            random: Random::new(writer),
            written: Written { writer, begin, serials, acknowledged: 0 },
            memory: vec![0; (MOST + 1) * BLOCK],
        }
    }

    /// One write of a few blocks, and sometimes a flush or a look at what is there.
    ///
    /// # Panics
    /// On any error: the disk owes none.
    pub fn step(&mut self) {
        let blocks = self.written.serials.len() as u64;
        let count = 1 + self.random.below(MOST as u64);
        let first = self.random.below(blocks - count);
        let serial = self.written.acknowledged + 1;
        let offset = self.written.begin + first * BLOCK as u64;
        let from = self.memory.as_ptr().align_offset(BLOCK);
        let data = &mut self.memory[from..][..count as usize * BLOCK];
        for (n, block) in data.chunks_mut(BLOCK).enumerate() {
            fill(block, self.written.writer, first + n as u64, serial);
        }
        self.file.write_all_at(data, offset).expect("a write");
        self.written.acknowledged = serial;
        self.written.serials[first as usize..][..count as usize].fill(serial);
        if serial.is_multiple_of(WRITES_PER_FLUSH) {
            self.file.sync_data().expect("a flush");
            let block = self.random.below(blocks);
            let offset = self.written.begin + block * BLOCK as u64;
            let data = &mut self.memory[from..][..BLOCK];
            self.file.read_exact_at(data, offset).expect("a read");
            assert_eq!(self.written.judge(block, data), None, "read back while running");
        }
    }

    /// Flushes, and says what must be there now.
    ///
    /// # Panics
    /// When the flush fails.
    pub fn finish(self) -> Written {
        self.file.sync_data().expect("the last flush");
        self.written
    }
}

impl Written {
    /// How many writes were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Every block that does not hold its last acknowledged write, in words.
    ///
    /// # Panics
    /// When the file cannot be read.
    pub fn lost_or_torn(&self, file: &Path) -> Vec<String> {
        let file = File::open(file).expect("the file");
        let mut data = vec![0; BLOCK];
        let mut wrong = Vec::new();
        for block in 0..self.serials.len() as u64 {
            let offset = self.begin + block * BLOCK as u64;
            file.read_exact_at(&mut data, offset).expect("a read");
            wrong.extend(self.judge(block, &data));
        }
        wrong
    }

    fn judge(&self, block: u64, data: &[u8]) -> Option<String> {
        let mut wanted = vec![0; BLOCK];
        let serial = self.serials[block as usize];
        if serial > 0 {
            fill(&mut wanted, self.writer, block, serial);
        }
        let wrong = |n: &usize| data[n * SECTOR..][..SECTOR] != wanted[n * SECTOR..][..SECTOR];
        let sectors: Vec<_> = (0..BLOCK / SECTOR).filter(wrong).collect();
        let found = u64::from_ne_bytes(data[..8].try_into().expect("eight bytes"));
        (!sectors.is_empty()).then(|| {
            format!(
                "writer {} block {block}: write {serial} lost in sectors {sectors:?}, {found:x}",
                self.writer
            )
        })
    }
}

/// A block that only this write of it can be.
fn fill(block: &mut [u8], writer: u64, number: u64, serial: u64) {
    for (n, word) in block.chunks_mut(8).enumerate() {
        let seed = mix(writer << 48 ^ number << 16 ^ n as u64).wrapping_add(serial);
        word.copy_from_slice(&mix(seed).to_ne_bytes());
    }
}
