//! Rectangles of pixels: clips, scissors, damage.

/// A rectangle of pixels; left and top are inside, right and bottom are not.
///
/// One with `left >= right` or `top >= bottom` is empty, wherever it lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rect {
    /// First column inside.
    pub left: i32,
    /// First row inside.
    pub top: i32,
    /// First column beyond.
    pub right: i32,
    /// First row beyond.
    pub bottom: i32,
}

impl Rect {
    /// No pixel.
    pub const EMPTY: Self = Self { left: 0, top: 0, right: 0, bottom: 0 };

    /// Every pixel there can be: as a scissor, none.
    pub const EVERYTHING: Self =
        Self { left: i32::MIN, top: i32::MIN, right: i32::MAX, bottom: i32::MAX };

    /// The rectangle between two columns and two rows.
    pub const fn new(left: i32, top: i32, right: i32, bottom: i32) -> Self {
        Self { left, top, right, bottom }
    }

    /// Whether no pixel is inside.
    pub const fn is_empty(&self) -> bool {
        self.left >= self.right || self.top >= self.bottom
    }

    /// Whether a pixel is inside.
    pub const fn contains(&self, x: i32, y: i32) -> bool {
        self.left <= x && x < self.right && self.top <= y && y < self.bottom
    }

    /// The pixels inside both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        }
    }

    /// The smallest rectangle around both; an empty one adds nothing.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if self.is_empty() {
            return *other;
        }
        if other.is_empty() {
            return *self;
        }
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_one_adds_nothing() {
        let a = Rect::new(1, 2, 3, 4);
        let inside_out = Rect::new(50, 0, 40, 10);
        assert!(inside_out.is_empty() && Rect::EMPTY.is_empty() && !a.is_empty());
        assert_eq!(a.union(&inside_out), a);
        assert_eq!(inside_out.union(&a), a);
        assert_eq!(a.union(&Rect::new(0, 3, 2, 9)), Rect::new(0, 2, 3, 9));
    }

    #[test]
    fn what_both_have() {
        let a = Rect::new(0, 0, 10, 10);
        assert_eq!(a.intersect(&Rect::EVERYTHING), a);
        assert_eq!(a.intersect(&Rect::new(5, -3, 20, 4)), Rect::new(5, 0, 10, 4));
        assert!(a.intersect(&Rect::new(10, 0, 20, 4)).is_empty(), "the right column is not inside");
        assert!(a.contains(0, 9) && !a.contains(10, 9));
    }
}
