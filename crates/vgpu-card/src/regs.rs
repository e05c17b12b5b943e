//! Base card: registers, fields, values and tags, for programs that drive the card.
//!
//! Generated from configs/cards/base.toml: change that, then run: cargo xtask regs

/// A register, or the first of an array of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Bytes from the beginning of BAR 0.
    pub offset: u32,
    /// How many there are.
    pub count: u32,
    /// Bytes from one to the next.
    pub stride: u32,
}

impl Register {
    const fn new(offset: u32, count: u32, stride: u32) -> Self {
        Self { offset, count, stride }
    }

    /// One of an array.
    ///
    /// # Panics
    /// When the array has no such index.
    pub const fn at(self, index: u32) -> Self {
        assert!(index < self.count, "no such register in the array");
        Self { offset: self.offset + index * self.stride, count: 1, stride: self.stride }
    }
}

/// Bits of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its lowest bit.
    pub shift: u32,
    /// How many bits.
    pub width: u32,
}

impl Field {
    const fn new(shift: u32, width: u32) -> Self {
        Self { shift, width }
    }

    /// The field's bits in the register.
    pub const fn mask(self) -> u32 {
        (u32::MAX >> (32 - self.width)) << self.shift
    }

    /// A value in the field's place; bits that do not fit are lost.
    pub const fn put(self, value: u32) -> u32 {
        value << self.shift & self.mask()
    }

    /// The field's value, without a sign.
    pub const fn get(self, word: u32) -> u32 {
        (word & self.mask()) >> self.shift
    }
}

/// PCI vendor id.
pub const VENDOR_ID: u16 = 0x1234;
/// PCI device id.
pub const DEVICE_ID: u16 = 0x6c31;
/// Bytes of BAR 0.
pub const REGISTER_BYTES: u32 = 0x2000;
/// Bytes of BAR 2.
pub const FRAMEBUFFER_BYTES: u32 = 0x1000000;
/// What the register [`LAYOUT_HASH`] of this card holds.
pub const LAYOUT_HASH_VALUE: u32 = 0xb6f3a66d;

/// The letters BGC1 in ASCII, the first one in the lowest byte.
pub const CARD_ID: Register = Register::new(0x0000, 1, 4);

/// Tells the layout of registers that this card has.
pub const LAYOUT_HASH: Register = Register::new(0x0004, 1, 4);

/// The card's version.
pub const VERSION: Register = Register::new(0x0008, 1, 4);

/// Fields and values of [`VERSION`].
pub mod version {
    use super::Field;

    /// Differs where something was added.
    pub const MINOR: Field = Field::new(0, 8);

    /// Differs where something was changed.
    pub const MAJOR: Field = Field::new(8, 8);
}

/// A bit for each thing that the card has; see the table of features.
pub const FEATURES: Register = Register::new(0x000c, 1, 4);

/// Bytes of the card's memory, all of which BAR 2 shows.
pub const MEMORY_SIZE: Register = Register::new(0x0010, 1, 4);

/// What the card is doing.
pub const STATUS: Register = Register::new(0x0014, 1, 4);

/// Fields and values of [`STATUS`].
pub mod status {
    use super::Field;

    /// It shows a picture.
    pub const GRAPHICS: Field = Field::new(0, 1);

    /// The ring is running.
    pub const RING: Field = Field::new(1, 1);

    /// An interrupt is enabled and not acknowledged, as far as the card knows.
    pub const LINE: Field = Field::new(2, 1);
}

/// For the card as a whole.
pub const CONTROL: Register = Register::new(0x0020, 1, 4);

/// Fields and values of [`CONTROL`].
pub mod control {
    use super::Field;

    /// What to do.
    pub const ACTION: Field = Field::new(0, 8);
    /// Stop the ring and the buffer, leave graphics, forget errors and fences, set the stream's state to its reset values, and acknowledge all interrupts.
    pub const ACTION_RESET: u32 = 1;
}

/// Events of each source, modulo 256.
pub const INT_COUNT: Register = Register::new(0x0030, 1, 4);

/// Fields and values of [`INT_COUNT`].
pub mod int_count {
    use super::Field;

    /// Command buffers that were carried out to their end.
    pub const BUFFER: Field = Field::new(0, 8);

    /// SYNC commands.
    pub const SYNC: Field = Field::new(8, 8);

    /// Vertical blanks, 60 in a second; counted only while the source is enabled and the card shows a picture.
    pub const VBLANK: Field = Field::new(16, 8);

    /// Errors.
    pub const ERROR: Field = Field::new(24, 8);
}

/// What the driver has seen of INT_COUNT.
pub const INT_ACK: Register = Register::new(0x0034, 1, 4);

/// Fields and values of [`INT_ACK`].
pub mod int_ack {
    use super::Field;

    /// Command buffers that were carried out to their end.
    pub const BUFFER: Field = Field::new(0, 8);

    /// SYNC commands.
    pub const SYNC: Field = Field::new(8, 8);

    /// Vertical blanks, 60 in a second; counted only while the source is enabled and the card shows a picture.
    pub const VBLANK: Field = Field::new(16, 8);

    /// Errors.
    pub const ERROR: Field = Field::new(24, 8);
}

/// Which sources interrupt.
pub const INT_ENABLE: Register = Register::new(0x0038, 1, 4);

/// Fields and values of [`INT_ENABLE`].
pub mod int_enable {
    use super::Field;

    /// Command buffers.
    pub const BUFFER: Field = Field::new(0, 1);

    /// SYNC commands.
    pub const SYNC: Field = Field::new(1, 1);

    /// Vertical blanks.
    pub const VBLANK: Field = Field::new(2, 1);

    /// Errors.
    pub const ERROR: Field = Field::new(3, 1);
}

/// What was wrong.
pub const ERROR_CODE: Register = Register::new(0x0040, 1, 4);

/// Fields and values of [`ERROR_CODE`].
pub mod error_code {
    use super::Field;

    /// Which error.
    pub const CODE: Field = Field::new(0, 8);
    /// There was none since the reset
    pub const CODE_NONE: u32 = 0;
    /// No command and no register has this tag
    pub const CODE_BAD_TAG: u32 = 1;
    /// The stream ends between a tag and its data
    pub const CODE_TRUNCATED: u32 = 2;
    /// The card cannot read the driver's memory there: it is not mapped for DMA, bus mastering is off, or the address is no multiple of 4
    pub const CODE_BAD_ADDRESS: u32 = 3;
    /// A mode, format or base that the card cannot show
    pub const CODE_BAD_MODE: u32 = 4;
    /// No such primitive
    pub const CODE_BAD_DRAW: u32 = 5;
    /// WINDOW_BASE and WINDOW_STRIDE leave not one whole row within the memory
    pub const CODE_BAD_WINDOW: u32 = 6;
    /// The ring's size, base or RING_PUT is impossible
    pub const CODE_BAD_RING: u32 = 7;
    /// A command register does not know this value
    pub const CODE_BAD_COMMAND: u32 = 8;
    /// A buffer was started while the ring was running, or the other way round
    pub const CODE_BUSY: u32 = 9;

    /// Where it happened.
    pub const SOURCE: Field = Field::new(8, 2);
    /// By a register
    pub const SOURCE_REGISTERS: u32 = 0;
    /// In a command buffer
    pub const SOURCE_BUFFER: u32 = 1;
    /// In the ring
    pub const SOURCE_RING: u32 = 2;
}

/// In a stream, the DMA address of the tag or of the memory that could not be read.
pub const ERROR_WHERE: Register = Register::new(0x0044, 1, 4);

/// The tag, for BAD_TAG and TRUNCATED.
pub const ERROR_DATA: Register = Register::new(0x0048, 1, 4);

/// The data of the last FENCE or SYNC command that was carried out.
pub const FENCE_DONE: Register = Register::new(0x0050, 1, 4);

/// Vertical blanks since the reset, counted as in INT_COUNT.
pub const FRAME_COUNT: Register = Register::new(0x0054, 1, 4);

/// DMA address of the buffer, a multiple of 4.
pub const DMA_ADDRESS: Register = Register::new(0x0060, 1, 4);

/// The buffer's length in words.
pub const DMA_COUNT: Register = Register::new(0x0064, 1, 4);

/// DMA address of the ring, a multiple of 8.
pub const RING_BASE: Register = Register::new(0x0070, 1, 4);

/// Words of the ring: a power of two, 64 to 1048576.
pub const RING_SIZE: Register = Register::new(0x0074, 1, 4);

/// Position behind the last word that the driver has put into the ring, even.
pub const RING_PUT: Register = Register::new(0x0078, 1, 4);

/// Position behind the last word that the card has carried out.
pub const RING_GET: Register = Register::new(0x007c, 1, 4);

/// Starts and stops the ring.
pub const RING_CONTROL: Register = Register::new(0x0080, 1, 4);

/// Fields and values of [`RING_CONTROL`].
pub mod ring_control {
    use super::Field;

    /// What to do.
    pub const ACTION: Field = Field::new(0, 8);
    /// RING_GET becomes 0, and the ring runs.
    pub const ACTION_START: u32 = 1;
    /// The ring stops after the pair that is being carried out
    pub const ACTION_STOP: u32 = 2;
}

/// Pixels of the picture.
pub const MODE_SIZE: Register = Register::new(0x0100, 1, 4);

/// Fields and values of [`MODE_SIZE`].
pub mod mode_size {
    use super::Field;

    /// In a row, 640 to 4096.
    pub const WIDTH: Field = Field::new(0, 16);

    /// Rows, 480 to 4096.
    pub const HEIGHT: Field = Field::new(16, 16);
}

/// From a row to the next.
pub const MODE_STRIDE: Register = Register::new(0x0104, 1, 4);

/// Fields and values of [`MODE_STRIDE`].
pub mod mode_stride {
    use super::Field;

    /// In pixels, the width or more.
    pub const PIXELS: Field = Field::new(0, 16);
}

/// How a pixel is stored.
pub const MODE_FORMAT: Register = Register::new(0x0108, 1, 4);

/// Fields and values of [`MODE_FORMAT`].
pub mod mode_format {
    use super::Field;

    /// The format.
    pub const FORMAT: Field = Field::new(0, 4);
    /// A word a pixel: blue in bits 7:0, green in 15:8, red in 23:16.
    pub const FORMAT_XRGB8888: u32 = 1;
}

/// Enters and leaves graphics.
pub const MODE_CONTROL: Register = Register::new(0x010c, 1, 4);

/// Fields and values of [`MODE_CONTROL`].
pub mod mode_control {
    use super::Field;

    /// What to do.
    pub const ACTION: Field = Field::new(0, 8);
    /// Show the picture that the registers describe, also when one is shown already.
    pub const ACTION_ENTER: u32 = 1;
    /// Show none
    pub const ACTION_LEAVE: u32 = 2;
}

/// Where in memory the picture begins, in bytes, a multiple of 4.
pub const DISPLAY_BASE: Register = Register::new(0x0110, 1, 4);

/// What becomes of the picture on its way to the screen.
pub const DISPLAY_CONTROL: Register = Register::new(0x0114, 1, 4);

/// Fields and values of [`DISPLAY_CONTROL`].
pub mod display_control {
    use super::Field;

    /// The screen is black.
    pub const BLANK: Field = Field::new(0, 1);

    /// Each channel goes through PALETTE.
    pub const PALETTE: Field = Field::new(1, 1);

    /// The cursor is shown.
    pub const CURSOR: Field = Field::new(2, 1);
}

/// Where in memory the cursor's 64 rows of 64 pixels are, in bytes, a multiple of 4.
pub const CURSOR_BASE: Register = Register::new(0x0120, 1, 4);

/// The pixel of the picture that the cursor points at.
pub const CURSOR_POSITION: Register = Register::new(0x0124, 1, 4);

/// Fields and values of [`CURSOR_POSITION`].
pub mod cursor_position {
    use super::Field;

    /// Column.
    pub const X: Field = Field::new(0, 16);

    /// Row.
    pub const Y: Field = Field::new(16, 16);
}

/// The pixel of the cursor that it points with.
pub const CURSOR_HOTSPOT: Register = Register::new(0x0128, 1, 4);

/// Fields and values of [`CURSOR_HOTSPOT`].
pub mod cursor_hotspot {
    use super::Field;

    /// Column.
    pub const X: Field = Field::new(0, 6);

    /// Row.
    pub const Y: Field = Field::new(8, 6);
}

/// What each channel becomes: a pixel with red r, green g and blue b shows the red of entry r, the green of entry g and the blue of entry b.
pub const PALETTE: Register = Register::new(0x1000, 256, 4);

/// Fields and values of [`PALETTE`].
pub mod palette {
    use super::Field;

    /// Blue.
    pub const BLUE: Field = Field::new(0, 8);

    /// Green.
    pub const GREEN: Field = Field::new(8, 8);

    /// Red.
    pub const RED: Field = Field::new(16, 8);
}

/// Where in memory the drawing's pixel (0, 0) is, in bytes, a multiple of 4.
pub const WINDOW_BASE: Register = Register::new(0x0200, 1, 4);

/// Pixels from a row to the next, and in a row.
pub const WINDOW_STRIDE: Register = Register::new(0x0204, 1, 4);

/// Fields and values of [`WINDOW_STRIDE`].
pub mod window_stride {
    use super::Field;

    /// 1 to 32767.
    pub const PIXELS: Field = Field::new(0, 16);
}

/// The first column and row that are written, if the scissor is on.
pub const SCISSOR_MIN: Register = Register::new(0x0208, 1, 4);

/// Fields and values of [`SCISSOR_MIN`].
pub mod scissor_min {
    use super::Field;

    /// Column.
    pub const X: Field = Field::new(0, 16);

    /// Row.
    pub const Y: Field = Field::new(16, 16);
}

/// The first column and row that are not.
pub const SCISSOR_MAX: Register = Register::new(0x020c, 1, 4);

/// Fields and values of [`SCISSOR_MAX`].
pub mod scissor_max {
    use super::Field;

    /// Column.
    pub const X: Field = Field::new(0, 16);

    /// Row.
    pub const Y: Field = Field::new(16, 16);
}

/// How to draw.
pub const RASTER_MODE: Register = Register::new(0x0210, 1, 4);

/// Fields and values of [`RASTER_MODE`].
pub mod raster_mode {
    use super::Field;

    /// Only what is inside of the scissor is written.
    pub const SCISSOR: Field = Field::new(0, 1);

    /// Colours go from vertex to vertex, or by their deltas.
    pub const SMOOTH: Field = Field::new(1, 1);
}

/// What becomes of a pixel D in memory when S is drawn over it, bit by bit.
pub const LOGIC_OP: Register = Register::new(0x0214, 1, 4);

/// Fields and values of [`LOGIC_OP`].
pub mod logic_op {
    use super::Field;

    /// The operation.
    pub const OP: Field = Field::new(0, 4);
    /// 0
    pub const OP_CLEAR: u32 = 0;
    /// S and D
    pub const OP_S_AND_D: u32 = 1;
    /// S and not D
    pub const OP_AND_REVERSE: u32 = 2;
    /// S
    pub const OP_COPY: u32 = 3;
    /// not S, and D
    pub const OP_AND_INVERTED: u32 = 4;
    /// D
    pub const OP_NOOP: u32 = 5;
    /// S exclusive-or D
    pub const OP_S_XOR_D: u32 = 6;
    /// S or D
    pub const OP_S_OR_D: u32 = 7;
    /// not (S or D)
    pub const OP_NOR: u32 = 8;
    /// not (S exclusive-or D)
    pub const OP_EQUIV: u32 = 9;
    /// not D
    pub const OP_INVERT: u32 = 10;
    /// S or not D
    pub const OP_OR_REVERSE: u32 = 11;
    /// not S
    pub const OP_COPY_INVERTED: u32 = 12;
    /// not S, or D
    pub const OP_OR_INVERTED: u32 = 13;
    /// not (S and D)
    pub const OP_NAND: u32 = 14;
    /// 1
    pub const OP_SET: u32 = 15;
}

/// What is drawn where nothing is smooth.
pub const COLOR: Register = Register::new(0x0218, 1, 4);

/// Fields and values of [`COLOR`].
pub mod color {
    use super::Field;

    /// Blue.
    pub const BLUE: Field = Field::new(0, 8);

    /// Green.
    pub const GREEN: Field = Field::new(8, 8);

    /// Red.
    pub const RED: Field = Field::new(16, 8);
}

/// Draws a primitive.
pub const DRAW: Register = Register::new(0x021c, 1, 4);

/// Fields and values of [`DRAW`].
pub mod draw {
    use super::Field;

    /// What.
    pub const PRIMITIVE: Field = Field::new(0, 8);
    /// The rectangle of RECT_POSITION and RECT_SIZE, filled with COLOR
    pub const PRIMITIVE_FILL: u32 = 1;
    /// Its outermost pixels only, each once
    pub const PRIMITIVE_OUTLINE: u32 = 2;
    /// The rectangle of RECT_SIZE at COPY_SOURCE, copied to RECT_POSITION.
    pub const PRIMITIVE_COPY: u32 = 3;
    /// The pixel that vertex 0 lies in
    pub const PRIMITIVE_POINT: u32 = 4;
    /// From the pixel of vertex 0 to that of vertex 1, which is left out
    pub const PRIMITIVE_LINE: u32 = 5;
    /// Between vertices 0, 1 and 2
    pub const PRIMITIVE_TRIANGLE: u32 = 6;
    /// Between two edges
    pub const PRIMITIVE_TRAPEZOID: u32 = 7;
    /// A trapezoid that goes on where the last one of the same kind of start (register or stream) has ended, with START_X_SUB, DX_SUB and ROW_COUNT new
    pub const PRIMITIVE_CONTINUE_SUB: u32 = 8;
}

/// The rectangle's first pixel.
pub const RECT_POSITION: Register = Register::new(0x0240, 1, 4);

/// Fields and values of [`RECT_POSITION`].
pub mod rect_position {
    use super::Field;

    /// Column.
    pub const X: Field = Field::new(0, 16);

    /// Row.
    pub const Y: Field = Field::new(16, 16);
}

/// Its size.
pub const RECT_SIZE: Register = Register::new(0x0244, 1, 4);

/// Fields and values of [`RECT_SIZE`].
pub mod rect_size {
    use super::Field;

    /// Columns.
    pub const WIDTH: Field = Field::new(0, 16);

    /// Rows.
    pub const HEIGHT: Field = Field::new(16, 16);
}

/// The first pixel that COPY reads.
pub const COPY_SOURCE: Register = Register::new(0x0248, 1, 4);

/// Fields and values of [`COPY_SOURCE`].
pub mod copy_source {
    use super::Field;

    /// Column.
    pub const X: Field = Field::new(0, 16);

    /// Row.
    pub const Y: Field = Field::new(16, 16);
}

/// Column of vertex n.
pub const VERTEX_X: Register = Register::new(0x0280, 3, 4);

/// Row of vertex n, growing downwards.
pub const VERTEX_Y: Register = Register::new(0x0290, 3, 4);

/// Colour of vertex n, if smooth.
pub const VERTEX_COLOR: Register = Register::new(0x02a0, 3, 4);

/// Fields and values of [`VERTEX_COLOR`].
pub mod vertex_color {
    use super::Field;

    /// Blue.
    pub const BLUE: Field = Field::new(0, 8);

    /// Green.
    pub const GREEN: Field = Field::new(8, 8);

    /// Red.
    pub const RED: Field = Field::new(16, 8);
}

/// The dominant edge's column in the first row.
pub const START_X_DOM: Register = Register::new(0x02c0, 1, 4);

/// What is added to it from row to row.
pub const DX_DOM: Register = Register::new(0x02c4, 1, 4);

/// The subordinate edge's column in the first row.
pub const START_X_SUB: Register = Register::new(0x02c8, 1, 4);

/// What is added to it from row to row.
pub const DX_SUB: Register = Register::new(0x02cc, 1, 4);

/// The first row.
pub const START_Y: Register = Register::new(0x02d0, 1, 4);

/// What is added to the row: 1 to go down, -1 to go up.
pub const DY: Register = Register::new(0x02d4, 1, 4);

/// How many rows.
pub const ROW_COUNT: Register = Register::new(0x02d8, 1, 4);

/// Fields and values of [`ROW_COUNT`].
pub mod row_count {
    use super::Field;

    /// 0 to 65535.
    pub const ROWS: Field = Field::new(0, 16);
}

/// Channel n (0 red, 1 green, 2 blue) at the dominant edge in the first row.
pub const COLOR_START: Register = Register::new(0x0300, 3, 4);

/// What is added to channel n from a pixel to the next one on the right.
pub const COLOR_DX: Register = Register::new(0x0310, 3, 4);

/// What is added to channel n from row to row along the dominant edge.
pub const COLOR_DY: Register = Register::new(0x0320, 3, 4);

/// Bits of the register of features.
pub mod feature {
    /// Points.
    pub const POINTS: u32 = 1 << 0;
    /// Lines.
    pub const LINES: u32 = 1 << 1;
    /// Rectangles, filled or as an outline.
    pub const RECTANGLES: u32 = 1 << 2;
    /// Copying rectangles within the card's memory.
    pub const COPY: u32 = 1 << 3;
    /// Triangles from three vertices.
    pub const TRIANGLES: u32 = 1 << 4;
    /// Trapezoids from start and delta values.
    pub const TRAPEZOIDS: u32 = 1 << 5;
    /// Command buffers, one at a time.
    pub const DMA_SINGLE: u32 = 1 << 8;
    /// A ring of commands.
    pub const DMA_RING: u32 = 1 << 9;
    /// Interrupts by the pin.
    pub const INTX: u32 = 1 << 12;
    /// Interrupts by messages.
    pub const MSI: u32 = 1 << 13;
    /// A cursor over the picture.
    pub const CURSOR: u32 = 1 << 16;
    /// A table that every channel of the picture goes through.
    pub const PALETTE: u32 = 1 << 17;
    /// Blanking the screen.
    pub const BLANKING: u32 = 1 << 18;
    /// Colours are given as red, green and blue.
    pub const RGB: u32 = 1 << 20;
}

/// Tags of the command stream; of an array, its first.
pub mod tag {
    /// Does nothing; the data is ignored.
    pub const NOP: u32 = 0x000;
    /// The data becomes FENCE_DONE when all that is before it in the stream is done.
    pub const FENCE: u32 = 0x001;
    /// As FENCE, and counts as a SYNC event, which may interrupt.
    pub const SYNC: u32 = 0x002;
    /// Where in memory the drawing's pixel (0, 0) is, in bytes, a multiple of 4.
    pub const WINDOW_BASE: u32 = 0x010;
    /// Pixels from a row to the next, and in a row.
    pub const WINDOW_STRIDE: u32 = 0x011;
    /// The first column and row that are written, if the scissor is on.
    pub const SCISSOR_MIN: u32 = 0x012;
    /// The first column and row that are not.
    pub const SCISSOR_MAX: u32 = 0x013;
    /// How to draw.
    pub const RASTER_MODE: u32 = 0x014;
    /// What becomes of a pixel D in memory when S is drawn over it, bit by bit.
    pub const LOGIC_OP: u32 = 0x015;
    /// What is drawn where nothing is smooth.
    pub const COLOR: u32 = 0x016;
    /// Draws a primitive.
    pub const DRAW: u32 = 0x017;
    /// The rectangle's first pixel.
    pub const RECT_POSITION: u32 = 0x020;
    /// Its size.
    pub const RECT_SIZE: u32 = 0x021;
    /// The first pixel that COPY reads.
    pub const COPY_SOURCE: u32 = 0x022;
    /// Column of vertex n.
    pub const VERTEX_X: u32 = 0x030;
    /// Row of vertex n, growing downwards.
    pub const VERTEX_Y: u32 = 0x034;
    /// Colour of vertex n, if smooth.
    pub const VERTEX_COLOR: u32 = 0x038;
    /// The dominant edge's column in the first row.
    pub const START_X_DOM: u32 = 0x040;
    /// What is added to it from row to row.
    pub const DX_DOM: u32 = 0x041;
    /// The subordinate edge's column in the first row.
    pub const START_X_SUB: u32 = 0x042;
    /// What is added to it from row to row.
    pub const DX_SUB: u32 = 0x043;
    /// The first row.
    pub const START_Y: u32 = 0x044;
    /// What is added to the row: 1 to go down, -1 to go up.
    pub const DY: u32 = 0x045;
    /// How many rows.
    pub const ROW_COUNT: u32 = 0x046;
    /// Channel n (0 red, 1 green, 2 blue) at the dominant edge in the first row.
    pub const COLOR_START: u32 = 0x050;
    /// What is added to channel n from a pixel to the next one on the right.
    pub const COLOR_DX: u32 = 0x054;
    /// What is added to channel n from row to row along the dominant edge.
    pub const COLOR_DY: u32 = 0x058;
}
