//! A card's figures for Prometheus, made from what `vcd stats` tells. `docs/vcd.md` has the table of them.

use std::fmt::Write;

use daemonkit::metrics::{about, escaped};
use serde_json::Value;

/// Name, type, where it is in the statistics, and what it means.
const METRICS: &[(&str, &str, &str, &str)] = &[
    ("driver_bound", "gauge", "/bound", "1 while a driver is bound to the card."),
    ("write_traps", "gauge", "/traps", "0 where registers have to be polled."),
    ("dma_mappings", "gauge", "/dma_mappings", "Pieces of memory that the driver lends the card."),
    ("arms_total", "counter", "/arms", "Times that register writes were trapped anew."),
    ("interrupts_total", "counter", "/interrupts_delivered", "Interrupts delivered."),
    (
        "interrupts_refused_total",
        "counter",
        "/interrupts_refused",
        "Interrupts that the driver does not take, or that came too fast.",
    ),
    ("turns_total", "counter", "/card/turns", "Looks at the registers."),
    ("register_writes_total", "counter", "/card/writes", "Registers written by the card."),
    ("fetches_total", "counter", "/card/fetches", "Pieces of the driver's memory read."),
    ("fetched_bytes_total", "counter", "/card/fetched_bytes", "Bytes of the driver's memory read."),
    (
        "fetches_refused_total",
        "counter",
        "/card/refused_fetches",
        "Pieces of memory that the card may not read.",
    ),
    ("faults_total", "counter", "/card/faults", "Mistakes of the driver's."),
    ("mode_changes_total", "counter", "/card/modes", "Changes of the mode."),
    ("frames_total", "counter", "/card/frames", "Pictures that differed from the one before."),
];

/// The same of each place where the picture is shown.
const SINKS: &[(&str, &str, &str, &str)] = &[
    ("sink_viewers", "gauge", "/viewers", "Who looks."),
    ("sink_frames_total", "counter", "/frames", "Pictures shown, all viewers together."),
    ("sink_bytes_total", "counter", "/bytes", "Bytes of pictures given out."),
];

/// The text, from the answer to `vcd stats`.
pub fn render(stats: &Value) -> String {
    let mut text = String::with_capacity(4096);
    let card = stats["number"].as_u64().unwrap_or_default();
    for (name, kind, place, help) in METRICS {
        about(&mut text, &format!("vcd_{name}"), kind, help);
        line(&mut text, name, &format!("card=\"{card}\""), stats.pointer(place));
    }
    let sinks = stats["sinks"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (name, kind, place, help) in SINKS {
        about(&mut text, &format!("vcd_{name}"), kind, help);
        for sink in sinks {
            let label = |key: &str| escaped(sink[key].as_str().unwrap_or_default());
            let labels =
                format!("card=\"{card}\",kind=\"{}\",place=\"{}\"", label("kind"), label("place"));
            line(&mut text, name, &labels, sink.pointer(place));
        }
    }
    text
}

// Writing to a String cannot fail.
fn line(text: &mut String, name: &str, labels: &str, value: Option<&Value>) {
    let value = match value {
        Some(Value::Bool(yes)) => u64::from(*yes),
        Some(value) => value.as_u64().unwrap_or_default(),
        None => return,
    };
    let _ = writeln!(text, "vcd_{name}{{{labels}}} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::play::Counts;
    use serde_json::json;

    #[test]
    fn every_figure_has_its_line() {
        let counts = Counts { fetches: 7, ..Counts::default() };
        let stats = json!({
            "number": 2, "bound": true, "traps": false, "arms": 3, "interrupts_delivered": 4,
            "interrupts_refused": 0, "dma_mappings": 1, "card": counts,
            "sinks": [{"kind": "png", "place": "a\"b", "viewers": 1, "frames": 5, "bytes": 6}],
        });
        let text = render(&stats);
        for wanted in [
            "vcd_driver_bound{card=\"2\"} 1\n",
            "vcd_write_traps{card=\"2\"} 0\n",
            "vcd_fetches_total{card=\"2\"} 7\n",
            "vcd_sink_frames_total{card=\"2\",kind=\"png\",place=\"a\\\"b\"} 5\n",
        ] {
            assert!(text.contains(wanted), "{wanted}{text}");
        }
        let values = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(values, METRICS.len() + SINKS.len(), "{text}");
    }
}
