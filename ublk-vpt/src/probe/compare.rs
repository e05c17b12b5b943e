//! What the samples say about the model, and about themselves.

use super::fit::Fit;
use super::options::Model;
use super::report::{ModelReport, distribution, percentile};

/// Points of a model's curve; they lie denser where curves bend.
const CURVE: u32 = 400;

/// Every sample against what `model` expected of it.
pub(super) fn with_model(model: &Model, samples: &[(f64, f64)], expected: &[f64]) -> ModelReport {
    let pairs = || samples.iter().zip(expected).map(|(s, &e)| (s.1, e));
    let n = samples.len();
    let share = |limit: f64| {
        let near = pairs().filter(|(ms, e)| (ms - e).abs() <= limit * e).count();
        if n == 0 { 0.0 } else { near as f64 / n as f64 }
    };
    let mean = |sum: f64| if n == 0 { 0.0 } else { sum / n as f64 };
    ModelReport {
        name: model.name.clone(),
        requests: n,
        mean_ms: mean(samples.iter().map(|s| s.1).sum()),
        expected_ms: mean(expected.iter().sum()),
        closed_form_ms: model.random_mean_ms,
        within_1pct: share(0.01),
        within_2pct: share(0.02),
        deviation_us: distribution(pairs().map(|(ms, e)| (ms - e) * 1e3).collect()),
        curve: (0..=CURVE)
            .map(|i| (f64::from(i) / f64::from(CURVE)).powi(2))
            .map(|u| (u, (model.expected_ms)(u)))
            .collect(),
    }
}

/// A line about outliers, if there are any.
pub(super) fn outliers(fit: &Fit) -> Option<String> {
    let share = 100.0 * fit.outliers as f64 / fit.points.max(1) as f64;
    match fit.outliers {
        0 => None,
        n if share > 5.0 => Some(format!(
            "{n} of {} requests ({share:.0} %) lie far off any one curve: another load, or a cache on the way",
            fit.points
        )),
        n => {
            Some(format!("{n} of {} requests lie far off and are left out of the fits", fit.points))
        }
    }
}

/// A line about times that rose or fell while it was measured, if they did so beyond doubt.
pub(super) fn drift(samples: &[(f64, f64)], fit: &Fit) -> Option<String> {
    let third = samples.len() / 3;
    if third < 30 {
        return None;
    }
    // Half the spread between quartiles is robust; the median of n values is known to about
    // 1.25 standard deviations / sqrt(n).
    let look = |part: &[(f64, f64)]| {
        let mut off: Vec<f64> =
            part.iter().map(|&(u, ms)| ms / fit.at(u).max(1e-9) - 1.0).collect();
        off.sort_by(f64::total_cmp);
        let deviation = (percentile(&off, 0.75) - percentile(&off, 0.25)) / 1.349;
        (percentile(&off, 0.5), 1.25 * deviation / (off.len() as f64).sqrt())
    };
    let (first, doubt1) = look(&samples[..third]);
    let (last, doubt2) = look(&samples[samples.len() - third..]);
    let change = last - first;
    let word = if change > 0.0 { "rose" } else { "fell" };
    (change.abs() > 0.03 && change.abs() > 5.0 * doubt1.hypot(doubt2)).then(|| {
        format!(
            "times {word} by {:.0} % from the first third of the requests to the last: another load, or a target that changes",
            100.0 * change.abs()
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::probe::fit::fit;

    #[test]
    fn shares_and_deviations_are_counted_against_the_model() {
        let model = Model {
            name: "m".into(),
            expected_ms: Arc::new(|u| 10.0 + 10.0 * u),
            between_ms: None,
            random_mean_ms: Some(13.3),
        };
        // 0.5 %, 1.5 %, 3 % off and 2 % early at 10, 20, 10, 10 ms.
        let samples = [(0.0, 10.05), (1.0, 20.3), (0.0, 10.3), (0.0, 9.8)];
        let expected = samples.map(|(u, _)| 10.0 + 10.0 * u);
        let report = with_model(&model, &samples, &expected);
        assert_eq!((report.within_1pct, report.within_2pct), (0.25, 0.75));
        assert!((report.mean_ms - 12.6125).abs() < 1e-9 && report.expected_ms == 12.5);
        assert!((report.deviation_us.min + 200.0).abs() < 1e-6);
        assert!((report.deviation_us.max - 300.0).abs() < 1e-6);
        assert_eq!(report.curve.last(), Some(&(1.0, 20.0)));
    }

    #[test]
    fn a_drift_is_told_and_an_order_by_distance_is_not_one() {
        let curve = |u: f64| 5.0 + 10.0 * u;
        let steady: Vec<_> =
            (0..600).map(|i| f64::from(i) / 599.0).map(|u| (u, curve(u))).collect();
        let fit = fit(&steady).expect("a line");
        assert_eq!(drift(&steady, &fit), None);
        let slower: Vec<_> =
            (0..600).map(|i| (0.3, curve(0.3) * (1.0 + f64::from(i) / 6000.0))).collect();
        let note = drift(&slower, &fit).expect("it drifts");
        assert!(note.starts_with("times rose by 7 %"), "{note}");
    }
}
