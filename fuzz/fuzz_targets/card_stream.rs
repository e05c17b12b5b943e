//! A driver's command streams and register writes to the base card: any of them is carried out or
//! refused, never a panic and never without end.
//!
//! An input is a byte of switches, then words, little-endian. With bit 0 the stream is in the ring, else
//! in a buffer; with bit 1 the card looks at its registers between two pieces; with bit 2 it is shown on
//! a screen. Bits 3 to 5: so many pairs at the beginning are register writes, of an offset and a value.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use vgpu_card::ids::{ErrorCodeCode, ModeControlAction, Reg, RingControlAction};
use vgpu_card::raster::Rect;
use vgpu_card::{Action, Card, Layout, Memory};

/// Enough for a small picture, and quick to draw on.
const MEMORY_BYTES: u32 = 0x20_0000;
const RING_WORDS: u32 = 4096;

fn layout() -> Layout {
    static LAYOUT: OnceLock<Layout> = OnceLock::new();
    let bound = LAYOUT.get_or_init(|| {
        let text = include_str!("../../configs/cards/base.toml");
        let mut description = regmap::parse("base.toml", text).expect("the base card is sound");
        description.framebuffer_bytes = MEMORY_BYTES;
        Layout::bind(&description).expect("it has all ids")
    });
    bound.clone()
}

struct Player {
    card: Card,
    registers: Vec<u32>,
    memory: Vec<u32>,
    errors: usize,
}

impl Player {
    fn write(&mut self, reg: Reg, value: u32) {
        let offset = self.card.layout().offset(reg, 0).expect("it is there");
        self.registers[offset as usize / 4] = value;
    }

    fn act(&mut self) {
        for action in self.card.actions() {
            match action {
                Action::Write { offset, value } => self.registers[offset as usize / 4] = value,
                Action::Fault(fault) => {
                    assert_ne!(fault.code, ErrorCodeCode::None);
                    self.errors += 1;
                }
                _ => {}
            }
        }
    }

    fn scan(&mut self) {
        let registers = &self.registers;
        let read = |offset: u32| registers[offset as usize / 4];
        self.card.scan(u32::MAX, read, &mut Memory(&mut self.memory));
        self.act();
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((switches, rest)) = input.split_first() else { return };
    let layout = layout();
    let bytes = layout.description().register_bytes as usize;
    let (registers, memory) = (vec![0; bytes / 4], vec![0; MEMORY_BYTES as usize / 4]);
    let mut player = Player { card: Card::new(layout), registers, memory, errors: 0 };
    player.act();
    let (writes, mut stream) = rest.split_at((usize::from(switches >> 3 & 7) * 8).min(rest.len()));
    for pair in writes.as_chunks::<8>().0 {
        let [a, b, c, d, value @ ..] = *pair;
        let offset = u32::from_le_bytes([a, b, c, d]) as usize % bytes;
        player.registers[offset / 4] = u32::from_le_bytes(value);
    }
    if switches & 4 != 0 {
        player.write(Reg::ModeSize, 480 << 16 | 640);
        player.write(Reg::ModeStride, 640);
        let code = player.card.layout().put_named(0, ModeControlAction::Enter);
        player.write(Reg::ModeControl, code);
    }
    player.scan();
    let words = (stream.len() / 4).min(RING_WORDS as usize) as u32;
    stream = &stream[..words as usize * 4];
    if switches & 1 != 0 {
        player.write(Reg::RingBase, 0);
        player.write(Reg::RingSize, RING_WORDS);
        player.write(Reg::RingPut, words);
        let code = player.card.layout().put_named(0, RingControlAction::Start);
        player.write(Reg::RingControl, code);
    } else {
        player.write(Reg::DmaAddress, 0);
        player.write(Reg::DmaCount, words);
    }
    player.scan();
    // A register write may have started something of its own, elsewhere.
    for _ in 0..64 {
        let Some(fetch) = player.card.fetch() else { break };
        let end = fetch.address.checked_add(fetch.bytes as u64).map(|end| end as usize);
        let data = end.and_then(|end| stream.get(fetch.address as usize..end));
        player.card.feed(data, &mut Memory(&mut player.memory));
        player.act();
        if switches & 2 != 0 {
            player.scan();
        }
    }
    if let Some(display) = player.card.display() {
        let mut out = vec![0; 640 * 480];
        display.render(&player.memory, Rect::new(0, 0, 640, 480), &mut out);
    }
});
