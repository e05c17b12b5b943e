//! Rectangles, copies, points and lines against what one would write without thinking of speed.

mod support;

use proptest::prelude::*;
use support::{Picture, Rng};
use vgpu_card::raster::{Line, LogicOp, Point, Rect, State};

const WIDTH: u32 = 29;
const HEIGHT: u32 = 23;

fn picture(seed: u64) -> Picture {
    Picture::noise(WIDTH, HEIGHT, &mut Rng(seed))
}

/// Around the picture, and as far away as can be.
fn column() -> impl Strategy<Value = i32> {
    prop_oneof![8 => -12i32..40, 1 => any::<i32>(), 1 => Just(i32::MAX), 1 => Just(i32::MIN)]
}

fn rect() -> impl Strategy<Value = Rect> {
    (column(), column(), column(), column()).prop_map(|(left, top, right, bottom)| Rect {
        left,
        top,
        right,
        bottom,
    })
}

fn scissor() -> impl Strategy<Value = Rect> {
    prop_oneof![Just(Rect::EVERYTHING), rect()]
}

fn op() -> impl Strategy<Value = LogicOp> {
    prop_oneof![Just(LogicOp::Copy), (0..16u32).prop_map(LogicOp::from_bits)]
}

fn point() -> impl Strategy<Value = Point> {
    (column(), column(), any::<u32>()).prop_map(|(x, y, color)| Point { x, y, color })
}

fn line() -> impl Strategy<Value = Line> {
    (point(), point(), any::<bool>()).prop_map(|(from, mut to, flat)| {
        if flat {
            to.color = from.color;
        }
        Line { from, to }
    })
}

/// Whether `at` is n / d to the nearest, of two that are as near the greater.
fn is_nearest(at: i128, n: i128, d: i128) -> bool {
    (-d < 2 * (at * d - n)) && (2 * (at * d - n) <= d)
}

/// What a line makes of a pixel, told from the pixel alone.
fn on_line(Line { from, to }: &Line, x: i32, y: i32) -> Option<u32> {
    let wide = i128::from;
    let (dx, dy) = (wide(to.x) - wide(from.x), wide(to.y) - wide(from.y));
    let (run, rise, along, across) = if dy.abs() > dx.abs() {
        (dy, dx, wide(y) - wide(from.y), wide(x) - wide(from.x))
    } else {
        (dx, dy, wide(x) - wide(from.x), wide(y) - wide(from.y))
    };
    let (n, count) = (along * run.signum(), run.abs());
    if n < 0 || n >= count || !is_nearest(across, n * rise, count) {
        return None;
    }
    if from.color == to.color {
        return Some(from.color);
    }
    Some([16, 8, 0].into_iter().fold(0, |color, shift| {
        let of = |color: u32| i128::from(color >> shift & 255);
        let (a, b) = (of(from.color), of(to.color));
        let level = (0..256u32).find(|v| is_nearest(i128::from(*v) - a, n * (b - a), count));
        color | level.expect("between two levels") << shift
    }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: support::cases(2000) as u32, ..ProptestConfig::default() })]

    #[test]
    fn fills(seed: u64, rects in prop::collection::vec(rect(), 1..4), color: u32, scissor in scissor(), op in op()) {
        let mut expected = picture(seed);
        for rect in &rects {
            for (x, y) in expected.places().filter(|&(x, y)| rect.contains(x, y) && scissor.contains(x, y)) {
                let n = expected.index(x, y);
                expected.pixels[n] = op.apply(color, expected.pixels[n]);
            }
        }
        let mut drawn = picture(seed);
        let state = State { scissor, op, ..State::default() };
        let damage = drawn.draw(|band| band.fill(&state, &rects, color));
        drawn.assert_same_outside(&picture(seed), &damage);
        prop_assert!(drawn == expected);
    }

    #[test]
    fn copies(seed: u64, from in rect(), to in (column(), column()), scissor in scissor(), op in op()) {
        let before = picture(seed);
        let mut expected = before.clone();
        for (x, y) in before.places().filter(|&(x, y)| scissor.contains(x, y)) {
            // Where it comes from.
            let source = |at: i32, to: i32, from: i32| i64::from(at) - i64::from(to) + i64::from(from);
            let (sx, sy) = (source(x, to.0, from.left), source(y, to.1, from.top));
            if let (Ok(sx), Ok(sy)) = (i32::try_from(sx), i32::try_from(sy))
                && from.contains(sx, sy) && before.bounds().contains(sx, sy)
            {
                let n = expected.index(x, y);
                expected.pixels[n] = op.apply(before.at(sx, sy), before.at(x, y));
            }
        }
        let mut drawn = before.clone();
        let state = State { scissor, op, ..State::default() };
        let damage = drawn.surface().copy(&state, from, to);
        drawn.assert_same_outside(&before, &damage);
        prop_assert!(drawn == expected);
    }

    #[test]
    fn points(seed: u64, points in prop::collection::vec(point(), 1..6), scissor in scissor(), op in op()) {
        let mut expected = picture(seed);
        for point in &points {
            if expected.bounds().intersect(&scissor).contains(point.x, point.y) {
                let n = expected.index(point.x, point.y);
                expected.pixels[n] = op.apply(point.color, expected.pixels[n]);
            }
        }
        let mut drawn = picture(seed);
        let state = State { scissor, op, ..State::default() };
        let damage = drawn.draw(|band| band.points(&state, &points));
        drawn.assert_same_outside(&picture(seed), &damage);
        prop_assert!(drawn == expected);
    }

    #[test]
    fn lines(seed: u64, lines in prop::collection::vec(line(), 1..4), scissor in scissor(), op in op()) {
        let mut expected = picture(seed);
        for line in &lines {
            for (x, y) in expected.places().filter(|&(x, y)| scissor.contains(x, y)) {
                if let Some(color) = on_line(line, x, y) {
                    let n = expected.index(x, y);
                    expected.pixels[n] = op.apply(color, expected.pixels[n]);
                }
            }
        }
        let mut drawn = picture(seed);
        let state = State { scissor, op, ..State::default() };
        let damage = drawn.draw(|band| band.lines(&state, &lines));
        drawn.assert_same_outside(&picture(seed), &damage);
        prop_assert!(drawn == expected);
    }

    #[test]
    fn a_line_does_not_depend_on_its_direction(line in line()) {
        let turned = Line { from: line.to, to: line.from };
        let flat = |line: Line| Line {
            from: Point { color: 1, ..line.from }, to: Point { color: 1, ..line.to },
        };
        let (mut one, mut other) = (Picture::new(WIDTH, HEIGHT), Picture::new(WIDTH, HEIGHT));
        let state = State::default();
        // With the ends that each of them leaves out.
        one.draw(|band| band.lines(&state, &[flat(line)]).union(&band.points(&state, &[flat(line).to])));
        other.draw(|band| band.lines(&state, &[flat(turned)]).union(&band.points(&state, &[flat(turned).to])));
        prop_assert!(one == other);
    }
}
