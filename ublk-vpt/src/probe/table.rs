//! The report for a terminal.

use std::fmt::{self, Write as _};

use super::fit::{Fit, LinearFit, Shape, TwoPieceFit};
use super::report::{ModelReport, ProbeReport};

/// Bytes in the largest unit that keeps a digit before the point.
pub(super) fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let (mut value, mut unit) = (bytes as f64 / 1024.0, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    let decimals = if value.fract() == 0.0 { 0 } else { 1 };
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// Milliseconds with as many decimals as say something.
pub(super) fn ms(v: f64) -> String {
    match v.abs() {
        a if a >= 100.0 => format!("{v:.1}"),
        a if a >= 0.1 => format!("{v:.3}"),
        _ => format!("{v:.5}"),
    }
}

impl fmt::Display for LinearFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} + {} u", ms(self.base_ms), ms(self.full_ms))
    }
}

impl fmt::Display for TwoPieceFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "u < {:.4}: {} + {} √u; else {} + {} u",
            self.knee,
            ms(self.short_base_ms),
            ms(self.short_sqrt_ms),
            ms(self.long_base_ms),
            ms(self.long_full_ms)
        )
    }
}

impl ProbeReport {
    /// What was measured, in one line.
    pub fn headline(&self) -> String {
        format!(
            "{}: {}, {}, {} reads, {}",
            self.target,
            self.kind,
            human_bytes(self.size_bytes),
            human_bytes(self.block_bytes),
            if self.direct { "O_DIRECT" } else { "through the page cache" }
        )
    }

    /// The report as text of at most about 100 columns, ending with a newline.
    pub fn table(&self) -> String {
        let mut out = format!("{}\n", self.headline());
        let _ = writeln!(
            out,
            "{} reads in {:.1} s, {} failed, seed {}",
            self.reads, self.seconds, self.errors, self.seed
        );
        self.distances(&mut out);
        if let Some(r) = &self.random {
            let d = &r.latency_ms;
            let _ = writeln!(
                out,
                "\nrandom, depth {}: {} requests, {:.1} IOPS; mean {} ms, p50 {}, p99 {}, max {}",
                r.depth,
                d.count,
                r.iops,
                ms(d.mean),
                ms(d.p50),
                ms(d.p99),
                ms(d.max)
            );
        }
        if !self.sequential.is_empty() {
            let at = |r: &super::SequentialRate| format!("{:.1} at {:.2}", r.mb_per_s, r.at);
            let places: Vec<String> = self.sequential.iter().map(at).collect();
            let _ = writeln!(out, "sequential: {} MB/s", places.join(", "));
        }
        if let Some(fit) = &self.fit {
            write_fit(&mut out, fit, self.rpm);
        }
        if let Some(model) = &self.model {
            write_model(&mut out, model);
        }
        if let Some(cached) = &self.cached {
            let _ = writeln!(
                out,
                "\ncached: median {} ms, {:.1} times as fast as not cached",
                ms(cached.p50_ms),
                cached.uncached_ratio
            );
        }
        for failed in &self.failed {
            let _ = writeln!(out, "failed read at byte {}: {}", failed.offset, failed.error);
        }
        for note in &self.notes {
            let _ = writeln!(out, "note: {note}");
        }
        out
    }

    fn distances(&self, out: &mut String) {
        if self.buckets.is_empty() {
            return;
        }
        let cached = self.cached.as_ref().map(|c| &c.buckets);
        let _ = write!(out, "\n{:>8} {:>5}", "stroke", "n");
        for head in ["p10 ms", "p50 ms", "p90 ms", "mean ms"] {
            let _ = write!(out, " {head:>9}");
        }
        let fit_head = if self.fit.is_some() { "fit ms" } else { "" };
        let cached_head = if cached.is_some() { "cached p50" } else { "" };
        let _ = writeln!(out, " {fit_head:>9} {cached_head:>10}");
        for (i, b) in self.buckets.iter().enumerate() {
            let _ = write!(out, "{:>8.5} {:>5}", b.stroke, b.n);
            for v in [b.p10_ms, b.p50_ms, b.p90_ms, b.mean_ms] {
                let _ = write!(out, " {:>9}", ms(v));
            }
            let fitted = self.fit.as_ref().map(|f| ms(f.at(b.stroke))).unwrap_or_default();
            let warm = cached.and_then(|c| c.get(i)).map(|c| ms(c.p50_ms)).unwrap_or_default();
            let _ = writeln!(out, " {fitted:>9} {warm:>10}");
        }
        // Empty columns leave blanks behind.
        *out = out.lines().map(|l| format!("{}\n", l.trim_end())).collect();
    }
}

fn write_fit(out: &mut String, fit: &Fit, rpm: Option<f64>) {
    let _ = writeln!(out, "\nfits in ms, u = x/D, of {} requests:", fit.points - fit.outliers);
    let mark = |shape| if fit.better == shape { "better" } else { "" };
    let mut line = |name: &str, curve: String, rms: f64, r2: f64, mark: &str| {
        let text = format!("  {name:<10} {curve:<58} rms {:<8} R² {r2:.4} {mark}", ms(rms));
        let _ = writeln!(out, "{}", text.trim_end());
    };
    let l = &fit.linear;
    line("linear", l.to_string(), l.rms_ms, l.r_squared, mark(Shape::Linear));
    if let Some(c) = &fit.two_piece {
        line("two-piece", c.to_string(), c.rms_ms, c.r_squared, mark(Shape::TwoPiece));
    }
    let base = match (fit.better, &fit.two_piece) {
        (Shape::TwoPiece, Some(c)) => c.short_base_ms,
        _ => l.base_ms,
    };
    let _ = match rpm {
        Some(rpm) => writeln!(
            out,
            "  The {} ms at u = 0 are half a revolution ({} ms at {rpm} rpm) and {} ms for the shortest seek, transfer and overhead.",
            ms(base),
            ms(30_000.0 / rpm),
            ms(base - 30_000.0 / rpm)
        ),
        None => writeln!(
            out,
            "  The {} ms at u = 0 hold half a revolution, shortest seek, transfer and overhead; with the rpm they can be told apart.",
            ms(base)
        ),
    };
}

fn write_model(out: &mut String, model: &ModelReport) {
    let d = &model.deviation_us;
    let closed = model.closed_form_ms.map(|v| format!(", closed form {} ms", ms(v)));
    let _ = writeln!(
        out,
        "\nagainst {}: {} requests, mean {} ms, expected {} ms{}",
        model.name,
        model.requests,
        ms(model.mean_ms),
        ms(model.expected_ms),
        closed.unwrap_or_default()
    );
    let _ = writeln!(
        out,
        "  within 1 %: {:.2} %, within 2 %: {:.2} %; off by p50 {:.0} us, p99 {:.0} us, min {:.0} us, max {:.0} us",
        100.0 * model.within_1pct,
        100.0 * model.within_2pct,
        d.p50,
        d.p99,
        d.min,
        d.max
    );
}
