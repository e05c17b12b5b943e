//! The figure: Table 1 as curves, the new columns beside the old ones.

use labplot::{Axis, Color, Figure, Series};

use super::TABLE;

/// Something that draws, and its seconds for a million triangles of each height of the table.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// `None` where it could not be measured.
    pub(super) seconds: Vec<Option<f64>>,
}

/// Seconds over height, both cards of the proposal dashed.
pub(super) fn figure(columns: &[Column]) -> Figure {
    let over_height = |seconds: Vec<Option<f64>>| -> Vec<(f64, f64)> {
        let points = TABLE.iter().zip(seconds);
        points.filter_map(|(row, seconds)| Some((f64::from(row.height), seconds?))).collect()
    };
    let mut figure = Figure::new("A million smooth triangles")
        .subtitle("640 x 480, equilateral, area 0.577 of the height squared")
        .x(Axis::new("Height of a triangle", "pixels").range(15.0, 105.0))
        .y(Axis::new("Time for a million", "s").log());
    for (n, column) in columns.iter().enumerate() {
        let points = over_height(column.seconds.clone());
        figure = figure.with(Series::line(column.name.clone(), points).color(Color::nth(n)));
    }
    let published =
        |of: fn(&super::Row) -> f64| over_height(TABLE.iter().map(|row| Some(of(row))).collect());
    let card = Series::dashes("Permedia 2v, 1997", published(|row| row.card_1997));
    let proposed = Series::dashes("the proposal's virtual card", published(|row| row.virtual_card));
    figure = figure.with(card.color(Color::INK)).with(proposed.color(Color::GREY));
    figure.note("Dashed: as published. The others: this machine, one thread unless it says more.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_left_out() {
        let column = Column {
            name: "ours".into(),
            seconds: vec![Some(0.2), None, Some(0.6), Some(0.9), Some(1.3)],
        };
        let svg = figure(&[column]).to_svg();
        assert!(svg.contains("ours") && svg.contains("Permedia 2v, 1997"));
    }
}
