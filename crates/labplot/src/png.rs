//! From SVG to PNG, with the fonts that are compiled in.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, fontdb};

/// Largest side of a picture, in device pixels.
const MAX_SIDE: f32 = 16384.0;

/// Why a figure could not become a picture.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The scale is no positive number, or the picture would be too large.
    #[error("cannot draw at scale {scale}: the picture must have 1 to 16384 pixels on each side")]
    Size {
        /// What was asked for.
        scale: f32,
    },
    /// The SVG could not be read back. A fault of this library.
    #[error("cannot read back the SVG of this figure")]
    Svg(#[source] usvg::Error),
    /// The pixels could not be encoded. A fault of this library.
    #[error("cannot encode the picture as PNG: {0}")]
    Encode(String),
}

/// Text in Ubuntu Light; Hack stands in for signs that Ubuntu lacks.
static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    fonts.load_font_data(epaint_default_fonts::HACK_REGULAR.to_vec());
    fonts.set_sans_serif_family("Ubuntu");
    Arc::new(fonts)
});

/// Draws `svg` at `scale` device pixels to the CSS pixel.
pub(crate) fn encode(svg: &str, scale: f32) -> Result<Vec<u8>, PlotError> {
    let options = usvg::Options {
        fontdb: Arc::clone(&FONTS),
        font_family: "Ubuntu".into(),
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(svg, &options).map_err(PlotError::Svg)?;
    let (width, height) = (tree.size().width() * scale, tree.size().height() * scale);
    let fits = |side: f32| (1.0..=MAX_SIDE).contains(&side);
    if !(fits(width) && fits(height)) {
        return Err(PlotError::Size { scale });
    }
    let mut pixels =
        Pixmap::new(width.ceil() as u32, height.ceil() as u32).ok_or(PlotError::Size { scale })?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|e| PlotError::Encode(e.to_string()))
}
