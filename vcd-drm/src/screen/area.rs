//! Sizes and rectangles, in pixels.

/// Width and height of a picture: at least one pixel, at most [`Size::MOST`], each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    width: u32,
    height: u32,
}

impl Size {
    /// No picture is wider or higher.
    pub const MOST: u32 = 4096;

    /// What viewers see before the first mode is set.
    pub(super) const FIRST: Self = Self { width: 640, height: 480 };

    /// A size, if there can be one.
    pub fn new(width: u32, height: u32) -> Option<Self> {
        let fine = 1..=Self::MOST;
        (fine.contains(&width) && fine.contains(&height)).then_some(Self { width, height })
    }

    /// Pixels in a row.
    pub const fn width(self) -> u32 {
        self.width
    }

    /// Rows.
    pub const fn height(self) -> u32 {
        self.height
    }

    /// All pixels.
    pub const fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// The rectangle that is all of it.
    pub const fn bounds(self) -> Rect {
        Rect { x: 0, y: 0, width: self.width, height: self.height }
    }
}

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rect {
    /// First column.
    pub x: u32,
    /// First row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Rect {
    /// The part between columns and rows, of which `right` and `bottom` are the first ones beyond, that
    /// lies in the quadrant in which pixels are.
    pub fn between(left: i32, top: i32, right: i32, bottom: i32) -> Self {
        let side = |from: i32, to: i32| {
            let (from, to) = (from.max(0), to.max(0));
            (from.cast_unsigned(), to.saturating_sub(from).max(0).cast_unsigned())
        };
        let ((x, width), (y, height)) = (side(left, right), side(top, bottom));
        Self { x, y, width, height }
    }

    /// Whether there is no pixel in it.
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// First column beyond.
    pub const fn right(self) -> u32 {
        self.x.saturating_add(self.width)
    }

    /// First row beyond.
    pub const fn bottom(self) -> u32 {
        self.y.saturating_add(self.height)
    }

    /// How many pixels.
    pub const fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// What both have.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let width = self.right().min(other.right()).saturating_sub(x);
        let height = self.bottom().min(other.bottom()).saturating_sub(y);
        if width == 0 || height == 0 { Self::default() } else { Self { x, y, width, height } }
    }
}

/// Makes few rectangles out of a grid of cells: neighbours in a row become one, and so do equal ones
/// below each other.
pub(super) fn merge(size: Size, cell: u32, is_set: impl Fn(usize) -> bool, into: &mut Vec<Rect>) {
    let columns = size.width().div_ceil(cell);
    let mut above = 0;
    for row in 0..size.height().div_ceil(cell) {
        let begin = into.len();
        let mut column = 0;
        while column < columns {
            let set = |column: u32| column < columns && is_set((row * columns + column) as usize);
            if !set(column) {
                column += 1;
                continue;
            }
            let first = column;
            while set(column) {
                column += 1;
            }
            let (x, y, width) = (first * cell, row * cell, (column - first) * cell);
            into.push(Rect { x, y, width, height: cell }.intersect(size.bounds()));
        }
        let (old, new) = into.split_at_mut(begin);
        let old = &mut old[above..];
        let same = |(a, b): (&Rect, &Rect)| (a.x, a.width, a.bottom()) == (b.x, b.width, b.y);
        if !new.is_empty() && old.len() == new.len() && old.iter().zip(&*new).all(same) {
            old.iter_mut().zip(new).for_each(|(old, new)| old.height += new.height);
            into.truncate(begin);
        } else {
            above = begin;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_limits() {
        assert_eq!(Size::new(4096, 1).map(Size::pixels), Some(4096));
        for (width, height) in [(0, 1), (1, 0), (4097, 1), (1, u32::MAX)] {
            assert_eq!(Size::new(width, height), None);
        }
    }

    #[test]
    fn rectangles_are_cut() {
        let rect = Rect::between(-5, 3, 10, 20);
        assert_eq!(rect, Rect { x: 0, y: 3, width: 10, height: 17 });
        assert!(Rect::between(5, 5, 5, 9).is_empty() && Rect::between(9, 0, 1, 9).is_empty());
        assert!(Rect::between(i32::MIN, i32::MIN, -1, -1).is_empty());
        let all = Rect::between(i32::MIN, i32::MIN, i32::MAX, i32::MAX);
        let size = Size::FIRST;
        assert_eq!(all.intersect(size.bounds()), size.bounds());
        let beyond = Rect { x: u32::MAX, y: 0, width: u32::MAX, height: 1 };
        assert!(beyond.intersect(size.bounds()).is_empty());
    }

    #[test]
    fn cells_become_few_rectangles() {
        let size = Size::new(100, 70).expect("a size"); // 4 columns, 3 rows
        let merged = |cells: &[usize]| {
            let mut rects = Vec::new();
            merge(size, 32, |cell| cells.contains(&cell), &mut rects);
            rects
        };
        let rect = |x, y, width, height| Rect { x, y, width, height };
        assert_eq!(merged(&[]), []);
        assert_eq!(merged(&(0..12).collect::<Vec<_>>()), [size.bounds()]);
        assert_eq!(merged(&[1, 2, 5, 6, 11]), [rect(32, 0, 64, 64), rect(96, 64, 4, 6)]);
        assert_eq!(
            merged(&[0, 3, 8]),
            [rect(0, 0, 32, 32), rect(96, 0, 4, 32), rect(0, 64, 32, 6)]
        );
    }
}
