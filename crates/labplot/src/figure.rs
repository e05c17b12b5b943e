//! What a figure is: axes with units, series, notes. Nothing here knows about pixels except the size of
//! the page.

use crate::png::{self, PlotError};
use crate::render;

/// An sRGB colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    /// Near black: for a model or a reference.
    pub const INK: Self = Self(0x22, 0x22, 0x22);
    /// Pale orange: for a thick line under dots.
    pub const PALE: Self = Self(0xff, 0xc6, 0x85);
    /// Grey: for what is context.
    pub const GREY: Self = Self(0x77, 0x77, 0x77);

    /// The `n`th of colours that stay apart for readers with colour-blindness (Okabe and Ito's set),
    /// starting again after the last.
    pub const fn nth(n: usize) -> Self {
        const SET: [Color; 7] = [
            Color(0x00, 0x72, 0xb2), // blue
            Color(0xd5, 0x5e, 0x00), // vermilion
            Color(0x00, 0x9e, 0x73), // green
            Color(0xcc, 0x79, 0xa7), // purple
            Color(0xe6, 0x9f, 0x00), // orange
            Color(0x56, 0xb4, 0xe9), // sky
            Color(0x7a, 0x5c, 0x00), // brown
        ];
        SET[n % SET.len()]
    }
}

/// How an axis spreads its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal distances for equal differences.
    #[default]
    Linear,
    /// Equal distances for equal ratios. Values of 0 and below cannot be shown; a note counts them.
    Log,
}

/// One axis: what it shows, in which unit, over which range.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What is measured.
    pub label: String,
    /// Its unit; empty for a pure number.
    pub unit: String,
    /// Linear or logarithmic.
    pub scale: Scale,
    /// Smallest and largest value shown. `None`: what the data needs.
    pub range: Option<(f64, f64)>,
    /// Whether 0 is shown even if no value is near it. Ignored on a logarithmic axis.
    pub from_zero: bool,
    /// Ticks at these values with these words, instead of numbers: for what has names. Those outside the
    /// range are left out.
    pub names: Vec<(f64, String)>,
}

impl Axis {
    /// A linear axis as wide as the data.
    pub fn new(label: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { label: label.into(), unit: unit.into(), ..Self::default() }
    }

    /// Makes it logarithmic.
    pub fn log(mut self) -> Self {
        self.scale = Scale::Log;
        self
    }

    /// Shows 0 as well.
    pub fn from_zero(mut self) -> Self {
        self.from_zero = true;
        self
    }

    /// Puts these words at these values instead of numbers.
    pub fn names(mut self, names: Vec<(f64, String)>) -> Self {
        self.names = names;
        self
    }

    /// Shows exactly this range. What lies outside is drawn at the edge and counted in a note. A range
    /// that is empty, upside down or not finite is ignored.
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// The label with its unit.
    pub(crate) fn caption(&self) -> String {
        match (self.label.is_empty(), self.unit.is_empty()) {
            (_, true) => self.label.clone(),
            (true, false) => self.unit.clone(),
            (false, false) => format!("{} [{}]", self.label, self.unit),
        }
    }
}

/// The spread of many values at one place: low to high as a thin line, the quarters as a box, the middle
/// as a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantiles {
    /// Where on the x axis.
    pub x: f64,
    /// End of the lower whisker, such as the 10th percentile.
    pub low: f64,
    /// Lower quartile.
    pub quarter: f64,
    /// Median.
    pub middle: f64,
    /// Upper quartile.
    pub three_quarters: f64,
    /// End of the upper whisker, such as the 90th percentile.
    pub high: f64,
}

/// What a series draws. Values that are not finite are left out and counted in a note.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A dot per (x, y): small and translucent when there are many.
    Points(Vec<(f64, f64)>),
    /// Straight lines from each (x, y) to the next.
    Line {
        /// Corners, in drawing order. One that is not finite makes a gap.
        points: Vec<(f64, f64)>,
        /// Dashes instead of a solid stroke.
        dashed: bool,
        /// Horizontal until the next x, then vertical: for a value that holds until it changes, and for
        /// distribution functions.
        steps: bool,
        /// Thickness in pixels: 2 to be read, 6 or more in a pale colour to lie under dots.
        width: f64,
    },
    /// The area between two curves: (x, low, high).
    Band(Vec<(f64, f64, f64)>),
    /// Box and whiskers.
    Boxes(Vec<Quantiles>),
    /// A bar from 0 up to y over each (from x, to x, y).
    Bars(Vec<(f64, f64, f64)>),
}

/// Data under one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend calls it; an empty name keeps it out of the legend.
    pub name: String,
    /// `None`: the next of [`Color::nth`].
    pub color: Option<Color>,
    /// What to draw.
    pub shape: Shape,
}

impl Series {
    /// Any shape under a name.
    pub fn new(name: impl Into<String>, shape: Shape) -> Self {
        Self { name: name.into(), color: None, shape }
    }

    /// A scatter plot.
    pub fn points(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self::new(name, Shape::Points(points))
    }

    /// A solid line.
    pub fn line(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self::new(name, Shape::Line { points, dashed: false, steps: false, width: 2.0 })
    }

    /// A dashed line.
    pub fn dashes(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self::new(name, Shape::Line { points, dashed: true, steps: false, width: 2.0 })
    }

    /// A staircase: each value holds until the next x.
    pub fn steps(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self::new(name, Shape::Line { points, dashed: false, steps: true, width: 2.0 })
    }

    /// Makes a line this many pixels thick; other shapes stay as they are.
    pub fn thick(mut self, pixels: f64) -> Self {
        if let Shape::Line { width, .. } = &mut self.shape {
            *width = pixels;
        }
        self
    }

    /// Gives it a colour of its own.
    pub fn color(mut self, color: Color) -> Self {
        self.color = Some(color);
        self
    }
}

/// A figure: one plot with title, legend and notes.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// First line, large.
    pub title: String,
    /// Second line, grey.
    pub subtitle: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// Drawn in this order, later ones over earlier ones.
    pub series: Vec<Series>,
    /// Lines below the plot; long ones are wrapped.
    pub notes: Vec<String>,
    /// Width of the page in CSS pixels, 320 to 8192.
    pub width: u32,
    /// Height of the page in CSS pixels, 240 to 8192.
    pub height: u32,
}

impl Figure {
    /// An empty figure of 960 by 600.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            subtitle: String::new(),
            x: Axis::default(),
            y: Axis::default(),
            series: Vec::new(),
            notes: Vec::new(),
            width: 960,
            height: 600,
        }
    }

    /// Sets the line below the title.
    pub fn subtitle(mut self, text: impl Into<String>) -> Self {
        self.subtitle = text.into();
        self
    }

    /// Sets the horizontal axis.
    pub fn x(mut self, axis: Axis) -> Self {
        self.x = axis;
        self
    }

    /// Sets the vertical axis.
    pub fn y(mut self, axis: Axis) -> Self {
        self.y = axis;
        self
    }

    /// Adds a series on top of the others.
    pub fn with(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Adds a line below the plot.
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// The page as SVG text, complete with its fonts' names but no fonts.
    pub fn to_svg(&self) -> String {
        render::page(self)
    }

    /// The page as PNG bytes, `scale` device pixels to the CSS pixel (2 is sharp on most screens).
    ///
    /// # Errors
    /// [`PlotError::Size`] when `scale` is not a positive number or the picture would have more than
    /// 16384 pixels on a side.
    pub fn to_png(&self, scale: f32) -> Result<Vec<u8>, PlotError> {
        png::encode(&self.to_svg(), scale)
    }
}
