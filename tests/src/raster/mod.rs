//! Scenes of triangles, for tests and benchmarks of the card's rasteriser, and a peer that draws them.

mod gl;
mod scene;

pub use gl::Llvmpipe;
pub use scene::{Scene, equilateral, registers};
