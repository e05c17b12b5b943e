//! Which pixels triangles cover: against exact edge functions, and in meshes.

mod support;

use support::{Picture, Rng, any_triangle, cases, covers, scalar};
use vgpu_card::raster::{Rect, State, Triangle, Vertex};

/// Odd sizes, so that spans of all lengths end everywhere.
const WIDTH: u32 = 45;
const HEIGHT: u32 = 37;

#[test]
fn coverage_is_that_of_exact_edge_functions() {
    let mut rng = Rng(1);
    let mut picture = Picture::new(WIDTH, HEIGHT);
    let clear = picture.clone();
    let mut covered = 0;
    for case in 0..cases(100_000) {
        let triangle = any_triangle(&mut rng, WIDTH, HEIGHT)
            .map(|vertex| Vertex { color: vertex.color | 0x01_01_01, ..vertex });
        let damage = picture.draw(|band| band.triangles(&State::default(), &[triangle]));
        for (x, y) in picture.places() {
            let expected = covers(&triangle, x, y);
            let drawn = picture.at(x, y) != 0;
            assert_eq!(drawn, expected, "case {case}: ({x}, {y}) of {triangle:?}");
            assert!(!drawn || damage.contains(x, y), "case {case}: ({x}, {y}), {damage:?}");
            covered += u64::from(drawn);
        }
        picture.clone_from(&clear);
    }
    assert!(covered > 0, "they cannot all miss the picture");
}

/// Draws triangles one by one and counts how often each pixel is covered.
fn count(triangles: &[Triangle], width: u32, height: u32) -> Vec<u32> {
    let mut picture = Picture::new(width, height);
    let mut counts = vec![0; picture.pixels.len()];
    for triangle in triangles {
        let damage = picture.draw(|band| band.triangles(&scalar(), &[*triangle]));
        for y in damage.top..damage.bottom {
            for x in damage.left..damage.right {
                let n = picture.index(x, y);
                counts[n] += u32::from(std::mem::take(&mut picture.pixels[n]) != 0);
            }
        }
    }
    picture.places().map(|(x, y)| counts[picture.index(x, y)]).collect()
}

fn white(x: i32, y: i32) -> Vertex {
    Vertex { x, y, color: 0xff_ffff }
}

#[test]
fn a_mesh_covers_every_pixel_exactly_once() {
    let mut rng = Rng(2);
    for cell in [3, 7, 16, 40] {
        let (columns, rows) = (640 / cell + 2, 480 / cell + 2);
        let grid: Vec<Vertex> = (0..rows * columns)
            .map(|n| {
                let (x, y) = ((n % columns) * cell * 16, (n / columns) * cell * 16);
                // Corners move by so little of a cell that no triangle turns over; the border
                // lies beyond the picture.
                let by = i64::from(cell) * 16 / 5;
                let border = n < columns;
                let (dx, dy) = (rng.within(-by, by), rng.within(-by, by));
                let x = x + if n % columns == 0 { -dx.abs() } else { dx };
                white(x, y + if border { -dy.abs() } else { dy })
            })
            .collect();
        let mut triangles = Vec::new();
        for n in 0..(rows - 1) * columns {
            if (n + 1) % columns == 0 {
                continue;
            }
            let at = |n: i32| grid[n as usize];
            let [a, b, c, d] = [at(n), at(n + 1), at(n + columns), at(n + columns + 1)];
            // Around and around, and from all three corners.
            triangles.extend(if rng.next() & 1 == 0 {
                [[a, b, c], [d, b, c]]
            } else {
                [[b, d, a], [c, a, d]]
            });
        }
        let counts = count(&triangles, 640, 480);
        let wrong = counts.iter().filter(|count| **count != 1).count();
        assert_eq!(wrong, 0, "pixels of a mesh of {cell} pixels a cell");
    }
}

#[test]
fn a_fan_of_slivers_covers_every_pixel_exactly_once() {
    let (width, height) = (101, 83);
    let border: Vec<Vertex> = (0..width * 16)
        .map(|x| white(x, 0))
        .chain((0..height * 16).map(|y| white(width * 16, y)))
        .chain((1..=width * 16).rev().map(|x| white(x, height * 16)))
        .chain((1..=height * 16).rev().map(|y| white(0, y)))
        .collect();
    let hub = white(40 * 16 + 8, 40 * 16 + 8);
    let fan: Vec<Triangle> =
        (0..border.len()).map(|n| [hub, border[n], border[(n + 1) % border.len()]]).collect();
    let counts = count(&fan, width as u32, height as u32);
    // Around the hub's own pixel all triangles meet at its centre: it belongs to one of them.
    assert_eq!(counts.iter().filter(|count| **count != 1).count(), 0);
}

#[test]
fn edges_on_centres_belong_to_the_top_and_the_left() {
    let square = |left: i32, top: i32, right: i32, bottom: i32| {
        let (a, b) = (white(left, top), white(right, top));
        let (c, d) = (white(left, bottom), white(right, bottom));
        [[a, b, c], [b, d, c]]
    };
    let mut picture = Picture::new(8, 8);
    let damage = picture.draw(|band| band.triangles(&scalar(), &square(24, 40, 72, 88)));
    assert_eq!(damage, Rect::new(1, 2, 4, 5), "centres at 24, 40, 56; not at 72");
    for (x, y) in picture.places() {
        assert_eq!(picture.at(x, y) != 0, damage.contains(x, y), "({x}, {y})");
    }
}
