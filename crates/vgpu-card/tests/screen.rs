//! Modes, what is on the screen, vertical blanks, and the interrupts of all of it.

mod lab;

use std::time::Duration;

use lab::Lab;
use vgpu_card::Mode;
use vgpu_card::ids::{
    Cmd, ControlAction, DrawPrimitive, ErrorCodeCode, Fld, ModeControlAction, Reg,
};
use vgpu_card::raster::Rect;

const SCREEN: Mode = Mode { width: 640, height: 480, stride: 640, base: 0 };

fn enter(lab: &mut Lab, width: i32, height: i32, stride: u32) {
    let size = lab.fields([(Fld::ModeSizeWidth, width), (Fld::ModeSizeHeight, height)]);
    lab.write(Reg::ModeSize, size);
    lab.write(Reg::ModeStride, lab.field(Fld::ModeStridePixels, stride));
    lab.write(Reg::ModeControl, lab.code(ModeControlAction::Enter));
    lab.damage = Rect::EMPTY;
    lab.scan();
    assert_eq!(lab.read(Reg::ModeControl), 0);
}

fn in_graphics() -> Lab {
    let mut lab = Lab::new();
    enter(&mut lab, 640, 480, 640);
    assert_eq!(lab.faults, []);
    lab
}

#[test]
fn graphics_are_entered_changed_and_left() {
    let mut lab = in_graphics();
    assert_eq!(lab.mode, Some(SCREEN));
    assert_eq!((lab.get(Fld::StatusGraphics), lab.damage), (1, SCREEN.bounds()));
    enter(&mut lab, 1024, 768, 1040);
    let other = Mode { width: 1024, height: 768, stride: 1040, base: 0 };
    assert_eq!((lab.mode, lab.damage), (Some(other), other.bounds()));
    lab.write(Reg::ModeControl, lab.code(ModeControlAction::Leave));
    lab.scan();
    assert_eq!((lab.mode, lab.get(Fld::StatusGraphics)), (None, 0));
    assert!(lab.card.display().is_none());
}

#[test]
fn the_largest_pictures_are_those_that_fit() {
    let mut lab = Lab::new();
    enter(&mut lab, 2560, 1600, 2560);
    assert_eq!(lab.faults, []);
    enter(&mut lab, 4096, 1024, 4096);
    assert_eq!(lab.faults, []);
}

#[test]
fn modes_that_cannot_be_shown_change_nothing() {
    for (width, height, stride) in
        [(639, 480, 640), (640, 479, 640), (640, 480, 639), (4097, 480, 4200), (4096, 1025, 4096)]
    {
        let mut lab = in_graphics();
        enter(&mut lab, width, height, stride);
        assert_eq!(lab.error(), Some(ErrorCodeCode::BadMode), "{width} {height} {stride}");
        assert_eq!((lab.mode, lab.damage), (Some(SCREEN), Rect::EMPTY));
    }
    let mut lab = in_graphics();
    lab.write(Reg::ModeFormat, lab.field(Fld::ModeFormatFormat, 7));
    enter(&mut lab, 640, 480, 640);
    assert_eq!(lab.error(), Some(ErrorCodeCode::BadMode));
}

#[test]
fn the_picture_moves_in_memory() {
    let mut lab = in_graphics();
    lab.damage = Rect::EMPTY;
    lab.write(Reg::DisplayBase, 640 * 480 * 4);
    lab.scan();
    assert_eq!(lab.mode, Some(Mode { base: 640 * 480, ..SCREEN }));
    assert_eq!(lab.damage, SCREEN.bounds());
    for wrong in [2, 16 << 20, u32::MAX - 3] {
        lab.write(Reg::DisplayBase, wrong);
        lab.scan();
        assert_eq!(lab.mode, Some(Mode { base: 640 * 480, ..SCREEN }), "it stays where it was");
        assert_eq!(lab.error(), Some(ErrorCodeCode::BadMode));
    }
    assert_eq!(lab.get(Fld::IntCountError), 3);
    lab.scan();
    assert_eq!(lab.get(Fld::IntCountError), 3, "once for each write");
}

#[test]
fn drawing_damages_what_is_shown() {
    let mut lab = in_graphics();
    lab.write(Reg::WindowStride, lab.field(Fld::WindowStridePixels, 640));
    let position = lab.fields([(Fld::RectPositionX, 10), (Fld::RectPositionY, 20)]);
    lab.write(Reg::RectPosition, position);
    lab.write(Reg::RectSize, lab.fields([(Fld::RectSizeWidth, 5), (Fld::RectSizeHeight, 6)]));
    lab.damage = Rect::EMPTY;
    lab.draw(DrawPrimitive::Fill);
    assert_eq!(lab.damage, Rect::new(10, 20, 15, 26));
    lab.damage = Rect::EMPTY;
    lab.write(Reg::WindowBase, 640 * 480 * 4);
    lab.draw(DrawPrimitive::Fill);
    assert_eq!(lab.damage, Rect::EMPTY, "behind the picture");
}

#[test]
fn cursor_palette_and_blanking_change_the_screen() {
    let mut lab = in_graphics();
    let cursor = 640 * 480;
    lab.memory[cursor..cursor + 64 * 64].fill(0xff00_ff00);
    lab.write(Reg::CursorBase, cursor as u32 * 4);
    let at = |lab: &Lab, x, y| lab.fields([(Fld::CursorPositionX, x), (Fld::CursorPositionY, y)]);
    lab.write(Reg::CursorPosition, at(&lab, 100, 50));
    let hotspot = lab.fields([(Fld::CursorHotspotX, 2), (Fld::CursorHotspotY, 3)]);
    lab.write(Reg::CursorHotspot, hotspot);
    lab.write(Reg::DisplayControl, lab.field(Fld::DisplayControlCursor, 1));
    lab.damage = Rect::EMPTY;
    lab.scan();
    assert_eq!(lab.damage, Rect::new(98, 47, 162, 111));
    let shown = |lab: &Lab, x: i32, y: i32| {
        let mut pixel = [0x55];
        let display = lab.card.display().expect("graphics");
        display.render(&lab.memory, Rect::new(x, y, x + 1, y + 1), &mut pixel);
        pixel[0]
    };
    assert_eq!((shown(&lab, 98, 47), shown(&lab, 97, 47)), (0xff00, 0));
    lab.damage = Rect::EMPTY;
    lab.write(Reg::CursorPosition, at(&lab, -60, 50));
    lab.scan();
    assert_eq!(lab.damage, Rect::new(0, 47, 162, 111), "where it was, and where it is");
    let entry = lab.fields([(Fld::PaletteRed, 1), (Fld::PaletteGreen, 2), (Fld::PaletteBlue, 3)]);
    lab.write_at(Reg::Palette, 0, entry);
    lab.write(Reg::DisplayControl, lab.field(Fld::DisplayControlPalette, 1));
    lab.damage = Rect::EMPTY;
    lab.scan();
    assert_eq!((lab.damage, shown(&lab, 5, 5)), (SCREEN.bounds(), 0x01_0203));
    lab.write(Reg::DisplayControl, lab.field(Fld::DisplayControlBlank, 1));
    lab.scan();
    assert_eq!(shown(&lab, 5, 5), 0);
}

#[test]
fn vertical_blanks_come_while_somebody_waits() {
    let ms = Duration::from_millis;
    let mut lab = in_graphics();
    assert_eq!(lab.tick(ms(1000)), None, "nobody waits");
    lab.write(Reg::IntEnable, lab.field(Fld::IntEnableVblank, 1));
    lab.scan();
    let first = lab.tick(ms(1000)).expect("the first one");
    assert_eq!(first, ms(1000) + Duration::from_nanos(16_666_667));
    assert_eq!((lab.tick(ms(1010)), lab.raised), (Some(first), 0), "too early");
    let second = lab.tick(first).expect("the second one");
    assert_eq!((second - first, lab.raised), (Duration::from_nanos(16_666_667), 1));
    assert_eq!((lab.get(Fld::IntCountVblank), lab.read(Reg::FrameCount)), (1, 1));
    lab.acknowledge();
    // The daemon was stopped for a second: one blank, and the next where it would have been.
    let late = lab.tick(second + ms(1000)).expect("the next one");
    assert!(late > second + ms(1000) && late <= second + ms(1017), "{late:?}");
    assert_eq!((lab.read(Reg::FrameCount), lab.raised), (2, 2));
    lab.write(Reg::ModeControl, lab.code(ModeControlAction::Leave));
    lab.scan();
    assert_eq!(lab.tick(late), None);
}

#[test]
fn each_buffer_interrupts_once_when_it_is_acknowledged() {
    let mut lab = Lab::new();
    lab.write(Reg::IntEnable, lab.field(Fld::IntEnableBuffer, 1));
    for n in 1..=300_u32 {
        lab.buffer(&[0, 0]);
        assert_eq!((lab.raised, lab.pin), (n, true));
        assert_eq!(lab.get(Fld::StatusLine), 1);
        lab.acknowledge();
        assert!(!lab.pin && lab.get(Fld::StatusLine) == 0);
    }
    assert_eq!(lab.get(Fld::IntCountBuffer), 300 % 256);
}

#[test]
fn an_event_while_another_is_acknowledged_interrupts_again() {
    let mut lab = Lab::new();
    lab.write(Reg::IntEnable, u32::MAX);
    lab.buffer(&[0, 0]);
    let seen = lab.read(Reg::IntCount);
    lab.driver = lab.command(Cmd::Sync, 1).to_vec();
    lab.write(Reg::DmaCount, 2);
    lab.turn(); // before the card sees what the handler has written
    assert_eq!(lab.raised, 1);
    lab.write(Reg::IntAck, seen);
    lab.scan();
    assert_eq!((lab.raised, lab.pin), (2, true));
    lab.acknowledge();
    assert_eq!((lab.raised, lab.pin), (2, false));
}

#[test]
fn a_reset_acknowledges_and_leaves_graphics() {
    let mut lab = in_graphics();
    lab.write(Reg::IntEnable, u32::MAX);
    lab.buffer(&[0x7ff, 0]);
    assert!(lab.pin);
    lab.write(Reg::Control, lab.code(ControlAction::Reset));
    lab.scan();
    assert_eq!((lab.pin, lab.read(Reg::Status), lab.mode), (false, 0, None));
    assert_eq!(lab.read(Reg::IntCount), lab.read(Reg::IntAck));
    lab.write(Reg::Control, 0xff);
    lab.scan();
    assert_eq!(lab.error(), Some(ErrorCodeCode::BadCommand));
}
