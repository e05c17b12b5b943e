//! The arithmetic of the fits: sums over points in order of stroke, small systems of equations, and the
//! search for the knee.

use super::fit::TwoPieceFit;

/// Points of one piece that must be there, at this many different strokes.
const PIECE_POINTS: usize = 4;
/// Knees tried besides the gaps between points; matters when only a few distances were measured.
const GRID: usize = 1000;

/// Sums over the first i points, for every i. Milliseconds are counted from their mean, which keeps the
/// differences of sums exact.
pub(super) struct Sums {
    u: Vec<f64>,
    mean: f64,
    rows: Vec<Row>,
}

/// Sums of u, u*u, sqrt(u), y, sqrt(u)*y, u*y, y*y over a stretch of points.
#[derive(Clone, Copy, Default)]
struct Row {
    n: f64,
    u: f64,
    uu: f64,
    s: f64,
    y: f64,
    sy: f64,
    uy: f64,
    yy: f64,
}

impl Row {
    fn plus(self, u: f64, y: f64) -> Self {
        let s = u.sqrt();
        Self {
            n: self.n + 1.0,
            u: self.u + u,
            uu: self.uu + u * u,
            s: self.s + s,
            y: self.y + y,
            sy: self.sy + s * y,
            uy: self.uy + u * y,
            yy: self.yy + y * y,
        }
    }

    fn minus(self, o: Self) -> Self {
        Self {
            n: self.n - o.n,
            u: self.u - o.u,
            uu: self.uu - o.uu,
            s: self.s - o.s,
            y: self.y - o.y,
            sy: self.sy - o.sy,
            uy: self.uy - o.uy,
            yy: self.yy - o.yy,
        }
    }
}

impl Sums {
    /// Of points in order of stroke.
    pub(super) fn new(points: &[(f64, f64)]) -> Self {
        let mean = points.iter().map(|p| p.1).sum::<f64>() / points.len().max(1) as f64;
        let mut rows = Vec::with_capacity(points.len() + 1);
        let mut row = Row::default();
        rows.push(row);
        for &(u, ms) in points {
            row = row.plus(u, ms - mean);
            rows.push(row);
        }
        Self { u: points.iter().map(|p| p.0).collect(), mean, rows }
    }

    /// Mean milliseconds.
    pub(super) fn mean(&self) -> f64 {
        self.mean
    }

    /// Sum of squared distances from the mean.
    pub(super) fn variation(&self) -> f64 {
        self.rows[self.u.len()].yy
    }

    /// (base, full) of the best line with neither below 0.
    pub(super) fn line(&self) -> (f64, f64) {
        let all = self.rows[self.u.len()];
        let (base, full) =
            solve2([[all.n, all.u], [all.u, all.uu]], [all.y, all.uy]).unwrap_or((0.0, 0.0));
        if full < 0.0 {
            (self.mean, 0.0) // does not rise: distance does not matter here
        } else if base + self.mean < 0.0 {
            (0.0, (all.uy + self.mean * all.u) / all.uu) // through the origin
        } else {
            (base + self.mean, full)
        }
    }

    /// Strokes worth trying as the knee, with the number of points below each.
    fn knees(&self) -> Vec<(f64, usize)> {
        let n = self.u.len();
        let (Some(&low), Some(&high)) = (self.u.first(), self.u.last()) else { return Vec::new() };
        let gaps = (1..n)
            .filter(|&i| self.u[i] > self.u[i - 1])
            .map(|i| ((self.u[i] + self.u[i - 1]) / 2.0, i));
        let grid = (1..GRID)
            .map(|i| low + (high - low) * i as f64 / GRID as f64)
            .map(|knee| (knee, self.u.partition_point(|&u| u < knee)));
        gaps.chain(grid).filter(|&(_, i)| self.enough(0, i) && self.enough(i, n)).collect()
    }

    /// Whether the points from `from` up to `to` can carry a piece of their own.
    fn enough(&self, from: usize, to: usize) -> bool {
        if to < from + PIECE_POINTS {
            return false;
        }
        let piece = &self.u[from..to];
        // First, middle and last different: at least three strokes.
        let (first, last) = (piece[0], piece[piece.len() - 1]);
        let inner = piece.partition_point(|&u| u <= first);
        inner < piece.len() && piece[inner] < last
    }
}

/// The best rising two-piece curve, its pieces meeting at the knee if `continuous`. Its residuals are
/// left for the caller to find.
pub(super) fn search(sums: &Sums, continuous: bool) -> Option<TwoPieceFit> {
    let mut best: Option<(f64, TwoPieceFit)> = None;
    for (knee, below) in sums.knees() {
        let short = sums.rows[below];
        let long = sums.rows[sums.u.len()].minus(short);
        let candidate =
            if continuous { meeting(short, long, knee) } else { apart(short, long, knee) };
        let Some((rss, mut curve)) = candidate else { continue };
        curve.short_base_ms += sums.mean;
        curve.long_base_ms += sums.mean;
        if rises(&curve) && best.as_ref().is_none_or(|(least, _)| rss < *least) {
            best = Some((rss, curve));
        }
    }
    best.map(|b| b.1)
}

/// Whether a disk could be served with this: nowhere negative, nowhere falling.
fn rises(c: &TwoPieceFit) -> bool {
    let before = c.short_base_ms + c.short_sqrt_ms * c.knee.sqrt();
    let after = c.long_base_ms + c.long_full_ms * c.knee;
    [c.short_base_ms, c.short_sqrt_ms, c.long_base_ms, c.long_full_ms].iter().all(|v| *v >= 0.0)
        && (c.continuous || after >= before)
}

fn curve(knee: f64, short: (f64, f64), long: (f64, f64), continuous: bool) -> TwoPieceFit {
    TwoPieceFit {
        knee,
        short_base_ms: short.0,
        short_sqrt_ms: short.1,
        long_base_ms: long.0,
        long_full_ms: long.1,
        continuous,
        rms_ms: 0.0,
        r_squared: 0.0,
    }
}

/// Each piece by itself.
fn apart(short: Row, long: Row, knee: f64) -> Option<(f64, TwoPieceFit)> {
    let (a, b) = solve2([[short.n, short.s], [short.s, short.u]], [short.y, short.sy])?;
    let (c, e) = solve2([[long.n, long.u], [long.u, long.uu]], [long.y, long.uy])?;
    let rss = short.yy - a * short.y - b * short.sy + long.yy - c * long.y - e * long.uy;
    Some((rss, curve(knee, (a, b), (c, e), false)))
}

/// Both pieces with one value at the knee: a + b*min(sqrt u, sqrt knee) + e*max(u - knee, 0).
fn meeting(short: Row, long: Row, knee: f64) -> Option<(f64, TwoPieceFit)> {
    let root = knee.sqrt();
    let past = long.u - knee * long.n; // sum of u - knee
    let matrix = [
        [short.n + long.n, short.s + root * long.n, past],
        [short.s + root * long.n, short.u + knee * long.n, root * past],
        [past, root * past, long.uu - 2.0 * knee * long.u + knee * knee * long.n],
    ];
    let right = [short.y + long.y, short.sy + root * long.y, long.uy - knee * long.y];
    let [a, b, e] = solve3(matrix, right)?;
    let rss = short.yy + long.yy - a * right[0] - b * right[1] - e * right[2];
    Some((rss, curve(knee, (a, b), (a + b * root - e * knee, e), true)))
}

fn solve2(m: [[f64; 2]; 2], r: [f64; 2]) -> Option<(f64, f64)> {
    let det = m[0][0] * m[1][1] - m[0][1] * m[1][0];
    if det.abs() <= 1e-12 * (m[0][0] * m[1][1]).abs() {
        return None;
    }
    Some(((r[0] * m[1][1] - m[0][1] * r[1]) / det, (m[0][0] * r[1] - r[0] * m[1][0]) / det))
}

/// Gauss elimination with the largest pivot.
fn solve3(mut m: [[f64; 3]; 3], mut r: [f64; 3]) -> Option<[f64; 3]> {
    for column in 0..3 {
        let pivot =
            (column..3).max_by(|&a, &b| m[a][column].abs().total_cmp(&m[b][column].abs()))?;
        m.swap(column, pivot);
        r.swap(column, pivot);
        if m[column][column].abs() < 1e-12 {
            return None;
        }
        for row in column + 1..3 {
            let factor = m[row][column] / m[column][column];
            let upper = m[column];
            for (value, above) in m[row].iter_mut().zip(upper).skip(column) {
                *value -= factor * above;
            }
            r[row] -= factor * r[column];
        }
    }
    let z = r[2] / m[2][2];
    let y = (r[1] - m[1][2] * z) / m[1][1];
    let x = (r[0] - m[0][1] * y - m[0][2] * z) / m[0][0];
    [x, y, z].iter().all(|v| v.is_finite()).then_some([x, y, z])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exact data at 25 distances, four times each.
    fn exact(truth: impl Fn(f64) -> f64) -> Sums {
        let strokes = (0..=24).flat_map(|i| std::iter::repeat_n((f64::from(i) / 24.0).powi(2), 4));
        Sums::new(&strokes.map(|u| (u, truth(u))).collect::<Vec<_>>())
    }

    #[test]
    fn pieces_that_meet_are_solved_exactly() {
        // The knee is one of the grid's; 2 + 10 sqrt(0.3) - 6 * 0.3 is where the straight piece starts.
        let start = 2.0 + 10.0 * 0.3f64.sqrt() - 6.0 * 0.3;
        let sums = exact(|u| if u < 0.3 { 2.0 + 10.0 * u.sqrt() } else { start + 6.0 * u });
        let found = search(&sums, true).expect("it rises");
        assert!(found.continuous && (found.knee - 0.3).abs() < 1e-9, "{found:?}");
        let off = [
            found.short_base_ms - 2.0,
            found.short_sqrt_ms - 10.0,
            found.long_base_ms - start,
            found.long_full_ms - 6.0,
        ];
        assert!(off.iter().all(|o| o.abs() < 1e-6), "{off:?}");
    }

    #[test]
    fn pieces_apart_are_solved_exactly() {
        let sums = exact(|u| if u < 0.3 { 2.0 + 10.0 * u.sqrt() } else { 8.0 + 6.0 * u });
        let found = search(&sums, false).expect("it rises");
        // Any knee between the two distances around 0.3 is as good.
        assert!(!found.continuous && (0.29..0.35).contains(&found.knee), "{found:?}");
        assert!(
            (found.short_sqrt_ms - 10.0).abs() < 1e-6 && (found.long_base_ms - 8.0).abs() < 1e-6
        );
    }

    #[test]
    fn a_curve_that_falls_is_not_offered() {
        let sums = exact(|u| if u < 0.3 { 9.0 + 2.0 * u.sqrt() } else { 5.0 - 3.0 * u });
        for continuous in [true, false] {
            assert!(search(&sums, continuous).is_none_or(|c| rises(&c)));
        }
        let sums = exact(|u| 9.0 - 3.0 * u);
        assert_eq!(search(&sums, true), None);
        assert_eq!(sums.line(), (sums.mean(), 0.0));
    }
}
