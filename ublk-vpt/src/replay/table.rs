//! The report as a table for people.

use std::fmt::{self, Display, Formatter};

use super::report::ReplayReport;
use crate::report::Distribution;

impl Display for ReplayReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let t = &self.trace;
        writeln!(f, "{} ({}, {} lines) on {}", t.file, t.format, t.lines, self.disk)?;
        for note in &t.notes {
            writeln!(f, "  note: {note}")?;
        }
        if t.skipped_lines > 0 {
            writeln!(f, "  note: {} bad lines skipped", t.skipped_lines)?;
        }
        if self.wrapped > 0 {
            writeln!(f, "  note: {} requests folded back into the disk", self.wrapped)?;
        }
        let mode = match (self.depth, self.time_scale) {
            (Some(depth), _) => format!("closed loop, {depth} under way"),
            (None, Some(s)) if s != 1.0 => format!("arrivals of the trace, times {s}"),
            _ => "arrivals of the trace".into(),
        };
        writeln!(f, "  mode         {mode}, k = {}", self.k)?;
        writeln!(
            f,
            "  requests     {} ({} reads, {} writes, {} flushes, {} discards)",
            self.requests, self.reads, self.writes, self.flushes, self.discards
        )?;
        writeln!(
            f,
            "  virtual time {:.3} s: {:.1} IOPS, {:.2} MB/s, arm busy {:.1} %",
            self.makespan_s,
            self.iops,
            self.mb_per_s,
            self.utilisation * 100.0
        )?;
        writeln!(
            f,
            "  arm          mean stroke {:.3}, {:.1} % contiguous\n",
            self.mean_stroke,
            self.contiguous * 100.0
        )?;
        let columns = ["mean", "p50", "p90", "p99", "max"];
        write!(f, "  ms           ")?;
        for c in columns {
            write!(f, "{c:>11}")?;
        }
        writeln!(f)?;
        row(f, "response", &self.response_ms)?;
        row(f, "service", &self.service_ms)?;
        row(f, "wait", &self.wait_ms)?;
        writeln!(f, "\n  part               mean ms      total s    share")?;
        for (name, part) in self.parts.named() {
            if part.total_ms > 0.0 {
                writeln!(
                    f,
                    "  {name:<13}{:>11.4}  {:>11.3}  {:>5.1} %",
                    part.mean_ms,
                    part.total_ms / 1e3,
                    part.share * 100.0
                )?;
            }
        }
        if let Some(m) = &self.measured {
            writeln!(
                f,
                "\n  measured     {:.4} ms mean, model {:.4} ms, over {} requests",
                m.measured_mean_ms, m.model_mean_ms, m.requests
            )?;
            writeln!(
                f,
                "  within       1 %: {:.1} %   2 %: {:.1} %   5 %: {:.1} %   10 %: {:.1} %",
                m.within_1pct * 100.0,
                m.within_2pct * 100.0,
                m.within_5pct * 100.0,
                m.within_10pct * 100.0
            )?;
            for d in &m.largest {
                writeln!(
                    f,
                    "  line {:<8}sector {:<12} measured {:>10.4} ms, model {:>10.4} ms",
                    d.line, d.sector, d.measured_ms, d.model_ms
                )?;
            }
        }
        writeln!(
            f,
            "\n  replayed at {:.2} million requests/s, parsed at {:.0} MB/s",
            self.speed.requests_per_second / 1e6,
            self.speed.parse_mb_per_s
        )
    }
}

fn row(f: &mut Formatter<'_>, name: &str, d: &Distribution) -> fmt::Result {
    write!(f, "  {name:<13}")?;
    for value in [d.mean, d.p50, d.p90, d.p99, d.max] {
        write!(f, "{value:>11.4}")?;
    }
    writeln!(f)
}
