//! What the tests share: pictures, random numbers, triangles of all kinds, and the exact reference.
#![allow(dead_code, reason = "each test program uses a part of it")]

use vgpu_card::raster::{
    Band, Gouraud, Isa, Line, LogicOp, Point, Ramp, Rect, Shade, State, Surface, Trapezoid,
    Triangle, Vertex,
};

/// SplitMix64: the same triangles on every machine.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to below `high`.
    pub(crate) fn within(&mut self, low: i64, high: i64) -> i32 {
        (low + (self.next() % (high - low) as u64) as i64) as i32
    }

    pub(crate) fn color(&mut self) -> u32 {
        self.next() as u32
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.next() as usize % from.len()]
    }
}

/// How many random cases: the variable VGPU_CARD_CASES, or what is quick.
pub(crate) fn cases(quick: usize) -> usize {
    match std::env::var("VGPU_CARD_CASES") {
        Ok(text) => text.parse().expect("VGPU_CARD_CASES is a number"),
        Err(_) => quick,
    }
}

/// A picture with its memory, rows apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) pixels: Vec<u32>,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) stride: u32,
}

impl Picture {
    /// All 0, with some pixels between rows.
    pub(crate) fn new(width: u32, height: u32) -> Self {
        let stride = width + 5;
        Self { pixels: vec![0; (stride * height) as usize], width, height, stride }
    }

    /// Full of noise, between rows as well.
    pub(crate) fn noise(width: u32, height: u32, rng: &mut Rng) -> Self {
        let mut picture = Self::new(width, height);
        picture.pixels.iter_mut().for_each(|pixel| *pixel = rng.color());
        picture
    }

    pub(crate) fn surface(&mut self) -> Surface<'_> {
        Surface::new(&mut self.pixels, self.width, self.height, self.stride).expect("it fits")
    }

    /// Draws into the whole.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Band<'_>) -> Rect) -> Rect {
        draw(&mut self.surface().band())
    }

    pub(crate) fn at(&self, x: i32, y: i32) -> u32 {
        self.pixels[self.index(x, y)]
    }

    pub(crate) fn index(&self, x: i32, y: i32) -> usize {
        assert!(self.bounds().contains(x, y), "({x}, {y}) is outside");
        y as usize * self.stride as usize + x as usize
    }

    pub(crate) fn bounds(&self) -> Rect {
        Rect::new(0, 0, self.width as i32, self.height as i32)
    }

    /// Every pixel there is.
    pub(crate) fn places(&self) -> impl Iterator<Item = (i32, i32)> + use<> {
        let (width, height) = (self.width as i32, self.height as i32);
        (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)))
    }

    /// Asserts that outside a rectangle, and between rows, all is as it was.
    pub(crate) fn assert_same_outside(&self, before: &Self, damage: &Rect) {
        for (n, (now, then)) in self.pixels.iter().zip(&before.pixels).enumerate() {
            let (x, y) = (n as u32 % self.stride, n as u32 / self.stride);
            let inside = damage.contains(x as i32, y as i32) && x < self.width;
            assert!(inside || now == then, "({x}, {y}) has changed outside {damage:?}");
        }
    }
}

/// Everything as it comes, without vectors.
pub(crate) fn scalar() -> State {
    State { isa: Isa::SCALAR, ..State::default() }
}

pub(crate) fn any_op(rng: &mut Rng) -> LogicOp {
    LogicOp::from_bits(rng.color())
}

/// A rectangle that may be anywhere around a picture, empty ones among them.
pub(crate) fn any_rect(rng: &mut Rng, picture: &Picture) -> Rect {
    let (width, height) = (i64::from(picture.width), i64::from(picture.height));
    let left = rng.within(-width / 2, width + 3);
    let top = rng.within(-height / 2, height + 3);
    Rect::new(left, top, left + rng.within(-2, width), top + rng.within(-2, height))
}

/// A triangle of one of many kinds, around a picture.
pub(crate) fn any_triangle(rng: &mut Rng, width: u32, height: u32) -> Triangle {
    let (width, height) = (i64::from(width) * 16, i64::from(height) * 16);
    let kind = rng.within(0, 10);
    // Corners and centres of pixels are met often.
    let grid = rng.pick(&[1, 1, 1, 4, 8, 16]);
    let (x, y) = (rng.within(-64, width + 64), rng.within(-64, height + 64));
    let mut near = |by: i64| {
        let (x, y) = (i64::from(x), i64::from(y));
        (rng.within(x - by, x + by), rng.within(y - by, y + by))
    };
    let mut places = match kind {
        0 | 1 => [near(24), near(24), near(24)],
        2 | 3 => [near(160), near(160), near(160)],
        // Larger than the picture.
        4 | 5 => [near(3000), near(3000), near(3000)],
        // At the ends of what is calculated in 64 bits, and beyond.
        6 => [near(1 << 18), near(1 << 18), near((1 << 19) - 2000)],
        7 => [near(1 << 20), near(1 << 12), near(1 << 26)],
        8 => std::array::from_fn(|_| near(i64::from(i32::MAX) - 10_000)),
        // A sliver, or a line.
        _ => {
            let ((x1, y1), (x2, y2)) = (near(2000), near(2000));
            let part = |a: i32, b: i32, n: i32| {
                a + ((i64::from(b) - i64::from(a)) * i64::from(n) / 7) as i32
            };
            let (dx, dy) = near(2);
            let (dx, dy) = (dx - x, dy - y);
            [(x1, y1), (x2, y2), (part(x1, x2, 3) + dx, part(y1, y2, 3) + dy)]
        }
    };
    if rng.within(0, 20) == 0 {
        places[2] = places[rng.within(0, 2) as usize];
    }
    if rng.within(0, 8) == 0 {
        let (a, b) = (rng.within(0, 3) as usize, rng.within(0, 3) as usize);
        places[a].1 = places[b].1;
        let (a, b) = (rng.within(0, 3) as usize, rng.within(0, 3) as usize);
        places[a].0 = places[b].0;
    }
    let flat = rng.within(0, 4) == 0;
    let color = rng.color();
    places.map(|(x, y)| Vertex {
        x: x.div_euclid(grid).saturating_mul(grid),
        y: y.div_euclid(grid).saturating_mul(grid),
        color: if flat { color } else { rng.color() },
    })
}

/// Whether a triangle covers a pixel's centre, by its edge functions and nothing else.
pub(crate) fn covers(triangle: &Triangle, x: i32, y: i32) -> bool {
    let place = |v: &Vertex| (i128::from(v.x), i128::from(v.y));
    let [a, mut b, mut c] = [&triangle[0], &triangle[1], &triangle[2]].map(place);
    let center = (i128::from(x) * 16 + 8, i128::from(y) * 16 + 8);
    let side = |a: (i128, i128), b: (i128, i128), p: (i128, i128)| {
        (b.0 - a.0) * (p.1 - a.1) - (b.1 - a.1) * (p.0 - a.0)
    };
    match side(a, b, c) {
        0 => return false,
        1.. => {}
        _ => std::mem::swap(&mut b, &mut c),
    }
    [(a, b), (b, c), (c, a)].into_iter().all(|(from, to)| {
        // Round the inside, which is on the right as seen on a screen: a top edge goes right, a left
        // edge goes up.
        let top_left = to.1 < from.1 || (to.1 == from.1 && to.0 > from.0);
        let side = side(from, to, center);
        side > 0 || (side == 0 && top_left)
    })
}

/// A trapezoid of one of many kinds, around a picture of some size.
pub(crate) fn any_trapezoid(rng: &mut Rng, width: u32, height: u32) -> Trapezoid {
    let (width, height) = (i64::from(width) << 16, i64::from(height) << 16);
    let wild = rng.within(0, 6) == 0;
    let mut register = |low: i64, high: i64| {
        if wild && rng.next() & 1 == 0 { rng.color() as i32 } else { rng.within(low, high) }
    };
    let (x, y) = (register(-width / 4, width + width / 4), register(-height / 4, height));
    let (dx_dom, dx_sub) = (register(-3 << 16, 3 << 16), register(-3 << 16, 3 << 16));
    let x_sub = register(-width / 4, width + width / 4);
    // Steps that come back to where they were after a few pixels, having passed through all 32 bits.
    let around = rng.pick(&[0, 0, 0, 1 << 28, 1 << 29, -1 << 29, i32::MIN]);
    let mut register = |low: i64, high: i64| {
        if wild && rng.next() & 1 == 0 { rng.color() as i32 } else { rng.within(low, high) }
    };
    let mut ramp = || Ramp {
        start: register(-8 << 16, 264 << 16),
        dx: register(-6 << 16, 6 << 16).wrapping_add(around),
        dy_dom: register(-6 << 16, 6 << 16),
    };
    let shade = Shade::Smooth(Gouraud { red: ramp(), green: ramp(), blue: ramp() });
    let dy = match rng.within(0, 8) {
        0..4 => 1 << 16,
        4..6 => -1 << 16,
        6 => rng.within(-3 << 16, 3 << 16),
        _ => rng.color() as i32,
    };
    let count = match rng.within(0, 30) {
        0 => u16::MAX,
        1 => rng.color() as u16,
        _ => rng.within(0, 80) as u16,
    };
    let shade = if rng.within(0, 4) == 0 { Shade::Flat(rng.color()) } else { shade };
    // Halves of pixels are where rounding is decided.
    let grid = if rng.next() & 1 == 0 { 1 << 15 } else { 1 };
    let (x_dom, x_sub) = (x / grid * grid, x_sub / grid * grid);
    Trapezoid { x_dom, dx_dom, x_sub, dx_sub, y, dy, count, shade }
}

/// One call of any kind.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Triangles(Vec<Triangle>),
    Trapezoids(Vec<Trapezoid>),
    Fill(Vec<Rect>, u32),
    Points(Vec<Point>),
    Lines(Vec<Line>),
}

impl Call {
    pub(crate) fn any(rng: &mut Rng, picture: &Picture) -> Self {
        let (width, height) = (picture.width, picture.height);
        let count = rng.within(0, 5);
        let point = |rng: &mut Rng| {
            let by = rng.pick(&[0, 0, 40, 1 << 31]);
            let x = rng.within(-by, i64::from(width) + by - 1);
            Point { x, y: rng.within(-by, i64::from(height) + by - 1), color: rng.color() }
        };
        match rng.within(0, 5) {
            0 => Self::Triangles((0..count).map(|_| any_triangle(rng, width, height)).collect()),
            1 => Self::Trapezoids((0..count).map(|_| any_trapezoid(rng, width, height)).collect()),
            2 => Self::Fill((0..count).map(|_| any_rect(rng, picture)).collect(), rng.color()),
            3 => Self::Points((0..count).map(|_| point(rng)).collect()),
            _ => {
                Self::Lines((0..count).map(|_| Line { from: point(rng), to: point(rng) }).collect())
            }
        }
    }

    pub(crate) fn draw(&self, state: &State, band: &mut Band<'_>) -> Rect {
        match self {
            Self::Triangles(list) => band.triangles(state, list),
            Self::Trapezoids(list) => band.trapezoids(state, list),
            Self::Fill(list, color) => band.fill(state, list, *color),
            Self::Points(list) => band.points(state, list),
            Self::Lines(list) => band.lines(state, list),
        }
    }
}
