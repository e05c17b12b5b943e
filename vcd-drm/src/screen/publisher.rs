//! Writing the picture.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::area::{Rect, Size};
use super::picture::{Picture, TILE};
use super::{Shared, State};

/// Pixels in memory, 4 bytes each: blue, green, red, and one of no meaning.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// All rows. Rows that are not there are black.
    pub pixels: &'a [u8],
    /// Bytes from a row to the next.
    pub stride_bytes: usize,
}

/// The one who publishes: the thread that runs the card's commands. Nothing here waits for viewers.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
    picture: Arc<Picture>,
    /// Tiles to be written.
    touched: Vec<bool>,
    /// A row of tiles.
    band: Vec<u32>,
}

impl Publisher {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let (_, picture) = shared.picture();
        Self { shared, picture, touched: Vec::new(), band: Vec::new() }
    }

    /// There is another picture from now on, black at first, or none. Setting the size that it has
    /// makes it black, too.
    pub fn set_mode(&mut self, size: Option<Size>) {
        let graphics = size.is_some();
        if !graphics && !self.picture.graphics {
            return;
        }
        let next = Picture::new(size.unwrap_or(self.picture.size), graphics);
        self.picture = Arc::new(next);
        self.shared.replace(Arc::clone(&self.picture));
        self.shared.frame();
    }

    /// Shows black in the place of the picture, or the picture again.
    pub fn set_blank(&mut self, blank: bool) {
        if self.picture.blank.swap(blank, Ordering::Release) != blank {
            self.shared.frame();
        }
    }

    /// The size there is, if there is a picture.
    pub fn size(&self) -> Option<Size> {
        self.picture.graphics.then_some(self.picture.size)
    }

    /// What viewers see.
    pub fn state(&self) -> State {
        self.picture.state()
    }

    /// Publishes what `render` draws: it is called for rectangles that cover the damage, rounded up to
    /// tiles and cut to the picture, with room for their pixels, row after row.
    ///
    /// Returns whether the picture has changed. Without a picture nothing happens.
    pub fn publish_with(
        &mut self,
        damage: &[Rect],
        mut render: impl FnMut(Rect, &mut [u32]),
    ) -> bool {
        if !self.picture.graphics || !self.touch(damage) {
            return false;
        }
        let picture = &*self.picture;
        let columns = picture.columns();
        let stamp = picture.begin();
        let mut changed = false;
        for (row, touched) in self.touched.chunks_exact(columns).enumerate() {
            let mut column = 0;
            while let Some(skipped) = touched[column..].iter().position(|touched| *touched) {
                let first = column + skipped;
                let length = touched[first..].iter().take_while(|touched| **touched).count();
                column = first + length;
                let rect = tiles(row, first, length).intersect(picture.size.bounds());
                self.band.resize(rect.pixels(), 0);
                render(rect, &mut self.band);
                for tile in 0..length {
                    let pixels = &self.band[tile * TILE as usize..];
                    let at = row * columns + first + tile;
                    changed |= picture.store(at, stamp, pixels, rect.width as usize);
                }
            }
        }
        picture.finish(stamp);
        if changed {
            self.shared.frame();
        }
        changed
    }

    /// Publishes a picture in memory, of the size that was set.
    pub fn publish(&mut self, frame: Frame<'_>, damage: &[Rect]) -> bool {
        self.publish_with(damage, |rect, into| {
            let rows = (rect.y..).zip(into.chunks_exact_mut(rect.width as usize));
            for (y, row) in rows {
                let at = y as usize * frame.stride_bytes + rect.x as usize * 4;
                let line = frame.pixels.get(at..).unwrap_or_default();
                let (pixels, _) = line.as_chunks::<4>();
                let there = pixels.len().min(row.len());
                for (pixel, bytes) in row.iter_mut().zip(pixels) {
                    *pixel = u32::from_le_bytes(*bytes);
                }
                row[there..].fill(0);
            }
        })
    }

    /// Marks the tiles that damage touches; false when there is none.
    fn touch(&mut self, damage: &[Rect]) -> bool {
        let columns = self.picture.columns();
        self.touched.clear();
        self.touched.resize(self.picture.tiles(), false);
        let mut any = false;
        for rect in damage {
            let rect = rect.intersect(self.picture.size.bounds());
            if rect.is_empty() {
                continue;
            }
            any = true;
            let tile = |pixel: u32| (pixel / TILE) as usize;
            for row in tile(rect.y)..=tile(rect.bottom() - 1) {
                let (first, last) = (tile(rect.x), tile(rect.right() - 1));
                self.touched[row * columns + first..=row * columns + last].fill(true);
            }
        }
        any
    }
}

fn tiles(row: usize, first: usize, length: usize) -> Rect {
    let pixels = |tiles: usize| tiles as u32 * TILE;
    Rect { x: pixels(first), y: pixels(row), width: pixels(length), height: TILE }
}
