//! Ids of the card `base` as types, for the program that plays it.
//!
//! Generated from configs/cards/base.toml: change that, then run: cargo xtask regs
//! Names, places and codes are not here: they may be others on each card of this kind.

/// A register, or an array of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reg {
    /// The letters BGC1 in ASCII, the first one in the lowest byte.
    CardId,
    /// Tells the layout of registers that this card has.
    LayoutHash,
    /// The card's version.
    Version,
    /// A bit for each thing that the card has; see the table of features.
    Features,
    /// Bytes of the card's memory, all of which BAR 2 shows.
    MemorySize,
    /// What the card is doing.
    Status,
    /// For the card as a whole.
    Control,
    /// Events of each source, modulo 256.
    IntCount,
    /// What the driver has seen of INT_COUNT.
    IntAck,
    /// Which sources interrupt.
    IntEnable,
    /// What was wrong.
    ErrorCode,
    /// In a stream, the DMA address of the tag or of the memory that could not be read.
    ErrorWhere,
    /// The tag, for BAD_TAG and TRUNCATED.
    ErrorData,
    /// The data of the last FENCE or SYNC command that was carried out.
    FenceDone,
    /// Vertical blanks since the reset, counted as in INT_COUNT.
    FrameCount,
    /// DMA address of the buffer, a multiple of 4.
    DmaAddress,
    /// The buffer's length in words.
    DmaCount,
    /// DMA address of the ring, a multiple of 8.
    RingBase,
    /// Words of the ring: a power of two, 64 to 1048576.
    RingSize,
    /// Position behind the last word that the driver has put into the ring, even.
    RingPut,
    /// Position behind the last word that the card has carried out.
    RingGet,
    /// Starts and stops the ring.
    RingControl,
    /// Pixels of the picture.
    ModeSize,
    /// From a row to the next.
    ModeStride,
    /// How a pixel is stored.
    ModeFormat,
    /// Enters and leaves graphics.
    ModeControl,
    /// Where in memory the picture begins, in bytes, a multiple of 4.
    DisplayBase,
    /// What becomes of the picture on its way to the screen.
    DisplayControl,
    /// Where in memory the cursor's 64 rows of 64 pixels are, in bytes, a multiple of 4.
    CursorBase,
    /// The pixel of the picture that the cursor points at.
    CursorPosition,
    /// The pixel of the cursor that it points with.
    CursorHotspot,
    /// What each channel becomes: a pixel with red r, green g and blue b shows the red of entry r, the green of entry g and the blue of entry b.
    Palette,
    /// Where in memory the drawing's pixel (0, 0) is, in bytes, a multiple of 4.
    WindowBase,
    /// Pixels from a row to the next, and in a row.
    WindowStride,
    /// The first column and row that are written, if the scissor is on.
    ScissorMin,
    /// The first column and row that are not.
    ScissorMax,
    /// How to draw.
    RasterMode,
    /// What becomes of a pixel D in memory when S is drawn over it, bit by bit.
    LogicOp,
    /// What is drawn where nothing is smooth.
    Color,
    /// Draws a primitive.
    Draw,
    /// The rectangle's first pixel.
    RectPosition,
    /// Its size.
    RectSize,
    /// The first pixel that COPY reads.
    CopySource,
    /// Column of vertex n.
    VertexX,
    /// Row of vertex n, growing downwards.
    VertexY,
    /// Colour of vertex n, if smooth.
    VertexColor,
    /// The dominant edge's column in the first row.
    StartXDom,
    /// What is added to it from row to row.
    DxDom,
    /// The subordinate edge's column in the first row.
    StartXSub,
    /// What is added to it from row to row.
    DxSub,
    /// The first row.
    StartY,
    /// What is added to the row: 1 to go down, -1 to go up.
    Dy,
    /// How many rows.
    RowCount,
    /// Channel n (0 red, 1 green, 2 blue) at the dominant edge in the first row.
    ColorStart,
    /// What is added to channel n from a pixel to the next one on the right.
    ColorDx,
    /// What is added to channel n from row to row along the dominant edge.
    ColorDy,
}

impl Reg {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::CardId,
        Self::LayoutHash,
        Self::Version,
        Self::Features,
        Self::MemorySize,
        Self::Status,
        Self::Control,
        Self::IntCount,
        Self::IntAck,
        Self::IntEnable,
        Self::ErrorCode,
        Self::ErrorWhere,
        Self::ErrorData,
        Self::FenceDone,
        Self::FrameCount,
        Self::DmaAddress,
        Self::DmaCount,
        Self::RingBase,
        Self::RingSize,
        Self::RingPut,
        Self::RingGet,
        Self::RingControl,
        Self::ModeSize,
        Self::ModeStride,
        Self::ModeFormat,
        Self::ModeControl,
        Self::DisplayBase,
        Self::DisplayControl,
        Self::CursorBase,
        Self::CursorPosition,
        Self::CursorHotspot,
        Self::Palette,
        Self::WindowBase,
        Self::WindowStride,
        Self::ScissorMin,
        Self::ScissorMax,
        Self::RasterMode,
        Self::LogicOp,
        Self::Color,
        Self::Draw,
        Self::RectPosition,
        Self::RectSize,
        Self::CopySource,
        Self::VertexX,
        Self::VertexY,
        Self::VertexColor,
        Self::StartXDom,
        Self::DxDom,
        Self::StartXSub,
        Self::DxSub,
        Self::StartY,
        Self::Dy,
        Self::RowCount,
        Self::ColorStart,
        Self::ColorDx,
        Self::ColorDy,
    ];

    /// Its id in the description.
    pub const fn id(self) -> &'static str {
        match self {
            Self::CardId => "card_id",
            Self::LayoutHash => "layout_hash",
            Self::Version => "version",
            Self::Features => "features",
            Self::MemorySize => "memory_size",
            Self::Status => "status",
            Self::Control => "control",
            Self::IntCount => "int_count",
            Self::IntAck => "int_ack",
            Self::IntEnable => "int_enable",
            Self::ErrorCode => "error_code",
            Self::ErrorWhere => "error_where",
            Self::ErrorData => "error_data",
            Self::FenceDone => "fence_done",
            Self::FrameCount => "frame_count",
            Self::DmaAddress => "dma_address",
            Self::DmaCount => "dma_count",
            Self::RingBase => "ring_base",
            Self::RingSize => "ring_size",
            Self::RingPut => "ring_put",
            Self::RingGet => "ring_get",
            Self::RingControl => "ring_control",
            Self::ModeSize => "mode_size",
            Self::ModeStride => "mode_stride",
            Self::ModeFormat => "mode_format",
            Self::ModeControl => "mode_control",
            Self::DisplayBase => "display_base",
            Self::DisplayControl => "display_control",
            Self::CursorBase => "cursor_base",
            Self::CursorPosition => "cursor_position",
            Self::CursorHotspot => "cursor_hotspot",
            Self::Palette => "palette",
            Self::WindowBase => "window_base",
            Self::WindowStride => "window_stride",
            Self::ScissorMin => "scissor_min",
            Self::ScissorMax => "scissor_max",
            Self::RasterMode => "raster_mode",
            Self::LogicOp => "logic_op",
            Self::Color => "color",
            Self::Draw => "draw",
            Self::RectPosition => "rect_position",
            Self::RectSize => "rect_size",
            Self::CopySource => "copy_source",
            Self::VertexX => "vertex_x",
            Self::VertexY => "vertex_y",
            Self::VertexColor => "vertex_color",
            Self::StartXDom => "start_x_dom",
            Self::DxDom => "dx_dom",
            Self::StartXSub => "start_x_sub",
            Self::DxSub => "dx_sub",
            Self::StartY => "start_y",
            Self::Dy => "dy",
            Self::RowCount => "row_count",
            Self::ColorStart => "color_start",
            Self::ColorDx => "color_dx",
            Self::ColorDy => "color_dy",
        }
    }

    /// How many there are.
    pub const fn count(self) -> usize {
        match self {
            Self::Palette => 256,
            Self::VertexX => 3,
            Self::VertexY => 3,
            Self::VertexColor => 3,
            Self::ColorStart => 3,
            Self::ColorDx => 3,
            Self::ColorDy => 3,
            _ => 1,
        }
    }
}

/// A field of a register that has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fld {
    /// Differs where something was added.
    VersionMinor,
    /// Differs where something was changed.
    VersionMajor,
    /// It shows a picture.
    StatusGraphics,
    /// The ring is running.
    StatusRing,
    /// An interrupt is enabled and not acknowledged, as far as the card knows.
    StatusLine,
    /// What to do.
    ControlAction,
    /// Command buffers that were carried out to their end.
    IntCountBuffer,
    /// SYNC commands.
    IntCountSync,
    /// Vertical blanks, 60 in a second; counted only while the source is enabled and the card shows a picture.
    IntCountVblank,
    /// Errors.
    IntCountError,
    /// Command buffers that were carried out to their end.
    IntAckBuffer,
    /// SYNC commands.
    IntAckSync,
    /// Vertical blanks, 60 in a second; counted only while the source is enabled and the card shows a picture.
    IntAckVblank,
    /// Errors.
    IntAckError,
    /// Command buffers.
    IntEnableBuffer,
    /// SYNC commands.
    IntEnableSync,
    /// Vertical blanks.
    IntEnableVblank,
    /// Errors.
    IntEnableError,
    /// Which error.
    ErrorCodeCode,
    /// Where it happened.
    ErrorCodeSource,
    /// What to do.
    RingControlAction,
    /// In a row, 640 to 4096.
    ModeSizeWidth,
    /// Rows, 480 to 4096.
    ModeSizeHeight,
    /// In pixels, the width or more.
    ModeStridePixels,
    /// The format.
    ModeFormatFormat,
    /// What to do.
    ModeControlAction,
    /// The screen is black.
    DisplayControlBlank,
    /// Each channel goes through PALETTE.
    DisplayControlPalette,
    /// The cursor is shown.
    DisplayControlCursor,
    /// Column.
    CursorPositionX,
    /// Row.
    CursorPositionY,
    /// Column.
    CursorHotspotX,
    /// Row.
    CursorHotspotY,
    /// Blue.
    PaletteBlue,
    /// Green.
    PaletteGreen,
    /// Red.
    PaletteRed,
    /// Cyan, which takes red away.
    PaletteCyan,
    /// Magenta, which takes green away.
    PaletteMagenta,
    /// Yellow, which takes blue away.
    PaletteYellow,
    /// Black, which takes from each.
    PaletteBlack,
    /// 1 to 32767.
    WindowStridePixels,
    /// Column.
    ScissorMinX,
    /// Row.
    ScissorMinY,
    /// Column.
    ScissorMaxX,
    /// Row.
    ScissorMaxY,
    /// Only what is inside of the scissor is written.
    RasterModeScissor,
    /// Colours go from vertex to vertex, or by their deltas.
    RasterModeSmooth,
    /// The operation.
    LogicOpOp,
    /// Blue.
    ColorBlue,
    /// Green.
    ColorGreen,
    /// Red.
    ColorRed,
    /// Cyan, which takes red away.
    ColorCyan,
    /// Magenta, which takes green away.
    ColorMagenta,
    /// Yellow, which takes blue away.
    ColorYellow,
    /// Black, which takes from each.
    ColorBlack,
    /// What.
    DrawPrimitive,
    /// Column.
    RectPositionX,
    /// Row.
    RectPositionY,
    /// Columns.
    RectSizeWidth,
    /// Rows.
    RectSizeHeight,
    /// Column.
    CopySourceX,
    /// Row.
    CopySourceY,
    /// Blue.
    VertexColorBlue,
    /// Green.
    VertexColorGreen,
    /// Red.
    VertexColorRed,
    /// Cyan, which takes red away.
    VertexColorCyan,
    /// Magenta, which takes green away.
    VertexColorMagenta,
    /// Yellow, which takes blue away.
    VertexColorYellow,
    /// Black, which takes from each.
    VertexColorBlack,
    /// 0 to 65535.
    RowCountRows,
}

impl Fld {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::VersionMinor,
        Self::VersionMajor,
        Self::StatusGraphics,
        Self::StatusRing,
        Self::StatusLine,
        Self::ControlAction,
        Self::IntCountBuffer,
        Self::IntCountSync,
        Self::IntCountVblank,
        Self::IntCountError,
        Self::IntAckBuffer,
        Self::IntAckSync,
        Self::IntAckVblank,
        Self::IntAckError,
        Self::IntEnableBuffer,
        Self::IntEnableSync,
        Self::IntEnableVblank,
        Self::IntEnableError,
        Self::ErrorCodeCode,
        Self::ErrorCodeSource,
        Self::RingControlAction,
        Self::ModeSizeWidth,
        Self::ModeSizeHeight,
        Self::ModeStridePixels,
        Self::ModeFormatFormat,
        Self::ModeControlAction,
        Self::DisplayControlBlank,
        Self::DisplayControlPalette,
        Self::DisplayControlCursor,
        Self::CursorPositionX,
        Self::CursorPositionY,
        Self::CursorHotspotX,
        Self::CursorHotspotY,
        Self::PaletteBlue,
        Self::PaletteGreen,
        Self::PaletteRed,
        Self::PaletteCyan,
        Self::PaletteMagenta,
        Self::PaletteYellow,
        Self::PaletteBlack,
        Self::WindowStridePixels,
        Self::ScissorMinX,
        Self::ScissorMinY,
        Self::ScissorMaxX,
        Self::ScissorMaxY,
        Self::RasterModeScissor,
        Self::RasterModeSmooth,
        Self::LogicOpOp,
        Self::ColorBlue,
        Self::ColorGreen,
        Self::ColorRed,
        Self::ColorCyan,
        Self::ColorMagenta,
        Self::ColorYellow,
        Self::ColorBlack,
        Self::DrawPrimitive,
        Self::RectPositionX,
        Self::RectPositionY,
        Self::RectSizeWidth,
        Self::RectSizeHeight,
        Self::CopySourceX,
        Self::CopySourceY,
        Self::VertexColorBlue,
        Self::VertexColorGreen,
        Self::VertexColorRed,
        Self::VertexColorCyan,
        Self::VertexColorMagenta,
        Self::VertexColorYellow,
        Self::VertexColorBlack,
        Self::RowCountRows,
    ];

    /// Its register, and its id in the description.
    pub const fn id(self) -> (Reg, &'static str) {
        match self {
            Self::VersionMinor => (Reg::Version, "minor"),
            Self::VersionMajor => (Reg::Version, "major"),
            Self::StatusGraphics => (Reg::Status, "graphics"),
            Self::StatusRing => (Reg::Status, "ring"),
            Self::StatusLine => (Reg::Status, "line"),
            Self::ControlAction => (Reg::Control, "action"),
            Self::IntCountBuffer => (Reg::IntCount, "buffer"),
            Self::IntCountSync => (Reg::IntCount, "sync"),
            Self::IntCountVblank => (Reg::IntCount, "vblank"),
            Self::IntCountError => (Reg::IntCount, "error"),
            Self::IntAckBuffer => (Reg::IntAck, "buffer"),
            Self::IntAckSync => (Reg::IntAck, "sync"),
            Self::IntAckVblank => (Reg::IntAck, "vblank"),
            Self::IntAckError => (Reg::IntAck, "error"),
            Self::IntEnableBuffer => (Reg::IntEnable, "buffer"),
            Self::IntEnableSync => (Reg::IntEnable, "sync"),
            Self::IntEnableVblank => (Reg::IntEnable, "vblank"),
            Self::IntEnableError => (Reg::IntEnable, "error"),
            Self::ErrorCodeCode => (Reg::ErrorCode, "code"),
            Self::ErrorCodeSource => (Reg::ErrorCode, "source"),
            Self::RingControlAction => (Reg::RingControl, "action"),
            Self::ModeSizeWidth => (Reg::ModeSize, "width"),
            Self::ModeSizeHeight => (Reg::ModeSize, "height"),
            Self::ModeStridePixels => (Reg::ModeStride, "pixels"),
            Self::ModeFormatFormat => (Reg::ModeFormat, "format"),
            Self::ModeControlAction => (Reg::ModeControl, "action"),
            Self::DisplayControlBlank => (Reg::DisplayControl, "blank"),
            Self::DisplayControlPalette => (Reg::DisplayControl, "palette"),
            Self::DisplayControlCursor => (Reg::DisplayControl, "cursor"),
            Self::CursorPositionX => (Reg::CursorPosition, "x"),
            Self::CursorPositionY => (Reg::CursorPosition, "y"),
            Self::CursorHotspotX => (Reg::CursorHotspot, "x"),
            Self::CursorHotspotY => (Reg::CursorHotspot, "y"),
            Self::PaletteBlue => (Reg::Palette, "blue"),
            Self::PaletteGreen => (Reg::Palette, "green"),
            Self::PaletteRed => (Reg::Palette, "red"),
            Self::PaletteCyan => (Reg::Palette, "cyan"),
            Self::PaletteMagenta => (Reg::Palette, "magenta"),
            Self::PaletteYellow => (Reg::Palette, "yellow"),
            Self::PaletteBlack => (Reg::Palette, "black"),
            Self::WindowStridePixels => (Reg::WindowStride, "pixels"),
            Self::ScissorMinX => (Reg::ScissorMin, "x"),
            Self::ScissorMinY => (Reg::ScissorMin, "y"),
            Self::ScissorMaxX => (Reg::ScissorMax, "x"),
            Self::ScissorMaxY => (Reg::ScissorMax, "y"),
            Self::RasterModeScissor => (Reg::RasterMode, "scissor"),
            Self::RasterModeSmooth => (Reg::RasterMode, "smooth"),
            Self::LogicOpOp => (Reg::LogicOp, "op"),
            Self::ColorBlue => (Reg::Color, "blue"),
            Self::ColorGreen => (Reg::Color, "green"),
            Self::ColorRed => (Reg::Color, "red"),
            Self::ColorCyan => (Reg::Color, "cyan"),
            Self::ColorMagenta => (Reg::Color, "magenta"),
            Self::ColorYellow => (Reg::Color, "yellow"),
            Self::ColorBlack => (Reg::Color, "black"),
            Self::DrawPrimitive => (Reg::Draw, "primitive"),
            Self::RectPositionX => (Reg::RectPosition, "x"),
            Self::RectPositionY => (Reg::RectPosition, "y"),
            Self::RectSizeWidth => (Reg::RectSize, "width"),
            Self::RectSizeHeight => (Reg::RectSize, "height"),
            Self::CopySourceX => (Reg::CopySource, "x"),
            Self::CopySourceY => (Reg::CopySource, "y"),
            Self::VertexColorBlue => (Reg::VertexColor, "blue"),
            Self::VertexColorGreen => (Reg::VertexColor, "green"),
            Self::VertexColorRed => (Reg::VertexColor, "red"),
            Self::VertexColorCyan => (Reg::VertexColor, "cyan"),
            Self::VertexColorMagenta => (Reg::VertexColor, "magenta"),
            Self::VertexColorYellow => (Reg::VertexColor, "yellow"),
            Self::VertexColorBlack => (Reg::VertexColor, "black"),
            Self::RowCountRows => (Reg::RowCount, "rows"),
        }
    }

    /// Id of the feature without which it is not there.
    pub const fn feature(self) -> Option<&'static str> {
        match self {
            Self::StatusRing => Some("dma_ring"),
            Self::IntCountBuffer => Some("dma_single"),
            Self::IntAckBuffer => Some("dma_single"),
            Self::IntEnableBuffer => Some("dma_single"),
            Self::DisplayControlBlank => Some("blanking"),
            Self::DisplayControlPalette => Some("palette"),
            Self::DisplayControlCursor => Some("cursor"),
            Self::PaletteBlue => Some("rgb"),
            Self::PaletteGreen => Some("rgb"),
            Self::PaletteRed => Some("rgb"),
            Self::PaletteCyan => Some("cmyk"),
            Self::PaletteMagenta => Some("cmyk"),
            Self::PaletteYellow => Some("cmyk"),
            Self::PaletteBlack => Some("cmyk"),
            Self::ColorBlue => Some("rgb"),
            Self::ColorGreen => Some("rgb"),
            Self::ColorRed => Some("rgb"),
            Self::ColorCyan => Some("cmyk"),
            Self::ColorMagenta => Some("cmyk"),
            Self::ColorYellow => Some("cmyk"),
            Self::ColorBlack => Some("cmyk"),
            Self::VertexColorBlue => Some("rgb"),
            Self::VertexColorGreen => Some("rgb"),
            Self::VertexColorRed => Some("rgb"),
            Self::VertexColorCyan => Some("cmyk"),
            Self::VertexColorMagenta => Some("cmyk"),
            Self::VertexColorYellow => Some("cmyk"),
            Self::VertexColorBlack => Some("cmyk"),
            _ => None,
        }
    }
}

/// One of the values of a field.
pub trait Named: Copy + Sized + 'static {
    /// The field.
    const FIELD: Fld;
    /// All values.
    const ALL: &[Self];
    /// Its id in the description.
    fn id(self) -> &'static str;
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlAction {
    /// Stop the ring and the buffer, leave graphics, forget errors and fences, set the stream's state to its reset values, and acknowledge all interrupts.
    Reset,
}

impl Named for ControlAction {
    const FIELD: Fld = Fld::ControlAction;
    const ALL: &[Self] = &[
        Self::Reset,
    ];

    fn id(self) -> &'static str {
        match self {
            Self::Reset => "reset",
        }
    }
}

/// Which error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCodeCode {
    /// There was none since the reset
    None,
    /// No command and no register has this tag
    BadTag,
    /// The stream ends between a tag and its data
    Truncated,
    /// The card cannot read the driver's memory there: it is not mapped for DMA, bus mastering is off, or the address is no multiple of 4
    BadAddress,
    /// A mode, format or base that the card cannot show
    BadMode,
    /// No such primitive
    BadDraw,
    /// WINDOW_BASE and WINDOW_STRIDE leave not one whole row within the memory
    BadWindow,
    /// The ring's size, base or RING_PUT is impossible
    BadRing,
    /// A command register does not know this value
    BadCommand,
    /// A buffer was started while the ring was running, or the other way round
    Busy,
}

impl Named for ErrorCodeCode {
    const FIELD: Fld = Fld::ErrorCodeCode;
    const ALL: &[Self] = &[
        Self::None,
        Self::BadTag,
        Self::Truncated,
        Self::BadAddress,
        Self::BadMode,
        Self::BadDraw,
        Self::BadWindow,
        Self::BadRing,
        Self::BadCommand,
        Self::Busy,
    ];

    fn id(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::BadTag => "bad_tag",
            Self::Truncated => "truncated",
            Self::BadAddress => "bad_address",
            Self::BadMode => "bad_mode",
            Self::BadDraw => "bad_draw",
            Self::BadWindow => "bad_window",
            Self::BadRing => "bad_ring",
            Self::BadCommand => "bad_command",
            Self::Busy => "busy",
        }
    }
}

/// Where it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCodeSource {
    /// By a register
    Registers,
    /// In a command buffer
    Buffer,
    /// In the ring
    Ring,
}

impl Named for ErrorCodeSource {
    const FIELD: Fld = Fld::ErrorCodeSource;
    const ALL: &[Self] = &[
        Self::Registers,
        Self::Buffer,
        Self::Ring,
    ];

    fn id(self) -> &'static str {
        match self {
            Self::Registers => "registers",
            Self::Buffer => "buffer",
            Self::Ring => "ring",
        }
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RingControlAction {
    /// RING_GET becomes 0, and the ring runs.
    Start,
    /// The ring stops after the pair that is being carried out
    Stop,
}

impl Named for RingControlAction {
    const FIELD: Fld = Fld::RingControlAction;
    const ALL: &[Self] = &[
        Self::Start,
        Self::Stop,
    ];

    fn id(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
        }
    }
}

/// The format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModeFormatFormat {
    /// A word a pixel: blue in bits 7:0, green in 15:8, red in 23:16.
    Xrgb8888,
}

impl Named for ModeFormatFormat {
    const FIELD: Fld = Fld::ModeFormatFormat;
    const ALL: &[Self] = &[
        Self::Xrgb8888,
    ];

    fn id(self) -> &'static str {
        match self {
            Self::Xrgb8888 => "xrgb8888",
        }
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModeControlAction {
    /// Show the picture that the registers describe, also when one is shown already.
    Enter,
    /// Show none
    Leave,
}

impl Named for ModeControlAction {
    const FIELD: Fld = Fld::ModeControlAction;
    const ALL: &[Self] = &[
        Self::Enter,
        Self::Leave,
    ];

    fn id(self) -> &'static str {
        match self {
            Self::Enter => "enter",
            Self::Leave => "leave",
        }
    }
}

/// The operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogicOpOp {
    /// 0
    Clear,
    /// S and D
    SAndD,
    /// S and not D
    AndReverse,
    /// S
    Copy,
    /// not S, and D
    AndInverted,
    /// D
    Noop,
    /// S exclusive-or D
    SXorD,
    /// S or D
    SOrD,
    /// not (S or D)
    Nor,
    /// not (S exclusive-or D)
    Equiv,
    /// not D
    Invert,
    /// S or not D
    OrReverse,
    /// not S
    CopyInverted,
    /// not S, or D
    OrInverted,
    /// not (S and D)
    Nand,
    /// 1
    Set,
}

impl Named for LogicOpOp {
    const FIELD: Fld = Fld::LogicOpOp;
    const ALL: &[Self] = &[
        Self::Clear,
        Self::SAndD,
        Self::AndReverse,
        Self::Copy,
        Self::AndInverted,
        Self::Noop,
        Self::SXorD,
        Self::SOrD,
        Self::Nor,
        Self::Equiv,
        Self::Invert,
        Self::OrReverse,
        Self::CopyInverted,
        Self::OrInverted,
        Self::Nand,
        Self::Set,
    ];

    fn id(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::SAndD => "s_and_d",
            Self::AndReverse => "and_reverse",
            Self::Copy => "copy",
            Self::AndInverted => "and_inverted",
            Self::Noop => "noop",
            Self::SXorD => "s_xor_d",
            Self::SOrD => "s_or_d",
            Self::Nor => "nor",
            Self::Equiv => "equiv",
            Self::Invert => "invert",
            Self::OrReverse => "or_reverse",
            Self::CopyInverted => "copy_inverted",
            Self::OrInverted => "or_inverted",
            Self::Nand => "nand",
            Self::Set => "set",
        }
    }
}

/// What.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DrawPrimitive {
    /// The rectangle of RECT_POSITION and RECT_SIZE, filled with COLOR
    Fill,
    /// Its outermost pixels only, each once
    Outline,
    /// The rectangle of RECT_SIZE at COPY_SOURCE, copied to RECT_POSITION.
    Copy,
    /// The pixel that vertex 0 lies in
    Point,
    /// From the pixel of vertex 0 to that of vertex 1, which is left out
    Line,
    /// Between vertices 0, 1 and 2
    Triangle,
    /// Between two edges
    Trapezoid,
    /// A trapezoid that goes on where the last one of the same kind of start (register or stream) has ended, with START_X_SUB, DX_SUB and ROW_COUNT new
    ContinueSub,
}

impl Named for DrawPrimitive {
    const FIELD: Fld = Fld::DrawPrimitive;
    const ALL: &[Self] = &[
        Self::Fill,
        Self::Outline,
        Self::Copy,
        Self::Point,
        Self::Line,
        Self::Triangle,
        Self::Trapezoid,
        Self::ContinueSub,
    ];

    fn id(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::Outline => "outline",
            Self::Copy => "copy",
            Self::Point => "point",
            Self::Line => "line",
            Self::Triangle => "triangle",
            Self::Trapezoid => "trapezoid",
            Self::ContinueSub => "continue_sub",
        }
    }
}

/// A command that only a command stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cmd {
    /// Does nothing; the data is ignored.
    Nop,
    /// The data becomes FENCE_DONE when all that is before it in the stream is done.
    Fence,
    /// As FENCE, and counts as a SYNC event, which may interrupt.
    Sync,
}

impl Cmd {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Nop,
        Self::Fence,
        Self::Sync,
    ];

    /// Its id in the description.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Nop => "nop",
            Self::Fence => "fence",
            Self::Sync => "sync",
        }
    }
}
