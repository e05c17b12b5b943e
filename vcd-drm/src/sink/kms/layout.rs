//! Which of a monitor's modes a picture is shown in, and where.

use crate::screen::{Rect, Size};

/// A mode that a monitor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Pixels across and down.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Frames per second.
    pub refresh: u32,
}

/// What is to be had from whole frames a second.
const USUAL: u32 = 60;

/// Chooses the mode of the picture's size; else the smallest that it fits into; else the largest. Among
/// equal ones, that of about 60 frames per second. `None` without modes.
pub fn choose(offers: &[Offer], picture: Size) -> Option<usize> {
    let rank = |offer: &Offer| {
        let fits = offer.width >= picture.width() && offer.height >= picture.height();
        let area = u64::from(offer.width) * u64::from(offer.height);
        let size = if fits { area } else { u64::MAX - area };
        (!fits, size, offer.refresh.abs_diff(USUAL))
    };
    let best = offers.iter().enumerate().min_by_key(|(_, offer)| rank(offer));
    best.map(|(at, _)| at)
}

/// Where a picture is in a mode: in the middle, and cut where it is larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The part of the picture that is seen.
    pub seen: Rect,
    /// Where its first pixel is.
    pub x: u32,
    /// Its row.
    pub y: u32,
}

/// Centres a picture.
pub fn place(width: u32, height: u32, picture: Size) -> Place {
    let side = |room: u32, pixels: u32| {
        let seen = room.min(pixels);
        ((pixels - seen) / 2, seen, (room - seen) / 2)
    };
    let (left, columns, x) = side(width, picture.width());
    let (top, rows, y) = side(height, picture.height());
    Place { seen: Rect { x: left, y: top, width: columns, height: rows }, x, y }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(modes: &[(u32, u32, u32)], width: u32, height: u32) -> Option<(u32, u32, u32)> {
        let offer = |&(width, height, refresh): &(u32, u32, u32)| Offer { width, height, refresh };
        let offers: Vec<Offer> = modes.iter().map(offer).collect();
        choose(&offers, Size::new(width, height).unwrap()).map(|at| modes[at])
    }

    #[test]
    fn the_picture_s_own_size_is_best() {
        let modes = [(1920, 1080, 60), (640, 480, 75), (640, 480, 60), (1024, 768, 60)];
        assert_eq!(chosen(&modes, 640, 480), Some((640, 480, 60)));
        assert_eq!(chosen(&modes, 641, 480), Some((1024, 768, 60)), "the smallest that fits");
        assert_eq!(chosen(&modes, 1000, 900), Some((1920, 1080, 60)));
        assert_eq!(chosen(&modes, 4000, 4000), Some((1920, 1080, 60)), "the largest");
        assert_eq!(chosen(&[], 1, 1), None);
    }

    #[test]
    fn pictures_are_centred_or_cut() {
        let size = |width, height| Size::new(width, height).unwrap();
        let rect = |x, y, width, height| Rect { x, y, width, height };
        let at = |seen, x, y| Place { seen, x, y };
        assert_eq!(place(640, 480, size(640, 480)), at(rect(0, 0, 640, 480), 0, 0));
        assert_eq!(place(1024, 768, size(640, 480)), at(rect(0, 0, 640, 480), 192, 144));
        assert_eq!(place(640, 768, size(800, 600)), at(rect(80, 0, 640, 600), 0, 84));
    }
}
