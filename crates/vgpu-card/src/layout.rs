//! Where a card has what: ids bound to the offsets, bits, codes and tags of one description.
//!
//! This is the only place that knows them. Everything else asks by id, so it plays any card that has
//! the same ids.

use regmap::Access;
use regmap::model::TAGS;
use thiserror::Error;

use crate::bank::slot;
use crate::ids::{Cmd, DrawPrimitive, Fld, Named, Reg};

/// Registers without which there is no card; the others belong to features that one may lack.
const NEEDED: &[Reg] = &[
    Reg::CardId,
    Reg::LayoutHash,
    Reg::Version,
    Reg::Features,
    Reg::MemorySize,
    Reg::Status,
    Reg::Control,
    Reg::IntCount,
    Reg::IntAck,
    Reg::IntEnable,
    Reg::ErrorCode,
    Reg::ErrorWhere,
    Reg::ErrorData,
    Reg::FenceDone,
    Reg::FrameCount,
    Reg::ModeSize,
    Reg::ModeStride,
    Reg::ModeFormat,
    Reg::ModeControl,
    Reg::DisplayBase,
    Reg::WindowBase,
    Reg::WindowStride,
    Reg::ScissorMin,
    Reg::ScissorMax,
    Reg::RasterMode,
    Reg::LogicOp,
    Reg::Color,
    Reg::Draw,
];

/// Why a description cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BindError {
    /// Registers that every card has are not there.
    #[error("the description lacks registers of ids {}", .0.join(", "))]
    Registers(Vec<&'static str>),
    /// A register that is there lacks fields, so its values have no meaning.
    #[error("the description lacks fields of ids {}", .0.join(", "))]
    Fields(Vec<String>),
    /// An array is shorter than the logic needs.
    #[error("the register {id} is there {found} times, {wanted} are needed")]
    Count {
        /// The register's id.
        id: &'static str,
        /// In the description.
        found: u32,
        /// By the logic.
        wanted: usize,
    },
}

/// What a tag stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Nothing.
    None,
    /// Part of the stream's state, at a slot.
    State(u16),
    /// Draw something.
    Draw,
    /// A command.
    Command(Cmd),
}

/// Bits of a word.
#[derive(Clone, Copy, Debug, Default)]
struct Bits {
    shift: u32,
    width: u32,
}

impl Bits {
    fn ones(self) -> u32 {
        u32::MAX.checked_shr(32 - self.width).unwrap_or(0)
    }
}

/// A description, bound.
#[derive(Clone, Debug)]
pub struct Layout {
    description: regmap::Card,
    /// By register.
    offsets: Vec<Option<(u32, u32)>>,
    /// Registers that the driver writes, each of an array by itself.
    inputs: Vec<(Reg, usize)>,
    /// By field.
    bits: Vec<Bits>,
    /// By field, then by value: the number that stands for it.
    codes: Vec<Vec<Option<u32>>>,
    /// By tag.
    targets: Vec<Target>,
    hash: u32,
    /// Whether colours are as the rasteriser has them, so that nothing is to be taken apart.
    plain_color: bool,
    plain_vertex_color: bool,
    /// Whether colours are cyan, magenta, yellow and black.
    is_cmyk: bool,
}

/// Fields of red, green and blue.
type Channels = [Fld; 3];
const COLOR: Channels = [Fld::ColorRed, Fld::ColorGreen, Fld::ColorBlue];
const VERTEX_COLOR: Channels = [Fld::VertexColorRed, Fld::VertexColorGreen, Fld::VertexColorBlue];
const PALETTE: Channels = [Fld::PaletteRed, Fld::PaletteGreen, Fld::PaletteBlue];

/// Fields of cyan, magenta, yellow and black.
type Inks = [Fld; 4];
const COLOR_INKS: Inks = [Fld::ColorCyan, Fld::ColorMagenta, Fld::ColorYellow, Fld::ColorBlack];
const VERTEX_COLOR_INKS: Inks =
    [Fld::VertexColorCyan, Fld::VertexColorMagenta, Fld::VertexColorYellow, Fld::VertexColorBlack];
const PALETTE_INKS: Inks =
    [Fld::PaletteCyan, Fld::PaletteMagenta, Fld::PaletteYellow, Fld::PaletteBlack];

/// The feature that a primitive belongs to.
fn feature(primitive: DrawPrimitive) -> &'static str {
    match primitive {
        DrawPrimitive::Fill | DrawPrimitive::Outline => "rectangles",
        DrawPrimitive::Copy => "copy",
        DrawPrimitive::Point => "points",
        DrawPrimitive::Line => "lines",
        DrawPrimitive::Triangle => "triangles",
        DrawPrimitive::Trapezoid | DrawPrimitive::ContinueSub => "trapezoids",
    }
}

impl Layout {
    /// Binds a description.
    ///
    /// # Errors
    /// When it lacks what every card has. Registers of features, values and commands may be missing.
    pub fn bind(description: &regmap::Card) -> Result<Self, BindError> {
        let found = |reg: &Reg| description.register(reg.id());
        let missing: Vec<&str> =
            NEEDED.iter().filter(|reg| found(reg).is_none()).map(|reg| reg.id()).collect();
        if !missing.is_empty() {
            return Err(BindError::Registers(missing));
        }
        let mut layout = Self {
            offsets: vec![None; Reg::ALL.len()],
            inputs: Vec::new(),
            bits: vec![Bits::default(); Fld::ALL.len()],
            codes: vec![Vec::new(); Fld::ALL.len()],
            targets: vec![Target::None; TAGS as usize],
            hash: regmap::layout_hash(description),
            plain_color: false,
            plain_vertex_color: false,
            is_cmyk: false,
            description: description.clone(),
        };
        layout.bind_registers()?;
        layout.bind_fields()?;
        for cmd in Cmd::ALL {
            if let Some(command) = description.command(cmd.id()) {
                layout.set_target(command.tag, Target::Command(*cmd));
            }
        }
        Ok(layout)
    }

    fn bind_registers(&mut self) -> Result<(), BindError> {
        for reg in Reg::ALL {
            let Some(register) = self.description.register(reg.id()) else { continue };
            let (found, wanted) = (register.count, reg.count());
            if (found as usize) < wanted {
                return Err(BindError::Count { id: reg.id(), found, wanted });
            }
            let (offset, stride, tag) = (register.offset, register.stride, register.tag);
            if register.access == Access::Driver {
                self.inputs.extend((0..wanted).map(|index| (*reg, index)));
            }
            self.offsets[*reg as usize] = Some((offset, stride));
            for index in 0..wanted {
                let target = match reg {
                    Reg::Draw => Target::Draw,
                    _ => Target::State((slot(*reg) + index) as u16),
                };
                if let Some(tag) = tag {
                    self.set_target(tag + index as u32, target);
                }
            }
        }
        Ok(())
    }

    fn bind_fields(&mut self) -> Result<(), BindError> {
        let mut missing = Vec::new();
        for fld in Fld::ALL {
            let (reg, id) = fld.id();
            let Some(register) = self.description.register(reg.id()) else { continue };
            let Some(field) = register.field(id) else {
                // What a feature has that is not there is not there either.
                if fld.feature().is_none_or(|feature| self.has(feature)) {
                    missing.push(format!("{}.{id}", reg.id()));
                }
                continue;
            };
            self.bits[*fld as usize] = Bits { shift: field.shift, width: field.width };
        }
        self.bind_values::<crate::ids::ControlAction>();
        self.bind_values::<crate::ids::ErrorCodeCode>();
        self.bind_values::<crate::ids::ErrorCodeSource>();
        self.bind_values::<crate::ids::RingControlAction>();
        self.bind_values::<crate::ids::ModeFormatFormat>();
        self.bind_values::<crate::ids::ModeControlAction>();
        self.bind_values::<crate::ids::LogicOpOp>();
        self.bind_values::<DrawPrimitive>();
        // A primitive whose feature is not there is none.
        for (index, primitive) in DrawPrimitive::ALL.iter().enumerate() {
            if !self.has(feature(*primitive)) {
                self.codes[DrawPrimitive::FIELD as usize][index] = None;
            }
        }
        self.is_cmyk = self.has("cmyk");
        self.plain_color = self.is_plain(COLOR);
        self.plain_vertex_color = self.is_plain(VERTEX_COLOR);
        if missing.is_empty() { Ok(()) } else { Err(BindError::Fields(missing)) }
    }

    fn bind_values<T: Named>(&mut self) {
        let (reg, id) = T::FIELD.id();
        let field = self.description.register(reg.id()).and_then(|register| register.field(id));
        let code = |value: &T| Some(field?.value(value.id())?.value);
        self.codes[T::FIELD as usize] = T::ALL.iter().map(code).collect();
    }

    fn set_target(&mut self, tag: u32, target: Target) {
        if let Some(entry) = self.targets.get_mut(tag as usize) {
            *entry = target;
        }
    }

    /// What it was bound to.
    pub fn description(&self) -> &regmap::Card {
        &self.description
    }

    /// The layout's hash.
    pub fn hash(&self) -> u32 {
        self.hash
    }

    /// Whether the card has a feature.
    pub fn has(&self, feature: &str) -> bool {
        self.description.feature(feature).is_some()
    }

    /// Where a register is, if the card has it.
    pub fn offset(&self, reg: Reg, index: usize) -> Option<u32> {
        let (offset, stride) = self.offsets[reg as usize]?;
        Some(offset + stride * index as u32)
    }

    /// The register at an offset, and which of an array.
    pub fn register_at(&self, offset: u32) -> Option<(Reg, usize)> {
        Reg::ALL.iter().find_map(|reg| {
            let index = (0..reg.count()).find(|index| self.offset(*reg, *index) == Some(offset))?;
            Some((*reg, index))
        })
    }

    /// A field of a register's value.
    pub fn get(&self, fld: Fld, word: u32) -> u32 {
        let bits = self.bits[fld as usize];
        word.checked_shr(bits.shift).unwrap_or(0) & bits.ones()
    }

    /// A field of two's complement.
    pub fn signed(&self, fld: Fld, word: u32) -> i32 {
        let unused = 32 - self.bits[fld as usize].width.clamp(1, 32);
        ((self.get(fld, word) << unused) as i32) >> unused
    }

    /// A register's value with a field replaced; bits that do not fit are lost.
    pub fn put(&self, fld: Fld, word: u32, value: u32) -> u32 {
        let bits = self.bits[fld as usize];
        let mask = bits.ones().checked_shl(bits.shift).unwrap_or(0);
        let value = value.checked_shl(bits.shift).unwrap_or(0);
        word & !mask | value & mask
    }

    /// Which of a field's values it has, if any.
    pub fn named<T: Named>(&self, word: u32) -> Option<T> {
        let number = self.get(T::FIELD, word);
        let codes = &self.codes[T::FIELD as usize];
        let index = codes.iter().position(|code| *code == Some(number))?;
        T::ALL.get(index).copied()
    }

    /// A register's value with a field set to one of its values; unchanged if the card has no such.
    pub fn put_named<T: Named>(&self, word: u32, value: T) -> u32 {
        let index = T::ALL.iter().position(|known| known.id() == value.id());
        let code = index.and_then(|index| *self.codes[T::FIELD as usize].get(index)?);
        code.map_or(word, |code| self.put(T::FIELD, word, code))
    }

    fn is_plain(&self, channels: Channels) -> bool {
        let places = channels.map(|fld| self.bits[fld as usize]);
        places.map(|bits| (bits.shift, bits.width)) == [(16, 8), (8, 8), (0, 8)]
    }

    fn channels(&self, channels: Channels, inks: Inks, word: u32) -> u32 {
        if self.is_cmyk {
            let [cyan, magenta, yellow, black] = inks.map(|fld| self.get(fld, word) & 0xff);
            // What two layers of ink let through, to the nearest.
            let left = |ink: u32| ((255 - ink) * (255 - black) + 127) / 255;
            return left(cyan) << 16 | left(magenta) << 8 | left(yellow);
        }
        channels.iter().fold(0, |color, fld| color << 8 | self.get(*fld, word) & 0xff)
    }

    /// The value of COLOR as the rasteriser has it.
    #[inline]
    pub(crate) fn color(&self, word: u32) -> u32 {
        if self.plain_color { word & 0x00ff_ffff } else { self.channels(COLOR, COLOR_INKS, word) }
    }

    /// The value of VERTEX_COLOR.
    #[inline]
    pub(crate) fn vertex_color(&self, word: u32) -> u32 {
        match self.plain_vertex_color {
            true => word & 0x00ff_ffff,
            false => self.channels(VERTEX_COLOR, VERTEX_COLOR_INKS, word),
        }
    }

    /// An entry of PALETTE.
    pub(crate) fn palette_color(&self, word: u32) -> u32 {
        self.channels(PALETTE, PALETTE_INKS, word)
    }

    /// Whether colours are given as cyan, magenta, yellow and black.
    pub(crate) fn is_cmyk(&self) -> bool {
        self.is_cmyk
    }

    pub(crate) fn inputs(&self) -> &[(Reg, usize)] {
        &self.inputs
    }

    pub(crate) fn target(&self, tag: u32) -> Target {
        self.targets.get(tag as usize).copied().unwrap_or(Target::None)
    }

    /// A register's write as people read it: `MODE_SIZE = 0x01e00280 (WIDTH 640, HEIGHT 480)`.
    pub fn show_write(&self, offset: u32, value: u32) -> String {
        let Some((reg, index)) = self.register_at(offset) else {
            return format!("{offset:#06x} = {value:#010x} (no register)");
        };
        let Some(register) = self.description.register(reg.id()) else { return String::new() };
        match register.is_array() {
            true => format!("{}({index}) = {}", register.name, register.show(value)),
            false => format!("{} = {}", register.name, register.show(value)),
        }
    }

    /// A pair of a command stream as people read it.
    pub fn show_pair(&self, tag: u32, data: u32) -> String {
        let inside = |first: u32, count: u32| tag >= first && tag - first < count;
        let mut registers = self.description.registers();
        if let Some(register) = registers.find(|one| one.tag.is_some_and(|t| inside(t, one.count)))
        {
            let index = tag - register.tag.unwrap_or(tag);
            let offset = register.offset_of(index);
            return self.show_write(offset, data);
        }
        let command = self.description.commands.iter().find(|one| one.tag == tag);
        match command {
            Some(command) => format!("{} {data:#010x}", command.name),
            None => format!("tag {tag:#x} (unknown), data {data:#010x}"),
        }
    }
}
