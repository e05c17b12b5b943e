//! What must hold for any viewer, whatever is published and whenever it looks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn size(width: u32, height: u32) -> Size {
    Size::new(width, height).expect("a size")
}

fn screen() -> (Publisher, Screen) {
    Screen::new().expect("a screen")
}

/// What somebody does with a screen of two viewers.
#[derive(Clone, Debug)]
enum Step {
    Mode(Option<(u32, u32)>),
    Blank(bool),
    /// Draws a rectangle, and says that.
    Draw {
        rect: Rect,
        color: u32,
    },
    /// Says that something was drawn where nothing was.
    Idle(Rect),
    Look(usize),
}

fn rect() -> impl Strategy<Value = Rect> {
    let side = || (0..200_u32, 0..200_u32);
    (side(), side()).prop_map(|((x, width), (y, height))| Rect { x, y, width, height })
}

fn step() -> impl Strategy<Value = Step> {
    let mode = proptest::option::weighted(0.8, (1..150_u32, 1..150_u32));
    prop_oneof![
        1 => mode.prop_map(Step::Mode),
        1 => any::<bool>().prop_map(Step::Blank),
        8 => (rect(), any::<u32>()).prop_map(|(rect, color)| Step::Draw { rect, color }),
        1 => rect().prop_map(Step::Idle),
        4 => (0..2_usize).prop_map(Step::Look),
    ]
}

/// The card's own memory.
struct Model {
    size: Option<Size>,
    last: Size,
    blank: bool,
    pixels: Vec<u32>,
}

impl Model {
    fn shown(&self) -> Vec<u32> {
        let show = self.size.is_some() && !self.blank;
        self.pixels.iter().map(|pixel| if show { pixel & 0xff_ffff } else { 0 }).collect()
    }
}

/// A viewer that knows only what it was told: a copy made of damage.
struct Told {
    viewer: Viewer,
    size: Size,
    pixels: Vec<u32>,
}

impl Told {
    fn look(&mut self) {
        let change = self.viewer.take();
        let canvas = self.viewer.canvas();
        if change.resized {
            self.size = canvas.size();
            self.pixels = vec![0xdead_beef; self.size.pixels()];
        }
        for rect in change.damage {
            for (row, pixels) in canvas.rows(rect).enumerate() {
                let at = (rect.y as usize + row) * self.size.width() as usize + rect.x as usize;
                self.pixels[at..at + pixels.len()].copy_from_slice(pixels);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_viewer_that_applies_what_it_is_told_has_the_picture(
        first_mode in (1..150_u32, 1..150_u32),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let (mut publisher, screen) = screen();
        let first = size(first_mode.0, first_mode.1);
        // What there is before the first mode is large, and another test's.
        publisher.set_mode(Some(first));
        publisher.set_mode(None);
        let mut model = Model {
            size: None, last: first, blank: false, pixels: vec![0; first.pixels()],
        };
        let mut viewers = [(); 2].map(|()| Told {
            viewer: screen.viewer(), size: first, pixels: vec![0xdead_beef; first.pixels()],
        });
        let looks = [Step::Look(0), Step::Look(1)];
        for step in steps.into_iter().chain(looks) {
            match step {
                Step::Mode(new) => {
                    let new = new.map(|(width, height)| size(width, height));
                    publisher.set_mode(new);
                    if new.is_some() || model.size.is_some() {
                        model.last = new.unwrap_or(model.last);
                        model.pixels = vec![0; model.last.pixels()];
                        model.blank = false;
                    }
                    model.size = new;
                }
                Step::Blank(blank) => {
                    publisher.set_blank(blank);
                    model.blank = blank;
                }
                Step::Draw { rect, color } => {
                    let Some(size) = model.size else { continue };
                    let inside = rect.intersect(size.bounds());
                    for y in inside.y..inside.bottom() {
                        let at = (y * size.width() + inside.x) as usize;
                        model.pixels[at..at + inside.width as usize].fill(color);
                    }
                    publish(&mut publisher, &model, rect);
                }
                Step::Idle(rect) => {
                    let changed = publish(&mut publisher, &model, rect);
                    prop_assert!(!changed);
                }
                Step::Look(who) => {
                    viewers[who].look();
                    prop_assert_eq!(viewers[who].size, model.last);
                    prop_assert!(viewers[who].pixels == model.shown(), "after {:?}", model.size);
                }
            }
        }
    }
}

fn publish(publisher: &mut Publisher, model: &Model, rect: Rect) -> bool {
    let bytes: Vec<u8> = model.pixels.iter().flat_map(|pixel| pixel.to_le_bytes()).collect();
    let stride_bytes = model.last.width() as usize * 4;
    publisher.publish(Frame { pixels: &bytes, stride_bytes }, &[rect])
}

#[test]
fn only_what_has_changed_is_told() {
    let (mut publisher, screen) = screen();
    publisher.set_mode(Some(size(640, 480)));
    let mut viewer = screen.viewer();
    assert_eq!(viewer.take().damage, [size(640, 480).bounds()]);
    let rect = Rect { x: 70, y: 100, width: 2, height: 2 };
    assert!(publisher.publish_with(&[rect], |_, pixels| pixels.fill(1)));
    assert_eq!(viewer.take().damage, [Rect { x: 64, y: 96, width: 32, height: 32 }]);
    // All of it is said to have changed, and nothing has.
    let frames = screen.frames();
    let drawn = |rect: Rect, pixels: &mut [u32]| {
        for (y, row) in (rect.y..).zip(pixels.chunks_exact_mut(rect.width as usize)) {
            for (x, pixel) in (rect.x..).zip(row) {
                *pixel = 0xff00_0000 | u32::from(x / 32 == 2 && y / 32 == 3);
            }
        }
    };
    assert!(!publisher.publish_with(&[size(640, 480).bounds()], drawn));
    assert!(viewer.take().is_none());
    assert_eq!(screen.frames(), frames);
}

/// Whatever viewers hold, and however long they sleep, publishing takes no lock of theirs.
#[test]
fn the_publisher_does_not_wait_for_a_stalled_viewer() {
    let (mut publisher, screen) = screen();
    publisher.set_mode(Some(size(320, 200)));
    let mut viewer = screen.viewer();
    viewer.take();
    // The only lock there is, held in this very thread: taking it again would never end.
    let held = screen.shared.picture.lock().expect("nobody has panicked");
    for color in 1..=100 {
        publisher.publish_with(&[size(320, 200).bounds()], |_, pixels| pixels.fill(color));
        publisher.set_blank(color % 2 == 1);
    }
    drop(held);
    let change = viewer.take();
    assert_eq!(change.damage, [size(320, 200).bounds()], "a hundred frames are one change");
    assert!(viewer.canvas().pixels().iter().all(|pixel| *pixel == 100));
}

/// One publishes as fast as it can while others look: in the end all have the last picture, and nearly
/// everything they saw on the way was a whole frame.
#[test]
fn viewers_on_other_threads_end_with_the_last_picture() {
    let (mut publisher, screen) = screen();
    let whole = size(160, 100).bounds();
    publisher.set_mode(Some(size(160, 100)));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let lookers: Vec<_> = (0..2)
            .map(|_| {
                let mut viewer = screen.viewer();
                let watch = Watch::new().expect("epoll");
                watch.bell(&screen, 0).expect("watched");
                let done = &done;
                scope.spawn(move || {
                    let (mut looks, mut torn) = (0_u32, 0_u32);
                    while !done.load(Ordering::Acquire) {
                        watch.wait(Some(Duration::from_millis(20))).expect("a wait");
                        viewer.take();
                        looks += 1;
                        let pixels = viewer.canvas().pixels();
                        torn += u32::from(pixels.iter().any(|pixel| *pixel != pixels[0]));
                    }
                    viewer.take();
                    (viewer.into_canvas(), looks, torn)
                })
            })
            .collect();
        let end = Instant::now() + Duration::from_millis(300);
        let mut color = 0;
        while Instant::now() < end {
            color += 1;
            publisher.publish_with(&[whole], |_, pixels| pixels.fill(color));
        }
        done.store(true, Ordering::Release);
        for looker in lookers {
            let (canvas, looks, torn) = looker.join().expect("no panic");
            assert!(canvas.pixels().iter().all(|pixel| *pixel == color));
            println!("{color} frames, {looks} looks, {torn} of them torn");
        }
    });
}

/// A mode set while viewers look leaves them with a picture of one mode, not of two.
#[test]
fn modes_change_under_a_viewer() {
    let (mut publisher, screen) = screen();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looker = scope.spawn(|| {
            let mut viewer = screen.viewer();
            while !done.load(Ordering::Acquire) {
                viewer.take();
                assert_eq!(viewer.canvas().pixels().len(), viewer.canvas().size().pixels());
            }
            viewer.take();
            viewer.into_canvas()
        });
        for round in 0..200 {
            let size = size(33 + round % 50, 20 + round % 70);
            publisher.set_mode(Some(size));
            publisher.publish_with(&[size.bounds()], |_, pixels| pixels.fill(round));
        }
        done.store(true, Ordering::Release);
        let canvas = looker.join().expect("no panic");
        assert_eq!(canvas.size(), size(33 + 199 % 50, 20 + 199 % 70));
        assert!(canvas.pixels().iter().all(|pixel| *pixel == 199));
    });
}
