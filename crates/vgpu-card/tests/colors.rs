//! Which colours triangles have: against the exact plane through the three corners.

mod support;

use support::{Picture, Rng, any_triangle, cases, covers};
use vgpu_card::raster::{State, Triangle, Vertex};

const WIDTH: u32 = 45;
const HEIGHT: u32 = 37;

/// Twice the area of a triangle of places, in 28.4 squared.
fn cross(a: (i128, i128), b: (i128, i128), c: (i128, i128)) -> i128 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

/// The exact level of a channel at a pixel's centre, as a fraction: by the areas opposite to the corners.
fn exact(triangle: &Triangle, shift: u32, x: i32, y: i32) -> (i128, i128) {
    let [a, b, c] = triangle.map(|v| (i128::from(v.x), i128::from(v.y)));
    let level = |v: &Vertex| i128::from(v.color >> shift & 255);
    let [va, vb, vc] = [&triangle[0], &triangle[1], &triangle[2]].map(level);
    let p = (i128::from(x) * 16 + 8, i128::from(y) * 16 + 8);
    let (n, d) = (va * cross(p, b, c) + vb * cross(a, p, c) + vc * cross(a, b, p), cross(a, b, c));
    (n * d.signum(), d.abs())
}

#[test]
fn every_level_is_the_nearest() {
    let mut rng = Rng(9);
    let mut picture = Picture::new(WIDTH, HEIGHT);
    for case in 0..cases(30_000) {
        let triangle = any_triangle(&mut rng, WIDTH, HEIGHT);
        picture.draw(|band| band.triangles(&State::default(), &[triangle]));
        // A slope is off by up to half a 65536th, for each pixel from the corner it is counted from.
        let near = triangle.iter().all(|v| v.x.abs().max(v.y.abs()) < 1 << 16);
        let part = if near { 8 } else { 1 };
        for (x, y) in picture.places().filter(|&(x, y)| covers(&triangle, x, y)) {
            for shift in [16, 8, 0] {
                let (n, d) = exact(&triangle, shift, x, y);
                let off = (i128::from(picture.at(x, y) >> shift & 255) * d - n).abs();
                // Half a level, and a part of one for what slopes are off by.
                let allowed = d * (part + 2);
                assert!(
                    off * 2 * part <= allowed,
                    "case {case}: ({x}, {y}) of {triangle:?}: not {n}/{d}"
                );
            }
        }
    }
}

#[test]
fn three_equal_colours_are_that_colour() {
    let mut rng = Rng(10);
    for case in 0..cases(2000) {
        let color = rng.color();
        let triangle =
            any_triangle(&mut rng, WIDTH, HEIGHT).map(|vertex| Vertex { color, ..vertex });
        let mut picture = Picture::new(WIDTH, HEIGHT);
        picture.draw(|band| band.triangles(&State::default(), &[triangle]));
        for (x, y) in picture.places().filter(|&(x, y)| covers(&triangle, x, y)) {
            assert_eq!(picture.at(x, y), color & 0xff_ffff, "case {case}: ({x}, {y})");
        }
    }
}
