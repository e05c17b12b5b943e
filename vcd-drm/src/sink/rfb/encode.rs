//! Updates: rectangles of the picture, as a viewer wants them.

use flate2::{Compress, Compression, FlushCompress, Status};

use super::pixel::Format;
use super::session::{DESKTOP_SIZE, Encoding};
use crate::screen::{Canvas, Rect, Size};

/// Pixels of a ZRLE tile, each way.
const TILE: u32 = 64;
/// Most colours of a tile that has a palette.
const MOST_COLORS: usize = 16;
/// Bytes by which room for compressed data grows.
const ROOM: usize = 64 << 10;

/// Makes updates for one viewer. It has the viewer's stream of compressed data.
#[derive(Debug)]
pub struct Encoder {
    stream: Compress,
    /// A rectangle before it is compressed.
    plain: Vec<u8>,
    /// Pixels of a tile.
    tile: Vec<u32>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// For a viewer that has got nothing yet.
    pub fn new() -> Self {
        let stream = Compress::new(Compression::fast(), true);
        Self { stream, plain: Vec::new(), tile: Vec::new() }
    }

    /// An update that tells of another size.
    pub fn resize(size: Size, out: &mut Vec<u8>) {
        Self::begin(1, out);
        head(size.bounds(), DESKTOP_SIZE, out);
    }

    /// Begins an update with so many rectangles.
    pub fn begin(rects: u16, out: &mut Vec<u8>) {
        out.extend([0, 0]);
        out.extend(rects.to_be_bytes());
    }

    /// One of its rectangles. Beyond the canvas it is black.
    pub fn rect(
        &mut self,
        canvas: &Canvas,
        rect: Rect,
        format: &Format,
        encoding: Encoding,
        out: &mut Vec<u8>,
    ) {
        head(rect, encoding.number(), out);
        match encoding {
            Encoding::Raw => {
                for y in 0..rect.height {
                    let row = Rect { y: rect.y + y, height: 1, ..rect };
                    read(canvas, row, &mut self.tile);
                    self.tile.iter().for_each(|pixel| format.put(*pixel, out));
                }
            }
            Encoding::Zrle => self.zrle(canvas, rect, format, out),
        }
    }

    fn zrle(&mut self, canvas: &Canvas, rect: Rect, format: &Format, out: &mut Vec<u8>) {
        self.plain.clear();
        let compact = format.compact();
        for y in (rect.y..rect.bottom()).step_by(TILE as usize) {
            for x in (rect.x..rect.right()).step_by(TILE as usize) {
                let tile = Rect { x, y, width: TILE, height: TILE }.intersect(rect);
                read(canvas, tile, &mut self.tile);
                put_tile(&self.tile, tile.width as usize, format, compact, &mut self.plain);
            }
        }
        let length = out.len();
        out.extend([0; 4]);
        self.compress(out);
        let bytes = (out.len() - length - 4) as u32;
        out[length..length + 4].copy_from_slice(&bytes.to_be_bytes());
    }

    /// All of `plain`, so that the viewer can read it without what comes later.
    fn compress(&mut self, out: &mut Vec<u8>) {
        let mut taken = 0;
        loop {
            out.reserve(ROOM);
            let before = self.stream.total_in();
            let room = out.capacity() - out.len();
            let done = self.stream.compress_vec(&self.plain[taken..], out, FlushCompress::Sync);
            taken += (self.stream.total_in() - before) as usize;
            let full = room > 0 && out.capacity() == out.len();
            // It goes on for as long as it fills all the room it is given.
            if !full && taken == self.plain.len() || !matches!(done, Ok(Status::Ok)) {
                return;
            }
        }
    }
}

fn head(rect: Rect, encoding: i32, out: &mut Vec<u8>) {
    for side in [rect.x, rect.y, rect.width, rect.height] {
        out.extend((side as u16).to_be_bytes());
    }
    out.extend(encoding.to_be_bytes());
}

/// The pixels of a rectangle, row after row.
fn read(canvas: &Canvas, rect: Rect, into: &mut Vec<u32>) {
    into.clear();
    let there = rect.intersect(canvas.size().bounds());
    for row in 0..rect.height {
        let begin = into.len();
        if !there.is_empty() && row < there.height {
            into.extend_from_slice(canvas.row(there, row));
        }
        into.resize(begin + rect.width as usize, 0);
    }
}

/// One tile: a single colour, indices into a small palette, or all pixels.
fn put_tile(
    pixels: &[u32],
    width: usize,
    format: &Format,
    compact: Option<usize>,
    out: &mut Vec<u8>,
) {
    let mut palette = [0_u32; MOST_COLORS];
    let mut colors = 0;
    let mut last = None;
    for &pixel in pixels {
        if last == Some(pixel) {
            continue;
        }
        last = Some(pixel);
        if palette[..colors].contains(&pixel) {
            continue;
        }
        if colors == MOST_COLORS {
            out.push(0);
            pixels.iter().for_each(|pixel| format.put_compact(*pixel, compact, out));
            return;
        }
        palette[colors] = pixel;
        colors += 1;
    }
    out.push(colors as u8);
    palette[..colors].iter().for_each(|color| format.put_compact(*color, compact, out));
    let bits = match colors {
        0 | 1 => return,
        2 => 1,
        3..=4 => 2,
        _ => 4,
    };
    for row in pixels.chunks(width) {
        for pixels in row.chunks(8 / bits) {
            let mut byte = 0;
            for (at, pixel) in pixels.iter().enumerate() {
                let index = palette[..colors].iter().position(|color| color == pixel);
                byte |= index.unwrap_or(0) << (8 - bits * (at + 1));
            }
            out.push(byte as u8);
        }
    }
}
