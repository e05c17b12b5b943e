//! The view as plain text and as lines of JSON, for scripts and where there is no terminal.

use std::fmt::Write as _;

use serde_json::json;

use super::board::Board;
use super::column::fit;
use super::row::{Row, Status};

/// Said where a device's results cannot be used.
pub(super) const INVALID: &str =
    "INVALID: k was locked and more than 1 % of the requests were late; raise k or use mode=adapt";
/// Room for all columns.
const WIDTH: usize = 120;

/// What to say when there is nothing to show.
pub(super) fn no_devices(place: &str) -> String {
    format!(
        "No devices in {place}.\n\nMake one, for example:\n  \
         ublk add vpt barracuda-st32171w --image lab.img --size 1G"
    )
}

pub(super) fn plural(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A frame for people.
pub(super) fn frame(board: &Board) -> String {
    let rows = board.rows();
    if rows.is_empty() {
        return no_devices(&board.place) + "\n";
    }
    let mut text = String::new();
    let columns = fit(WIDTH);
    let mut line = |cells: Vec<String>| {
        let mut joined = String::new();
        for ((column, width), cell) in columns.iter().zip(cells) {
            let _ = if column.is_text() {
                write!(joined, "{cell:<width$} ")
            } else {
                write!(joined, "{cell:>width$} ")
            };
        }
        let _ = writeln!(text, "{}", joined.trim_end());
    };
    line(columns.iter().map(|c| c.0.title().to_owned()).collect());
    for row in &rows {
        line(columns.iter().map(|(column, width)| column.cell(row, *width)).collect());
    }
    for row in &rows {
        for remark in remarks(row) {
            let name = format!("device {}", row.id);
            // What the client says of a device begins with its name.
            let name = if remark.starts_with(&name) { String::new() } else { name + ": " };
            let _ = writeln!(text, "{name}{remark}");
        }
    }
    text
}

fn remarks(row: &Row) -> Vec<String> {
    let mut remarks: Vec<String> = row.message.iter().cloned().collect();
    if row.is_invalid() {
        remarks.push(INVALID.into());
    }
    if row.status == Status::Live && row.rates.is_none() {
        remarks.push("heard of only once: no rates yet".into());
    }
    remarks
}

/// A frame for programs: one line.
///
/// # Errors
/// It cannot be written as JSON.
pub(super) fn json_line(board: &Board, seconds: f64) -> Result<String, serde_json::Error> {
    serde_json::to_string(&json!({ "seconds": seconds, "devices": board.rows() }))
}
