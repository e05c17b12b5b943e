//! Writing figures to the files that were asked for.

use std::path::Path;

use labplot::Figure;

use super::{Failure, Outcome};

/// Pixels per unit of the SVG.
const PNG_SCALE: f32 = 2.0;

/// Writes `figure` as SVG, as PNG, both or neither.
pub(super) fn write(figure: &Figure, svg: Option<&Path>, png: Option<&Path>) -> Outcome {
    if let Some(path) = svg {
        put(path, figure.to_svg().as_bytes())?;
    }
    if let Some(path) = png {
        let pixels = figure
            .to_png(PNG_SCALE)
            .map_err(|e| Failure::Failed(format!("{}: cannot be drawn: {e}", path.display())))?;
        put(path, &pixels)?;
    }
    Ok(())
}

/// Writes a file whole, naming it when that fails.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Outcome {
    std::fs::write(path, bytes)
        .map_err(|e| Failure::Failed(format!("{}: cannot be written: {e}", path.display())))
}
