//! Figures of every kind are drawn, read back and checked; with `LABPLOT_SAVE=DIR` they are also written
//! there, to be looked at.
#![allow(clippy::unwrap_used)]

use labplot::{Axis, Color, Figure, Quantiles, Series, Shape, cdf, histogram};
use resvg::usvg::roxmltree::Document;

/// A repeatable pseudo-random sequence in 0..1.
fn noise() -> impl FnMut() -> f64 {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn save(name: &str, figure: &Figure) {
    if let Some(dir) = std::env::var_os("LABPLOT_SAVE") {
        let stem = std::path::Path::new(&dir).join(name);
        std::fs::write(stem.with_extension("svg"), figure.to_svg()).unwrap();
        std::fs::write(stem.with_extension("png"), figure.to_png(1.5).unwrap()).unwrap();
    }
}

/// Text of the figure, in document order; proves that the SVG is well-formed.
fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    let is_text = |n: &resvg::usvg::roxmltree::Node| n.has_tag_name("text");
    document.descendants().filter(is_text).filter_map(|n| n.text().map(str::to_owned)).collect()
}

fn seek_curve() -> Figure {
    let mut random = noise();
    let curve = |u: f64| if u < 0.17 { 6.7 + 11.7 * u.sqrt() } else { 10.2 + 11.0 * u };
    let mut points: Vec<(f64, f64)> = (0..3000)
        .map(|_| (random() * random(), random()))
        .map(|(u, n)| (u, curve(u) + 0.8 * (n - 0.5)))
        .collect();
    points.push((0.5, 80.0));
    let line: Vec<_> = (0..=200).map(|i| f64::from(i) / 200.0).map(|u| (u, curve(u))).collect();
    let boxes = (0..12)
        .map(|i| f64::from(i * i) / 121.0)
        .map(|x| Quantiles {
            x,
            low: curve(x) - 0.32,
            quarter: curve(x) - 0.2,
            middle: curve(x),
            three_quarters: curve(x) + 0.2,
            high: curve(x) + 0.32,
        })
        .collect();
    Figure::new("Seek curve of /tmp/lab/barracuda.img <&\"'>")
        .subtitle("1.0 GiB, 4 KiB reads with O_DIRECT, 3001 requests, seed 7")
        .x(Axis::new("Seek distance", "fraction of the stroke").range(0.0, 1.0))
        .y(Axis::new("Service time", "ms").range(0.0, 24.0))
        .with(Series::points("measured", points))
        .with(Series::new("p10, quartiles, p90", Shape::Boxes(boxes)))
        .with(Series::line("model: Barracuda ST32171W", line).color(Color::INK))
        .with(Series::dashes("best line 8.9 ms + 12.8 ms × x/D", vec![(0.0, 8.9), (1.0, 21.7)]))
        .note("Two-piece fit: 6.70 + 11.70 √u below u = 0.17, then 10.20 + 11.00 u; rms 0.23 ms.")
}

#[test]
fn a_scatter_of_thousands_with_curves_over_it() {
    let figure = seek_curve();
    save("seek", &figure);
    let svg = figure.to_svg();
    let texts = texts(&svg);
    for expected in ["Seek curve of /tmp/lab/barracuda.img <&\"'>", "measured", "0.2", "20"] {
        assert!(texts.iter().any(|t| t == expected), "{expected} in {texts:?}");
    }
    assert!(texts.iter().any(|t| t == "Seek distance [fraction of the stroke]"));
    assert!(texts.iter().any(|t| t.starts_with("1 value lies outside")), "the outlier is told");
    assert!(svg.matches("<circle").count() > 2900);
    assert!(svg.contains("font-family=\"Ubuntu, "));
    assert_eq!(svg, figure.to_svg(), "the same figure gives the same bytes");
}

#[test]
fn time_series_distribution_and_histogram() {
    let mut random = noise();
    let k = Figure::new("Scale k over time")
        .x(Axis::new("Time", "s"))
        .y(Axis::new("k", "").log())
        .with(Series::steps(
            "k",
            vec![(0.0, 1.0), (1.5, 4.0), (2.0, 16.0), (9.0, 12.0), (20.0, 9.0)],
        ))
        .with(Series::new("bounds", Shape::Band(vec![(0.0, 0.9, 20.0), (20.0, 5.0, 12.0)])));
    save("k", &k);
    assert!(texts(&k.to_svg()).iter().any(|t| t == "10"));

    let late: Vec<f64> = (0..5000).map(|_| 5.0 / (random() + 0.001)).collect();
    let figure = Figure::new("Lateness of completions")
        .x(Axis::new("Lateness", "µs").log())
        .y(Axis::new("Share of requests", "").range(0.0, 1.0))
        .with(Series::steps("SCHED_FIFO", cdf(&late)))
        .with(Series::steps("normal", cdf(&late.iter().map(|v| v * 9.0).collect::<Vec<_>>())));
    save("cdf", &figure);
    assert!(texts(&figure.to_svg()).iter().any(|t| t == "1000"));

    let sums: Vec<f64> = (0..4000).map(|_| random() + random() + random()).collect();
    let figure = Figure::new("Deviation")
        .x(Axis::new("Deviation", "%"))
        .y(Axis::new("Requests", "").from_zero())
        .with(Series::new("4000 requests", Shape::Bars(histogram(&sums, 40))));
    save("histogram", &figure);
    assert!(figure.to_svg().matches("<rect").count() > 40);
}

#[test]
fn the_png_shows_text_without_any_installed_font() {
    // Dark pixels where the title is, with one and without.
    let ink = |title: &str| {
        let png = Figure::new(title).to_png(1.0).unwrap();
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
        let pixels = resvg::tiny_skia::Pixmap::decode_png(&png).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (960, 600));
        let row = |y: usize| &pixels.pixels()[y * 960..(y + 1) * 960];
        (16..40).flat_map(row).filter(|p| p.red() < 128).count()
    };
    assert!(ink("Seek curve √ µ") > ink("") + 200);
}

#[test]
fn hopeless_data_is_drawn_as_what_it_is() {
    let bad = f64::NAN;
    let figure = Figure::new("x".repeat(4000))
        .subtitle("y ".repeat(400))
        .x(Axis::new("a", "").log())
        .y(Axis::new("b", "").log())
        .with(Series::points("z".repeat(900), vec![(bad, 1.0), (0.0, 1.0), (1.0, f64::INFINITY)]))
        .with(Series::line("\u{0}\u{1b}[31m", vec![(bad, bad), (-1.0, 1.0)]))
        .with(Series::new("bars", Shape::Bars(vec![(bad, 1.0, 1.0)])))
        .with(Series::new("band", Shape::Band(vec![(1.0, bad, 2.0)])))
        .note("n".repeat(3000));
    let texts = texts(&figure.to_svg());
    assert!(
        texts.iter().any(|t| t.ends_with("values cannot be shown on these axes.")),
        "{texts:?}"
    );
    figure.to_png(1.0).unwrap();

    let empty = Figure::new("");
    assert!(empty.to_svg().contains("no data"));
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1000.0] {
        let error = empty.to_png(scale).unwrap_err().to_string();
        assert!(error.starts_with("cannot draw at scale"), "{error}");
    }
    let mut odd = Figure::new("size");
    (odd.width, odd.height) = (0, u32::MAX);
    odd.to_svg();
}
