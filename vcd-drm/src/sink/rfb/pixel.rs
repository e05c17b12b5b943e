//! Pixels as viewers want them: true colour of 8, 16 or 32 bits, with any layout of the channels.

/// Bytes that describe a format.
pub const BYTES: usize = 16;

/// A format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// Bytes of a pixel: 1, 2 or 4.
    bytes: usize,
    depth: u8,
    big_endian: bool,
    /// Red, green and blue.
    channels: [Channel; 3],
    /// How a level of a channel is written.
    levels: Box<[[u32; 256]; 3]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Channel {
    max: u16,
    shift: u8,
}

/// Why a format cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It has colours in a table.
    #[error("it wants pixels with a colour map; only true colour is here")]
    ColorMap,
    /// Another number of bits.
    #[error("it wants pixels of {0} bits")]
    Bits(u8),
    /// A channel does not fit into a pixel.
    #[error("it wants a channel that is not inside of a pixel")]
    Channel,
}

impl Default for Format {
    /// What the picture has: 32 bits, red above green above blue.
    fn default() -> Self {
        let channel = |shift| Channel { max: 255, shift };
        Self::new(4, 24, false, [channel(16), channel(8), channel(0)])
    }
}

impl Format {
    fn new(bytes: usize, depth: u8, big_endian: bool, channels: [Channel; 3]) -> Self {
        let levels = channels.map(|channel| {
            let max = u32::from(channel.max);
            std::array::from_fn(|level| ((level as u32 * max + 127) / 255) << channel.shift)
        });
        Self { bytes, depth, big_endian, channels, levels: Box::new(levels) }
    }

    /// From the 16 bytes of the protocol.
    ///
    /// # Errors
    /// See [`FormatError`].
    pub fn parse(text: &[u8; BYTES]) -> Result<Self, FormatError> {
        let [bits, depth, big_endian, true_colour, rest @ ..] = *text;
        if true_colour == 0 {
            return Err(FormatError::ColorMap);
        }
        if ![8, 16, 32].contains(&bits) {
            return Err(FormatError::Bits(bits));
        }
        let channel = |at: usize, shift: usize| Channel {
            max: u16::from_be_bytes([rest[at], rest[at + 1]]),
            shift: rest[shift],
        };
        let channels = [channel(0, 6), channel(2, 7), channel(4, 8)];
        let fits = |channel: &Channel| {
            let used = 16 - channel.max.leading_zeros();
            channel.max > 0 && u32::from(channel.shift) + used <= u32::from(bits)
        };
        if !channels.iter().all(fits) {
            return Err(FormatError::Channel);
        }
        Ok(Self::new(usize::from(bits / 8), depth, big_endian != 0, channels))
    }

    /// The 16 bytes of the protocol.
    pub fn describe(&self) -> [u8; BYTES] {
        let mut text = [0; BYTES];
        text[..4].copy_from_slice(&[self.bytes as u8 * 8, self.depth, self.big_endian.into(), 1]);
        for (at, channel) in self.channels.iter().enumerate() {
            text[4 + at * 2..][..2].copy_from_slice(&channel.max.to_be_bytes());
            text[10 + at] = channel.shift;
        }
        text
    }

    /// Bytes of a pixel.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes a pixel of the picture.
    pub fn put(&self, pixel: u32, out: &mut Vec<u8>) {
        let value = self.value(pixel);
        match (self.bytes, self.big_endian) {
            (1, _) => out.push(value as u8),
            (2, false) => out.extend((value as u16).to_le_bytes()),
            (2, true) => out.extend((value as u16).to_be_bytes()),
            (_, false) => out.extend(value.to_le_bytes()),
            (_, true) => out.extend(value.to_be_bytes()),
        }
    }

    /// Which three bytes of a pixel's four are written where they say all of it: those after the first
    /// one left out, or none.
    pub fn compact(&self) -> Option<usize> {
        if self.bytes != 4 || self.depth > 24 {
            return None;
        }
        let all = self.levels.iter().fold(0, |sum, levels| sum | levels[255]);
        // As bytes in the order they are sent.
        match (all >> 24 == 0, all & 0xff == 0, self.big_endian) {
            (true, _, false) | (false, true, true) => Some(0),
            (true, _, true) | (false, true, false) => Some(1),
            (false, false, _) => None,
        }
    }

    /// Writes a pixel of the picture where one is written without the byte that says nothing.
    pub fn put_compact(&self, pixel: u32, compact: Option<usize>, out: &mut Vec<u8>) {
        let begin = out.len();
        self.put(pixel, out);
        if let Some(first) = compact {
            out.copy_within(begin + first..begin + first + 3, begin);
            out.truncate(begin + 3);
        }
    }

    fn value(&self, pixel: u32) -> u32 {
        let [red, green, blue] = &*self.levels;
        let level = |shift: u32| (pixel >> shift & 0xff) as usize;
        red[level(16)] | green[level(8)] | blue[level(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(format: &Format, pixel: u32) -> Vec<u8> {
        let mut out = Vec::new();
        format.put(pixel, &mut out);
        out
    }

    fn format(bits: u8, big_endian: u8, max: [u16; 3], shift: [u8; 3]) -> Format {
        Format::parse(&text(bits, big_endian, max, shift)).expect("a format")
    }

    fn text(bits: u8, big_endian: u8, max: [u16; 3], shift: [u8; 3]) -> [u8; BYTES] {
        let mut text = [0; BYTES];
        text[..4].copy_from_slice(&[bits, bits.min(24), big_endian, 1]);
        for at in 0..3 {
            text[4 + at * 2..][..2].copy_from_slice(&max[at].to_be_bytes());
            text[10 + at] = shift[at];
        }
        text
    }

    #[test]
    fn pixels_are_written_as_wanted() {
        let own = Format::default();
        assert_eq!(put(&own, 0x12_3456), [0x56, 0x34, 0x12, 0]);
        assert_eq!(Format::parse(&own.describe()), Ok(own.clone()));
        let swapped = format(32, 1, [255; 3], [0, 8, 16]);
        assert_eq!(put(&swapped, 0x12_3456), [0, 0x56, 0x34, 0x12]);
        let high = format(16, 0, [31, 63, 31], [11, 5, 0]);
        assert_eq!(put(&high, 0xff_ffff), [0xff, 0xff]);
        assert_eq!(put(&high, 0xff_0000), [0x00, 0xf8]);
        assert_eq!(put(&format(16, 1, [31, 63, 31], [11, 5, 0]), 0xff_0000), [0xf8, 0x00]);
        let low = format(8, 0, [7, 7, 3], [0, 3, 6]);
        assert_eq!(put(&low, 0xff_0080), [0b10_000_111]);
    }

    #[test]
    fn a_byte_that_says_nothing_is_left_out() {
        for (big_endian, shift, first) in
            [(0, [16, 8, 0], 0), (1, [16, 8, 0], 1), (0, [24, 16, 8], 1), (1, [24, 16, 8], 0)]
        {
            let format = format(32, big_endian, [255; 3], shift);
            assert_eq!(format.compact(), Some(first));
            let (whole, mut part) = (put(&format, 0x12_3456), vec![9]);
            format.put_compact(0x12_3456, format.compact(), &mut part);
            assert_eq!(part[1..], whole[first..first + 3]);
        }
        assert_eq!(format(32, 0, [255; 3], [24, 8, 0]).compact(), None);
        assert_eq!(format(16, 0, [31, 63, 31], [11, 5, 0]).compact(), None);
    }

    #[test]
    fn impossible_formats_are_refused() {
        let refused = |text| Format::parse(&text).unwrap_err();
        assert_eq!(refused([0; BYTES]), FormatError::ColorMap);
        assert_eq!(refused(text(24, 0, [255; 3], [16, 8, 0])), FormatError::Bits(24));
        for (max, shift) in [
            ([255, 255, 0], [16, 8, 0]),
            ([65535, 1, 1], [17, 0, 0]),
            ([255; 3], [255, 8, 0]),
            ([255; 3], [25, 8, 0]),
        ] {
            assert_eq!(refused(text(32, 0, max, shift)), FormatError::Channel);
        }
    }
}
