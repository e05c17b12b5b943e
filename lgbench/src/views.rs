//! Views of a switch: from the last instant in one guest to the first in the next.
//!
//! ```text
//!    guest A runs |la      host                          fb| guest B runs
//!                 |<-- exit -->|             |<-- entry -->|
//!                 |<------------ guest to guest ---------->|
//! ```
//!
//! `la` and `fb` are the guests' own readings; the host's are those around KVM_RUN. What is between exit
//! and entry is the hand-over: the controller, or the kernel's scheduler.

use lgbench_payload::abi::Payload;

use crate::backend::{GuestLog, Stay};
use crate::sys::time::Scale;
use crate::tracepoints::{Event, Kind};

/// A time in which a guest certainly ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The guest, from 0.
    pub guest: usize,
    /// Its first instant.
    pub first: u64,
    /// Its last.
    pub last: u64,
    /// For an idle guest: the tick it woke for.
    tick: Option<u64>,
}

/// One switch, in cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwitchView {
    /// When it began.
    pub at: u64,
    /// When it ended.
    pub until: u64,
    /// Guest to guest.
    pub whole: u64,
    /// The way out; none when the guest was not left for it, but preempted inside.
    pub exit: Option<u64>,
    /// The way in; none likewise.
    pub entry: Option<u64>,
    /// The guest that was left and the one that came, from 0.
    pub guests: (usize, usize),
}

/// When the guest ran, from what its payload records.
pub fn presences(guest: usize, payload: Payload, log: &GuestLog) -> Vec<Presence> {
    match payload {
        Payload::Idle => {
            let presence = |record: &lgbench_payload::abi::Record| Presence {
                guest,
                first: record.start,
                last: record.end,
                tick: Some(record.tag),
            };
            log.records.iter().map(presence).collect()
        }
        // Records are gaps: it ran from the end of one to the beginning of the next.
        Payload::Gap | Payload::Factorial => log
            .records
            .windows(2)
            .map(|pair| Presence { guest, first: pair[0].end, last: pair[1].start, tick: None })
            .collect(),
        _ => Vec::new(),
    }
}

/// Switches between guests, in order. Two idle guests count only where both had something to do: the
/// second waited for the first, not for its tick.
pub fn switches(payloads: &[Payload], logs: &[GuestLog]) -> Vec<SwitchView> {
    let mut all: Vec<Presence> = payloads
        .iter()
        .zip(logs)
        .enumerate()
        .flat_map(|(guest, (payload, log))| presences(guest, *payload, log))
        .collect();
    all.sort_by_key(|presence| presence.first);
    let pairs = all.windows(2).filter(|pair| {
        let both_idle = pair[0].tick.is_some() && pair[1].tick.is_some();
        pair[0].guest != pair[1].guest
            && pair[0].last <= pair[1].first
            && (!both_idle || pair[0].tick == pair[1].tick)
    });
    pairs.map(|pair| view(pair[0], pair[1], logs)).collect()
}

fn view(from: Presence, to: Presence, logs: &[GuestLog]) -> SwitchView {
    let stay = |guest: usize, at| logs.get(guest).and_then(|log| stay_at(&log.stays, at));
    let left = stay(from.guest, from.last).filter(|stay| stay.leave <= to.first);
    let entered = stay(to.guest, to.first).filter(|stay| stay.enter >= from.last);
    SwitchView {
        at: from.last,
        until: to.first,
        whole: to.first - from.last,
        exit: left.map(|stay| stay.leave - from.last),
        entry: entered.map(|stay| to.first - stay.enter),
        guests: (from.guest, to.guest),
    }
}

/// A switch as the kernel saw it, in ns of its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelSwitch {
    /// The first guest stopped.
    pub stop_ns: u64,
    /// The second started.
    pub start_ns: u64,
    /// Which, from 0.
    pub guests: (usize, usize),
}

/// From a guest's stop to the next start of any, where that is another guest's. A step that the kernel's
/// scheduler makes from one guest right into the other has no length, and is none.
pub fn kernel_switches(events: &[Event]) -> Vec<KernelSwitch> {
    let mut found = Vec::new();
    let mut stopped: Option<Event> = None;
    for event in events {
        match event.kind {
            Kind::Stop if stopped.is_some_and(|stop| stop.guest == event.guest) => {}
            Kind::Stop => stopped = Some(*event),
            Kind::Start => {
                let other = stopped.take().filter(|stop| stop.guest != event.guest);
                found.extend(other.filter(|stop| stop.at_ns < event.at_ns).map(|stop| {
                    KernelSwitch {
                        stop_ns: stop.at_ns,
                        start_ns: event.at_ns,
                        guests: (stop.guest, event.guest),
                    }
                }));
            }
        }
    }
    found
}

/// The kernel's part of a switch that guests saw, in ns: the one whose middle lies in theirs. The two
/// clocks are only as near to each other as a straight line over the run, so ends are not compared.
pub fn kernel_part(view: &SwitchView, all: &[KernelSwitch], scale: &Scale) -> Option<u64> {
    let (from, to) = (scale.monotonic_at(view.at), scale.monotonic_at(view.until));
    let middle = |one: &KernelSwitch| one.stop_ns.midpoint(one.start_ns) as f64;
    let first = all.partition_point(|one| middle(one) < from);
    let inside = all[first..].iter().take_while(|one| middle(one) <= to);
    inside.filter(|one| one.guests == view.guests).map(|one| one.start_ns - one.stop_ns).next()
}

/// The stay that an instant lies in; stays are in order and apart.
fn stay_at(stays: &[Stay], at: u64) -> Option<Stay> {
    let after = stays.partition_point(|stay| stay.enter <= at);
    let stay = *stays.get(after.checked_sub(1)?)?;
    (at <= stay.leave).then_some(stay)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lgbench_payload::abi::Record;

    fn log(records: &[(u64, u64, u64)], stays: &[(u64, u64)]) -> GuestLog {
        GuestLog {
            records: records.iter().map(|&(start, end, tag)| Record { start, end, tag }).collect(),
            stays: stays.iter().map(|&(enter, leave)| Stay { enter, leave }).collect(),
            ..GuestLog::default()
        }
    }

    #[test]
    fn idle_guests_switch_only_within_a_tick() {
        let logs = [
            log(&[(100, 110, 1), (1100, 1110, 2)], &[(90, 115), (1090, 1115)]),
            log(&[(140, 150, 1), (2140, 2150, 3)], &[(130, 155), (2130, 2155)]),
        ];
        let views = switches(&[Payload::Idle; 2], &logs);
        let expected = SwitchView {
            at: 110,
            until: 140,
            whole: 30,
            exit: Some(5),
            entry: Some(10),
            guests: (0, 1),
        };
        assert_eq!(views, [expected]);
    }

    #[test]
    fn the_kernels_part_is_that_of_the_same_switch() {
        let event = |at_ns, guest, kind| Event { at_ns, guest, kind };
        let events = [
            event(100, 0, Kind::Stop),
            event(110, 0, Kind::Start),
            event(150, 0, Kind::Stop),
            event(155, 0, Kind::Stop),
            event(170, 1, Kind::Start),
            event(200, 1, Kind::Stop),
            event(200, 0, Kind::Start),
        ];
        let all = kernel_switches(&events);
        let expected = KernelSwitch { stop_ns: 150, start_ns: 170, guests: (0, 1) };
        assert_eq!(all, [expected]);
        // Two cycles in a nanosecond.
        let moment = |ns| crate::sys::time::Moment { ns, tsc: 2 * ns };
        let scale = Scale::between(moment(0), moment(1000));
        let view = |at, until, guests| SwitchView {
            at,
            until,
            whole: until - at,
            exit: None,
            entry: None,
            guests,
        };
        assert_eq!(kernel_part(&view(290, 360, (0, 1)), &all, &scale), Some(20));
        assert_eq!(kernel_part(&view(290, 360, (1, 0)), &all, &scale), None);
        assert_eq!(kernel_part(&view(330, 400, (0, 1)), &all, &scale), None);
    }

    #[test]
    fn a_preempted_guest_is_not_left() {
        // The busy guest has gaps 100-200 (the idle one ran) and 500-520 (something else did).
        let logs = [
            log(&[(10, 20, 0), (100, 200, 0), (500, 520, 0), (900, 1000, 0)], &[(5, 2000)]),
            log(&[(130, 150, 1)], &[(120, 160)]),
        ];
        let views = switches(&[Payload::Factorial, Payload::Idle], &logs);
        let whole: Vec<_> = views.iter().map(|view| (view.whole, view.exit, view.entry)).collect();
        assert_eq!(whole, [(30, None, Some(10)), (50, Some(10), None)]);
    }
}
