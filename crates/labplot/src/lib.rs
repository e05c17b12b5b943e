//! Figures for lab reports: described as data, rendered to SVG text and PNG bytes.
//!
//! Pure: no file, no clock, no display. The same [`Figure`] gives the same bytes on every machine,
//! because the PNG is drawn with a font that is compiled in and the SVG names that font first.
//!
//! ```
//! use labplot::{Axis, Figure, Series};
//!
//! let figure = Figure::new("Seek curve")
//!     .subtitle("a disk in the lab")
//!     .x(Axis::new("Seek distance", "fraction of the stroke").range(0.0, 1.0))
//!     .y(Axis::new("Service time", "ms").from_zero())
//!     .with(Series::points("measured", vec![(0.1, 5.0), (0.9, 14.2)]))
//!     .with(Series::line("model", vec![(0.0, 4.0), (1.0, 15.0)]))
//!     .note("2 requests");
//! let svg = figure.to_svg();
//! let png = figure.to_png(2.0)?;
//! # assert!(svg.starts_with("<svg") && png.starts_with(b"\x89PNG"));
//! # Ok::<(), labplot::PlotError>(())
//! ```
//!
//! The SVG is written here rather than by a plotting library: what is needed is small (axes, five kinds
//! of marks, a legend beside the data), thousands of translucent points want one short element each
//! under a shared group, and the text has to be laid out without a font installed.
//!
//! | file | duty |
//! | --- | --- |
//! | `figure` | what a figure is: axes, series, notes |
//! | `data` | from raw values to what a series draws: steps of a CDF, bars of a histogram |
//! | `scale` | from values to pixels; where ticks go and how they read |
//! | `text` | how wide text will be, wrapping it |
//! | `svg` | escaping and the few SVG elements in use |
//! | `marks` | drawing one series |
//! | `render` | laying out the page and drawing everything else |
//! | `png` | from SVG to PNG |
#![forbid(unsafe_code)]

mod data;
mod figure;
mod marks;
mod png;
mod render;
mod scale;
mod svg;
mod text;

pub use data::{cdf, histogram};
pub use figure::{Axis, Color, Figure, Quantiles, Scale, Series, Shape};
pub use png::PlotError;
