//! From a run to series of samples.

use std::ops::RangeInclusive;

use labstats::results::{Gate, Metric, Run, Series, metric};
use lgbench_payload::abi::{Payload, Record};
use lgbench_payload::stream::BYTES_PER_ELEMENT;

use super::catalogue::Plan;
use super::sizes::Sizes;
use crate::controller::ledger::Window;
use crate::session::Session;
use crate::views;

/// Gates of a run that are kept one by one: what a one-shot has, not ten thousand slices.
const MAX_GATES: usize = 64;

/// The longest gap is looked for in pieces of a run.
const GAP_PIECE_NS: u64 = 100_000_000;

/// Bytes by ns, as MB/s.
const MB_PER_S: f64 = 1e3;

/// What one run gives: for each series one more run.
pub fn samples(plan: &Plan, sizes: &Sizes, session: &Session) -> Vec<Series> {
    let collector = Collector { plan, sizes, session };
    let mut series = Vec::new();
    for phase in collector.parts() {
        series.extend(collector.part(phase));
    }
    series
}

struct Collector<'a> {
    plan: &'a Plan,
    sizes: &'a Sizes,
    session: &'a Session,
}

/// One sample with its time, before it knows its run.
#[derive(Clone, Copy)]
struct Sample {
    at: u64,
    until: u64,
    value: f64,
}

impl Collector<'_> {
    /// Phases that are measured apart, where something is varied; all together elsewhere.
    fn parts(&self) -> Vec<RangeInclusive<usize>> {
        let all = self.plan.phases.len().saturating_sub(1);
        match self.plan.x {
            Some(_) => (0..=all).map(|phase| phase..=phase).collect(),
            None => vec![0..=all],
        }
    }

    fn part(&self, phases: RangeInclusive<usize>) -> Vec<Series> {
        let windows = || {
            let windows = self.session.ledger.windows.iter().enumerate();
            windows.filter(|(_, window)| phases.contains(&window.phase))
        };
        // A mode that somebody wished for is not what the experiment is about.
        let mut planned = windows().map(|(_, window)| *window).filter(|window| !window.changed);
        let Some(first) = planned.next() else {
            return Vec::new();
        };
        let span = Window { to: planned.next_back().unwrap_or(first).to, ..first };
        let deadlines = windows().filter_map(|(at, _)| self.session.ledger.deadlines.get(at));
        let (all, missed) =
            deadlines.fold((0, 0), |(all, missed), d| (all + d.all, missed + d.missed));
        let base = Run {
            gates: self.gates(&span),
            deadlines: all,
            missed_deadlines: missed,
            steal_ns: self.session.steal_ns,
            throttled: self.session.throttled,
            ..Run::default()
        };
        let x = self.plan.x.as_ref().and_then(|x| x.get(*phases.start()).copied());
        let mut series = Vec::new();
        let mut add = |metric: &Metric, guest: Option<usize>, samples: Vec<Sample>, lost: u64| {
            let guest = guest.and_then(|guest| u32::try_from(guest + 1).ok());
            let run = self.run(&base, &span, samples, lost);
            series.push(Series { guest, x, runs: vec![run], ..Series::of(metric) });
        };
        for guest in self.guests() {
            let log = &self.session.logs[guest];
            for (metric, samples) in self.payload(self.plan.guests[guest], &log.records, &span) {
                add(metric, Some(guest), samples, log.lost);
            }
        }
        let lost = self.session.logs.iter().map(|log| log.lost + log.stays_lost).sum();
        for (metric, samples) in self.switches() {
            add(metric, None, samples, lost);
        }
        if let Some((samples, missing)) = self.kernel() {
            add(&metric::SWITCH_KERNEL, None, samples, lost + missing);
        }
        let lateness = self.session.ledger.switches.iter().map(|switch| Sample {
            at: switch.at,
            until: switch.at,
            value: switch.closed_after_ns as f64,
        });
        let lateness: Vec<_> = lateness.collect();
        if !lateness.is_empty() {
            add(&metric::CONTROLLER_LATENESS, None, lateness, 0);
        }
        series.retain(|series| !series.is_empty() || series.guest.is_some());
        series
    }

    /// The guests whose samples are wanted.
    fn guests(&self) -> impl Iterator<Item = usize> {
        let all = 0..self.session.logs.len().min(self.plan.guests.len());
        let wanted = self.plan.of_guest;
        all.filter(move |guest| wanted.is_none_or(|wanted| wanted == *guest))
    }

    fn payload(
        &self,
        payload: Payload,
        records: &[Record],
        span: &Window,
    ) -> Vec<(&'static Metric, Vec<Sample>)> {
        let sample =
            |record: &Record, value: f64| Sample { at: record.start, until: record.end, value };
        let ns = |record: &Record| self.session.scale.ns(record.end - record.start).max(1.0);
        match payload {
            Payload::Stream => {
                let elements = self.sizes.array_bytes / 8;
                let kernels = metric::STREAM.iter().zip(BYTES_PER_ELEMENT).enumerate();
                let one = |(kernel, (metric, bytes)): (usize, (&'static Metric, u64))| {
                    let ours = records.iter().filter(|record| record.tag == kernel as u64);
                    let rate = |record| (bytes * elements) as f64 / ns(record) * MB_PER_S;
                    (metric, ours.map(|record| sample(record, rate(record))).collect())
                };
                kernels.map(one).collect()
            }
            Payload::Stress => {
                let rate = |record: &Record| record.tag as f64 / ns(record) * MB_PER_S;
                let samples = records.iter().map(|record| sample(record, rate(record)));
                vec![(&metric::STRESS_TOUCH, samples.collect())]
            }
            Payload::Dhrystone => {
                let rate = |record: &Record| record.tag as f64 / ns(record) * 1e9;
                let samples = records.iter().map(|record| sample(record, rate(record)));
                vec![(&metric::DHRYSTONE, samples.collect())]
            }
            Payload::Gap => vec![(&metric::GAP, self.longest_gaps(records, span))],
            _ => Vec::new(),
        }
    }

    /// The longest gap in each piece of the run, counted where it begins.
    fn longest_gaps(&self, records: &[Record], span: &Window) -> Vec<Sample> {
        let piece = self.session.scale.cycles(GAP_PIECE_NS).max(1);
        let inside = records.iter().filter(|record| span.holds(record.start, record.end));
        let mut longest: Vec<Sample> = Vec::new();
        let mut number = u64::MAX;
        for record in inside {
            let value = self.session.scale.ns(record.end - record.start);
            let sample = Sample { at: record.start, until: record.end, value };
            let its_piece = (record.start - span.from) / piece;
            match longest.last_mut() {
                Some(last) if its_piece == number => {
                    if value > last.value {
                        *last = sample;
                    }
                }
                _ => longest.push(sample),
            }
            number = its_piece;
        }
        longest
    }

    /// What the kernel saw of switches; nothing where it was not asked.
    fn kernel(&self) -> Option<(Vec<Sample>, u64)> {
        let trace = self.session.trace.as_ref()?;
        let all = views::kernel_switches(&trace.events);
        let views = views::switches(&self.plan.guests, &self.session.logs);
        let samples = views.iter().filter_map(|view| {
            let value = views::kernel_part(view, &all, &self.session.scale)? as f64;
            Some(Sample { at: view.at, until: view.until, value })
        });
        Some((samples.collect(), trace.lost))
    }

    fn switches(&self) -> Vec<(&'static Metric, Vec<Sample>)> {
        let views = views::switches(&self.plan.guests, &self.session.logs);
        let scale = &self.session.scale;
        let pick = |value: fn(&views::SwitchView) -> Option<u64>| {
            let samples = views.iter().filter_map(|view| {
                let value = scale.ns(value(view)?);
                Some(Sample { at: view.at, until: view.until, value })
            });
            samples.collect()
        };
        vec![
            (&metric::SWITCH_GUEST_TO_GUEST, pick(|view| Some(view.whole))),
            (&metric::SWITCH_EXIT, pick(|view| view.exit)),
            (&metric::SWITCH_ENTRY, pick(|view| view.entry)),
        ]
    }

    fn gates(&self, span: &Window) -> Vec<Gate> {
        let events =
            || self.session.ledger.gates.iter().filter(|event| span.holds(event.at, event.at));
        if events().count() > MAX_GATES {
            return Vec::new();
        }
        let gate = |event: &crate::controller::ledger::GateEvent| Gate {
            at_ns: self.session.scale.ns(event.at - span.from) as u64,
            guest: u32::try_from(event.guest + 1).unwrap_or(u32::MAX),
            open: event.open,
        };
        events().map(gate).collect()
    }

    /// Keeps the samples that lie in the span and in no foreign window; the others are counted.
    fn run(&self, base: &Run, span: &Window, samples: Vec<Sample>, lost: u64) -> Run {
        let foreign = |sample: &Sample| {
            let windows = &self.session.ledger.windows;
            windows
                .iter()
                .any(|window| window.changed && window.from < sample.until && sample.at < window.to)
        };
        let near = |sample: &Sample| sample.until > span.from && sample.at < span.to;
        let whole = |sample: &Sample| span.holds(sample.at, sample.until) && !foreign(sample);
        let discarded = samples.iter().filter(|sample| near(sample) && !whole(sample)).count();
        let mut kept: Vec<Sample> = samples.into_iter().filter(whole).collect();
        kept.sort_by_key(|sample| sample.at);
        let time = |sample: &Sample| self.session.scale.ns(sample.at - span.from) as u64;
        Run {
            samples: kept.iter().map(|sample| sample.value).collect(),
            time_ns: Some(kept.iter().map(time).collect()),
            lost,
            discarded: discarded as u64,
            ..base.clone()
        }
    }
}

/// Adds a run's series to those there are: one more run for each.
pub fn merge(into: &mut Vec<Series>, series: Vec<Series>) {
    for mut new in series {
        let same = |old: &&mut Series| {
            old.metric == new.metric && old.guest == new.guest && old.x == new.x
        };
        match into.iter_mut().find(same) {
            Some(old) => old.runs.append(&mut new.runs),
            None => into.push(new),
        }
    }
}
