//! Scenes: what is to be drawn, made from a seed, and as bytes for another process.

use vgpu_card::raster::{Gouraud, Ramp, Shade, Trapezoid, Triangle, Vertex};

/// A picture of so many pixels, black, with triangles drawn one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// What is drawn.
    pub triangles: Vec<Triangle>,
}

/// xorshift: enough to spread triangles, and the same everywhere.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: i32) -> i32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 20) % n.max(1) as u64) as i32
    }

    fn color(&mut self) -> u32 {
        self.below(1 << 24) as u32
    }
}

/// Triangles of one size, as the benchmark of 1997 had them: equilateral, of that height in pixels, with
/// a vertical edge on the left, wherever they fit.
pub fn equilateral(height: u32, count: usize, width: u32, rows: u32) -> Scene {
    let mut rng = Rng(0x1997 + u64::from(height));
    let tall = height as i32 * 16;
    let side = (f64::from(tall) * 2.0 / 3f64.sqrt()) as i32;
    let triangles = (0..count)
        .map(|_| {
            let x = rng.below(width as i32 * 16 - tall);
            let y = rng.below(rows as i32 * 16 - side);
            let places = [(x, y), (x, y + side), (x + tall, y + side / 2)];
            places.map(|(x, y)| Vertex { x, y, color: rng.color() })
        })
        .collect();
    Scene { width, height: rows, triangles }
}

impl Scene {
    /// Triangles of all sizes, many of them partly outside.
    pub fn random(seed: u64, count: usize, width: u32, height: u32) -> Self {
        let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let triangles = (0..count)
            .map(|_| {
                let by = [60, 300, 1600, 3200][rng.below(4) as usize];
                let x = rng.below(width as i32 * 16 + 960) - 480;
                let y = rng.below(height as i32 * 16 + 960) - 480;
                std::array::from_fn(|_| Vertex {
                    x: x + rng.below(2 * by) - by,
                    y: y + rng.below(2 * by) - by,
                    color: rng.color(),
                })
            })
            .collect();
        Self { width, height, triangles }
    }

    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let vertices = self.triangles.iter().flatten();
        let words = vertices.flat_map(|v| [v.x as u32, v.y as u32, v.color]);
        [self.width, self.height].into_iter().chain(words).flat_map(u32::to_le_bytes).collect()
    }

    /// From bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let words: Vec<u32> = bytes.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        let ([width, height], rest) = words.split_first_chunk()?;
        let vertex = |w: &[u32]| Vertex { x: w[0] as i32, y: w[1] as i32, color: w[2] };
        let (triangles, []) = rest.as_chunks::<9>() else { return None };
        let triangles =
            triangles.iter().map(|w| [vertex(&w[..3]), vertex(&w[3..6]), vertex(&w[6..])]);
        Some(Self { width: *width, height: *height, triangles: triangles.collect() })
    }
}

/// The registers of the trapezoids that make up a triangle: down to its middle corner, and from there
/// on. What an application does for a card without a set-up unit.
pub fn registers(triangle: &Triangle) -> [Trapezoid; 2] {
    let mut corners = *triangle;
    corners.sort_by_key(|v| v.y);
    let place = |v: &Vertex| (f64::from(v.x) / 16.0, f64::from(v.y) / 16.0);
    let [a, b, c] = [&corners[0], &corners[1], &corners[2]].map(place);
    let slope = |p: (f64, f64), q: (f64, f64)| (q.0 - p.0) / (q.1 - p.1).max(1.0 / 16.0);
    let row = |y: f64| (y - 0.5).ceil();
    let at = |p: (f64, f64), slope: f64, y: f64| p.0 + (row(y) + 0.5 - p.1) * slope;
    let fixed = |v: f64| (v * 65536.0) as i32;
    let (long, upper, lower) = (slope(a, c), slope(a, b), slope(b, c));
    let area = (b.0 - a.0) * (c.1 - a.1) - (c.0 - a.0) * (b.1 - a.1);
    let ramp = |shift: u32| {
        let [va, vb, vc] = corners.map(|v| f64::from(v.color >> shift & 255));
        let dx = ((vb - va) * (c.1 - a.1) - (vc - va) * (b.1 - a.1)) / area;
        let dy = ((b.0 - a.0) * (vc - va) - (c.0 - a.0) * (vb - va)) / area;
        let start = va + 0.5 + (row(a.1) + 0.5 - a.1) * (dy + dx * long);
        Ramp { start: fixed(start), dx: fixed(dx), dy_dom: fixed(dy + dx * long) }
    };
    let shade = Shade::Smooth(Gouraud { red: ramp(16), green: ramp(8), blue: ramp(0) });
    let above = Trapezoid {
        x_dom: fixed(at(a, long, a.1)),
        dx_dom: fixed(long),
        x_sub: fixed(at(a, upper, a.1)),
        dx_sub: fixed(upper),
        y: fixed(row(a.1)),
        dy: 1 << 16,
        count: (row(b.1) - row(a.1)) as u16,
        shade,
    };
    let below = Trapezoid {
        x_sub: fixed(at(b, lower, b.1)),
        dx_sub: fixed(lower),
        count: (row(c.1) - row(b.1)) as u16,
        ..above.after()
    };
    [above, below]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_survive_the_way() {
        let scene = Scene::random(1, 20, 64, 48);
        assert_eq!(Scene::from_bytes(&scene.to_bytes()), Some(scene));
        assert_eq!(Scene::from_bytes(&[0; 12]), None);
    }

    #[test]
    fn triangles_fit_and_have_their_area() {
        let scene = equilateral(100, 1000, 640, 480);
        for [a, b, c] in &scene.triangles {
            assert!([a, b, c].iter().all(|v| v.x >= 0 && v.x <= 10240 && v.y >= 0 && v.y <= 7680));
            let twice = f64::from(c.x - a.x) * f64::from(b.y - a.y) / 256.0;
            assert!((twice / 2.0 - 5773.5).abs() < 20.0, "{twice}");
        }
    }
}
