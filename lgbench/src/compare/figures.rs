//! Figures of a comparison: for every pair the runs as boxes, and the distribution functions.

use labplot::{Axis, Color, Figure, Quantiles, Series, Shape, cdf};
use labstats::compare::{Comparison, Key, Pair};
use labstats::describe::Sorted;
use labstats::results;

use crate::files::{Named, file_name};

/// Colours of old and new in all figures.
const COLORS: [Color; 2] = [Color::nth(0), Color::nth(1)];

/// Single samples drawn beyond the whiskers of one box; the extremes are always among them.
const DOTS: usize = 200;

/// For each pair, in their order: boxes, distribution functions.
pub(super) fn all(
    comparison: &Comparison,
    old: &results::Results,
    new: &results::Results,
) -> Vec<[Named; 2]> {
    let mut figures = Vec::new();
    for pair in &comparison.pairs {
        let sides = [samples(old, &pair.key), samples(new, &pair.key)];
        let name = file_name(&format!("{} {}", pair.key.experiment_line(), pair.key.series_line()));
        figures.push([
            Named { name: format!("{name}-box"), figure: boxes(comparison, pair, &sides) },
            Named { name: format!("{name}-ecdf"), figure: ecdf(comparison, pair, &sides) },
        ]);
    }
    figures
}

fn samples(results: &results::Results, key: &Key) -> Vec<f64> {
    let mut all = Vec::new();
    for experiment in &results.experiments {
        let ours = experiment.series.iter().filter(|s| Key::of(experiment, s) == *key);
        all.extend(ours.flat_map(|s| &s.runs).flat_map(|run| run.samples.iter().copied()));
    }
    all
}

fn figure(comparison: &Comparison, pair: &Pair, what: &str) -> Figure {
    Figure::new(format!("{what}: {}", pair.key.series_line())).subtitle(format!(
        "{}; old {}, new {}",
        pair.key.experiment_line(),
        comparison.old.file,
        comparison.new.file
    ))
}

/// Long tails are drawn over powers of ten, where boxes near each other would be lines otherwise.
fn axis(pair: &Pair, sides: &[Vec<f64>; 2]) -> Axis {
    let axis = Axis::new(pair.key.metric.clone(), pair.key.unit.clone());
    let (min, max) = sides
        .iter()
        .flatten()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    if min > 0.0 && max / min > 20.0 { axis.log() } else { axis }
}

fn boxes(comparison: &Comparison, pair: &Pair, sides: &[Vec<f64>; 2]) -> Figure {
    let names = vec![
        (1.0, format!("old, {} runs", pair.old.runs)),
        (2.0, format!("new, {} runs", pair.new.runs)),
    ];
    let mut figure = figure(comparison, pair, "Samples")
        .x(Axis::new("", "").range(0.4, 2.6).names(names))
        .y(axis(pair, sides));
    for (n, (side, color)) in sides.iter().zip(COLORS).enumerate() {
        let x = (n + 1) as f64;
        let (quantiles, beyond) = tukey_box(side, x, DOTS);
        figure = figure.with(Series::points("", beyond).color(color));
        figure = figure
            .with(Series::new("", Shape::Boxes(quantiles.into_iter().collect())).color(color));
        // Runs beside their box, because they are what is judged.
        let runs = [&pair.old, &pair.new][n].per_run.iter().map(|&v| (x + 0.18, v)).collect();
        figure = figure.with(Series::points("", runs).color(color));
    }
    figure
        .note(
            "Box: quartiles and median of all samples; whiskers to the last sample within 1.5 \
             interquartile ranges; dots beyond them are outliers, thinned.",
        )
        .note(format!(
            "Dots to the right of a box: the {} of each run.",
            comparison.options.statistic.name()
        ))
}

/// Box with Tukey's whiskers at `x`, and at most about `dots` of the samples beyond them.
pub(crate) fn tukey_box(
    samples: &[f64],
    x: f64,
    dots: usize,
) -> (Option<Quantiles>, Vec<(f64, f64)>) {
    let sorted = Sorted::new(samples.to_vec());
    let at = |q| sorted.quantile(q);
    let (Some(quarter), Some(middle), Some(three_quarters)) = (at(0.25), at(0.5), at(0.75)) else {
        return (None, Vec::new());
    };
    let reach = 1.5 * (three_quarters - quarter);
    let values = sorted.values();
    let from = values.partition_point(|&v| v < quarter - reach);
    let to = values.partition_point(|&v| v <= three_quarters + reach);
    let inside = &values[from..to];
    let quantiles = Quantiles {
        x,
        low: inside.first().copied().unwrap_or(quarter).min(quarter),
        quarter,
        middle,
        three_quarters,
        high: inside.last().copied().unwrap_or(three_quarters).max(three_quarters),
    };
    let mut beyond = Vec::new();
    for outside in [&values[..from], &values[to..]] {
        let stride = outside.len().div_ceil(dots.max(2) / 2).max(1);
        let last = outside.len().saturating_sub(1);
        let kept = outside.iter().enumerate().filter(|(n, _)| n % stride == 0 || *n == last);
        beyond.extend(kept.map(|(_, &v)| (x, v)));
    }
    (Some(quantiles), beyond)
}

fn ecdf(comparison: &Comparison, pair: &Pair, sides: &[Vec<f64>; 2]) -> Figure {
    let mut figure = figure(comparison, pair, "Distribution").x(axis(pair, sides)).y(Axis::new(
        "Samples with at most that",
        "share",
    )
    .range(0.0, 1.0));
    for ((side, color), name) in sides.iter().zip(COLORS).zip(["old", "new"]) {
        let name = format!("{name}, {} samples", side.len());
        figure = figure.with(Series::steps(name, cdf(side)).color(color));
    }
    figure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whiskers_end_at_samples_and_extremes_are_kept() {
        let mut samples: Vec<f64> = (0..1000).map(f64::from).collect();
        samples.extend((0..5000).map(|n| 1e4 + f64::from(n)));
        samples.extend([-1e5, 1e6]);
        let (found, beyond) = tukey_box(&samples[..1000], 3.0, 10);
        assert_eq!(found.map(|q| (q.low, q.high)), Some((0.0, 999.0)));
        assert!(beyond.is_empty());
        let few: Vec<f64> = (0..1000).map(f64::from).chain([-1e5, 1e6, 2e6]).collect();
        let (_, beyond) = tukey_box(&few, 3.0, 10);
        assert_eq!(beyond, [(3.0, -1e5), (3.0, 1e6), (3.0, 2e6)]);
        let many: Vec<f64> =
            (0..1000).map(|_| 1.0).chain((0..900).map(|n| 5.0 + f64::from(n))).collect();
        let (_, beyond) = tukey_box(&many, 0.0, 20);
        assert!(beyond.len() <= 22);
        assert_eq!(tukey_box(&[], 0.0, 9), (None, Vec::new()));
    }
}
