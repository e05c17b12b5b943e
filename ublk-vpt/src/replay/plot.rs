//! Data for plots, gathered in bounded memory however long the trace is.

/// Points to draw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plots {
    /// Virtual seconds since the first arrival, and the mean response time of what arrived then, ms.
    pub response_over_time: Vec<(f64, f64)>,
    /// Virtual seconds since the first arrival, and the arrivals per second then.
    pub rate_over_time: Vec<(f64, f64)>,
    /// Response time in ms, and the share of requests that took at most that.
    pub response_cdf: Vec<(f64, f64)>,
    /// Stroke fraction and unscaled service time in ms of requests, evenly thinned.
    pub service_by_stroke: Vec<(f64, f64)>,
}

const BINS: usize = 256;

/// Counts and sums over a time axis whose end is not known: when it is full, two bins become one.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    bin_ns: u64,
    bins: [(u64, u128); BINS],
}

impl Default for Timeline {
    fn default() -> Self {
        Self { bin_ns: 1 << 20, bins: [(0, 0); BINS] }
    }
}

impl Timeline {
    pub(super) fn add(&mut self, at_ns: u64, value_ns: u64) {
        let mut bin = at_ns / self.bin_ns;
        while bin >= BINS as u64 {
            for i in 0..BINS / 2 {
                let ((n, a), (m, b)) = (self.bins[2 * i], self.bins[2 * i + 1]);
                self.bins[i] = (n + m, a + b);
            }
            self.bins[BINS / 2..].fill((0, 0));
            self.bin_ns *= 2; // at most 2^63: 256 bins of 2^56 ns hold every u64
            bin /= 2;
        }
        let bin = &mut self.bins[bin as usize];
        bin.0 += 1;
        bin.1 += u128::from(value_ns);
    }

    fn points(&self, of: impl Fn(u64, u128) -> f64) -> Vec<(f64, f64)> {
        let filled = self.bins.iter().enumerate().filter(|(_, b)| b.0 > 0);
        let middle = |i: usize| (i as f64 + 0.5) * self.bin_ns as f64 / 1e9;
        filled.map(|(i, &(n, sum))| (middle(i), of(n, sum))).collect()
    }

    /// Mean value, in ms, over time.
    pub(super) fn means(&self) -> Vec<(f64, f64)> {
        self.points(|n, sum| sum as f64 / n as f64 / 1e6)
    }

    /// Values per second over time.
    pub(super) fn rates(&self) -> Vec<(f64, f64)> {
        self.points(|n, _| n as f64 * 1e9 / self.bin_ns as f64)
    }
}

const POINTS: usize = 4096;

/// Every 2^n-th point, n growing so that few enough are kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Thinned {
    seen: u64,
    mask: u64,
    points: Vec<(f64, f64)>,
}

impl Thinned {
    pub(super) fn add(&mut self, point: impl FnOnce() -> (f64, f64)) {
        if self.seen & self.mask == 0 {
            if self.points.len() == POINTS {
                let mut keep = false;
                self.points.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.mask = self.mask * 2 + 1;
            }
            // After thinning, this one may be one of those left out.
            if self.seen & self.mask == 0 {
                self.points.push(point());
            }
        }
        self.seen += 1;
    }

    pub(super) fn into_points(self) -> Vec<(f64, f64)> {
        self.points
    }
}
