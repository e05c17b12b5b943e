//! A card, its driver and a program in one process.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

use std::sync::{Arc, Mutex};

use vcd_drm::demo::scenes::{HEIGHT, WIDTH};
use vcd_drm::demo::{Driver, DriverError, Scene, Stream};
use vcd_drm::screen::Screen;
use vcd_drm::trace::{Recorder, Replay, ReplayError};
use vgpu_card::{Layout, regs};

fn layout() -> Layout {
    let text = include_str!("../../configs/cards/base.toml");
    Layout::bind(&regmap::parse("base.toml", text).unwrap()).unwrap()
}

/// A file that can be looked at while it is written.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn every_scene_is_drawn_shown_and_played_again_from_its_trace() {
    for (name, scene) in Scene::ALL {
        let mut driver = Driver::new(layout()).unwrap();
        let file = Shared::default();
        let (recorder, failure) =
            Recorder::new(file.clone(), driver.player().card().layout()).unwrap();
        driver.player().set_listener(Some(Box::new(recorder)));
        let (mut publisher, screen) = Screen::new().unwrap();
        scene.begin(&mut driver).unwrap();
        for number in 1..=9 {
            scene.frame(&mut driver, number).unwrap();
            driver.player().publish(&mut publisher, false);
        }
        driver.player().set_listener(None);
        assert!(failure.take().is_none());
        let (_, canvas) = screen.snapshot();
        assert_eq!((canvas.size().width(), canvas.size().height()), (WIDTH, HEIGHT));
        // Damage that was forgotten would leave an older frame in places.
        driver.player().publish(&mut publisher, true);
        assert!(screen.snapshot().1.pixels() == canvas.pixels(), "{name}: not all was published");
        let colors: std::collections::HashSet<u32> = canvas.pixels().iter().copied().collect();
        assert!(colors.len() > 20, "{name}: {} colours", colors.len());

        let text = String::from_utf8(file.0.lock().unwrap().clone()).unwrap();
        let mut replay = Replay::new(layout());
        replay.play(&text).unwrap();
        let (width, height, pixels) = replay.picture().unwrap();
        assert_eq!((width, height), (WIDTH, HEIGHT));
        assert!(pixels == canvas.pixels(), "{name}: the trace gives another picture");
    }
}

#[test]
fn there_is_an_interrupt_for_each_buffer() {
    let mut driver = Driver::new(layout()).unwrap();
    Scene::Triangles.begin(&mut driver).unwrap();
    for number in [400, 401, 402] {
        Scene::Triangles.frame(&mut driver, number).unwrap();
    }
    let (interrupts, buffers) = driver.interrupts_and_buffers();
    let fetched = driver.player().counts().fetched_bytes;
    // 3200 triangles of 20 words fill one buffer of 64 KiB after the other.
    assert_eq!(buffers, 3 * 4, "{fetched} bytes");
    assert_eq!(interrupts, buffers);
}

#[test]
fn a_mistake_is_told_and_passes() {
    let mut driver = Driver::new(layout()).unwrap();
    driver.set_mode(640, 480, 0).unwrap();
    let error = driver.submit(&[0x7ff, 1]).unwrap_err();
    let DriverError::Card { code, data, .. } = error else { panic!("{error}") };
    assert_eq!(regs::error_code::CODE.get(code), regs::error_code::CODE_BAD_TAG);
    assert_eq!(data, 0x7ff);
    assert_eq!(driver.player().take_faults().len(), 1);
    assert!(driver.set_mode(10, 10, 0).is_err());
    let mut stream = Stream::new(640, 480, 0);
    stream.fill(&mut driver, (0, 0), (640, 480), 0x12_3456).unwrap();
    stream.send(&mut driver).unwrap();
    assert_eq!(driver.player().machine().memory()[..640 * 480], vec![0x12_3456; 640 * 480]);
}

#[test]
fn a_trace_that_is_none_is_refused_by_its_line() {
    let play = |text: &str| Replay::new(layout()).play(text);
    let line = |result| match result {
        Err(ReplayError::Line { line, what }) => (line, what),
        other => panic!("{other:?}"),
    };
    assert_eq!(line(play("")).0, 1);
    assert!(matches!(play("vcd trace 1 other 0x00000001\n"), Err(ReplayError::Layout { .. })));
    let head = format!("vcd trace 1 base {:#010x}\n", regs::LAYOUT_HASH_VALUE);
    assert_eq!(line(play(&format!("{head}reg 0x20 1\nlook 0xffffffff\nmumble"))).0, 4);
    assert_eq!(line(play(&format!("{head}reg 0x10000 1"))).0, 2);
    assert_eq!(line(play(&format!("{head}read 0x0 8\n  0x0 0x0"))).0, 2, "nobody has asked for it");
    assert_eq!(line(play(&format!("{head}  0x0 0x0"))).0, 2);
    play(&head).unwrap();
}
