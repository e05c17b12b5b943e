//! The whole view: title, table, the selected device, keys.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, Paragraph, Row as TableRow, Table, TableState, Wrap};

use super::board::Board;
use super::column::{Column, clip, fit};
use super::detail;
use super::row::{Row, Status};
use super::text::{no_devices, plural};

const KEYS: [(&str, &str); 5] =
    [("q", "quit"), ("↑↓ jk", "select"), ("s", "sort"), ("p", "pause"), ("+ -", "interval")];
/// Lines of the detail pane, and of the table and the rest, that are worth having.
const DETAIL_LINES: u16 = 13;
const OTHER_LINES: u16 = 5;

pub(super) const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
pub(super) const DOUBTFUL: Style = Style::new().fg(Color::Yellow);
pub(super) const FAINT: Style = Style::new().fg(Color::DarkGray);
pub(super) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

/// Draws `board` into the whole of `frame`.
pub(super) fn draw(frame: &mut Frame, board: &Board) {
    let area = frame.area();
    let rows = board.rows();
    let detail = match area.height.saturating_sub(OTHER_LINES) {
        _ if rows.is_empty() => 0,
        room if room < 4 => 0,
        room => room.min(DETAIL_LINES.max(area.height / 2)),
    };
    let [title, table, pane, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(detail),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(title_line(board, rows.len()), title);
    if rows.is_empty() {
        draw_nothing(frame, board, table);
    } else {
        draw_table(frame, board, &rows, table);
    }
    if let Some((id, entry)) = board.selected() {
        detail::draw(frame, id, entry, pane);
    }
    frame.render_widget(key_line(), keys);
}

fn title_line(board: &Board, devices: usize) -> Line<'static> {
    if let Some(trouble) = &board.trouble {
        return Line::styled(format!("ublk top: {}", clip(trouble, 500)), BAD);
    }
    let mut spans = vec![
        Span::styled("ublk top", STRONG),
        Span::raw(format!(
            "  {}  every {} s  sorted by {}",
            plural(devices, "device"),
            board.interval,
            board.sort.title()
        )),
    ];
    if board.paused {
        spans.push(Span::raw("  "));
        spans.push(Span::styled("PAUSED", DOUBTFUL));
    }
    Line::from(spans)
}

fn key_line() -> Line<'static> {
    let mut spans = Vec::new();
    for (key, action) in KEYS {
        spans.push(Span::styled(key, STRONG));
        spans.push(Span::raw(format!(" {action}   ")));
    }
    Line::from(spans)
}

fn draw_nothing(frame: &mut Frame, board: &Board, area: Rect) {
    let text = Text::from(no_devices(&board.place) + "\n\nIt then appears here by itself.");
    let [_, middle] =
        Layout::vertical([Constraint::Length(area.height / 4), Constraint::Min(0)]).areas(area);
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }), middle);
}

fn draw_table(frame: &mut Frame, board: &Board, rows: &[Row], area: Rect) {
    let columns = fit(usize::from(area.width));
    let heading = columns.iter().map(|&(column, _)| {
        let style = if column == board.sort { STRONG.underlined() } else { STRONG };
        Cell::from(aligned(column, column.title().into())).style(style)
    });
    let body = rows.iter().map(|row| {
        let cells = columns.iter().map(|&(column, width)| {
            let text = aligned(column, column.cell(row, width));
            Cell::from(text).style(cell_style(column, row))
        });
        TableRow::new(cells)
    });
    let widths = columns.iter().map(|c| Constraint::Length(c.1.try_into().unwrap_or(u16::MAX)));
    let table = Table::new(body, widths)
        .header(TableRow::new(heading))
        .column_spacing(1)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let selected = board.selected().and_then(|(id, _)| rows.iter().position(|r| r.id == id));
    let mut state = TableState::new().with_selected(selected);
    frame.render_stateful_widget(table, area, &mut state);
}

fn aligned(column: Column, text: String) -> Line<'static> {
    let side = if column.is_text() { Alignment::Left } else { Alignment::Right };
    Line::from(text).alignment(side)
}

fn cell_style(column: Column, row: &Row) -> Style {
    match (column, row.status) {
        (Column::State, Status::Dead) => BAD,
        (_, Status::Dead | Status::Gone) => FAINT,
        (Column::State, Status::Silent | Status::Starting) => DOUBTFUL,
        (Column::State, Status::Live) => Style::new().fg(Color::Green),
        (Column::K | Column::Late, _) if row.is_invalid() => BAD,
        (Column::Trend, _) => Style::new().fg(Color::Cyan),
        _ => Style::new(),
    }
}
