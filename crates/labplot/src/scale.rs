//! From values to pixels; where ticks go and how they read.

use crate::figure::{Axis, Scale};

/// A tick: where, and what it says. Minor ticks say nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// An axis with its range decided and laid over pixels.
#[derive(Clone, Debug)]
pub(crate) struct Mapped {
    scale: Scale,
    pub(crate) low: f64,
    pub(crate) high: f64,
    from_px: f64,
    to_px: f64,
    names: Vec<Tick>,
}

/// Where a value falls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// Inside the range, at this pixel.
    Inside(f64),
    /// Beyond this end of the axis; the pixel of that end.
    Beyond(f64),
    /// Cannot be placed: not finite, or not positive on a logarithmic axis.
    Nowhere,
}

impl Mapped {
    /// Decides the range of `axis` for data between `low` and `high` (`None`: no data).
    pub(crate) fn new(axis: &Axis, data: Option<(f64, f64)>) -> Self {
        let (low, high) = match axis.range {
            Some((low, high))
                if low.is_finite()
                    && high.is_finite()
                    && low < high
                    && (axis.scale == Scale::Linear || low > 0.0) =>
            {
                (low, high)
            }
            _ => automatic(axis, data),
        };
        let names = axis.names.iter().filter(|(value, _)| *value >= low && *value <= high);
        let names =
            names.map(|(value, name)| Tick { value: *value, label: name.clone() }).collect();
        Self { scale: axis.scale, low, high, from_px: 0.0, to_px: 1.0, names }
    }

    /// Lays the range over pixels; `from` belongs to the low end.
    pub(crate) fn over(mut self, from: f64, to: f64) -> Self {
        (self.from_px, self.to_px) = (from, to);
        self
    }

    /// Length on the page.
    fn pixels(&self) -> f64 {
        (self.to_px - self.from_px).abs()
    }

    fn warp(&self, v: f64) -> f64 {
        match self.scale {
            Scale::Linear => v,
            Scale::Log => v.log10(),
        }
    }

    /// The pixel of `v`, also beyond the ends. Not finite for values a logarithm has no place for.
    pub(crate) fn px(&self, v: f64) -> f64 {
        let (low, high) = (self.warp(self.low), self.warp(self.high));
        self.from_px + (self.warp(v) - low) / (high - low) * (self.to_px - self.from_px)
    }

    /// The pixel from which bars rise: that of 0, or of the low end where there is no 0.
    pub(crate) fn base_px(&self) -> f64 {
        match self.scale {
            Scale::Linear => self.px(0.0_f64.clamp(self.low, self.high)),
            Scale::Log => self.from_px,
        }
    }

    /// Where `v` falls.
    pub(crate) fn place(&self, v: f64) -> Place {
        let px = self.px(v);
        if !v.is_finite() || !px.is_finite() {
            Place::Nowhere
        } else if v < self.low {
            Place::Beyond(self.from_px)
        } else if v > self.high {
            Place::Beyond(self.to_px)
        } else {
            Place::Inside(px)
        }
    }

    /// Ticks about `spacing` pixels apart, labelled ones and, on a logarithmic axis, minor ones.
    pub(crate) fn ticks(&self, spacing: f64) -> Vec<Tick> {
        if !self.names.is_empty() {
            return self.names.clone();
        }
        let want = (self.pixels() / spacing).clamp(2.0, 24.0);
        match self.scale {
            Scale::Linear => linear_ticks(self.low, self.high, want),
            Scale::Log => {
                let ticks = log_ticks(self.low, self.high, want);
                if ticks.iter().filter(|t| !t.label.is_empty()).count() >= 2 {
                    ticks
                } else {
                    linear_ticks(self.low, self.high, want)
                }
            }
        }
    }
}

/// The range that shows `data` with a little air, ending on round numbers.
fn automatic(axis: &Axis, data: Option<(f64, f64)>) -> (f64, f64) {
    match axis.scale {
        Scale::Linear => {
            let (mut low, mut high) = data.unwrap_or((0.0, 1.0));
            if axis.from_zero {
                (low, high) = (low.min(0.0), high.max(0.0));
            }
            if high <= low {
                let air = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
                (low, high) =
                    if axis.from_zero { (low, low + air) } else { (low - air, low + air) };
            }
            let step = step(high - low, 8.0);
            let down = ((low - 0.02 * (high - low)) / step).floor() * step;
            let up = ((high + 0.02 * (high - low)) / step).ceil() * step;
            // Air below 0 says nothing when no value is there.
            (if low >= 0.0 { down.max(0.0) } else { down }, up)
        }
        Scale::Log => {
            let (low, high) = data.unwrap_or((1.0, 10.0));
            let (low, high) = if high > low { (low, high) } else { (low / 2.0, high * 2.0) };
            // Ends at 1, 2 or 5 times a power of ten keep narrow ranges narrow.
            (round_log(low / 1.02, false), round_log(high * 1.02, true))
        }
    }
}

/// The next 1, 2 or 5 times a power of ten at or beyond `v`, upwards or downwards.
fn round_log(v: f64, up: bool) -> f64 {
    let decade = 10f64.powf(v.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|m| m * decade);
    if up {
        steps.into_iter().find(|&s| s >= v).unwrap_or(v)
    } else {
        steps.into_iter().rev().find(|&s| s <= v).unwrap_or(v)
    }
}

/// 1, 2 or 5 times a power of ten, so that `span` holds about `count` of them.
fn step(span: f64, count: f64) -> f64 {
    let raw = span / count;
    let decade = 10f64.powf(raw.log10().floor());
    let m = raw / decade;
    let round = match m {
        _ if m <= 1.0 + 1e-9 => 1.0,
        _ if m <= 2.0 + 1e-9 => 2.0,
        _ if m <= 5.0 + 1e-9 => 5.0,
        _ => 10.0,
    };
    round * decade
}

fn linear_ticks(low: f64, high: f64, want: f64) -> Vec<Tick> {
    let step = step(high - low, want);
    let first = (low / step - 1e-6).ceil();
    let last = (high / step + 1e-6).floor();
    let count = (last - first) as usize;
    // Decimals that tell neighbouring ticks apart.
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    let largest = low.abs().max(high.abs());
    let plain = step >= 1e-6 && largest < 1e7;
    (0..=count)
        .map(|i| {
            let value = (first + i as f64) * step;
            let label = if plain || value == 0.0 {
                format!("{:.decimals$}", value + 0.0)
            } else {
                format!("{value:.2e}").replacen(".00e", "e", 1)
            };
            Tick { value, label }
        })
        .collect()
}

fn log_ticks(low: f64, high: f64, want: f64) -> Vec<Tick> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let decades = high.log10() - low.log10();
    let every = (decades / want).ceil().max(1.0) as i32;
    let room = want / decades.max(0.1);
    let labelled: &[u32] = match room {
        r if r >= 6.0 => &[1, 2, 3, 5],
        r if r >= 3.0 => &[1, 2, 5],
        _ => &[1],
    };
    let mut ticks = Vec::new();
    for decade in first..=last {
        for m in 1..10u32 {
            let value = f64::from(m) * 10f64.powi(decade);
            if value < low * (1.0 - 1e-9) || value > high * (1.0 + 1e-9) || (m > 1 && every > 1) {
                continue;
            }
            let shown = labelled.contains(&m) && decade.rem_euclid(every) == 0;
            ticks.push(Tick {
                value,
                label: if shown { log_label(m, decade) } else { String::new() },
            });
        }
    }
    ticks
}

/// `m` times ten to the `decade`, written out where that stays short.
fn log_label(m: u32, decade: i32) -> String {
    match decade {
        -4..=-1 => {
            format!("{:.*}", decade.unsigned_abs() as usize, f64::from(m) * 10f64.powi(decade))
        }
        0..=5 => format!("{:.0}", f64::from(m) * 10f64.powi(decade)),
        _ => format!("{m}e{decade}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|t| t.label.as_str()).filter(|l| !l.is_empty()).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(
            labels(&linear_ticks(0.0, 1.0, 5.0)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(labels(&linear_ticks(-4.0, 21.0, 5.0)), ["0", "5", "10", "15", "20"]);
        assert_eq!(labels(&log_ticks(0.01, 100.0, 6.0)), ["0.01", "0.1", "1", "10", "100"]);
        assert_eq!(labels(&log_ticks(1.0, 20.0, 6.0)), ["1", "2", "5", "10", "20"]);
    }

    #[test]
    fn values_find_their_pixels() {
        let map = Mapped::new(&Axis::new("", "").range(0.0, 10.0), None).over(100.0, 200.0);
        assert_eq!(map.place(5.0), Place::Inside(150.0));
        assert_eq!(map.place(11.0), Place::Beyond(200.0));
        assert_eq!(map.place(f64::NAN), Place::Nowhere);
        let log = Mapped::new(&Axis::new("", "").range(1.0, 100.0).log(), None).over(0.0, 100.0);
        assert_eq!(log.place(10.0), Place::Inside(50.0));
        assert_eq!(log.place(0.0), Place::Nowhere);
        assert_eq!(log.place(-1.0), Place::Nowhere);
    }

    #[test]
    fn names_stand_where_numbers_would() {
        let names = vec![(1.0, "old".to_owned()), (2.0, "new".to_owned()), (9.0, "far".to_owned())];
        let axis = Axis::new("", "").range(0.5, 2.5).names(names);
        let map = Mapped::new(&axis, None).over(0.0, 400.0);
        assert_eq!(labels(&map.ticks(90.0)), ["old", "new"]);
    }

    #[test]
    fn a_senseless_range_is_ignored() {
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            let map = Mapped::new(&Axis::new("", "").range(low, high), Some((3.0, 4.0)));
            assert!(map.low <= 3.0 && map.high >= 4.0 && map.high.is_finite());
        }
    }

    proptest! {
        #[test]
        fn every_range_shows_its_data_with_few_distinct_ticks(
            a in -1e9f64..1e9, span in 0f64..1e6, log: bool, zero: bool, px in 50f64..4000.0,
        ) {
            let mut axis = Axis::new("", "");
            axis.from_zero = zero;
            let (low, high) = if log {
                axis = axis.log();
                (a.abs() + 1e-6, a.abs() + 1e-6 + span)
            } else {
                (a, a + span)
            };
            let map = Mapped::new(&axis, Some((low, high))).over(0.0, px);
            prop_assert!(map.low <= low && high <= map.high && map.low < map.high);
            let ticks = map.ticks(80.0);
            prop_assert!(!ticks.is_empty() && ticks.len() < 300, "{}", ticks.len());
            prop_assert!(ticks.windows(2).all(|w| w[0].value < w[1].value));
            prop_assert!(ticks.iter().all(|t| matches!(map.px(t.value), p if p > -1.0 && p < px + 1.0)));
        }
    }
}
