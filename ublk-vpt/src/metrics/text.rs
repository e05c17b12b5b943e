//! The figures in Prometheus' text format. `docs/service.md` has the table of them.

use std::fmt::Write;

use daemonkit::metrics::{about, escaped};

use crate::report::{Count, Histogram, Histograms, StatsReport};

/// What is told.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// The counters, as `ublk stats` has them.
    pub stats: StatsReport,
    /// The distributions.
    pub histograms: Histograms,
    /// Most requests inside the device at one time.
    pub depth: u32,
}

/// The whole text: for each metric its meaning, its type and its values.
pub fn render(figures: &Figures) -> String {
    let Figures { stats, histograms, depth } = figures;
    let mut text = Text { out: String::with_capacity(8192), id: stats.id };
    text.about("info", "gauge", "The device; always 1.");
    let (disk, front) = (escaped(&stats.disk), escaped(&stats.front));
    text.labelled("info", &format!("disk=\"{disk}\",front=\"{front}\""), 1.0);
    let scale = &stats.scale;
    let yes = |flag: bool| if flag { 1.0 } else { 0.0 };
    for (name, value, help) in [
        ("uptime_seconds", stats.uptime_seconds, "Time since the device went live."),
        ("requests_in_flight", stats.in_flight as f64, "Requests inside the device."),
        ("depth", f64::from(*depth), "Most requests that may be inside the device."),
        ("scale", scale.k, "The scale k: requests take k times the modelled time."),
        ("scale_locked", yes(scale.locked), "Whether k can no longer move."),
        ("valid", yes(scale.valid), "0: too many requests were late for the results to convert."),
    ] {
        text.about(name, "gauge", help);
        text.plain(name, value);
    }
    for (name, value, help) in [
        ("judged_requests_total", scale.requests as f64, "Requests judged against the model."),
        ("late_requests_total", scale.late as f64, "Of these, the backing store was late for."),
        ("busy_seconds_total", scale.busy_seconds, "How long the arm was busy."),
        ("device_seconds_total", scale.device_seconds, "The same on the modelled disk's clock."),
    ] {
        text.about(name, "counter", help);
        text.plain(name, value);
    }
    text.by_operation("requests_total", "Finished requests.", stats, |c| c.requests);
    text.by_operation("bytes_total", "Bytes moved.", stats, |c| c.bytes);
    text.by_operation("errors_total", "Requests that failed.", stats, |c| c.errors);
    for (name, histogram, help) in [
        ("response_seconds", &histograms.response, "Arrival to completion."),
        ("service_seconds", &histograms.service, "Start of service to completion."),
        ("backing_seconds", &histograms.backing, "What the backing store took."),
        (
            "backing_lateness_seconds",
            &histograms.backing_late,
            "How late the backing store was, for the requests it was late for.",
        ),
        (
            "timer_lateness_seconds",
            &histograms.timer_late,
            "How late a completion was handed over, data being there.",
        ),
    ] {
        text.histogram(name, histogram, help);
    }
    text.out
}

struct Text {
    out: String,
    id: u32,
}

impl Text {
    fn about(&mut self, name: &str, kind: &str, help: &str) {
        about(&mut self.out, &format!("ublk_vpt_{name}"), kind, help);
    }

    // Writing to a String cannot fail.
    fn plain(&mut self, name: &str, value: f64) {
        let _ = writeln!(self.out, "ublk_vpt_{name}{{id=\"{}\"}} {value}", self.id);
    }

    fn labelled(&mut self, name: &str, labels: &str, value: f64) {
        let _ = writeln!(self.out, "ublk_vpt_{name}{{id=\"{}\",{labels}}} {value}", self.id);
    }

    fn by_operation(
        &mut self,
        name: &str,
        help: &str,
        stats: &StatsReport,
        value: impl Fn(&Count) -> u64,
    ) {
        self.about(name, "counter", help);
        for (op, count) in [
            ("read", &stats.read),
            ("write", &stats.write),
            ("flush", &stats.flush),
            ("discard", &stats.discard),
        ] {
            self.labelled(name, &format!("op=\"{op}\""), value(count) as f64);
        }
    }

    fn histogram(&mut self, name: &str, histogram: &Histogram, help: &str) {
        self.about(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (bound, count) in &histogram.buckets {
            self.labelled(&bucket, &format!("le=\"{bound}\""), *count as f64);
        }
        self.labelled(&bucket, "le=\"+Inf\"", histogram.count as f64);
        self.plain(&format!("{name}_sum"), histogram.sum_seconds);
        self.plain(&format!("{name}_count"), histogram.count as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_the_format() {
        let mut figures = Figures::default();
        figures.stats.disk = "a\"b\\c\nd".into();
        let text = render(&figures);
        assert!(text.contains(r#"disk="a\"b\\c\nd","#), "{text}");
        assert!(text.lines().all(|line| line.starts_with("# ") || line.starts_with("ublk_vpt_")));
    }

    #[test]
    fn large_counts_are_not_rounded_into_exponents() {
        let mut figures = Figures::default();
        figures.stats.read.bytes = 1 << 52;
        assert!(render(&figures).contains("bytes_total{id=\"0\",op=\"read\"} 4503599627370496\n"));
    }
}
