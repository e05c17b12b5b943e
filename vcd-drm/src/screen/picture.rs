//! The tiles of a picture of one size.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use super::area::Size;

/// Pixels of a tile, each way.
pub(super) const TILE: u32 = 32;
/// Two pixels in one word.
const ROW_WORDS: usize = TILE as usize / 2;
const TILE_WORDS: usize = ROW_WORDS * TILE as usize;

/// The stamp of a tile that nobody has written yet: it is black, and new to everybody.
const FIRST: u64 = 1;

/// A picture. One thread writes it, and any number read, without locks.
///
/// A writer stores a tile's pixels and then its stamp. A reader loads the stamp before the pixels: should
/// a writer have been at work meanwhile, the stamp that was seen is an old one, and the tile will be read
/// again.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) size: Size,
    /// Whether there is anything to show.
    pub(super) graphics: bool,
    pub(super) blank: AtomicBool,
    columns: usize,
    stamps: Box<[AtomicU64]>,
    /// Tile after tile, each of all its pixels, also those beyond the picture's edges.
    words: Box<[AtomicU64]>,
    /// The newest frame of which a pixel may have been written, and the newest that is complete.
    begun: AtomicU64,
    finished: AtomicU64,
}

impl Picture {
    /// A black one.
    pub(super) fn new(size: Size, graphics: bool) -> Self {
        let columns = size.width().div_ceil(TILE) as usize;
        let tiles = columns * size.height().div_ceil(TILE) as usize;
        Self {
            size,
            graphics,
            blank: AtomicBool::new(false),
            columns,
            stamps: (0..tiles).map(|_| AtomicU64::new(FIRST)).collect(),
            words: (0..tiles * TILE_WORDS).map(|_| AtomicU64::new(0)).collect(),
            begun: AtomicU64::new(FIRST),
            finished: AtomicU64::new(FIRST),
        }
    }

    pub(super) fn tiles(&self) -> usize {
        self.stamps.len()
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Begins the next frame; returns its stamp.
    pub(super) fn begin(&self) -> u64 {
        let stamp = self.finished.load(Ordering::Relaxed) + 1;
        self.begun.store(stamp, Ordering::Relaxed);
        // Whoever sees a pixel of this frame sees that it has begun.
        fence(Ordering::Release);
        stamp
    }

    pub(super) fn finish(&self, stamp: u64) {
        self.finished.store(stamp, Ordering::Release);
    }

    /// The newest complete frame.
    pub(super) fn finished(&self) -> u64 {
        self.finished.load(Ordering::Acquire)
    }

    /// Whether no frame has begun after this one, as far as pixels were read by now.
    pub(super) fn is_still(&self, finished: u64) -> bool {
        fence(Ordering::Acquire);
        self.begun.load(Ordering::Relaxed) == finished
    }

    /// The frame that changed a tile last.
    pub(super) fn stamp(&self, tile: usize) -> u64 {
        self.stamps[tile].load(Ordering::Acquire)
    }

    /// Writes a tile from rows of pixels, `stride` pixels apart, the last ones of which may be short.
    /// Returns whether that changed it.
    pub(super) fn store(&self, tile: usize, stamp: u64, pixels: &[u32], stride: usize) -> bool {
        let words = &self.words[tile * TILE_WORDS..][..TILE_WORDS];
        let x = tile % self.columns * TILE as usize;
        let width = (self.size.width() as usize - x).min(TILE as usize);
        let mut changed = false;
        for (words, row) in words.chunks_exact(ROW_WORDS).zip(pixels.chunks(stride)) {
            let row = &row[..width.min(row.len())];
            for (word, pair) in words.iter().zip(row.chunks(2)) {
                let high = pair.get(1).map_or(0, |pixel| u64::from(pixel & 0xff_ffff));
                let new = u64::from(pair[0] & 0xff_ffff) | high << 32;
                // Much of what is said to have changed has not, most of all when a program draws
                // through a mapping that nobody watches.
                if word.load(Ordering::Relaxed) != new {
                    word.store(new, Ordering::Relaxed);
                    changed = true;
                }
            }
        }
        if changed {
            self.stamps[tile].store(stamp, Ordering::Release);
        }
        changed
    }

    /// Reads a tile into a picture of the same size, row after row.
    pub(super) fn load(&self, tile: usize, into: &mut [u32]) {
        let words = &self.words[tile * TILE_WORDS..][..TILE_WORDS];
        let (x, y) = (tile % self.columns * TILE as usize, tile / self.columns * TILE as usize);
        let size = self.size;
        let width = (size.width() as usize - x).min(TILE as usize);
        let rows = into.chunks_exact_mut(size.width() as usize).skip(y).take(TILE as usize);
        for (words, row) in words.chunks_exact(ROW_WORDS).zip(rows) {
            for (word, pair) in words.iter().zip(row[x..x + width].chunks_mut(2)) {
                let word = word.load(Ordering::Relaxed);
                pair[0] = word as u32;
                if let Some(second) = pair.get_mut(1) {
                    *second = (word >> 32) as u32;
                }
            }
        }
    }
}
