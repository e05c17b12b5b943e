//! The report as a figure.

use labplot::{Axis, Color, Figure, PlotError, Quantiles, Series, Shape, cdf};

use super::fit::Shape as FitShape;
use super::report::{Bucket, ProbeReport, percentile};
use super::table::ms;

/// Ratio between uncached and cached times from which one linear axis cannot show both.
const NEEDS_LOG: f64 = 15.0;

impl ProbeReport {
    /// Measured points over the fits and the model; above depth 1 the distribution of latencies.
    pub fn figure(&self) -> Figure {
        let mut figure = if self.samples.is_empty() { self.latencies() } else { self.seek_curve() };
        for note in &self.notes {
            figure = figure.note(format!("Note: {note}."));
        }
        figure
    }

    /// The figure as SVG text.
    pub fn svg(&self) -> String {
        self.figure().to_svg()
    }

    /// The figure as PNG bytes, twice as many pixels as the SVG.
    ///
    /// # Errors
    /// [`PlotError`] when the picture cannot be drawn.
    pub fn png(&self) -> Result<Vec<u8>, PlotError> {
        self.figure().to_png(2.0)
    }

    fn subtitle(&self, requests: usize) -> String {
        format!("{}, {requests} requests, seed {}", self.headline(), self.seed)
    }

    fn seek_curve(&self) -> Figure {
        let cached = self.cached.as_ref();
        let requests = self.samples.len() + cached.map_or(0, |c| c.samples.len());
        let log = cached.is_some_and(|c| c.uncached_ratio > NEEDS_LOG);
        let y = Axis::new("Time of one request", "ms");
        let mut figure = Figure::new(if cached.is_some() {
            "Seek curve, not cached and cached"
        } else {
            "Seek curve"
        })
        .subtitle(self.subtitle(requests))
        .x(Axis::new("Distance x/D", "fraction of the full stroke").range(0.0, 1.0))
        .y(if log { y.log() } else { self.clip(y.from_zero()) });
        // The model lies under the points, so that each point is seen against it.
        if let Some(model) = &self.model {
            let line = Series::line(format!("model: {}", model.name), model.curve.clone());
            figure = figure.with(line.color(Color::PALE).thick(7.0));
        }
        let name = if cached.is_some() { "not cached" } else { "measured" };
        figure = figure.with(Series::points(name, self.samples.clone()));
        if let Some(c) = cached {
            figure = figure.with(Series::points("cached", c.samples.clone()));
        }
        if self.buckets.len() > 1 && self.buckets.iter().all(|b| b.n >= 5) && self.model.is_none() {
            figure = figure.with(boxes(&self.buckets));
        }
        figure = self.add_fits(figure);
        if let Some(model) = &self.model {
            figure = figure.note(format!(
                "Against the model: {:.2} % of {} requests within 1 %, {:.2} % within 2 %; mean {} ms, expected {} ms.",
                100.0 * model.within_1pct,
                model.requests,
                100.0 * model.within_2pct,
                ms(model.mean_ms),
                ms(model.expected_ms)
            ));
        }
        figure
    }

    /// Keeps a few very late requests from pressing all others into one line.
    fn clip(&self, axis: Axis) -> Axis {
        let mut times: Vec<f64> = self.samples.iter().map(|s| s.1).collect();
        times.sort_by(f64::total_cmp);
        let (most, max) = (percentile(&times, 0.99), percentile(&times, 1.0));
        let curve = self.model.iter().flat_map(|m| m.curve.iter().map(|p| p.1)).fold(0.0, f64::max);
        let fitted = self.fit.map_or(0.0, |f| f.linear.at(1.0).max(f.at(1.0)));
        let top = 1.2 * most.max(curve).max(fitted);
        if max > top && top > 0.0 { axis.range(0.0, top) } else { axis }
    }

    fn add_fits(&self, mut figure: Figure) -> Figure {
        let Some(fit) = &self.fit else { return figure };
        let strokes = || (0..=400).map(|i| (f64::from(i) / 400.0).powi(2));
        let linear = strokes().map(|u| (u, fit.linear.at(u))).collect();
        figure = figure
            .with(Series::dashes("best line", linear).color(Color::nth(2)).thick(1.5))
            .note(format!("Best line: {} ms, rms {} ms.", fit.linear, ms(fit.linear.rms_ms)));
        let Some(curve) = &fit.two_piece else { return figure };
        if fit.better == FitShape::Linear {
            // Drawn, it would only cover the line.
            return figure
                .note(format!("Two-piece: rms {} ms, not clearly better.", ms(curve.rms_ms)));
        }
        let note = format!("Two-piece: {curve} ms, rms {} ms, clearly better.", ms(curve.rms_ms));
        figure = figure.note(note);
        if self.model.is_some() {
            return figure; // it would lie on the model and hide the points between them
        }
        // The knee itself, from both sides, so that a step is drawn upright.
        let below = strokes().filter(|u| *u < curve.knee).map(|u| (u, curve.at(u)));
        let edge = curve.short_base_ms + curve.short_sqrt_ms * curve.knee.sqrt();
        let above = strokes().filter(|u| *u > curve.knee).map(|u| (u, curve.at(u)));
        let points = below
            .chain([(curve.knee, edge), (curve.knee, curve.at(curve.knee))])
            .chain(above)
            .collect();
        figure.with(Series::line("best two-piece curve", points).color(Color::INK).thick(1.2))
    }

    fn latencies(&self) -> Figure {
        let figure = Figure::new("Time of random requests")
            .x(Axis::new("Time of one request", "ms"))
            .y(Axis::new("Share of requests", "").range(0.0, 1.0));
        let Some(random) = &self.random else { return figure.subtitle(self.subtitle(0)) };
        let name = format!("depth {}: {:.1} IOPS", random.depth, random.iops);
        figure
            .subtitle(self.subtitle(random.latencies_ms.len()))
            .with(Series::steps(name, cdf(&random.latencies_ms)))
            .note(format!(
                "Mean {} ms, p50 {} ms, p99 {} ms, max {} ms.",
                ms(random.latency_ms.mean),
                ms(random.latency_ms.p50),
                ms(random.latency_ms.p99),
                ms(random.latency_ms.max)
            ))
    }
}

fn boxes(buckets: &[Bucket]) -> Series {
    let quantiles = buckets
        .iter()
        .map(|b| Quantiles {
            x: b.stroke,
            low: b.p10_ms,
            quarter: b.p25_ms,
            middle: b.p50_ms,
            three_quarters: b.p75_ms,
            high: b.p90_ms,
        })
        .collect();
    Series::new("p10, quartiles, p90", Shape::Boxes(quantiles)).color(Color::GREY)
}
