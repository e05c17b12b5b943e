//! A part of a picture, kept in a size that does not grow with how often it is added to.

use super::area::{self, Rect, Size};
use super::picture::TILE;

/// Pixels of a picture, in whole tiles.
#[derive(Clone, Debug)]
pub struct Region {
    size: Size,
    cells: Vec<bool>,
}

impl Region {
    /// No pixel of a picture of this size.
    pub fn new(size: Size) -> Self {
        let cells = size.width().div_ceil(TILE) * size.height().div_ceil(TILE);
        Self { size, cells: vec![false; cells as usize] }
    }

    /// Whether there is no pixel in it.
    pub fn is_empty(&self) -> bool {
        !self.cells.contains(&true)
    }

    /// Adds a rectangle, as far as it is inside of the picture.
    pub fn add(&mut self, rect: Rect) {
        let rect = rect.intersect(self.size.bounds());
        for row in rect.y / TILE..rect.bottom().div_ceil(TILE) {
            let tile = |column: u32| (row * self.size.width().div_ceil(TILE) + column) as usize;
            let columns = tile(rect.x / TILE)..tile(rect.right().div_ceil(TILE));
            self.cells[columns].fill(true);
        }
    }

    /// Takes out what touches a rectangle, up to so many pixels and at least a tile, from the top.
    pub fn take(&mut self, within: Rect, most_pixels: usize) -> Vec<Rect> {
        let within = within.intersect(self.size.bounds());
        if within.is_empty() {
            return Vec::new();
        }
        let columns = self.size.width().div_ceil(TILE);
        let mut left = most_pixels.max(1);
        let mut taken = vec![false; self.cells.len()];
        for row in within.y / TILE..within.bottom().div_ceil(TILE) {
            for column in within.x / TILE..within.right().div_ceil(TILE) {
                let cell = (row * columns + column) as usize;
                if left > 0 && std::mem::take(&mut self.cells[cell]) {
                    taken[cell] = true;
                    left = left.saturating_sub((TILE * TILE) as usize);
                }
            }
        }
        let mut rects = Vec::new();
        area::merge(self.size, TILE, |cell| taken[cell], &mut rects);
        rects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_taken_once() {
        let size = Size::new(100, 100).expect("a size");
        let mut region = Region::new(size);
        assert!(region.is_empty() && region.take(size.bounds(), 1).is_empty());
        region.add(Rect { x: 40, y: 40, width: 1, height: 1 });
        region.add(Rect { x: 90, y: 90, width: 100, height: 100 });
        region.add(Rect { x: 500, y: 0, width: 1, height: 1 });
        let top = Rect { x: 0, y: 0, width: 100, height: 50 };
        assert_eq!(region.take(top, 10_000), [Rect { x: 32, y: 32, width: 32, height: 32 }]);
        assert!(region.take(top, 10_000).is_empty() && !region.is_empty());
        let all = region.take(size.bounds(), 10_000);
        assert_eq!(all.iter().map(|rect| rect.right()).max(), Some(100));
        assert!(region.is_empty());
    }

    #[test]
    fn much_is_taken_in_parts() {
        let size = Size::new(128, 64).expect("a size");
        let mut region = Region::new(size);
        region.add(size.bounds());
        let parts: Vec<usize> = std::iter::from_fn(|| {
            let part = region.take(size.bounds(), 3000);
            (!part.is_empty()).then(|| part.iter().map(|rect| rect.pixels()).sum())
        })
        .collect();
        assert_eq!(parts, [3072, 3072, 2048]);
    }
}
