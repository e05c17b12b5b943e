//! What the view looks like, compared with pictures in `golden/`. With `UBLK_ACCEPT_PICTURES=1` they
//! are written anew; look at them before committing.

use std::path::Path;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};

use super::board::{Answer, Board, Present, Word};
use super::draw::draw;
use super::testing::{epochs, report, values, with_load};
use super::text;
use crate::report::{Count, StatsReport};

fn say(board: &mut Board, id: u32, word: Word) {
    board.answer(Duration::from_secs(5), Answer { id, pid: id + 1, word });
}

fn tell(board: &mut Board, report: StatsReport) {
    let id = report.id;
    say(board, id, Word::Report(Box::new(report)));
}

/// A healthy one, one with an invalid k, one that hangs, one that died, one that starts.
fn lab() -> Board {
    let mut board = Board::new(1.0, "/run/ublksrvd".into());
    let present = (0..5).map(|id| Present {
        id,
        pid: id + 1,
        disk: "Barracuda ST32171W".into(),
        front: if id == 4 { String::new() } else { "fuse".into() },
    });
    board.present(Duration::ZERO, present.collect());
    for (second, k) in [(9.0, 1.0), (10.0, 1.5), (11.0, 1.25)] {
        let mut r = with_load(report(0, second), (second * 74.0) as u64, 13.49);
        r.write = Count { requests: second as u64 * 10, bytes: 40960, errors: 0 };
        r.in_flight = 8;
        r.within_1pct = 0.9987;
        r.backing_late_us = values(3, 450.0);
        r.scale.k = k;
        (r.scale.k_max_seen, r.scale.k_mean) = (1.5, 1.2);
        (r.scale.requests, r.scale.late) = (r.service_ms.count, 3);
        r.scale.epochs = epochs(&[(0.0, 1.0), (9.5, 1.5), (10.5, 1.25)]);
        tell(&mut board, r);

        let mut r = with_load(report(1, second), (second * 1000.0) as u64, 0.5);
        r.disk = "linear".into();
        r.front = "fuse-loop".into();
        r.scale.mode = "fixed".into();
        (r.scale.locked, r.scale.valid) = (true, false);
        (r.scale.requests, r.scale.late) = (r.service_ms.count, second as u64 * 50);
        r.timekeeping.scheduler = "SCHED_OTHER".into();
        r.timekeeping.note = Some("SCHED_FIFO is not allowed: run as root".into());
        tell(&mut board, r);

        tell(&mut board, with_load(report(2, second), 5, 10.0));
        tell(&mut board, with_load(report(3, second), 5, 10.0));
    }
    let silent = "device 2: its daemon, process 3, does not answer within 2 s: it was stopped \
                  (SIGSTOP); continue it with: kill -CONT 3";
    say(&mut board, 2, Word::Silent(silent.into()));
    say(&mut board, 3, Word::Dead);
    say(&mut board, 4, Word::Starting);
    board
}

fn picture(board: &Board, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, board)).unwrap();
    terminal
}

/// Its lines, without the blanks at their ends.
fn lines(terminal: &Terminal<TestBackend>) -> String {
    let buffer = terminal.backend().buffer();
    let rows = buffer.content.chunks(usize::from(buffer.area.width).max(1));
    rows.map(|row| {
        row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned() + "\n"
    })
    .collect()
}

fn check(name: &str, shown: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/top/golden").join(name);
    if std::env::var_os("UBLK_ACCEPT_PICTURES").is_some() {
        std::fs::write(&path, shown).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap();
    assert!(shown == wanted, "{name} looks different.\nwanted:\n{wanted}\nis:\n{shown}");
}

/// Foreground and modifiers where `word` begins.
fn style_of(terminal: &Terminal<TestBackend>, word: &str) -> (Color, Modifier) {
    let buffer = terminal.backend().buffer();
    let width = usize::from(buffer.area.width);
    for row in buffer.content.chunks(width) {
        let text: Vec<&str> = row.iter().map(|cell| cell.symbol()).collect();
        let at = (0..width).find(|&x| text[x..].concat().starts_with(word));
        if let Some(x) = at {
            return (row[x].fg, row[x].modifier);
        }
    }
    panic!("no {word:?} in\n{}", lines(terminal));
}

#[test]
fn a_small_terminal() {
    check("80x24.txt", &lines(&picture(&lab(), 80, 24)));
}

#[test]
fn a_large_terminal() {
    let mut board = lab();
    board.select(1);
    board.paused = true;
    board.sort = super::column::Column::Reads;
    check("120x40.txt", &lines(&picture(&board, 120, 40)));
}

#[test]
fn no_devices() {
    let mut board = Board::new(1.0, "/run/ublksrvd".into());
    check("none.txt", &lines(&picture(&board, 80, 24)));
    board.trouble = Some("state directory /run/ublksrvd: Permission denied".into());
    assert!(lines(&picture(&board, 80, 24)).contains("Permission denied"));
}

#[test]
fn plain_text() {
    check("frame.txt", &text::frame(&lab()));
    let empty = text::frame(&Board::new(1.0, "/run/x".into()));
    assert!(empty.contains("No devices in /run/x") && empty.contains("ublk add vpt"), "{empty}");
}

#[test]
fn json() {
    let line = text::json_line(&lab(), 2.5).unwrap();
    assert!(!line.contains('\n'));
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    let first = &value["devices"][0];
    assert_eq!((&first["state"], &first["since_start"]["k"]), (&"LIVE".into(), &1.25.into()));
    assert_eq!(first["interval"]["reads_per_second"], 74.0);
    assert_eq!(value["devices"][1]["since_start"]["valid"], false);
    assert_eq!(value["devices"][3]["state"], "DEAD");
    assert!(value["devices"][4]["since_start"].is_null());
}

#[test]
fn what_is_wrong_is_red() {
    let mut board = lab();
    board.select(1);
    let shown = picture(&board, 80, 24);
    assert_eq!(style_of(&shown, "INVALID").0, Color::Red);
    assert_eq!(style_of(&shown, "DEAD").0, Color::Red);
    assert_eq!(style_of(&shown, "SILENT").0, Color::Yellow);
    assert!(style_of(&shown, "linear ").1.contains(Modifier::REVERSED), "the selected row");
    let healthy = picture(&lab(), 80, 24);
    assert!(!lines(&healthy).contains("INVALID"));
}

#[test]
fn every_device_can_be_scrolled_to() {
    let mut board = Board::new(1.0, String::new());
    let devices =
        (0..60).map(|id| Present { id, pid: 1, disk: format!("disk{id}"), front: "fuse".into() });
    board.present(Duration::ZERO, devices.collect());
    board.select(isize::MAX);
    let shown = lines(&picture(&board, 80, 24));
    assert!(shown.contains("disk59") && !shown.contains("disk0 "), "{shown}");
}

#[test]
fn any_size_can_be_drawn() {
    let (lab, empty) = (lab(), Board::new(1.0, String::new()));
    for width in [1, 2, 5, 20, 50, 53, 79, 80, 81, 110, 300] {
        for height in [1, 2, 3, 4, 8, 9, 10, 12, 16, 24, 100] {
            for board in [&lab, &empty] {
                picture(board, width, height);
            }
        }
    }
}
