//! One metric as it goes on through the runs: bins of steps or of time, and over the runs of each bin
//! the middle with its 95 % band.

use labstats::describe::{Sorted, mean};
use labstats::interval;
use labstats::results::Series;

/// Bins of one figure at most: about two pixels each.
const BINS: usize = 400;

/// Confidence of the bands.
const LEVEL: f64 = 0.95;

/// What stands for all runs of a bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Middle {
    /// The mean, with Student's t interval.
    Mean,
    /// The median, with an interval between two of the runs, for which it takes six.
    Median,
}

/// A curve with its band.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Profile {
    /// Middle by x, in stretches: between two of them no run has a sample.
    pub(super) lines: Vec<Vec<(f64, f64)>>,
    /// Stretches of (x, low, high) without gaps.
    pub(super) bands: Vec<Vec<(f64, f64, f64)>>,
    /// Samples, or their time in s, that one bin holds.
    pub(super) bin: f64,
    /// Runs that have samples.
    pub(super) runs: usize,
}

/// Over the number of the sample in its run, from 1.
pub(super) fn by_step(series: &Series, middle: Middle) -> Profile {
    let longest = series.runs.iter().map(|run| run.samples.len()).max().unwrap_or(0);
    let width = longest.div_ceil(BINS).max(1);
    let values = series.runs.iter().map(|run| {
        let mut bins = vec![(0.0, 0u32); longest.div_ceil(width)];
        for (n, v) in run.samples.iter().enumerate() {
            add(&mut bins[n / width], *v);
        }
        bins
    });
    let x = |bin: usize| (bin * width) as f64 + 0.5 * (width as f64 + 1.0);
    profile(&values.collect::<Vec<_>>(), middle, x, width as f64)
}

/// Over the time in the run, in s; `None` when samples have no time.
pub(super) fn by_time(series: &Series, middle: Middle) -> Option<Profile> {
    let timed: Vec<(&[f64], &[u64])> = series
        .runs
        .iter()
        .filter_map(|run| Some((run.samples.as_slice(), run.time_ns.as_deref()?)))
        .collect();
    let last = timed.iter().filter_map(|(_, times)| times.last()).max().copied()?;
    // A bin narrower than the usual distance of samples would show gaps that are none.
    let most = timed.iter().map(|(samples, _)| samples.len()).max().unwrap_or(1);
    let bins = (most / 2).clamp(1, BINS);
    let width = (last / bins as u64 + 1).max(1);
    let values = timed.iter().map(|(samples, times)| {
        let mut all = vec![(0.0, 0u32); bins];
        for (v, t) in samples.iter().zip(*times) {
            add(&mut all[((t / width) as usize).min(bins - 1)], *v);
        }
        all
    });
    let seconds = width as f64 / 1e9;
    let x = |bin: usize| (bin as f64 + 0.5) * seconds;
    Some(profile(&values.collect::<Vec<_>>(), middle, x, seconds))
}

fn add(bin: &mut (f64, u32), v: f64) {
    bin.0 += v;
    bin.1 += 1;
}

/// `runs`: for each run and bin the sum of its samples and their number.
fn profile(
    runs: &[Vec<(f64, u32)>],
    middle: Middle,
    x: impl Fn(usize) -> f64,
    width: f64,
) -> Profile {
    let bins = runs.iter().map(Vec::len).max().unwrap_or(0);
    let mut found = Profile {
        bin: width,
        runs: runs.iter().filter(|run| run.iter().any(|bin| bin.1 > 0)).count(),
        ..Profile::default()
    };
    let (mut line, mut band) = (Vec::new(), Vec::new());
    for bin in 0..bins {
        let there = runs.iter().filter_map(|run| run.get(bin)).filter(|bin| bin.1 > 0);
        let values: Vec<f64> = there.map(|(sum, n)| sum / f64::from(*n)).collect();
        let (center, interval) = match middle {
            Middle::Mean => (mean(&values), interval::of_mean(&values, LEVEL)),
            Middle::Median => {
                let sorted = Sorted::new(values);
                (sorted.quantile(0.5), interval::of_quantile(&sorted, 0.5, LEVEL))
            }
        };
        extend(&mut found.lines, &mut line, center.map(|center| (x(bin), center)));
        extend(&mut found.bands, &mut band, interval.map(|i| (x(bin), i.low, i.high)));
    }
    extend(&mut found.lines, &mut line, None);
    extend(&mut found.bands, &mut band, None);
    found
}

/// Adds a corner to the open stretch, or closes it where there is none.
fn extend<T>(all: &mut Vec<Vec<T>>, open: &mut Vec<T>, corner: Option<T>) {
    match corner {
        Some(corner) => open.push(corner),
        None if open.is_empty() => {}
        None => all.push(std::mem::take(open)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use labstats::results::{Run, metric};

    fn series(runs: &[(&[f64], &[u64])]) -> Series {
        let run = |(samples, times): &(&[f64], &[u64])| Run {
            samples: samples.to_vec(),
            time_ns: (!times.is_empty()).then(|| times.to_vec()),
            ..Run::default()
        };
        Series { runs: runs.iter().map(run).collect(), ..Series::of(&metric::STREAM_ADD) }
    }

    #[test]
    fn steps_are_averaged_over_runs() {
        let found = by_step(&series(&[(&[1.0, 5.0], &[]), (&[3.0], &[])]), Middle::Mean);
        assert_eq!(found.lines, [[(1.0, 2.0), (2.0, 5.0)]]);
        // Only the first step has two runs.
        assert_eq!(found.bands.len(), 1);
        assert_eq!((found.bands[0].len(), found.runs, found.bin), (1, 2, 1.0));
        assert!(found.bands[0][0].1 < 1.0 && found.bands[0][0].2 > 3.0);
    }

    #[test]
    fn a_long_run_is_binned() {
        let samples: Vec<f64> = (0..4000).map(f64::from).collect();
        let found = by_step(&series(&[(&samples, &[])]), Middle::Median);
        assert_eq!((found.lines[0].len(), found.bin), (400, 10.0));
        assert_eq!(found.lines[0][0], (5.5, 4.5));
    }

    #[test]
    fn time_without_samples_is_a_gap() {
        let times: Vec<u64> =
            (0..10).map(|n| n * 100).chain((0..10).map(|n| 9_000 + n * 100)).collect();
        let found = by_time(&series(&[(&[1.0; 20], &times)]), Middle::Mean).unwrap();
        let lengths: Vec<usize> = found.lines.iter().map(Vec::len).collect();
        assert_eq!(lengths, [1, 1], "{found:?}");
        assert!(found.lines[0][0].0 < 1.5e-6 && found.lines[1][0].0 > 8.5e-6);
        assert_eq!(by_time(&series(&[(&[1.0], &[])]), Middle::Mean), None);
        assert_eq!(by_time(&series(&[]), Middle::Mean), None);
        assert!(by_step(&series(&[]), Middle::Mean).lines.is_empty());
    }
}
