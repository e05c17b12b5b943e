//! From (stroke, milliseconds) to the two shapes a disk can be served with. Pure.
//!
//! - linear: `base + full * u`, the proposal's S*x/D with an intercept;
//! - two-piece: `a + b*sqrt(u)` below a knee, `c + e*u` from it on (Ruemmler and Wilkes 1994), either
//!   meeting at the knee or, as on some measured drives, stepping up there.
//!
//! Both are least squares, so they keep the mean; what makes them robust is that outliers are left out:
//! drop what lies far off its neighbours, fit, drop what lies far off the fit, repeat until nothing
//! changes. Far is more than six standard deviations (estimated from the median, which outliers cannot
//! move) and more than 1 % of the typical time. How many were dropped is reported.
//!
//! The two-piece fit tries every gap between measured distances as the knee. That is affordable because
//! all sums a fit needs are prefix sums over the points in order of distance.
//!
//! Which shape is better is told by the Bayesian information criterion, n ln(rss/n) + p ln n with p
//! parameters: two-piece must earn its two or three extra parameters.

use serde::{Deserialize, Serialize};

use super::knee::{self, Sums};

/// Fewer points than this say nothing.
const MIN_POINTS: usize = 8;
/// Standard deviations beyond which a point is an outlier.
const OUTLIER_SIGMAS: f64 = 6.0;
/// Points that decide whether one among them is sane.
const NEIGHBOURS: usize = 31;
/// What is off by no more than this share of the typical time is no outlier, however exact the others are.
const NEAR: f64 = 0.01;
/// By how much the criterion must differ ("very strong" in Kass and Raftery 1995).
const CLEARLY_BETTER: f64 = 10.0;

/// `base_ms + full_ms * u`, neither of them negative.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinearFit {
    /// Milliseconds at distance 0: half a revolution, transfer and overhead together.
    pub base_ms: f64,
    /// Milliseconds more for the full stroke.
    pub full_ms: f64,
    /// Root mean square of the residuals, outliers left out.
    pub rms_ms: f64,
    /// Share of the variance explained, outliers left out.
    pub r_squared: f64,
}

/// `short_base_ms + short_sqrt_ms * sqrt(u)` below `knee`, `long_base_ms + long_full_ms * u` from it on.
/// It never falls and is never negative.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TwoPieceFit {
    /// First stroke at which the straight piece holds.
    pub knee: f64,
    /// a, milliseconds; contains what the linear fit's base contains.
    pub short_base_ms: f64,
    /// b, milliseconds per square root of the full stroke.
    pub short_sqrt_ms: f64,
    /// c, milliseconds.
    pub long_base_ms: f64,
    /// e, milliseconds per full stroke.
    pub long_full_ms: f64,
    /// Whether the pieces meet at the knee; otherwise the curve steps up there.
    pub continuous: bool,
    /// Root mean square of the residuals, outliers left out.
    pub rms_ms: f64,
    /// Share of the variance explained, outliers left out.
    pub r_squared: f64,
}

/// Which shape describes the target better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// The straight line.
    Linear,
    /// Square root, then straight.
    TwoPiece,
}

/// Both fits of one set of points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Points that could be used.
    pub points: usize,
    /// Of these, left out as outliers.
    pub outliers: usize,
    /// The best line.
    pub linear: LinearFit,
    /// The best two-piece curve, if there is one that rises everywhere.
    pub two_piece: Option<TwoPieceFit>,
    /// The better one of the two.
    pub better: Shape,
    /// By how much: difference of the information criterion, positive for two-piece.
    pub two_piece_advantage: f64,
}

impl LinearFit {
    /// Milliseconds at stroke `u`.
    pub fn at(&self, u: f64) -> f64 {
        self.base_ms + self.full_ms * u
    }
}

impl TwoPieceFit {
    /// Milliseconds at stroke `u`.
    pub fn at(&self, u: f64) -> f64 {
        if u < self.knee {
            self.short_base_ms + self.short_sqrt_ms * u.max(0.0).sqrt()
        } else {
            self.long_base_ms + self.long_full_ms * u
        }
    }
}

impl Fit {
    /// Milliseconds at stroke `u` by the better fit.
    pub fn at(&self, u: f64) -> f64 {
        match (self.better, &self.two_piece) {
            (Shape::TwoPiece, Some(curve)) => curve.at(u),
            _ => self.linear.at(u),
        }
    }
}

/// Fits both shapes to (stroke, milliseconds). `None` when fewer than 8 points are usable (finite, not
/// negative) or all have the same stroke.
pub fn fit(points: &[(f64, f64)]) -> Option<Fit> {
    let mut points: Vec<(f64, f64)> = points
        .iter()
        .copied()
        .filter(|&(u, ms)| u.is_finite() && ms.is_finite() && u >= 0.0 && ms >= 0.0)
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut kept = locally_sane(&points);
    let mut best = fit_all(&kept)?;
    for _ in 0..12 {
        let fitted = best;
        let inside = inliers(&points, |u| fitted.at(u));
        if inside == kept {
            break;
        }
        // A target with half its requests cached has no single curve; better say what there is.
        let Some(again) = fit_all(&inside).filter(|_| inside.len() * 2 > points.len()) else {
            break;
        };
        (kept, best) = (inside, again);
    }
    Some(Fit { points: points.len(), outliers: points.len() - kept.len(), ..best })
}

/// Points that lie where their neighbours in distance do. The iteration has to start from these: a first
/// curve pulled up by a few very late requests can settle on one piece and call the other one outliers.
fn locally_sane(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let scale = median(points.iter().map(|p| p.1).collect());
    let half = NEIGHBOURS / 2;
    (0..points.len())
        .filter(|&i| {
            // The same number of neighbours at the ends, where there are fewer on one side.
            let from = i.saturating_sub(half).min(points.len().saturating_sub(NEIGHBOURS));
            let around = &points[from..(from + NEIGHBOURS).min(points.len())];
            let middle = median(around.iter().map(|p| p.1).collect());
            let spread = median(around.iter().map(|p| (p.1 - middle).abs()).collect());
            (points[i].1 - middle).abs() <= limit(spread, scale)
        })
        .map(|i| points[i])
        .collect()
}

/// How far off is far: from the median absolute deviation, 1.4826 of which are one standard deviation of
/// normal noise, and the typical time.
fn limit(spread: f64, scale: f64) -> f64 {
    (OUTLIER_SIGMAS * 1.4826 * spread).max(NEAR * scale)
}

fn inliers(points: &[(f64, f64)], curve: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let residuals: Vec<f64> = points.iter().map(|&(u, ms)| ms - curve(u)).collect();
    let middle = median(residuals.clone());
    let spread = median(residuals.iter().map(|r| (r - middle).abs()).collect());
    let limit = limit(spread, median(points.iter().map(|p| p.1).collect()));
    points
        .iter()
        .zip(&residuals)
        .filter(|&(_, r)| (r - middle).abs() <= limit)
        .map(|(&point, _)| point)
        .collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Both fits of points in order of stroke, no questions asked about outliers.
fn fit_all(points: &[(f64, f64)]) -> Option<Fit> {
    let n = points.len();
    if n < MIN_POINTS || points.first()?.0 == points.last()?.0 {
        return None;
    }
    let sums = Sums::new(points);
    let total = sums.variation();
    let quality = |curve: &dyn Fn(f64) -> f64| {
        let rss: f64 = points.iter().map(|&(u, ms)| (ms - curve(u)).powi(2)).sum();
        let explained = if total > 0.0 { (1.0 - rss / total).max(0.0) } else { 0.0 };
        ((rss / n as f64).sqrt(), explained)
    };

    let (base_ms, full_ms) = sums.line();
    let mut linear = LinearFit { base_ms, full_ms, rms_ms: 0.0, r_squared: 0.0 };
    (linear.rms_ms, linear.r_squared) = quality(&|u| linear.at(u));

    // Residuals below a millionth of the typical time are rounding, not information.
    let floor = 1e-6 * sums.mean();
    let criterion = |rms: f64, parameters: f64| {
        let n = n as f64;
        2.0 * n * rms.max(floor).max(f64::MIN_POSITIVE).ln() + parameters * n.ln()
    };
    let straight = criterion(linear.rms_ms, 2.0);
    let mut curves: Vec<(f64, TwoPieceFit)> = Vec::new();
    for continuous in [true, false] {
        if let Some(mut curve) = knee::search(&sums, continuous) {
            (curve.rms_ms, curve.r_squared) = quality(&|u| curve.at(u));
            let parameters = if continuous { 4.0 } else { 5.0 };
            curves.push((criterion(curve.rms_ms, parameters), curve));
        }
    }
    let best = curves.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    let advantage = best.as_ref().map_or(0.0, |(bent, _)| straight - bent);
    let better = if advantage > CLEARLY_BETTER { Shape::TwoPiece } else { Shape::Linear };
    Some(Fit {
        points: n,
        outliers: 0,
        linear,
        two_piece: best.map(|b| b.1),
        better,
        two_piece_advantage: advantage,
    })
}

#[cfg(test)]
mod tests;
