//! What `vcd demo` draws.

use std::f64::consts::PI;

use super::driver::{Driver, DriverError};
use super::stream::Stream;

/// Pixels of the picture.
pub const WIDTH: u32 = 640;
/// Rows of it.
pub const HEIGHT: u32 = 480;

/// Bytes of one picture.
const PICTURE: u32 = WIDTH * HEIGHT * 4;
/// Behind everything.
const GROUND: u32 = 0x10_1828;

/// A scene, frame after frame. Two pictures take turns: one is shown while the other is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// A spinning octahedron.
    Solid,
    /// Random triangles, more and more of them.
    Triangles,
    /// A field of moving rectangles.
    Rectangles,
}

impl Scene {
    /// All of them, with the names they have on a command line.
    pub const ALL: [(&str, Self); 3] =
        [("solid", Self::Solid), ("triangles", Self::Triangles), ("rectangles", Self::Rectangles)];

    /// Enters graphics.
    ///
    /// # Errors
    /// The card cannot show that.
    pub fn begin(self, driver: &mut Driver) -> Result<(), DriverError> {
        driver.set_mode(WIDTH, HEIGHT, 0)
    }

    /// Draws a frame into the picture that is not shown, and shows it.
    ///
    /// # Errors
    /// The card has found a mistake.
    pub fn frame(self, driver: &mut Driver, number: u32) -> Result<(), DriverError> {
        let base = if number.is_multiple_of(2) { PICTURE } else { 0 };
        let mut stream = Stream::new(WIDTH, HEIGHT, base);
        stream.fill(driver, (0, 0), (WIDTH, HEIGHT), GROUND)?;
        match self {
            Self::Solid => solid(driver, &mut stream, f64::from(number) * 0.03)?,
            Self::Triangles => triangles(driver, &mut stream, number)?,
            Self::Rectangles => rectangles(driver, &mut stream, number)?,
        }
        stream.send(driver)?;
        driver.show(base);
        Ok(())
    }
}

/// Corners of the octahedron.
const CORNERS: [[f64; 3]; 6] = [
    [1.0, 0.0, 0.0],
    [-1.0, 0.0, 0.0],
    [0.0, 1.0, 0.0],
    [0.0, -1.0, 0.0],
    [0.0, 0.0, 1.0],
    [0.0, 0.0, -1.0],
];
/// Its faces, with all corners in the same sense as seen from outside.
const FACES: [[usize; 3]; 8] =
    [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]];
const COLORS: [u32; 6] = [0xff_4040, 0x40_ff40, 0x40_40ff, 0xff_ff40, 0x40_ffff, 0xff_40ff];

/// A pixel's place in sixteenths, the nearest.
fn sixteenths(pixels: f64) -> i32 {
    // Rounding towards 0 is one instruction everywhere, so what is rounded is above 0.
    const UP: i32 = 1 << 24;
    (pixels * 16.0 + 0.5 + f64::from(UP)) as i32 - UP
}

fn solid(driver: &mut Driver, stream: &mut Stream, turn: f64) -> Result<(), DriverError> {
    let (sin, cos) = turn.sin_cos();
    let (tilt_sin, tilt_cos) = (turn * 0.7).sin_cos();
    let seen = CORNERS.map(|[x, y, z]| {
        let (x, z) = (x * cos - z * sin, x * sin + z * cos);
        let (y, z) = (y * tilt_cos - z * tilt_sin, y * tilt_sin + z * tilt_cos);
        let scale = 700.0 / (4.0 + z);
        (f64::from(WIDTH) / 2.0 + scale * x, f64::from(HEIGHT) / 2.0 + scale * y)
    });
    for face in FACES {
        let [a, b, c] = face.map(|corner| seen[corner]);
        // Only what faces us.
        if (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0) >= 0.0 {
            continue;
        }
        let corners = face.map(|corner| {
            let (x, y) = seen[corner];
            (sixteenths(x), sixteenths(y), COLORS[corner])
        });
        stream.triangle(driver, corners)?;
    }
    Ok(())
}

/// A sequence of numbers that look random: xorshift64*.
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// Beginning with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    /// The next, below a limit that is not 0.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        (high % u64::from(limit)) as u32
    }
}

/// The corners of an equilateral triangle of a height at a random place, and random colours.
pub fn random_triangle(numbers: &mut Numbers, height: u32) -> [(i32, i32, u32); 3] {
    let radius = f64::from(height) * 2.0 / 3.0;
    let turn = f64::from(numbers.below(3600)) * PI / 1800.0;
    let mut middle = |size: u32| radius + f64::from(numbers.below(size - 2 * radius.ceil() as u32));
    let (x, y) = (middle(WIDTH), middle(HEIGHT));
    // The other corners are a third of a turn further: one sine and one cosine are enough.
    let (sin, cos) = turn.sin_cos();
    let (east, south) = (radius * cos, radius * sin);
    let third = 0.75_f64.sqrt();
    let corners = [
        (east, south),
        (-0.5 * east - third * south, third * east - 0.5 * south),
        (third * south - 0.5 * east, -third * east - 0.5 * south),
    ];
    corners
        .map(|(right, down)| (sixteenths(x + right), sixteenths(y + down), numbers.below(1 << 24)))
}

fn triangles(driver: &mut Driver, stream: &mut Stream, number: u32) -> Result<(), DriverError> {
    let mut numbers = Numbers::new(7);
    for _ in 0..(number * 8).min(4000) {
        let height = 20 + numbers.below(80);
        stream.triangle(driver, random_triangle(&mut numbers, height))?;
    }
    Ok(())
}

fn rectangles(driver: &mut Driver, stream: &mut Stream, number: u32) -> Result<(), DriverError> {
    for row in 0..12 {
        for column in 0..16_u32 {
            let phase = f64::from(number) * 0.08 + f64::from(row * 3 + column) * 0.4;
            let size = (16.0 + 14.0 * phase.sin()) as u32; // 2 to 30
            let blue = (128.0 + 100.0 * phase.cos()) as u32; // 28 to 228
            let color = (column * 15) << 16 | (row * 20) << 8 | blue;
            let at = ((column * 40 + 20 - size / 2) as i32, (row * 40 + 20 - size / 2) as i32);
            stream.fill(driver, at, (size, size), color)?;
        }
    }
    Ok(())
}
