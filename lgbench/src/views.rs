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
    }
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
        let expected =
            SwitchView { at: 110, until: 140, whole: 30, exit: Some(5), entry: Some(10) };
        assert_eq!(views, [expected]);
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
