//! What the demo found out.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::Serialize;
use serde_json::Value;

use crate::machine::Machine;
use crate::table;

/// The result, as `--json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// How the disk was served.
    pub front: String,
    /// The modelled disk.
    pub disk: String,
    /// Random reads measured.
    pub requests: u64,
    /// Their mean, seen from outside, in milliseconds.
    pub mean_ms: f64,
    /// What the model expects the mean of these reads to be, in milliseconds.
    pub expected_ms: f64,
    /// The model's mean over all places, in milliseconds, where the probe tells it.
    pub closed_form_ms: Option<f64>,
    /// Share of service times within 1 % of the model's, seen by the device, 0 to 1.
    pub within_1pct: f64,
    /// Share within 2 %.
    pub within_2pct: f64,
    /// Half of the completions were later than due by at most this, in microseconds.
    pub late_p50_us: f64,
    /// 99 of 100 were, in microseconds.
    pub late_p99_us: f64,
    /// The scale in force at the end.
    pub k: f64,
    /// The share within 1 %, seen from outside, where the probe can tell.
    pub outside_within_1pct: Option<f64>,
    /// The share within 2 %, seen from outside, where the probe can tell.
    pub outside_within_2pct: Option<f64>,
    /// Why time was not kept better, when it was not.
    pub note: Option<String>,
    /// The plot.
    pub svg: PathBuf,
    /// The plot.
    pub png: PathBuf,
    /// The machine.
    pub machine: Machine,
    /// When, in UTC.
    pub date: String,
}

impl Measured {
    /// The table and where the plots are.
    pub fn report(&self) -> String {
        let row = |what: &str, value: String| vec![what.to_owned(), value];
        let percent = |share: f64| format!("{:.2} %", share * 100.0);
        let off = (self.mean_ms / self.expected_ms - 1.0) * 100.0;
        let rows = [
            row("disk", self.disk.clone()),
            row("served over", self.front.clone()),
            row("random 4 KiB reads", self.requests.to_string()),
            row("mean measured", format!("{:.3} ms ({off:+.2} %)", self.mean_ms)),
            row("mean of the model", format!("{:.3} ms", self.expected_ms)),
            row("within 1 % of the model", percent(self.within_1pct)),
            row("within 2 % of the model", percent(self.within_2pct)),
            row("late, median", format!("{:.1} us", self.late_p50_us)),
            row("late, 99 of 100", format!("{:.1} us", self.late_p99_us)),
            row("scale k", format!("{:.3}", self.k)),
        ];
        let mut text = table::plain(&["what", "value"], &rows);
        if let Some(note) = &self.note {
            text.push_str(&format!("note:    {note}\n"));
        }
        text.push_str(&format!("machine: {}\n", self.machine.line()));
        text.push_str(&format!("plots:   {}\n", self.svg.display()));
        text.push_str(&format!("         {}\n", self.png.display()));
        text
    }
}

/// A number in a JSON object, by a path with dots.
pub fn field(value: &Value, command: &str, path: &str) -> Result<f64> {
    let found = value.pointer(&format!("/{}", path.replace('.', "/"))).and_then(Value::as_f64);
    match found {
        Some(number) => Ok(number),
        None => bail!("{command} --json gave no number {path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_path() {
        let value = serde_json::json!({"scale": {"k": 1.5}, "x": null});
        assert_eq!(field(&value, "c", "scale.k").ok(), Some(1.5));
        let error = field(&value, "ublk stats", "x").expect_err("null").to_string();
        assert_eq!(error, "ublk stats --json gave no number x");
    }
}
