//! The same call gives the same bits: with every instruction set, in every split into bands, on any
//! number of threads, and inside a scissor as without one.

mod support;

use std::thread;

use support::{Call, Picture, Rng, any_op, any_rect, any_triangle, cases, scalar};
use vgpu_card::raster::{Band, Isa, LogicOp, Rect, State};

/// Wider than any vector, so that spans have all lengths.
const WIDTH: u32 = 83;
const HEIGHT: u32 = 41;

#[test]
fn instruction_sets_and_bands_change_nothing() {
    let isas: Vec<Isa> = Isa::available().collect();
    let names: Vec<_> = isas.iter().map(|isa| isa.name()).collect();
    println!("compared here: {}", names.join(", "));
    let mut rng = Rng(3);
    for case in 0..cases(20_000) {
        let before = Picture::noise(WIDTH, HEIGHT, &mut rng);
        let call = Call::any(&mut rng, &before);
        let scissor =
            if rng.next() & 1 == 0 { Rect::EVERYTHING } else { any_rect(&mut rng, &before) };
        let op = if rng.next() & 1 == 0 { LogicOp::Copy } else { any_op(&mut rng) };
        let mut expected = before.clone();
        let state = State { scissor, op, ..scalar() };
        let damage = expected.draw(|band| call.draw(&state, band));
        expected.assert_same_outside(&before, &damage);
        assert!(
            damage.is_empty() || damage.intersect(&scissor) == damage,
            "case {case}: {damage:?}"
        );
        for isa in &isas {
            let state = State { isa: *isa, ..state };
            let rows = rng.within(1, i64::from(HEIGHT) + 2) as u32;
            let mut picture = before.clone();
            let parts = picture
                .surface()
                .bands(rows)
                .fold(Rect::EMPTY, |damage, mut band| damage.union(&call.draw(&state, &mut band)));
            let name = isa.name();
            assert!(
                picture == expected,
                "case {case}: {name}, bands of {rows}: {state:?} {call:?}"
            );
            picture.assert_same_outside(&before, &parts);
        }
    }
}

#[test]
fn a_scissor_changes_no_other_pixel() {
    let mut rng = Rng(4);
    for case in 0..cases(20_000) {
        let before = Picture::noise(WIDTH, HEIGHT, &mut rng);
        let call = Call::any(&mut rng, &before);
        let op = any_op(&mut rng);
        let scissor = any_rect(&mut rng, &before);
        let (mut whole, mut cut) = (before.clone(), before.clone());
        let state = State { op, ..State::default() };
        whole.draw(|band| call.draw(&state, band));
        cut.draw(|band| call.draw(&State { scissor, ..state }, band));
        for (x, y) in before.places() {
            let from = if scissor.contains(x, y) { &whole } else { &before };
            assert_eq!(
                cut.at(x, y),
                from.at(x, y),
                "case {case}: ({x}, {y}), {scissor:?}, {call:?}"
            );
        }
        // A picture that ends there is cut as by a scissor.
        let (width, height) = (rng.within(1, 83) as u32, rng.within(1, 41) as u32);
        let mut small = Picture { width, height, ..before.clone() };
        small.draw(|band| call.draw(&state, band));
        for (x, y) in small.places() {
            assert_eq!(small.at(x, y), whole.at(x, y), "case {case}: ({x}, {y}), {call:?}");
        }
    }
}

#[test]
fn threads_change_nothing() {
    let (width, height) = (320, 240);
    let mut rng = Rng(5);
    let triangles: Vec<_> = (0..2000).map(|_| any_triangle(&mut rng, width, height)).collect();
    for isa in Isa::available() {
        for op in [LogicOp::Copy, LogicOp::Xor] {
            let state = State { isa, op, ..State::default() };
            let mut expected = Picture::new(width, height);
            expected.draw(|band| band.triangles(&State { isa: Isa::SCALAR, ..state }, &triangles));
            for (count, rows) in [(1, 240), (2, 120), (2, 16), (3, 7), (4, 1)] {
                let mut picture = Picture::new(width, height);
                let mut surface = picture.surface();
                let mut shares: Vec<Vec<Band<'_>>> = (0..count).map(|_| Vec::new()).collect();
                for (n, band) in surface.bands(rows).enumerate() {
                    shares[n % count].push(band);
                }
                thread::scope(|scope| {
                    for mut share in shares {
                        let (state, triangles) = (&state, &triangles);
                        scope.spawn(move || {
                            for part in triangles.chunks(64) {
                                for band in &mut share {
                                    band.triangles(state, part);
                                }
                            }
                        });
                    }
                });
                let name = isa.name();
                assert!(picture == expected, "{name}, {op:?}, {count} threads, {rows} rows");
            }
        }
    }
}
