//! Fluid dynamics in three dimensions: a Taylor-Green vortex in a periodic box, by the lattice
//! Boltzmann method (D3Q19, collisions of Bhatnagar, Gross and Krook; Krüger et al., The Lattice
//! Boltzmann Method, 2017, chapter 3).
//!
//! Everything is in lattice units: one cell, one step, density 1 at rest. Work is fixed by the number of
//! cells and steps alone. Every step gives a checksum of the flow, so that two machines can be seen to
//! have computed the same.

use core::f64::consts::TAU;
use core::mem::size_of;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::clock;
use crate::log::Log;

/// Populations of a cell: those that move in one of 18 directions, and those at rest.
const DIRECTIONS: usize = 19;

/// Where they move: rest, the six faces, the twelve edges of a cube.
const STEPS: [[i8; 3]; DIRECTIONS] = [
    [0, 0, 0],
    [1, 0, 0],
    [-1, 0, 0],
    [0, 1, 0],
    [0, -1, 0],
    [0, 0, 1],
    [0, 0, -1],
    [1, 1, 0],
    [-1, -1, 0],
    [1, -1, 0],
    [-1, 1, 0],
    [1, 0, 1],
    [-1, 0, -1],
    [1, 0, -1],
    [-1, 0, 1],
    [0, 1, 1],
    [0, -1, -1],
    [0, 1, -1],
    [0, -1, 1],
];

/// Weights of rest, faces and edges.
const WEIGHTS: [f64; DIRECTIONS] = {
    let mut weights = [1.0 / 36.0; DIRECTIONS];
    let mut direction = 1;
    while direction <= 6 {
        weights[direction] = 1.0 / 18.0;
        direction += 1;
    }
    weights[0] = 1.0 / 3.0;
    weights
};

/// Steps in which a disturbance relaxes.
const RELAXATION: f64 = 0.6;

/// Kinematic viscosity that follows from it, in cells squared by step.
pub const VISCOSITY: f64 = (RELAXATION - 0.5) / 3.0;

/// Largest velocity of the vortex: well below the lattice's speed of sound, 0.58.
const SPEED: f64 = 0.05;

/// Fewest cells along an edge in which a vortex is one.
pub const MIN_EDGE: u64 = 4;

/// Bytes of heap for a box with `edge` cells along each edge: two copies of all populations.
pub fn bytes(edge: u64) -> u64 {
    let each = (2 * DIRECTIONS * size_of::<f64>()) as u64;
    edge.saturating_mul(edge).saturating_mul(edge).saturating_mul(each)
}

/// A fluid in a periodic box.
#[derive(Debug)]
pub struct Flow<'a> {
    edge: usize,
    cells: usize,
    now: &'a mut [f64],
    next: &'a mut [f64],
}

impl<'a> Flow<'a> {
    /// A box with `edge` cells along each edge; `None` when it is too small or does not fit.
    pub fn new(memory: &'a mut [f64], edge: usize) -> Option<Self> {
        let cells = edge.checked_mul(edge)?.checked_mul(edge)?;
        let each = cells.checked_mul(DIRECTIONS).filter(|_| edge as u64 >= MIN_EDGE)?;
        let (now, rest) = memory.split_at_mut_checked(each)?;
        let (next, _) = rest.split_at_mut_checked(each)?;
        Some(Self { edge, cells, now, next })
    }

    /// The vortex of Taylor and Green.
    pub fn fill(&mut self, progress: &AtomicU64) {
        let turn = 1.0 / self.edge as f64;
        let velocity = |at: [usize; 3]| {
            let [x, y, z] = at.map(|cell| cell as f64 * turn);
            let deep = SPEED * sine(z + 0.25);
            [sine(x) * sine(y + 0.25) * deep, -sine(x + 0.25) * sine(y) * deep, 0.0]
        };
        self.set(velocity, progress);
    }

    /// Gives every cell the equilibrium of its velocity, at density 1.
    fn set(&mut self, velocity: impl Fn([usize; 3]) -> [f64; 3], progress: &AtomicU64) {
        for z in 0..self.edge {
            for y in 0..self.edge {
                for x in 0..self.edge {
                    let cell = (z * self.edge + y) * self.edge + x;
                    let balance = equilibrium(1.0, velocity([x, y, z]));
                    for (direction, value) in balance.into_iter().enumerate() {
                        self.now[direction * self.cells + cell] = value;
                    }
                }
            }
            progress.fetch_add(1, Ordering::Relaxed);
        }
        self.next.copy_from_slice(self.now);
    }

    /// One step of time; the checksum of the flow after it.
    #[inline(never)]
    pub fn step(&mut self) -> u64 {
        let mut sum = Checksum::default();
        for z in 0..self.edge {
            let zs = around(z, self.edge);
            for y in 0..self.edge {
                let ys = around(y, self.edge);
                for x in 0..self.edge {
                    let xs = around(x, self.edge);
                    let mut cell = [0.0; DIRECTIONS];
                    for (direction, [dx, dy, dz]) in STEPS.into_iter().enumerate() {
                        let row = pick(zs, dz) * self.edge + pick(ys, dy);
                        let from = row * self.edge + pick(xs, dx);
                        cell[direction] = self.now[direction * self.cells + from];
                    }
                    let (density, velocity) = moments(&cell);
                    let balance = equilibrium(density, velocity);
                    let here = (z * self.edge + y) * self.edge + x;
                    for direction in 0..DIRECTIONS {
                        let old = cell[direction];
                        let relaxed = old - (old - balance[direction]) * (1.0 / RELAXATION);
                        self.next[direction * self.cells + here] = relaxed;
                    }
                    sum.add(density * square(velocity));
                }
            }
        }
        core::mem::swap(&mut self.now, &mut self.next);
        sum.0
    }
}

/// The cells before, at and after a place on a ring.
fn around(at: usize, edge: usize) -> [usize; 3] {
    [if at == 0 { edge - 1 } else { at - 1 }, at, if at + 1 == edge { 0 } else { at + 1 }]
}

/// Where what has moved by `step` comes from.
#[inline(always)]
fn pick(around: [usize; 3], step: i8) -> usize {
    around[(1 - step) as usize]
}

/// Density and velocity of a cell.
#[inline(always)]
fn moments(cell: &[f64; DIRECTIONS]) -> (f64, [f64; 3]) {
    let (mut density, mut momentum) = (0.0, [0.0; 3]);
    for (value, step) in cell.iter().zip(STEPS) {
        density += value;
        for axis in 0..3 {
            momentum[axis] += f64::from(step[axis]) * value;
        }
    }
    (density, momentum.map(|part| part / density))
}

/// The populations that collisions tend to.
#[inline(always)]
fn equilibrium(density: f64, velocity: [f64; 3]) -> [f64; DIRECTIONS] {
    let still = 1.0 - 1.5 * square(velocity);
    let mut balance = [0.0; DIRECTIONS];
    for direction in 0..DIRECTIONS {
        let [x, y, z] = STEPS[direction].map(f64::from);
        let along = 3.0 * (x * velocity[0] + y * velocity[1] + z * velocity[2]);
        balance[direction] = WEIGHTS[direction] * density * (still + along + 0.5 * along * along);
    }
    balance
}

#[inline(always)]
fn square([x, y, z]: [f64; 3]) -> f64 {
    x * x + y * y + z * z
}

/// The hash of Fowler, Noll and Vo, over whole words.
struct Checksum(u64);

impl Default for Checksum {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Checksum {
    #[inline(always)]
    fn add(&mut self, value: f64) {
        self.0 = (self.0 ^ value.to_bits()).wrapping_mul(0x0100_0000_01b3);
    }
}

/// The sine of a number of turns between 0 and 2, which the core library does not have.
fn sine(turns: f64) -> f64 {
    let turns = if turns >= 1.0 { turns - 1.0 } else { turns };
    // Into the quarters around 0, where the series is short.
    let near = match turns {
        _ if turns <= 0.25 => turns,
        _ if turns <= 0.75 => 0.5 - turns,
        _ => turns - 1.0,
    };
    let angle = near * TAU;
    let mut term = angle;
    let mut sum = angle;
    for n in 1..12 {
        let n = f64::from(2 * n);
        term *= -angle * angle / (n * (n + 1.0));
        sum += term;
    }
    sum
}

/// Goes on step by step and records each with the flow's checksum; progress counts steps. Never ends.
pub fn run(flow: &mut Flow<'_>, log: &mut Log<'_>, progress: &AtomicU64) -> ! {
    loop {
        let start = clock::fenced();
        let sum = flow.step();
        log.push(start, clock::fenced(), sum);
        progress.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGE: usize = 16;

    fn memory(edge: usize) -> Vec<f64> {
        vec![0.0; bytes(edge as u64) as usize / size_of::<f64>()]
    }

    impl Flow<'_> {
        fn at(&self, [x, y, z]: [usize; 3]) -> (f64, [f64; 3]) {
            let cell = (z * self.edge + y) * self.edge + x;
            let mut values = [0.0; DIRECTIONS];
            for (direction, value) in values.iter_mut().enumerate() {
                *value = self.now[direction * self.cells + cell];
            }
            moments(&values)
        }

        fn all(&self) -> impl Iterator<Item = [usize; 3]> + use<> {
            let edge = self.edge;
            (0..self.cells).map(move |n| [n % edge, n / edge % edge, n / edge / edge])
        }

        fn go(&mut self, steps: u32) {
            for _ in 0..steps {
                self.step();
            }
        }

        fn mass(&self) -> f64 {
            self.all().map(|at| self.at(at).0).sum()
        }

        fn energy(&self) -> f64 {
            let energy = |at| {
                let (density, velocity) = self.at(at);
                density * square(velocity) / 2.0
            };
            self.all().map(energy).sum()
        }
    }

    #[test]
    fn the_lattice_is_isotropic() {
        let all = || STEPS.iter().zip(WEIGHTS);
        assert!((all().map(|(_, weight)| weight).sum::<f64>() - 1.0).abs() < 1e-15);
        for (a, b) in [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2)] {
            let second: f64 = all().map(|(s, w)| w * f64::from(s[a]) * f64::from(s[b])).sum();
            let expected = if a == b { 1.0 / 3.0 } else { 0.0 };
            assert!((second - expected).abs() < 1e-15, "{a} {b}");
        }
    }

    #[test]
    fn mass_and_momentum_stay() {
        let mut memory = memory(EDGE);
        let mut flow = Flow::new(&mut memory, EDGE).unwrap();
        // Some wind on top of the vortex, so that there is a momentum to lose.
        let wind = [0.02, -0.01, 0.03];
        let swirl = |[x, y, _]: [usize; 3]| [sine(y as f64 / 16.0), sine(x as f64 / 16.0), 0.0];
        flow.set(|at| std::array::from_fn(|n| wind[n] + 0.02 * swirl(at)[n]), &AtomicU64::new(0));
        let momentum = |flow: &Flow<'_>, axis: usize| -> f64 {
            flow.all().map(|at| flow.at(at)).map(|(density, v)| density * v[axis]).sum()
        };
        let before: Vec<f64> = (0..3).map(|axis| momentum(&flow, axis)).collect();
        let mass = flow.mass();
        flow.go(30);
        assert!((flow.mass() / mass - 1.0).abs() < 1e-12);
        for (axis, before) in before.into_iter().enumerate() {
            assert!((momentum(&flow, axis) / before - 1.0).abs() < 1e-9, "axis {axis}");
        }
    }

    #[test]
    fn a_shear_wave_decays_as_its_viscosity_says() {
        let mut memory = memory(EDGE);
        let mut flow = Flow::new(&mut memory, EDGE).unwrap();
        // Every axis along which it varies, and every one along which it moves.
        for (varies, moves) in [(0, 1), (1, 2), (2, 0)] {
            let wave = |at: [usize; 3]| {
                let mut velocity = [0.0; 3];
                velocity[moves] = 0.01 * sine(at[varies] as f64 / EDGE as f64);
                velocity
            };
            flow.set(wave, &AtomicU64::new(0));
            // What an equilibrium leaves out has settled by then.
            flow.go(10);
            let before = flow.energy();
            let steps = 30;
            flow.go(steps);
            let rate = (before / flow.energy()).ln() / f64::from(steps);
            let wave_number = TAU / EDGE as f64;
            let expected = 2.0 * VISCOSITY * wave_number * wave_number;
            assert!((rate / expected - 1.0).abs() < 0.02, "{rate} for {expected}");
        }
    }

    #[test]
    fn the_vortex_keeps_its_mirrors_and_decays() {
        let mut memory = memory(EDGE);
        let mut flow = Flow::new(&mut memory, EDGE).unwrap();
        flow.fill(&AtomicU64::new(0));
        let before = flow.energy();
        // A quarter of each square is left by three cosines: an eighth of all.
        let expected = (EDGE * EDGE * EDGE) as f64 * SPEED * SPEED / 8.0;
        assert!((before / expected - 1.0).abs() < 1e-2, "{before} for {expected}");
        flow.go(10);
        let settled = flow.energy();
        let steps = 20;
        flow.go(steps);
        let mirror = |n: usize| (EDGE - n) % EDGE;
        for at in flow.all() {
            let (density, velocity) = flow.at(at);
            for axis in 0..3 {
                let mut there = at;
                there[axis] = mirror(at[axis]);
                let (same, mut turned) = flow.at(there);
                turned[axis] = -turned[axis];
                assert!((density - same).abs() < 1e-13);
                for n in 0..3 {
                    assert!((velocity[n] - turned[n]).abs() < 1e-13, "{at:?} {axis} {n}");
                }
            }
        }
        // Viscous decay, of which the vortex's own transport takes little so early.
        let wave_number = TAU / EDGE as f64;
        let expected = 6.0 * VISCOSITY * wave_number * wave_number;
        let rate = (settled / flow.energy()).ln() / f64::from(steps);
        assert!((rate / expected - 1.0).abs() < 0.05, "{rate} for {expected}");
    }

    #[test]
    fn checksums_are_of_the_flow_and_nothing_else() {
        let sums = |edge: usize, steps: usize| {
            let mut memory = memory(edge);
            memory.fill(f64::NAN);
            let mut flow = Flow::new(&mut memory, edge).unwrap();
            flow.fill(&AtomicU64::new(0));
            (0..steps).map(|_| flow.step()).collect::<Vec<_>>()
        };
        let six = sums(6, 20);
        assert_eq!(sums(6, 10), six[..10]);
        assert_ne!(sums(7, 1), six[..1]);
        let different: std::collections::HashSet<_> = six.iter().collect();
        assert_eq!(different.len(), six.len());
    }

    #[test]
    fn sines_are_sines() {
        for n in 0..200 {
            let turns = f64::from(n) / 100.0;
            assert!((sine(turns) - (turns * TAU).sin()).abs() < 1e-14, "{turns}");
        }
    }

    #[test]
    fn a_box_that_does_not_fit_is_none() {
        let mut memory = memory(6);
        assert!(Flow::new(&mut memory, 6).is_some());
        assert!(Flow::new(&mut memory, 7).is_none());
        assert!(Flow::new(&mut memory, 3).is_none());
        assert!(Flow::new(&mut memory, usize::MAX / 2).is_none());
        assert_eq!(bytes(u64::MAX), u64::MAX);
    }
}
