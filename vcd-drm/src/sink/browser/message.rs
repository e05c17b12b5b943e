//! What goes over the WebSocket. The page's script, `page/vcd.js`, reads the same.
//!
//! | from | message | bytes, numbers with the highest byte first |
//! | --- | --- | --- |
//! | server | state | 1, state (0 off, 1 blank, 2 picture), 0, 0, width (2), height (2) |
//! | server | frame | 2, compressed (0 or 1), count of rectangles (2), number (4), rectangles of x, y, width, height (2 each), their pixels as red, green, blue, 255 |
//! | page | acknowledgement | text: `ack ` and the number of the frame |
//!
//! In a compressed frame, what follows the number is a zlib stream.

use flate2::{Compression, write::ZlibEncoder};
use std::io::Write;

use crate::screen::{Canvas, Rect, Size, State};

/// No page says anything that is longer.
pub const LONGEST: usize = 64;

/// Bytes of a frame before what may be compressed.
const HEAD: usize = 8;

/// What the card shows, and how large.
pub fn state(state: State, size: Size) -> Vec<u8> {
    let number = match state {
        State::Off => 0,
        State::Blank => 1,
        State::Picture => 2,
    };
    let mut out = vec![1, number, 0, 0];
    out.extend([size.width(), size.height()].map(|side| (side as u16).to_be_bytes()).concat());
    out
}

/// Rectangles of the picture.
pub fn frame(number: u32, canvas: &Canvas, rects: &[Rect]) -> Vec<u8> {
    let pixels: usize = rects.iter().map(|rect| rect.pixels()).sum();
    let mut out = Vec::with_capacity(HEAD + rects.len() * 8 + pixels * 4);
    out.extend([2, 0]);
    out.extend((rects.len() as u16).to_be_bytes());
    out.extend(number.to_be_bytes());
    for rect in rects {
        let sides = [rect.x, rect.y, rect.width, rect.height];
        out.extend(sides.map(|side| (side as u16).to_be_bytes()).concat());
    }
    for row in rects.iter().flat_map(|rect| canvas.rows(*rect)) {
        // Red first and opaque, as an ImageData has it.
        out.extend(row.iter().flat_map(|pixel| (pixel << 8 | 0xff).to_be_bytes()));
    }
    out
}

/// The same frame, compressed.
pub fn compressed(frame: &[u8]) -> Vec<u8> {
    let (head, rest) = frame.split_at(HEAD.min(frame.len()));
    let mut out = head.to_vec();
    if let Some(flag) = out.get_mut(1) {
        *flag = 1;
    }
    let mut encoder = ZlibEncoder::new(out, Compression::fast());
    // Writing into memory does not fail.
    match encoder.write_all(rest).and_then(|()| encoder.finish()) {
        Ok(out) => out,
        Err(_) => frame.to_vec(),
    }
}

/// The number of the frame that a page acknowledges; `None` when it says something else.
pub fn acknowledged(text: &str) -> Option<u32> {
    let number = text.strip_prefix("ack ")?;
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if digits { number.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::screen::Screen;

    #[test]
    fn frames_have_what_they_say() {
        let (mut publisher, screen) = Screen::new().unwrap();
        let size = Size::new(640, 300).unwrap();
        publisher.set_mode(Some(size));
        publisher.publish_with(&[size.bounds()], |_, pixels| pixels.fill(0x12_3456));
        let (shown, canvas) = screen.snapshot();
        assert_eq!(state(shown, size), [1, 2, 0, 0, 2, 0x80, 1, 0x2c]);
        let rects = [Rect { x: 1, y: 2, width: 3, height: 1 }, Rect { x: 600, ..size.bounds() }]
            .map(|rect| rect.intersect(size.bounds()));
        let plain = frame(7, &canvas, &rects);
        assert_eq!(plain[..16], [2, 0, 0, 2, 0, 0, 0, 7, 0, 1, 0, 2, 0, 3, 0, 1]);
        assert_eq!(plain[24..32], [0x12, 0x34, 0x56, 0xff, 0x12, 0x34, 0x56, 0xff]);
        assert_eq!(plain.len(), 24 + (3 + 40 * 300) * 4);
        let small = compressed(&plain);
        assert!(small.len() < plain.len() / 10 && small[..8] == [2, 1, 0, 2, 0, 0, 0, 7]);
        let mut rest = Vec::new();
        flate2::read::ZlibDecoder::new(&small[8..]).read_to_end(&mut rest).unwrap();
        assert_eq!(rest, plain[8..]);
    }

    #[test]
    fn only_acknowledgements_are_understood() {
        assert_eq!(acknowledged("ack 0"), Some(0));
        assert_eq!(acknowledged("ack 4294967295"), Some(u32::MAX));
        for other in ["", "ack", "ack ", "ack -1", "ack +1", "ack 4294967296", "ack 1 ", "nak 1"] {
            assert_eq!(acknowledged(other), None, "{other:?}");
        }
    }
}
