//! Commands in one card's tags, and the picture that they should give.

use regmap::Card;
use vcd_drm::play::{LocalMachine, Player};
use vgpu_card::Layout;

/// Pixels of the reference picture.
pub const SIZE: (u32, u32) = (640, 480);

/// Pairs of a tag and its data.
#[derive(Clone, Debug)]
pub struct Stream<'c> {
    card: &'c Card,
    /// The words.
    pub words: Vec<u32>,
}

impl<'c> Stream<'c> {
    /// One that draws into the picture.
    pub fn new(card: &'c Card) -> Self {
        let (width, height) = SIZE;
        let mut stream = Self { card, words: Vec::new() };
        stream.put("window_base", 0, &[]);
        stream.put("window_stride", 0, &[("pixels", width)]);
        stream.put("scissor_min", 0, &[]);
        stream.put("scissor_max", 0, &[("x", width), ("y", height)]);
        stream.put("raster_mode", 0, &[("scissor", 1), ("smooth", 1)]);
        stream.put("logic_op", 0, &[]);
        stream.named("logic_op", "op", "copy");
        stream
    }

    /// A register of so many, by its id, with fields; a register that the card has not is left out.
    pub fn put(&mut self, id: &str, index: u32, fields: &[(&str, u32)]) {
        let Some(register) = self.card.register(id) else { return };
        let Some(tag) = register.tag else { return };
        // Colours are fields of one register, which others share.
        let owner = register.fields_of.as_ref().and_then(|of| self.card.register(&of.id));
        let owner = owner.unwrap_or(register);
        let word = fields.iter().fold(0, |word, (field, value)| {
            owner.field(field).map_or(word, |field| word | (value << field.shift & field.mask()))
        });
        self.words.extend([tag + index, word]);
    }

    /// A register that is one plain value.
    pub fn plain(&mut self, id: &str, index: u32, value: u32) {
        let tag = self.card.register(id).and_then(|register| register.tag);
        self.words.extend(tag.into_iter().flat_map(|tag| [tag + index, value]));
    }

    /// A register with a field of a named value, in place of the word before if that is the same's.
    fn named(&mut self, id: &str, field: &str, value: &str) {
        let Some(register) = self.card.register(id) else { return };
        let (Some(tag), Some(field)) = (register.tag, register.field(field)) else { return };
        let Some(value) = field.value(value) else { return };
        if self.words.len() >= 2 && self.words[self.words.len() - 2] == tag {
            self.words.truncate(self.words.len() - 2);
        }
        self.words.extend([tag, value.value << field.shift & field.mask()]);
    }

    fn color(&mut self, id: &str, index: u32, color: u32) {
        let level = |shift: u32| color >> shift & 0xff;
        self.put(
            id,
            index,
            &[
                ("red", level(16)),
                ("green", level(8)),
                ("blue", level(0)),
                ("cyan", 255 - level(16)),
                ("magenta", 255 - level(8)),
                ("yellow", 255 - level(0)),
            ],
        );
    }

    /// A filled rectangle, where the card has such; else a triangle there, or a line.
    pub fn fill(&mut self, (x, y): (u32, u32), (width, height): (u32, u32), color: u32) {
        if self.card.feature("rectangles").is_some() {
            self.color("color", 0, color);
            self.put("rect_position", 0, &[("x", x), ("y", y)]);
            self.put("rect_size", 0, &[("width", width), ("height", height)]);
            self.named("draw", "primitive", "fill");
        } else {
            let corners = [(x, y), (x + width, y), (x, y + height)];
            self.triangle(corners.map(|(x, y)| (x, y, color)));
        }
    }

    /// A smooth triangle, where the card has such; else a line.
    pub fn triangle(&mut self, corners: [(u32, u32, u32); 3]) {
        for (index, (x, y, color)) in (0..).zip(corners) {
            self.plain("vertex_x", index, x * 16);
            self.plain("vertex_y", index, y * 16);
            self.color("vertex_color", index, color);
        }
        let triangles = self.card.feature("triangles").is_some();
        self.named("draw", "primitive", if triangles { "triangle" } else { "line" });
    }

    /// The reference picture.
    pub fn picture(card: &'c Card) -> Self {
        let (width, height) = SIZE;
        let mut stream = Self::new(card);
        stream.fill((0, 0), (width, height), 0x20_3040);
        for n in 0..12 {
            stream.fill((10 + n * 40, 8 + n * 14), (120, 70), 0x10_0808 * (n + 1));
            let (x, y) = (20 + n * 42, 190 + n * 9);
            stream.triangle([
                (x, y, 0xff_4000),
                (x + 110, y + 40, 0x00_ff80),
                (x + 20, y + 150, 0x40_40ff),
            ]);
        }
        stream
    }

    /// As lines of commands for a program.
    pub fn hex(&self) -> String {
        hex(&self.words)
    }
}

/// Words for a program.
pub fn hex(words: &[u32]) -> String {
    words.iter().map(|word| format!(" {word:x}")).collect()
}

/// What the card's memory has in it, when a stream was carried out by registers.
///
/// # Errors
/// The card cannot be played.
pub fn drawn(card: &Card, words: &[u32], pixels: usize) -> Result<Vec<u32>, String> {
    let layout = Layout::bind(card).map_err(|error| error.to_string())?;
    let machine =
        LocalMachine::new(card.register_bytes as usize, card.framebuffer_bytes as usize, 4096);
    let mut player = Player::new(layout, machine);
    for pair in words.chunks_exact(2) {
        let place = card.registers().find_map(|register| {
            let index = pair[0].checked_sub(register.tag?)?;
            (index < register.count).then(|| register.offset_of(index))
        });
        let offset = place.ok_or_else(|| format!("no register has the tag {:#x}", pair[0]))?;
        player.machine().write(offset, pair[1]);
        while player.turn(u32::MAX) {}
    }
    Ok(player.machine().memory()[..pixels].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_one() {
        let card = crate::source::base().expect("the base card");
        let stream = Stream::picture(&card);
        let pixels = (SIZE.0 * SIZE.1) as usize;
        let picture = drawn(&card, &stream.words, pixels).expect("it can be played");
        assert!(picture.iter().all(|pixel| *pixel != 0), "all of it is drawn on");
        let mut colors = picture;
        colors.sort_unstable();
        colors.dedup();
        assert!(colors.len() > 1000, "{} colours", colors.len());
    }
}
