//! The busy guest of the report's first experiment: factorials of 1 to 50, over and over.

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::clock;
use crate::log::Log;

/// Largest number whose factorial is taken.
const LARGEST: u32 = 50;

/// Calculates, looks at the clock after every factorial, and records gaps as [`crate::gap`] does. Never
/// ends.
pub fn run(log: &mut Log<'_>, threshold: u64, progress: &AtomicU64) -> ! {
    let mut last = clock::now();
    let mut done = 0;
    loop {
        for number in 1..=LARGEST {
            black_box(factorial(black_box(number)));
            done += 1;
            let now = clock::now();
            if now.wrapping_sub(last) > threshold {
                log.push(last, now, done);
            }
            last = now;
        }
        progress.store(done, Ordering::Relaxed);
    }
}

/// `number!` as a floating point number.
pub fn factorial(number: u32) -> f64 {
    (1..=number).map(f64::from).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factorials() {
        assert_eq!(factorial(0), 1.0);
        assert_eq!(factorial(10), 3_628_800.0);
        assert!((factorial(LARGEST) / 3.041_409_320_171_337_6e64 - 1.0).abs() < 1e-12);
    }
}
