//! A card in a lab: registers, its memory, the memory of a driver, and what it has done to all of it.
//!
//! Speaks of registers by id, so that a script runs on any card.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::Path;
use std::time::Duration;

use vgpu_card::ids::{Cmd, DrawPrimitive, ErrorCodeCode, Fld, Named, Reg, RingControlAction};
use vgpu_card::raster::Rect;
use vgpu_card::{Action, Card, Fault, Layout, Memory, Mode};

/// Where the driver's memory is, as the card sees it.
pub(crate) const DMA: u32 = 0x4000;

/// Pixels of the window that is drawn in.
pub(crate) const WIDTH: u32 = 24;
pub(crate) const HEIGHT: u32 = 12;

pub(crate) fn base() -> regmap::Card {
    let text = include_str!("../../../../configs/cards/base.toml");
    regmap::parse("base.toml", text).expect("the base card is sound")
}

/// A card, played.
pub(crate) struct Lab {
    pub(crate) card: Card,
    pub(crate) layout: Layout,
    pub(crate) registers: Vec<u32>,
    pub(crate) memory: Vec<u32>,
    /// At [`DMA`].
    pub(crate) driver: Vec<u32>,
    /// Interrupts that were raised.
    pub(crate) raised: u32,
    /// Whether the pin is asserted.
    pub(crate) pin: bool,
    pub(crate) damage: Rect,
    pub(crate) mode: Option<Mode>,
    pub(crate) faults: Vec<Fault>,
    /// What the card has written last, by register.
    written: Vec<u32>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::of(&base())
    }

    /// With less memory, for many of them.
    pub(crate) fn small() -> Self {
        Self::of(&regmap::Card { framebuffer_bytes: 0x20_0000, ..base() })
    }

    /// Takes back what a driver has written to a register of the card's.
    pub(crate) fn repair(&mut self, reg: Reg) {
        self.write(reg, self.written[reg as usize]);
    }

    pub(crate) fn of(description: &regmap::Card) -> Self {
        let layout = Layout::bind(description).expect("all ids are there");
        let mut lab = Self {
            card: Card::new(layout.clone()),
            layout,
            registers: vec![0; description.register_bytes as usize / 4],
            memory: vec![0; description.framebuffer_bytes as usize / 4],
            driver: Vec::new(),
            raised: 0,
            pin: false,
            damage: Rect::EMPTY,
            mode: None,
            faults: Vec::new(),
            written: vec![0; Reg::ALL.len()],
        };
        lab.act();
        lab.write(Reg::WindowStride, lab.field(Fld::WindowStridePixels, WIDTH));
        lab
    }

    /// A register value with one field.
    pub(crate) fn field(&self, fld: Fld, value: u32) -> u32 {
        self.layout.put(fld, 0, value)
    }

    pub(crate) fn fields<const N: usize>(&self, fields: [(Fld, i32); N]) -> u32 {
        fields.into_iter().fold(0, |word, (fld, value)| self.layout.put(fld, word, value as u32))
    }

    pub(crate) fn code<T: Named>(&self, value: T) -> u32 {
        self.layout.put_named(0, value)
    }

    pub(crate) fn write(&mut self, reg: Reg, value: u32) {
        self.write_at(reg, 0, value);
    }

    pub(crate) fn write_at(&mut self, reg: Reg, index: usize, value: u32) {
        let offset = self.layout.offset(reg, index).expect("the card has it");
        self.registers[offset as usize / 4] = value;
    }

    pub(crate) fn read(&self, reg: Reg) -> u32 {
        self.registers[self.layout.offset(reg, 0).expect("the card has it") as usize / 4]
    }

    pub(crate) fn get(&self, fld: Fld) -> u32 {
        self.layout.get(fld, self.read(fld.id().0))
    }

    /// Looks once, without reading the driver's memory.
    pub(crate) fn scan(&mut self) {
        let registers = &self.registers;
        let read = |offset: u32| registers[offset as usize / 4];
        self.card.scan(u32::MAX, read, &mut Memory(&mut self.memory));
        self.act();
    }

    /// Reads one piece of the driver's memory; false if none was wanted.
    pub(crate) fn feed(&mut self) -> bool {
        let Some(fetch) = self.card.fetch() else { return false };
        let bytes: Vec<u8> = self.driver.iter().flat_map(|word| word.to_le_bytes()).collect();
        let start = fetch.address.checked_sub(DMA.into()).map(|start| start as usize);
        let data = start.and_then(|start| bytes.get(start..start.checked_add(fetch.bytes)?));
        self.card.feed(data, &mut Memory(&mut self.memory));
        self.act();
        true
    }

    /// Looks, then works until nothing is left.
    pub(crate) fn turn(&mut self) {
        self.scan();
        while self.feed() {}
    }

    pub(crate) fn tick(&mut self, now: Duration) -> Option<Duration> {
        let next = self.card.tick(now);
        self.act();
        next
    }

    fn act(&mut self) {
        for action in self.card.actions() {
            match action {
                Action::Write { offset, value } => {
                    self.registers[offset as usize / 4] = value;
                    let (reg, _) = self.layout.register_at(offset).expect("it writes registers");
                    self.written[reg as usize] = value;
                }
                Action::Raise => (self.raised, self.pin) = (self.raised + 1, true),
                Action::Lower => self.pin = false,
                Action::Damage(area) => self.damage = self.damage.union(&area),
                Action::Mode(mode) => self.mode = mode,
                Action::Fault(fault) => self.faults.push(fault),
            }
        }
    }

    /// Starts a primitive by its register; it must be done after one look.
    pub(crate) fn draw(&mut self, primitive: DrawPrimitive) {
        self.write(Reg::Draw, self.code(primitive));
        self.scan();
        assert_eq!(self.read(Reg::Draw), 0);
    }

    /// The pair that sets a register's value in a stream.
    pub(crate) fn pair(&self, reg: Reg, index: u32, data: u32) -> [u32; 2] {
        let register = self.layout.description().register(reg.id()).expect("the card has it");
        [register.tag.expect("it has a tag") + index, data]
    }

    pub(crate) fn command(&self, cmd: Cmd, data: u32) -> [u32; 2] {
        let command = self.layout.description().command(cmd.id());
        [command.expect("the card has it").tag, data]
    }

    /// Runs a stream as a buffer.
    pub(crate) fn buffer(&mut self, stream: &[u32]) {
        self.driver = stream.to_vec();
        self.write(Reg::DmaAddress, DMA);
        self.write(Reg::DmaCount, stream.len() as u32);
        self.turn();
        assert_eq!(self.read(Reg::DmaCount), 0, "it has drained, or was given up");
    }

    /// Runs a stream as a ring that is never full.
    pub(crate) fn ring(&mut self, stream: &[u32]) {
        let words = (stream.len() + 1).next_power_of_two().max(64);
        self.driver = stream.to_vec();
        self.driver.resize(words, 0);
        self.write(Reg::RingBase, DMA);
        self.write(Reg::RingSize, words as u32);
        self.write(Reg::RingPut, 0);
        self.write(Reg::RingControl, self.code(RingControlAction::Start));
        self.scan();
        self.write(Reg::RingPut, stream.len() as u32);
        self.turn();
        assert_eq!(self.read(Reg::RingGet), stream.len() as u32, "all of it is done");
    }

    /// Writes what was counted to INT_ACK, as a handler does.
    pub(crate) fn acknowledge(&mut self) {
        self.write(Reg::IntAck, self.read(Reg::IntCount));
        self.scan();
    }

    /// The error that the registers tell of.
    pub(crate) fn error(&self) -> Option<ErrorCodeCode> {
        self.layout.named(self.read(Reg::ErrorCode))
    }

    /// The window as text: a letter for each colour, by the order in which they were first seen.
    pub(crate) fn picture(&self) -> String {
        let mut colors = vec![0];
        let mut text = String::new();
        for row in self.memory.chunks(WIDTH as usize).take(HEIGHT as usize) {
            for pixel in row {
                let known = colors.iter().position(|color| color == pixel);
                let index = known.unwrap_or_else(|| {
                    colors.push(*pixel);
                    colors.len() - 1
                });
                text.push(
                    b".abcdefghijklmnopqrstuvwxyz".get(index).map_or('?', |c| char::from(*c)),
                );
            }
            text.push('\n');
        }
        for (color, letter) in colors.iter().zip(".abcdefghijklmnopqrstuvwxyz".chars()) {
            text.push_str(&format!("{letter} {color:#010x}\n"));
        }
        text
    }
}

/// Compares a picture with `tests/pictures/NAME.txt`; `UPDATE_EXPECT=1` writes it anew.
pub(crate) fn expect_picture(name: &str, got: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
    let file = folder.join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|v| v == "1") {
        std::fs::write(&file, got).expect("the picture");
        return;
    }
    let wanted = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        got == wanted,
        "{name}\n--- expected\n{wanted}--- got\n{got}UPDATE_EXPECT=1 accepts it"
    );
}
