//! Trapezoids against a model that follows the definition word by word.

mod support;

use support::{Picture, Rng, any_op, any_rect, any_trapezoid, cases};
use vgpu_card::raster::{Gouraud, LogicOp, Ramp, Rect, Shade, State, Trapezoid};

/// A register after so many additions.
fn register(start: i32, step: i32, times: i64) -> i32 {
    (i64::from(start) + i64::from(step) * times) as i32
}

/// ceil(X - 1/2), in numbers that hold 16.16 exactly.
fn first_pixel(x: i32) -> i32 {
    (f64::from(x) / 65536.0 - 0.5).ceil() as i32
}

/// clamp(floor(C + (x - d) * dC/dx), 0, 255).
fn level(ramp: &Ramp, row: i64, pixels: i32) -> u32 {
    let c = register(register(ramp.start, ramp.dy_dom, row), ramp.dx, i64::from(pixels));
    (f64::from(c) / 65536.0).floor().clamp(0.0, 255.0) as u32
}

fn model(picture: &mut Picture, scissor: &Rect, op: LogicOp, trapezoid: &Trapezoid) {
    let area = picture.bounds().intersect(scissor);
    for row in 0..i64::from(trapezoid.count) {
        let y = register(trapezoid.y, trapezoid.dy, row).div_euclid(1 << 16);
        if y < area.top || y >= area.bottom {
            continue;
        }
        let d = first_pixel(register(trapezoid.x_dom, trapezoid.dx_dom, row));
        let s = first_pixel(register(trapezoid.x_sub, trapezoid.dx_sub, row));
        for x in d.min(s).max(area.left)..d.max(s).min(area.right) {
            let color = match &trapezoid.shade {
                Shade::Flat(color) => *color,
                Shade::Smooth(Gouraud { red, green, blue }) => [red, green, blue]
                    .into_iter()
                    .fold(0, |color, ramp| color << 8 | level(ramp, row, x - d)),
            };
            let n = picture.index(x, y);
            picture.pixels[n] = op.apply(color, picture.pixels[n]);
        }
    }
}

#[test]
fn every_pixel_is_as_defined() {
    let mut rng = Rng(6);
    for case in 0..cases(60_000) {
        let mut expected = Picture::noise(61, 33, &mut rng);
        let mut picture = expected.clone();
        let trapezoid = any_trapezoid(&mut rng, 61, 33);
        let scissor =
            if rng.next() & 1 == 0 { Rect::EVERYTHING } else { any_rect(&mut rng, &picture) };
        let op = if rng.within(0, 4) > 0 { LogicOp::Copy } else { any_op(&mut rng) };
        model(&mut expected, &scissor, op, &trapezoid);
        let state = State { scissor, op, ..State::default() };
        picture.draw(|band| band.trapezoids(&state, &[trapezoid]));
        assert!(picture == expected, "case {case}: {op:?}, {scissor:?}, {trapezoid:?}");
    }
}

#[test]
fn one_in_two_parts_is_the_same() {
    let mut rng = Rng(7);
    for case in 0..cases(5000) {
        let whole = any_trapezoid(&mut rng, 61, 33);
        let count = rng.within(0, i64::from(whole.count) + 1) as u16;
        let above = Trapezoid { count, ..whole };
        let below = Trapezoid { count: whole.count - count, ..above.after() };
        let (mut one, mut two) = (Picture::new(61, 33), Picture::new(61, 33));
        one.draw(|band| band.trapezoids(&State::default(), &[whole]));
        two.draw(|band| band.trapezoids(&State::default(), &[above, below]));
        assert!(one == two, "case {case}: {count} of {whole:?}");
    }
}

#[test]
fn trapezoids_that_share_an_edge_share_no_pixel() {
    let mut rng = Rng(8);
    for case in 0..cases(5000) {
        let mut cut = any_trapezoid(&mut rng, 61, 33);
        cut.shade = Shade::Flat(1);
        let (x, dx) = (rng.within(-9 << 16, 70 << 16), rng.within(-2 << 16, 2 << 16));
        let left = Trapezoid {
            x_dom: -100 << 16,
            dx_dom: 0,
            x_sub: x,
            dx_sub: dx,
            dy: 1 << 16,
            y: 0,
            count: 33,
            ..cut
        };
        let right = Trapezoid { x_dom: 200 << 16, ..left };
        let mut picture = Picture::new(61, 33);
        let state = State { op: LogicOp::Xor, ..State::default() };
        picture.draw(|band| band.trapezoids(&state, &[left, right]));
        assert!(picture.places().all(|(x, y)| picture.at(x, y) == 1), "case {case}: {left:?}");
    }
}
