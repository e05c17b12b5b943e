//! From memory to the screen: where the picture is, palette, cursor, blanking.

use crate::bank::Bank;
use crate::ids::{Fld, ModeFormatFormat, Reg};
use crate::layout::Layout;
use crate::raster::Rect;

/// Pixels of a picture, least and most, across and down.
const WIDTH: std::ops::RangeInclusive<u32> = 640..=4096;
const HEIGHT: std::ops::RangeInclusive<u32> = 480..=4096;

/// Pixels of the cursor, both ways.
const CURSOR: i32 = 64;

/// A picture in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Words from a row to the next.
    pub stride: u32,
    /// The first word.
    pub base: usize,
}

impl Mode {
    /// What the registers describe, if it fits into so many words of memory.
    pub(crate) fn read(layout: &Layout, bank: &Bank, words: usize) -> Option<Self> {
        layout.named::<ModeFormatFormat>(bank.get(Reg::ModeFormat))?;
        let size = bank.get(Reg::ModeSize);
        let mode = Self {
            width: layout.get(Fld::ModeSizeWidth, size),
            height: layout.get(Fld::ModeSizeHeight, size),
            stride: layout.get(Fld::ModeStridePixels, bank.get(Reg::ModeStride)),
            base: 0,
        };
        let sizes = WIDTH.contains(&mode.width) && HEIGHT.contains(&mode.height);
        if !sizes || mode.stride < mode.width {
            return None;
        }
        mode.at(bank.get(Reg::DisplayBase), words)
    }

    /// The same picture elsewhere, if it fits.
    pub(crate) fn at(self, base_bytes: u32, words: usize) -> Option<Self> {
        let base = (base_bytes / 4) as usize;
        let length = self.stride as usize * (self.height as usize - 1) + self.width as usize;
        let fits = base.checked_add(length).is_some_and(|end| end <= words);
        (fits && base_bytes.is_multiple_of(4)).then_some(Self { base, ..self })
    }

    /// All of it.
    pub fn bounds(&self) -> Rect {
        Rect::new(0, 0, self.width as i32, self.height as i32)
    }

    /// Which of its pixels may have changed when a rectangle of a drawing window has.
    pub(crate) fn damage(&self, base: usize, stride: u32, rect: &Rect) -> Rect {
        if rect.is_empty() {
            return Rect::EMPTY;
        }
        if (base, stride) == (self.base, self.stride) {
            return rect.intersect(&self.bounds());
        }
        // Rows of another length: whole rows of the picture around them.
        let word = |x: i32, y: i32| (base as i64) + i64::from(y) * i64::from(stride) + i64::from(x);
        let row = |word: i64| (word - self.base as i64).div_euclid(self.stride.into());
        let top = row(word(rect.left, rect.top)).clamp(0, self.height.into()) as i32;
        let last = word(rect.right - 1, rect.bottom - 1);
        let bottom = (row(last) + 1).clamp(0, self.height.into()) as i32;
        Rect::new(0, top, self.width as i32, bottom).intersect(&self.bounds())
    }
}

/// A cursor over the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    /// Its first word in memory.
    base: usize,
    /// Its upper left corner in the picture.
    left: i32,
    top: i32,
}

impl Cursor {
    fn read(layout: &Layout, bank: &Bank, words: usize) -> Option<Self> {
        let base = bank.get(Reg::CursorBase);
        let end = (base / 4) as usize + (CURSOR * CURSOR) as usize;
        if !base.is_multiple_of(4) || end > words {
            return None;
        }
        let (position, hotspot) = (bank.get(Reg::CursorPosition), bank.get(Reg::CursorHotspot));
        let by = |fld: Fld| layout.get(fld, hotspot) as i32;
        Some(Self {
            base: (base / 4) as usize,
            left: layout.signed(Fld::CursorPositionX, position) - by(Fld::CursorHotspotX),
            top: layout.signed(Fld::CursorPositionY, position) - by(Fld::CursorHotspotY),
        })
    }

    fn bounds(&self) -> Rect {
        Rect::new(self.left, self.top, self.left + CURSOR, self.top + CURSOR)
    }
}

/// What the screen shows of the memory. It can be cloned and used while the card goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Display {
    mode: Mode,
    blank: bool,
    /// A colour for each level of each channel.
    palette: Option<Vec<u32>>,
    cursor: Option<Cursor>,
}

impl Display {
    pub(crate) fn read(layout: &Layout, bank: &Bank, mode: Mode, words: usize) -> Self {
        let control = bank.get(Reg::DisplayControl);
        let on = |fld: Fld, feature: &str| layout.get(fld, control) != 0 && layout.has(feature);
        let color = |word: &u32| layout.palette_color(*word);
        let palette = || bank.all(Reg::Palette).iter().map(color).collect();
        let cursor = on(Fld::DisplayControlCursor, "cursor");
        Self {
            mode,
            blank: on(Fld::DisplayControlBlank, "blanking"),
            palette: on(Fld::DisplayControlPalette, "palette").then(palette),
            cursor: cursor.then(|| Cursor::read(layout, bank, words)).flatten(),
        }
    }

    /// The picture.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What differs on the screen from another display of the same memory.
    pub(crate) fn difference(&self, other: &Self) -> Rect {
        let rest = |one: &Self| (one.mode, one.blank);
        if rest(self) != rest(other) || self.palette != other.palette {
            return self.mode.bounds();
        }
        if self.cursor == other.cursor {
            return Rect::EMPTY;
        }
        let bounds = |cursor: Option<Cursor>| cursor.map_or(Rect::EMPTY, |one| one.bounds());
        let area = |one: &Self| bounds(one.cursor).intersect(&self.mode.bounds());
        area(self).union(&area(other))
    }

    /// The pixels that the screen shows inside `area`, row by row: 0x00RRGGBB. `out` gets as many as
    /// the area has within the picture; what does not fit into it is left out.
    pub fn render(&self, memory: &[u32], area: Rect, out: &mut [u32]) {
        let area = area.intersect(&self.mode.bounds());
        if area.is_empty() {
            return;
        }
        let width = (area.right - area.left) as usize;
        for (y, row) in (area.top..area.bottom).zip(out.chunks_exact_mut(width)) {
            if self.blank {
                row.fill(0);
                continue;
            }
            let first =
                self.mode.base + y as usize * self.mode.stride as usize + area.left as usize;
            match memory.get(first..first + width) {
                Some(pixels) => row.copy_from_slice(pixels),
                None => row.fill(0),
            }
            row.iter_mut().for_each(|pixel| *pixel = self.through_palette(*pixel));
            self.put_cursor(memory, y, area.left, row);
        }
    }

    fn through_palette(&self, pixel: u32) -> u32 {
        let Some(palette) = &self.palette else { return pixel & 0x00ff_ffff };
        let channel = |shift: u32| {
            let level = (pixel >> shift & 0xff) as usize;
            palette.get(level).copied().unwrap_or(0) & 0xff << shift
        };
        channel(16) | channel(8) | channel(0)
    }

    /// Blends the cursor's row over a row of the picture that begins at column `left`.
    fn put_cursor(&self, memory: &[u32], y: i32, left: i32, row: &mut [u32]) {
        let Some(cursor) = self.cursor else { return };
        let down = y - cursor.top;
        if !(0..CURSOR).contains(&down) {
            return;
        }
        let first = cursor.base + (down * CURSOR) as usize;
        let Some(pixels) = memory.get(first..first + CURSOR as usize) else { return };
        for (across, over) in (0..).zip(pixels) {
            let column = usize::try_from(cursor.left + across - left).ok();
            if let Some(pixel) = column.and_then(|column| row.get_mut(column)) {
                *pixel = blend(*pixel, *over);
            }
        }
    }
}

/// A pixel with opacity in its highest byte over another, to the nearest level.
fn blend(under: u32, over: u32) -> u32 {
    let opacity = over >> 24;
    let channel = |shift: u32| {
        let (under, over) = (under >> shift & 0xff, over >> shift & 0xff);
        ((over * opacity + under * (255 - opacity) + 127) / 255) << shift
    };
    channel(16) | channel(8) | channel(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODE: Mode = Mode { width: 640, height: 480, stride: 700, base: 1000 };

    fn display() -> Display {
        Display { mode: MODE, blank: false, palette: None, cursor: None }
    }

    #[test]
    fn a_picture_must_fit_into_memory() {
        let words = 700 * 479 + 640;
        assert_eq!(MODE.at(0, words), Some(Mode { base: 0, ..MODE }));
        assert_eq!(MODE.at(0, words - 1), None);
        assert_eq!(MODE.at(4, words + 1).map(|mode| mode.base), Some(1));
        assert_eq!(MODE.at(2, words + 10), None, "not aligned");
        assert_eq!(MODE.at(u32::MAX - 3, words), None);
    }

    #[test]
    fn damage_of_a_window_is_found_in_the_picture() {
        let rect = Rect::new(10, 20, 30, 40);
        assert_eq!(MODE.damage(1000, 700, &rect), rect);
        assert_eq!(MODE.damage(1000, 700, &Rect::new(630, 0, 690, 9)), Rect::new(630, 0, 640, 9));
        // The window begins two rows further down.
        assert_eq!(MODE.damage(2400, 700, &rect), Rect::new(0, 22, 640, 42));
        // It has rows of half the length.
        assert_eq!(MODE.damage(1000, 350, &rect), Rect::new(0, 10, 640, 20));
        assert!(MODE.damage(0, 10, &Rect::new(0, 0, 10, 100)).is_empty(), "before the picture");
        assert!(MODE.damage(1000, 350, &Rect::EMPTY).is_empty());
    }

    #[test]
    fn the_palette_takes_each_channel_by_itself() {
        let palette = (0..256_u32).map(|n| n << 16 | (255 - n) << 8 | (n / 2)).collect();
        let display = Display { palette: Some(palette), ..display() };
        assert_eq!(display.through_palette(0xff10_2030), 0x0010_df18);
    }

    #[test]
    fn the_cursor_is_blended_and_clipped() {
        let mut memory = vec![0x0010_1010; 1000 + 700 * 480];
        memory[..4096].fill(0);
        memory[64 + 1] = 0x80ff_ffff;
        let cursor = Some(Cursor { base: 0, left: -1, top: 2 });
        let with = Display { cursor, ..display() };
        let mut out = vec![0; 4 * 5];
        with.render(&memory, Rect::new(0, 2, 4, 7), &mut out);
        // The first rows of the picture lie where the cursor's image does.
        let blended = (0xff * 0x80 + 127) / 255;
        assert_eq!(out[4], blended << 16 | blended << 8 | blended);
        assert_eq!(with.difference(&display()), Rect::new(0, 2, 63, 66));
        assert!(with.difference(&with).is_empty());
    }

    #[test]
    fn a_blank_screen_is_black() {
        let memory = vec![u32::MAX; 1000 + 700 * 480];
        let blank = Display { blank: true, ..display() };
        let mut out = vec![1; 640 * 480];
        blank.render(&memory, MODE.bounds(), &mut out);
        assert!(out.iter().all(|pixel| *pixel == 0));
        assert_eq!(blank.difference(&display()), MODE.bounds());
        // Memory that is too short is black, too.
        display().render(&[], MODE.bounds(), &mut out);
        assert!(out.iter().all(|pixel| *pixel == 0));
    }

    #[test]
    fn blending_reaches_both_ends() {
        assert_eq!(blend(0x12_3456, 0xffab_cdef), 0xab_cdef);
        assert_eq!(blend(0x12_3456, 0x00ab_cdef), 0x12_3456);
    }
}
