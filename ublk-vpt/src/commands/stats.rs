//! `ublk stats`.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use super::{Failure, Outcome, Program, expect_living, state_dir};
use crate::cli::{StatsArgs, format_size};
use crate::control::Client;
use crate::report::{Count, Distribution, StatsReport};

pub(super) fn run(program: &Program, args: &StatsArgs, out: &mut dyn Write) -> Outcome {
    let state = state_dir(program)?;
    expect_living(&state, args.id)?;
    let client = Client::new(&state, args.id);
    if let Some(max) = args.trace {
        for record in client.trace(max)? {
            writeln!(out, "{}", json(&record)?)?;
        }
        return Ok(());
    }
    loop {
        let report = client.stats(args.json)?;
        if args.json {
            writeln!(out, "{}", json(&report)?)?;
        } else {
            write!(out, "{}", table(&report))?;
        }
        let Some(seconds) = args.watch else { return Ok(()) };
        if !args.json {
            writeln!(out)?;
        }
        out.flush()?;
        std::thread::sleep(Duration::from_secs_f64(seconds));
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|e| Failure::Failed(format!("output: {e}")))
}

/// The report for people.
fn table(r: &StatsReport) -> String {
    let mut text = format!(
        "disk {}: {}, front {}, up {:.1} s, {} in flight\n\n",
        r.id, r.disk, r.front, r.uptime_seconds, r.in_flight
    );
    for (name, count) in
        [("read", r.read), ("write", r.write), ("flush", r.flush), ("discard", r.discard)]
    {
        push_count(&mut text, name, count);
    }
    let _ = writeln!(
        text,
        "\n{:<18}{:>9} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "", "requests", "mean", "p50", "p90", "p99", "p99.9", "max"
    );
    for (name, values) in [
        ("service, ms", r.service_ms),
        ("model, ms", r.expected_ms),
        ("response, ms", r.response_ms),
        ("backing, ms", r.backing_ms),
        ("backing late, us", r.backing_late_us),
        ("timer late, us", r.timer_late_us),
    ] {
        push_distribution(&mut text, name, values);
    }
    let _ = writeln!(
        text,
        "\nwithin 1 % of the model {:.2} %, within 2 % {:.2} %",
        r.within_1pct * 100.0,
        r.within_2pct * 100.0
    );
    let s = &r.scale;
    let _ = writeln!(
        text,
        "k = {:.4} {}{} (lowest {:.4}, mean {:.4}, highest {:.4}), {} of {} requests late",
        s.k,
        s.mode,
        if s.locked { ", locked" } else { "" },
        s.k_min_seen,
        s.k_mean,
        s.k_max_seen,
        s.late,
        s.requests
    );
    let _ = writeln!(
        text,
        "busy {:.3} s, which is {:.3} s of the modelled disk",
        s.busy_seconds, s.device_seconds
    );
    if s.requests > 0 && !s.valid {
        text.push_str(
            "INVALID: k was locked and more than 1 % of the requests were late; raise k or use mode=adapt\n",
        );
    }
    let t = &r.timekeeping;
    let spin = if t.spin { "spinning" } else { "sleeping only" };
    let _ = writeln!(text, "time kept by {}, {spin}, lead {:.0} us", t.scheduler, t.lead_us);
    if let Some(note) = &t.note {
        let _ = writeln!(text, "note: {note}");
    }
    text
}

fn push_count(text: &mut String, name: &str, count: Count) {
    if count.requests > 0 {
        let _ = writeln!(
            text,
            "{name:<18}{:>9} requests, {}, {} errors",
            count.requests,
            format_size(count.bytes),
            count.errors
        );
    }
}

fn push_distribution(text: &mut String, name: &str, d: Distribution) {
    if d.count > 0 {
        let _ = writeln!(
            text,
            "{name:<18}{:>9} {:>10.3} {:>10.3} {:>10.3} {:>10.3} {:>10.3} {:>10.3}",
            d.count, d.mean, d.p50, d.p90, d.p99, d.p999, d.max
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_leaves_out_what_did_not_happen() {
        let mut report = StatsReport { id: 4, disk: "Cheetah".into(), ..Default::default() };
        let idle = table(&report);
        assert!(idle.starts_with("disk 4: Cheetah"), "{idle}");
        assert!(!idle.contains("INVALID") && !idle.contains("errors"), "{idle}");
        report.read = Count { requests: 3, bytes: 12288, errors: 1 };
        report.service_ms = Distribution { count: 3, mean: 13.49, ..Default::default() };
        report.scale.requests = 3;
        let busy = table(&report);
        assert!(busy.contains("3 requests, 12.0 KiB, 1 errors"), "{busy}");
        assert!(busy.contains("13.490") && busy.contains("INVALID"), "{busy}");
    }
}
