//! Command streams: pairs of a tag and a word, carried out one after the other.

use crate::draw::Drawing;
use crate::ids::{Cmd, ErrorCodeCode};
use crate::layout::{Layout, Target};
use crate::paint::{Painter, Window};
use crate::raster::Rect;

/// Bytes of a pair.
const PAIR: usize = 8;

/// After about so many pixels the rest of a piece has to wait, so that whoever plays the card can look at
/// registers and clock in between: a fraction of a second.
const MOST_PIXELS: u64 = 1 << 28;

/// What a stream does beside drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Something was drawn: in which window, and where.
    Damage(Window, Rect),
    /// A fence was reached; with an interrupt or without.
    Fence {
        /// Its number.
        number: u32,
        /// Whether it is a SYNC.
        sync: bool,
    },
}

/// Where a stream cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// Bytes before the pair.
    pub(crate) at: usize,
    pub(crate) code: ErrorCodeCode,
    /// The tag or the data.
    pub(crate) data: u32,
}

/// Carries out pairs from the driver's memory, and returns how many bytes of them: fewer than there are
/// when that takes long. All that is done has been drawn when this returns.
pub(crate) fn run(
    drawing: &mut Drawing,
    layout: &Layout,
    words: usize,
    bytes: &[u8],
    painter: &mut dyn Painter,
    event: &mut dyn FnMut(Event),
) -> Result<usize, Stopped> {
    let (pairs, rest) = bytes.as_chunks::<PAIR>();
    let (mut end, mut pixels) = (Ok(()), 0);
    for (index, pair) in pairs.iter().enumerate() {
        let [t0, t1, t2, t3, d0, d1, d2, d3] = *pair;
        let tag = u32::from_le_bytes([t0, t1, t2, t3]);
        let data = u32::from_le_bytes([d0, d1, d2, d3]);
        let stop = |code, data| Err(Stopped { at: index * PAIR, code, data });
        match layout.target(tag) {
            Target::State(at) => {
                let at = usize::from(at);
                if drawing.must_flush_before(at) {
                    drawing.flush(painter, event);
                }
                drawing.set(at, data);
            }
            Target::Draw => {
                match drawing.draw(layout, data, words, painter, event) {
                    Ok(drawn) => pixels += drawn,
                    Err(code) => {
                        end = stop(code, data);
                        break;
                    }
                }
                if pixels > MOST_PIXELS {
                    drawing.flush(painter, event);
                    return Ok((index + 1) * PAIR);
                }
            }
            Target::Command(Cmd::Nop) => {}
            Target::Command(command) => {
                drawing.flush(painter, event);
                event(Event::Fence { number: data, sync: command == Cmd::Sync });
            }
            Target::None => {
                end = stop(ErrorCodeCode::BadTag, tag);
                break;
            }
        }
    }
    drawing.flush(painter, event);
    end?;
    match rest.first_chunk() {
        Some(tag) => Err(Stopped {
            at: pairs.len() * PAIR,
            code: ErrorCodeCode::Truncated,
            data: u32::from_le_bytes(*tag),
        }),
        None => Ok(bytes.len()),
    }
}
