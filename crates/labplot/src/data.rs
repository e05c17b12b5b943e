//! From raw values to what a series draws.

/// The empirical distribution function of `values` as corners for [`crate::Series::steps`]: after the
/// corner at x, the share y (0 to 1) of the values is at most x. Values that are not finite are left out.
/// At most about 2,000 corners are kept, always with the smallest and the largest value.
pub fn cdf(values: &[f64]) -> Vec<(f64, f64)> {
    const CORNERS: usize = 2000;
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(&first), n) = (sorted.first(), sorted.len()) else { return Vec::new() };
    let stride = n.div_ceil(CORNERS);
    let mut corners = vec![(first, 0.0)];
    for (i, &x) in sorted.iter().enumerate() {
        let last = i + 1 == n;
        // Of equal values only the last says the share; a skipped corner is covered by the next kept one.
        if last || (i % stride == stride - 1 && sorted[i + 1] > x) {
            corners.push((x, (i + 1) as f64 / n as f64));
        }
    }
    corners
}

/// Counts of `values` in `bins` bins of equal width from the smallest to the largest value, as
/// (from, to, count) for [`crate::Shape::Bars`]. Values that are not finite are left out; equal values
/// give one bar; `bins` below 1 counts as 1.
pub fn histogram(values: &[f64], bins: usize) -> Vec<(f64, f64, f64)> {
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let Some(low) = finite().min_by(f64::total_cmp) else { return Vec::new() };
    let high = finite().fold(low, f64::max);
    let bins = if high > low { bins.max(1) } else { 1 };
    let width = if high > low { (high - low) / bins as f64 } else { 1.0 };
    let start = if high > low { low } else { low - 0.5 };
    let mut counts = vec![0u64; bins];
    for v in finite() {
        let bin = ((v - start) / width) as usize;
        counts[bin.min(bins - 1)] += 1; // the largest value belongs to the last bin
    }
    counts
        .iter()
        .enumerate()
        .map(|(i, &n)| (start + i as f64 * width, start + (i + 1) as f64 * width, n as f64))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cdf_rises_from_0_to_1_at_the_values() {
        assert_eq!(
            cdf(&[3.0, 1.0, f64::NAN, 2.0, 2.0]),
            vec![(1.0, 0.0), (1.0, 0.25), (2.0, 0.75), (3.0, 1.0)]
        );
        assert!(cdf(&[f64::INFINITY]).is_empty());
    }

    #[test]
    fn a_long_cdf_is_thinned_but_keeps_its_ends() {
        let values: Vec<f64> = (0..100_000).map(f64::from).collect();
        let corners = cdf(&values);
        assert!(corners.len() < 2100);
        assert_eq!(corners.first(), Some(&(0.0, 0.0)));
        assert_eq!(corners.last(), Some(&(99_999.0, 1.0)));
        assert!(corners.windows(2).all(|w| w[0].0 <= w[1].0 && w[0].1 <= w[1].1));
    }

    #[test]
    fn a_histogram_counts_every_finite_value_once() {
        let bars = histogram(&[0.0, 1.0, 2.0, 9.9, 10.0, f64::NAN], 5);
        assert_eq!(bars.len(), 5);
        assert_eq!(bars[0], (0.0, 2.0, 2.0));
        assert_eq!(bars[4].2, 2.0);
        assert_eq!(bars.iter().map(|b| b.2).sum::<f64>(), 5.0);
        assert_eq!(histogram(&[4.0, 4.0], 9), vec![(3.5, 4.5, 2.0)]);
        assert!(histogram(&[], 3).is_empty());
    }
}
