//! Pictures to be looked at.

use vcd_drm::screen::{Publisher, Screen, Size};

/// A screen with a picture on it.
pub(crate) fn screen(width: u32, height: u32) -> (Publisher, Screen) {
    let (mut publisher, screen) = Screen::new().unwrap();
    publisher.set_mode(Size::new(width, height));
    draw(&mut publisher, 1);
    (publisher, screen)
}

/// Draws something with every level of every channel in it, and no two rows alike.
pub(crate) fn draw(publisher: &mut Publisher, round: u32) {
    let bounds = publisher.size().unwrap().bounds();
    publisher.publish_with(&[bounds], |rect, pixels| {
        for (y, row) in (rect.y..).zip(pixels.chunks_exact_mut(rect.width as usize)) {
            for (x, pixel) in (rect.x..).zip(row) {
                let red = (x + round * 7) & 0xff;
                let green = (y + round * 3) & 0xff;
                *pixel = red << 16 | green << 8 | ((x ^ y) + round) & 0xff;
            }
        }
    });
}

/// Writes into one corner only.
pub(crate) fn dot(publisher: &mut Publisher, color: u32) {
    let rect = vcd_drm::screen::Rect { x: 3, y: 2, width: 1, height: 1 };
    publisher.publish_with(&[rect], |_, pixels| pixels.fill(color));
}

/// Width, height and all pixels, opaque, for comparing.
pub(crate) fn shown(screen: &Screen) -> (u32, u32, Vec<u32>) {
    let (_, canvas) = screen.snapshot();
    let pixels = canvas.pixels().iter().map(|pixel| 0xff00_0000 | pixel).collect();
    (canvas.size().width(), canvas.size().height(), pixels)
}
