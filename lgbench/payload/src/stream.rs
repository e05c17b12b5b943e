//! STREAM's four kernels (J. McCalpin), each timed for itself.

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::clock;
use crate::log::Log;

/// The kernels in their order; a record's tag is the index.
pub const KERNELS: [&str; 4] = ["copy", "scale", "add", "triad"];

/// Bytes that a kernel reads and writes for each element, by STREAM's count.
pub const BYTES_PER_ELEMENT: [u64; 4] = [16, 16, 24, 24];

/// The square root of 2 less 1: with it an iteration gives back the values it began with, where
/// STREAM's 3.0 makes them infinite after some 260 iterations.
pub const SCALAR: f64 = core::f64::consts::SQRT_2 - 1.0;

/// Elements between two signs of progress while the arrays are filled for the first time.
const CHUNK: usize = 1 << 15;

/// The three arrays.
#[derive(Debug)]
pub struct Arrays<'a> {
    a: &'a mut [f64],
    b: &'a mut [f64],
    c: &'a mut [f64],
}

impl<'a> Arrays<'a> {
    /// Three arrays of `elements` each; `None` when they do not fit.
    pub fn new(memory: &'a mut [f64], elements: usize) -> Option<Self> {
        let (a, rest) = memory.split_at_mut_checked(elements)?;
        let (b, rest) = rest.split_at_mut_checked(elements)?;
        let (c, _) = rest.split_at_mut_checked(elements)?;
        Some(Self { a, b, c })
    }

    /// Gives every element its first value.
    pub fn fill(&mut self, progress: &AtomicU64) {
        for (array, value) in [(&mut *self.a, 1.0), (&mut *self.b, 2.0), (&mut *self.c, 0.0)] {
            for chunk in array.chunks_mut(CHUNK) {
                chunk.fill(value);
                progress.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Runs one kernel.
    #[inline(never)]
    pub fn kernel(&mut self, kernel: usize) {
        let (a, b, c) = (&mut *self.a, &mut *self.b, &mut *self.c);
        match kernel {
            0 => c.iter_mut().zip(&*a).for_each(|(c, a)| *c = *a),
            1 => b.iter_mut().zip(&*c).for_each(|(b, c)| *b = SCALAR * *c),
            2 => c.iter_mut().zip(&*a).zip(&*b).for_each(|((c, a), b)| *c = *a + *b),
            _ => a.iter_mut().zip(&*b).zip(&*c).for_each(|((a, b), c)| *a = *b + SCALAR * *c),
        }
        black_box((a, b, c));
    }
}

/// Runs the kernels in turn and records each. Never ends.
pub fn run(arrays: &mut Arrays<'_>, log: &mut Log<'_>, progress: &AtomicU64) -> ! {
    loop {
        for kernel in 0..KERNELS.len() {
            let start = clock::fenced();
            arrays.kernel(kernel);
            log.push(start, clock::fenced(), kernel as u64);
            progress.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_do_what_stream_says_and_come_back_to_their_values() {
        let mut memory = vec![0.0; 3 * 1000 + 5];
        let mut arrays = Arrays::new(&mut memory, 1000).unwrap();
        arrays.fill(&AtomicU64::new(0));
        for _ in 0..300 {
            (0..KERNELS.len()).for_each(|kernel| arrays.kernel(kernel));
        }
        for (array, value) in [(&arrays.a, 1.0), (&arrays.b, SCALAR), (&arrays.c, 1.0 + SCALAR)] {
            assert!(array.iter().all(|element| (element - value).abs() < 1e-10));
        }
        assert!(Arrays::new(&mut memory, 1002).is_none());
    }
}
