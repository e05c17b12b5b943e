//! From primitives to pixels, by rules that leave nothing open.
//!
//! ```
//! use vgpu_card::raster::{Rect, State, Surface, Vertex};
//!
//! let mut pixels = vec![0; 64 * 48];
//! let mut surface = Surface::new(&mut pixels, 64, 48, 64)?;
//! let state = State { scissor: Rect::new(0, 0, 32, 48), ..State::default() };
//! let corner = |x: i32, y: i32, color| Vertex { x: x * 16, y: y * 16, color };
//! let triangle = [corner(0, 0, 0xff_0000), corner(63, 20, 0xff00), corner(10, 47, 0xff)];
//! let damage = surface.band().triangles(&state, &[triangle]);
//! assert_eq!(damage.right, 32);
//! # Ok::<(), vgpu_card::raster::SurfaceError>(())
//! ```
//!
//! # Rules
//! - Pixels are sampled at their centres: pixel (x, y) at (x + 1/2, y + 1/2), y growing downwards.
//! - A centre on an edge belongs to the area whose top or left edge that is. So areas that share an edge
//!   share no pixel and leave none out.
//! - Clipping is by pixels: a scissor, the picture's border or a band changes which pixels are written,
//!   never which value one gets.
//! - All arithmetic is on integers, so the same call gives the same bits with every instruction set
//!   ([`Isa`]) and however a picture is split into bands. No argument makes it overflow or panic.
//! - Colours are 8 bits a channel; between them is interpolated with 16 bits of fraction. What comes out
//!   below 0 or above 255 becomes 0 or 255.
//! - Smooth colours have 0 in the byte that XRGB8888 does not use. A flat colour is written as it is, and
//!   logical operations ([`LogicOp`]) are on all 32 bits.
//!
//! Every call returns its damage: a rectangle outside which nothing has changed.
//!
//! | file | duty |
//! | --- | --- |
//! | `rect` | rectangles of pixels |
//! | `surface` | pictures, bands of them, copying |
//! | `logic` | logical operations |
//! | `isa` | which instructions to use |
//! | `span` | smooth and flat pixels of one row, a file for each instruction set |
//! | `paint` | what areas are filled with, row by row |
//! | `quotient` | quotients that grow step by step |
//! | `edge` | exact edges of triangles |
//! | `triangle` | triangles from three vertices |
//! | `trapezoid` | trapezoids from start and delta registers |
//! | `line` | points and lines |
//! | `fill` | rectangles |
//!
//! Threads are the caller's: [`Surface::bands`] gives each what it may write.

mod edge;
mod fill;
mod isa;
mod line;
mod logic;
mod paint;
mod quotient;
mod rect;
mod span;
mod surface;
mod trapezoid;
mod triangle;

pub use isa::Isa;
pub use line::{Line, Point};
pub use logic::LogicOp;
pub use rect::Rect;
pub use surface::{Band, MAX_SIZE, Surface, SurfaceError};
pub use trapezoid::{Gouraud, Ramp, Shade, Trapezoid};
pub use triangle::{Triangle, VERTEX_FRACTION, Vertex};

/// What holds for every primitive.
#[derive(Clone, Copy, Debug)]
pub struct State {
    /// Only pixels inside are written.
    pub scissor: Rect,
    /// What becomes of the pixel that is there.
    pub op: LogicOp,
    /// Which instructions to use; changes no pixel.
    pub isa: Isa,
}

impl Default for State {
    fn default() -> Self {
        Self { scissor: Rect::EVERYTHING, op: LogicOp::Copy, isa: Isa::best() }
    }
}
