//! How much neighbouring samples of a run resemble each other, and what that leaves of their number.

/// How far apart samples are looked at. What still hangs together at this distance makes the effective
/// number an overestimate, and runs are compared, not samples, for that reason.
const LAGS: usize = 200;

/// Dependence within one run.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Autocorrelation {
    /// Correlation of each sample with the next, -1 to 1; 0 when all samples are equal.
    pub lag1: f64,
    /// As many independent samples would tell the mean as well (Geyer's initial positive sequence,
    /// Statistical Science 7, 1992).
    pub effective_n: f64,
}

/// Looks at the samples of one run in their order. `None` for fewer than three.
pub fn autocorrelation(samples: &[f64]) -> Option<Autocorrelation> {
    let n = samples.len();
    if n < 3 {
        return None;
    }
    let mean = crate::describe::mean(samples)?;
    let at = |lag: usize| -> f64 {
        samples.iter().zip(&samples[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum()
    };
    let variance = at(0);
    if variance <= 0.0 {
        return Some(Autocorrelation { lag1: 0.0, effective_n: n as f64 });
    }
    let lag1 = at(1) / variance;
    // Sums of neighbouring pairs are positive for every reversible process; what follows the first that
    // is not is noise.
    let mut time = -1.0;
    let mut pair = 1.0 + lag1;
    let mut lag = 2;
    while pair > 0.0 {
        time += 2.0 * pair;
        if lag + 1 > LAGS.min(n - 1) {
            break;
        }
        pair = (at(lag) + at(lag + 1)) / variance;
        lag += 2;
    }
    let effective_n = (n as f64 / time.max(1.0)).clamp(1.0, n as f64);
    Some(Autocorrelation { lag1, effective_n })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn independent_samples_keep_their_number_and_dependent_ones_do_not() {
        let mut random = Random::new(3);
        let white: Vec<f64> = (0..20_000).map(|_| random.normal()).collect();
        let found = autocorrelation(&white).unwrap();
        assert!(found.lag1.abs() < 0.03 && found.effective_n > 15_000.0, "{found:?}");
        let mut state = 0.0;
        let red: Vec<f64> = white
            .iter()
            .map(|e| {
                state = 0.9 * state + e;
                state
            })
            .collect();
        let found = autocorrelation(&red).unwrap();
        // AR(1) with 0.9: n (1 - 0.9) / (1 + 0.9).
        let expected = 20_000.0 * 0.1 / 1.9;
        assert!((found.lag1 - 0.9).abs() < 0.02, "{found:?}");
        assert!((found.effective_n / expected - 1.0).abs() < 0.25, "{found:?}");
    }

    #[test]
    fn constant_and_short_runs_are_no_trouble() {
        assert_eq!(autocorrelation(&[1.0, 2.0]), None);
        let same = autocorrelation(&[5.0; 10]).unwrap();
        assert_eq!((same.lag1, same.effective_n), (0.0, 10.0));
    }
}
