//! The virtual clock: hands a trace's requests to a model and takes its decisions, as fast as it goes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use vpt_model::{Disk, Instant, Request, Verdict};

use super::error::ReplayError;
use super::trace::TraceRequest;

/// What a replay needs of a disk.
pub trait Model {
    /// A request arrives; decisions that fell due before `now` are taken first.
    fn submit(&mut self, now: Instant, request: Request);
    /// Takes every decision due up to `now`.
    fn advance(&mut self, now: Instant);
    /// The next decision taken, in order of decision.
    fn poll(&mut self) -> Option<Verdict>;
    /// When `advance` will next have something to decide.
    fn next_event(&self) -> Option<Instant>;
    /// How long the arm has been busy, on the virtual clock.
    fn busy(&self) -> Duration;
}

impl Model for Disk {
    fn submit(&mut self, now: Instant, request: Request) {
        Self::submit(self, now, request);
    }
    fn advance(&mut self, now: Instant) {
        Self::advance(self, now);
    }
    fn poll(&mut self) -> Option<Verdict> {
        Self::poll(self)
    }
    fn next_event(&self) -> Option<Instant> {
        Self::next_event(self)
    }
    fn busy(&self) -> Duration {
        Self::busy(self).wall
    }
}

/// When requests are submitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// As they arrived in the trace.
    Open {
        /// Arrival times are multiplied by this: 0.5 is twice as fast.
        time_scale: f64,
    },
    /// In the trace's order, so many under way at a time: the next one when one completes.
    Closed {
        /// How many, at least 1.
        depth: usize,
    },
}

/// Drives `model` through all of `requests`; `decided` is told every decision with its request.
///
/// The virtual clock starts at 0, with the first arrival. A model's background work (writing a cache
/// back) that goes on after the last request is not waited for.
///
/// # Errors
/// What `decided` returns, or [`ReplayError::Stuck`] if the model leaves requests undecided.
pub fn drive<M: Model>(
    model: &mut M,
    requests: &[TraceRequest],
    mode: Mode,
    mut decided: impl FnMut(&TraceRequest, &Verdict) -> Result<(), ReplayError>,
) -> Result<(), ReplayError> {
    match mode {
        Mode::Open { time_scale } => open(model, requests, time_scale, &mut decided),
        Mode::Closed { depth } => closed(model, requests, depth.max(1), &mut decided),
    }
}

fn open<M: Model>(
    model: &mut M,
    requests: &[TraceRequest],
    time_scale: f64,
    decided: &mut impl FnMut(&TraceRequest, &Verdict) -> Result<(), ReplayError>,
) -> Result<(), ReplayError> {
    let epoch = requests.first().map_or(0, |r| r.arrival_ns);
    let mut left = requests.len() as u64;
    for (id, r) in (0_u64..).zip(requests) {
        let since = r.arrival_ns.saturating_sub(epoch);
        let since =
            if time_scale == 1.0 { since } else { (since as f64 * time_scale).round() as u64 };
        model.submit(Instant::from_nanos(since), r.request(id));
        left -= drain(model, requests, |r, v| decided(r, v))?;
    }
    while left > 0 {
        let Some(at) = model.next_event() else { break };
        model.advance(at);
        let n = drain(model, requests, |r, v| decided(r, v))?;
        if n == 0 && model.next_event() == Some(at) {
            break; // it will not move
        }
        left = left.saturating_sub(n);
    }
    if left > 0 { Err(ReplayError::Stuck { left }) } else { Ok(()) }
}

fn closed<M: Model>(
    model: &mut M,
    requests: &[TraceRequest],
    depth: usize,
    decided: &mut impl FnMut(&TraceRequest, &Verdict) -> Result<(), ReplayError>,
) -> Result<(), ReplayError> {
    let mut waiting = (0_u64..).zip(requests);
    let mut left = requests.len() as u64;
    let mut in_flight = 0;
    let mut now = Instant::ZERO;
    let mut dues = BinaryHeap::with_capacity(depth.min(requests.len()));
    while left > 0 || in_flight > 0 {
        while in_flight < depth {
            let Some((id, r)) = waiting.next() else { break };
            model.submit(now, r.request(id));
            in_flight += 1;
            left -= drain(model, requests, |r, v| {
                dues.push(Reverse(v.due));
                decided(r, v)
            })?;
        }
        let due = dues.peek().map(|Reverse(due)| *due);
        match (model.next_event(), due) {
            // At a tie the arm chooses before the host hears of the completion, as on a real disk.
            (Some(at), due) if due.is_none_or(|due| at <= due) && left > 0 => {
                model.advance(at);
                let n = drain(model, requests, |r, v| {
                    dues.push(Reverse(v.due));
                    decided(r, v)
                })?;
                left = left.saturating_sub(n);
                if n == 0 && model.next_event() == Some(at) {
                    return Err(ReplayError::Stuck { left });
                }
            }
            (_, Some(due)) => {
                dues.pop();
                now = now.max(due);
                in_flight -= 1;
            }
            (_, None) => return Err(ReplayError::Stuck { left }),
        }
    }
    Ok(())
}

/// Takes the decisions there are; returns how many.
fn drain<M: Model>(
    model: &mut M,
    requests: &[TraceRequest],
    mut decided: impl FnMut(&TraceRequest, &Verdict) -> Result<(), ReplayError>,
) -> Result<u64, ReplayError> {
    let mut n = 0;
    while let Some(verdict) = model.poll() {
        // The name is the index we gave it.
        let index = usize::try_from(verdict.id.0).unwrap_or(usize::MAX);
        if let Some(request) = requests.get(index) {
            decided(request, &verdict)?;
            n += 1;
        }
    }
    Ok(n)
}
