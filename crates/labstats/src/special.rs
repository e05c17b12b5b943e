//! The distributions that intervals and tests are read from.
//!
//! `erfc` and `lgamma` are those of the `libm` crate. The incomplete beta function is the continued
//! fraction of Press et al., Numerical Recipes, 6.4, by Lentz's method; the normal quantile is
//! Wichura's algorithm AS 241 (Applied Statistics 37, 1988), good to 16 digits.

/// Share of a normal distribution above `z`.
pub fn normal_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z / std::f64::consts::SQRT_2)
}

/// The value that a share `p` of a normal distribution lies below; infinite at 0 and 1, NaN outside.
pub fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(&NEAR_OVER, &NEAR_UNDER, r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-tail.ln()).sqrt();
    let z = if tail <= 0.0 {
        if tail == 0.0 { f64::INFINITY } else { f64::NAN }
    } else if r <= 5.0 {
        ratio(&MID_OVER, &MID_UNDER, r - 1.6)
    } else {
        ratio(&FAR_OVER, &FAR_UNDER, r - 5.0)
    };
    z.copysign(q)
}

fn ratio(over: &[f64; 8], under: &[f64; 8], r: f64) -> f64 {
    let polynomial = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, c| sum * r + c);
    polynomial(over) / polynomial(under)
}

const NEAR_OVER: [f64; 8] = [
    3.387_132_872_796_366_5,
    1.331_416_678_917_843_8e2,
    1.971_590_950_306_551_3e3,
    1.373_169_376_550_946e4,
    4.592_195_393_154_987e4,
    6.726_577_092_700_87e4,
    3.343_057_558_358_813e4,
    2.509_080_928_730_122_7e3,
];
const NEAR_UNDER: [f64; 8] = [
    1.0,
    4.231_333_070_160_091e1,
    6.871_870_074_920_579e2,
    5.394_196_021_424_751e3,
    2.121_379_430_158_659_7e4,
    3.930_789_580_009_271e4,
    2.872_908_573_572_194_3e4,
    5.226_495_278_852_545e3,
];
const MID_OVER: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    2.417_807_251_774_506e-1,
    2.272_384_498_926_918_4e-2,
    7.745_450_142_783_414e-4,
];
const MID_UNDER: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    6.897_673_349_851e-1,
    1.481_039_764_274_800_8e-1,
    1.519_866_656_361_645_7e-2,
    5.475_938_084_995_345e-4,
    1.050_750_071_644_416_9e-9,
];
const FAR_OVER: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    2.965_605_718_285_048_7e-1,
    2.653_218_952_657_612_4e-2,
    1.242_660_947_388_078_4e-3,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const FAR_UNDER: [f64; 8] = [
    1.0,
    5.998_322_065_558_88e-1,
    1.369_298_809_227_358e-1,
    1.487_536_129_085_061_5e-2,
    7.868_691_311_456_133e-4,
    1.846_318_317_510_054_8e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];

/// Natural logarithm of the beta function.
fn ln_beta(a: f64, b: f64) -> f64 {
    if b == 0.5 && a > 100.0 {
        // Two gammas of nearly the same large number would lose digits; their ratio has a series.
        let ratio = 0.5 * a.ln() - 1.0 / (8.0 * a) + 1.0 / (192.0 * a.powi(3));
        return 0.5 * std::f64::consts::PI.ln() - ratio;
    }
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

/// Regularised incomplete beta function I_x(a, b), given x and 1 - x so that neither loses digits.
fn incomplete_beta(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if rest <= 0.0 {
        return 1.0;
    }
    // The logarithm of a number near 1 is taken from its distance to 1.
    let ln = |v: f64, rest: f64| if v > 0.5 { libm::log1p(-rest) } else { v.ln() };
    let front = (a * ln(x, rest) + b * ln(rest, x) - ln_beta(a, b)).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, rest) / b
    }
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let safe = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / safe(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    // It takes about the square root of the larger parameter; the bound is never met.
    for m in 1..100_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / safe(1.0 + even * d);
        c = safe(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / safe(1.0 + odd * d);
        c = safe(1.0 + odd / c);
        let factor = d * c;
        h *= factor;
        if (factor - 1.0).abs() < 1e-16 {
            break;
        }
    }
    h
}

/// Share of Student's t distribution with `freedom` degrees of freedom that lies beyond ±`t`.
pub fn t_tails(t: f64, freedom: f64) -> f64 {
    let square = t * t;
    incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + square), square / (freedom + square))
}

/// The positive t beyond ±which a share `alpha` (0 to 1) of Student's distribution lies.
pub fn t_critical(alpha: f64, freedom: f64) -> f64 {
    let mut high = 1.0;
    while t_tails(high, freedom) > alpha && high < 1e300 {
        high *= 2.0;
    }
    let mut low = 0.0;
    // Halving ends where no number lies between the two.
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if t_tails(middle, freedom) > alpha { low = middle } else { high = middle }
    }
}

/// Probability of at most `k` successes in `n` tries, each with probability `p`.
pub fn binomial_at_most(k: u64, n: u64, p: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    incomplete_beta((n - k) as f64, k as f64 + 1.0, 1.0 - p, p)
}

/// The smallest number of successes that is not exceeded with probability `share` or more.
pub fn binomial_quantile(share: f64, n: u64, p: f64) -> u64 {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low) / 2;
        if binomial_at_most(middle, n, p) >= share { high = middle } else { low = middle + 1 }
    }
    low
}
