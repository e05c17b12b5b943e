//! Two sets of values, compared by which is larger how often: Mann and Whitney's U, Cliff's delta.

use serde::Serialize;

use crate::describe::Sorted;
use crate::special::normal_tail;

/// Up to this many values in both sets together, probabilities are counted out.
pub const EXACT_UP_TO: usize = 60;

/// Result of Mann and Whitney's test (Annals of Mathematical Statistics 18, 1947).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MannWhitney {
    /// In how many pairs the first set's value is the larger; ties count half.
    pub u: f64,
    /// Probability of a U at least as far from its mean when both sets are alike.
    pub p: f64,
    /// Whether `p` is exact; otherwise it is the normal approximation with corrections for ties and
    /// continuity.
    pub exact: bool,
}

/// Pairs in which the first value is larger (`above`) or smaller, and sums over groups of equal values.
struct Pairs {
    above: u128,
    below: u128,
    /// Sum of t^3 - t over groups of t equal values.
    ties: f64,
}

fn pairs(x: &[f64], y: &[f64]) -> Pairs {
    let (mut i, mut j) = (0, 0);
    let mut found = Pairs { above: 0, below: 0, ties: 0.0 };
    while i < x.len() || j < y.len() {
        let value = match (x.get(i), y.get(j)) {
            (Some(a), Some(b)) => a.min(*b),
            (Some(v), None) | (None, Some(v)) => *v,
            (None, None) => break,
        };
        let of_x = x[i..].iter().take_while(|v| **v == value).count();
        let of_y = y[j..].iter().take_while(|v| **v == value).count();
        found.above += of_x as u128 * j as u128;
        found.below += of_x as u128 * (y.len() - j - of_y) as u128;
        let t = (of_x + of_y) as f64;
        found.ties += t * t * t - t;
        (i, j) = (i + of_x, j + of_y);
    }
    found
}

/// Tests, two-sided, whether values of one set tend to be larger than those of the other. `None` when a
/// set is empty.
pub fn mann_whitney(x: &Sorted, y: &Sorted) -> Option<MannWhitney> {
    let (x, y) = (x.values(), y.values());
    if x.is_empty() || y.is_empty() {
        return None;
    }
    let found = pairs(x, y);
    let (n, m) = (x.len() as f64, y.len() as f64);
    let u = 0.5 * (n * m + found.above as f64 - found.below as f64);
    if x.len() + y.len() <= EXACT_UP_TO {
        return Some(MannWhitney { u, p: exact_p(x, y), exact: true });
    }
    let total = n + m;
    let variance = n * m / 12.0 * (total + 1.0 - found.ties / (total * (total - 1.0)));
    let away = ((u - 0.5 * n * m).abs() - 0.5).max(0.0);
    let p = if variance > 0.0 { (2.0 * normal_tail(away / variance.sqrt())).min(1.0) } else { 1.0 };
    Some(MannWhitney { u, p, exact: false })
}

/// Cliff's delta (Psychological Bulletin 114, 1993): the probability that a value of `x` is larger than
/// one of `y`, less the probability of the opposite; -1 to 1. `None` when a set is empty.
pub fn cliffs_delta(x: &Sorted, y: &Sorted) -> Option<f64> {
    let (x, y) = (x.values(), y.values());
    if x.is_empty() || y.is_empty() {
        return None;
    }
    let found = pairs(x, y);
    let all = x.len() as f64 * y.len() as f64;
    Some((found.above as f64 - found.below as f64) / all)
}

/// Twice the smaller tail of the rank sum, over all ways to choose the first set's places among the
/// values that are there, ties included (Streitberg and Röhmel's shift algorithm, Statistical Software
/// Newsletter 12, 1986, on doubled mid-ranks). Ties may make its distribution lopsided, so each tail gets its half.
fn exact_p(x: &[f64], y: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> =
        x.iter().map(|&v| (v, true)).chain(y.iter().map(|&v| (v, false))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut ranks = Vec::with_capacity(all.len());
    let mut observed = 0;
    for group in all.chunk_by(|a, b| a.0 == b.0) {
        let first = ranks.len() + 1;
        let doubled = 2 * first + group.len() - 1;
        ranks.extend(group.iter().map(|_| doubled));
        observed += doubled * group.iter().filter(|(_, of_x)| *of_x).count();
    }
    let counts = rank_sums(&ranks, x.len());
    let (below, at_least) = counts.split_at(observed.min(counts.len()));
    let at = at_least.first().copied().unwrap_or(0.0);
    let (below, at_least): (f64, f64) = (below.iter().sum(), at_least.iter().sum());
    let all = below + at_least;
    (2.0 * (below + at).min(at_least) / all).min(1.0)
}

/// Number of ways to choose `n` of `ranks` for each sum.
fn rank_sums(ranks: &[usize], n: usize) -> Vec<f64> {
    let most: usize = ranks.iter().rev().take(n).sum();
    let mut ways = vec![vec![0.0; most + 1]; n + 1];
    ways[0][0] = 1.0;
    for (seen, &rank) in ranks.iter().enumerate() {
        for k in (1..=n.min(seen + 1)).rev() {
            let (fewer, more) = ways.split_at_mut(k);
            let (from, to) = (&fewer[k - 1], &mut more[0]);
            for (to, from) in to[rank.min(most + 1)..].iter_mut().zip(from) {
                *to += from;
            }
        }
    }
    ways.swap_remove(n)
}

/// Probability of each value of U, 0 to n m, for sets of `n` and `m` values without ties.
pub(crate) fn u_distribution(n: usize, m: usize) -> Vec<f64> {
    let ranks: Vec<usize> = (1..=n + m).collect();
    let sums = rank_sums(&ranks, n);
    let least = n * (n + 1) / 2;
    let all: f64 = sums.iter().sum();
    sums[least..].iter().map(|ways| ways / all).collect()
}

/// The smallest p that sets of `n` and `m` values can reach: all of one set above the other.
pub fn smallest_p(n: usize, m: usize) -> f64 {
    // 2 / C(n + m, n), factor by factor.
    let few = n.min(m);
    (1..=few).fold(2.0, |p: f64, k| p * k as f64 / (n.max(m) + k) as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_p_is_the_one_reached() {
        let low = Sorted::new(vec![1.0, 2.0, 3.0, 4.0]);
        let high = Sorted::new(vec![5.0, 6.0, 7.0, 8.0]);
        let p = mann_whitney(&low, &high).unwrap().p;
        assert!((p - 2.0 / 70.0).abs() < 1e-15 && (smallest_p(4, 4) - p).abs() < 1e-15);
        assert_eq!(smallest_p(1, 1), 1.0);
        assert_eq!(cliffs_delta(&low, &high), Some(-1.0));
    }

    #[test]
    fn equal_values_are_no_evidence() {
        let same = Sorted::new(vec![3.0; 6]);
        assert_eq!(mann_whitney(&same, &same).unwrap().p, 1.0);
        let many = Sorted::new(vec![3.0; 600]);
        assert_eq!(mann_whitney(&many, &many).unwrap().p, 1.0);
        assert!(mann_whitney(&same, &Sorted::new(vec![])).is_none());
    }

    #[test]
    fn the_distribution_of_u_sums_to_1_and_is_symmetric() {
        let d = u_distribution(5, 8);
        assert_eq!(d.len(), 41);
        assert!((d.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((0..41).all(|u| (d[u] - d[40 - u]).abs() < 1e-15));
    }
}
