//! What a browser that looks costs the card (`browser_rate`, a process that measures itself).

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::release;
use crate::bench::report::{median, range};
use crate::bench::vpt::lab::progress;
use crate::bench::{Is, Report};
use crate::run::{self, Interrupt, json};

/// Of each turn.
const SECONDS: &str = "2";

pub(super) fn measure(report: &mut Report, interrupt: &Interrupt) -> Result<()> {
    progress("a browser that looks");
    let built = release(&["-p", "vcd-drm", "--example", "browser_rate"], interrupt)?;
    let mut command = Command::new(built.join("examples/browser_rate"));
    let text = run::output(command.arg(SECONDS), Duration::from_secs(120), interrupt)?;
    tell(report, &json(&text, "the program with a page")?)
}

fn tell(report: &mut Report, value: &Value) -> Result<()> {
    let number = |name: &str| value[name].as_f64().with_context(|| format!("no {name}"));
    let numbers = |name: &str| {
        let all = value[name].as_array().with_context(|| format!("no {name}"))?;
        Ok::<Vec<f64>, anyhow::Error>(all.iter().filter_map(Value::as_f64).collect())
    };
    let note = format!(
        "640 x 480, all of it new in each frame, the card at 60 frames/s; {:.1} MB/s",
        number("bytes_per_second")? / 1e6
    );
    let frames = number("frames_per_second")?;
    report.target("browser: frames", frames, "frames/s", Is::AtLeast(30.0), &note);
    let alone = numbers("triangles_per_second_alone")?;
    let watched = numbers("triangles_per_second_watched")?;
    let lost: Vec<f64> = alone.iter().zip(&watched).map(|(a, w)| 1.0 - w / a).collect();
    let (least, most) = range(&lost);
    let note = format!(
        "median of {} turns ({least:.3} to {most:.3}); the page is on the same machine",
        lost.len()
    );
    let name = "browser: what it takes of the rate of commands";
    report.target(name, median(lost), "share", Is::AtMost(0.1), &note);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_turn_by_turn() {
        let value = serde_json::json!({
            "frames_per_second": 58.0, "bytes_per_second": 2e7,
            "triangles_per_second_alone": [100.0, 200.0, 50.0],
            "triangles_per_second_watched": [95.0, 150.0, 49.0],
        });
        let mut report = Report::new("vcd");
        tell(&mut report, &value).expect("a report");
        let share = report.targets[1].value.expect("a share");
        assert!((share - 0.05).abs() < 1e-9 && report.met(), "{share}");
        assert!(tell(&mut report, &serde_json::json!({})).is_err());
    }
}
