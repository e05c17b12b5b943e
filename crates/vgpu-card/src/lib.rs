//! A graphics card that is played by a program.
//!
//! Pure: no clock, no file, no socket, no thread. Memory comes in as slices, what changed goes out as
//! values; who owns threads splits the picture into bands and draws them side by side.
//!
//! | module | duty |
//! | --- | --- |
//! | [`raster`] | from primitives to pixels |

pub mod raster;
