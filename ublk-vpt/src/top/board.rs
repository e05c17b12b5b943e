//! What is known about every device, and what the user chose to see of it.
//!
//! Pure: the time is an argument, and what the devices say comes in as [`Present`] and [`Answer`].

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::column::Column;
use super::rates::{Rates, between};
use super::row::{Row, Status};
use crate::report::{Epoch, StatsReport};

/// How long a device that has ended is still shown.
const LINGER: Duration = Duration::from_secs(5);
/// Values of k kept for the small curve.
const TREND: usize = 120;
/// Intervals to go through with + and -, in seconds.
const INTERVALS: [f64; 10] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0];

/// A device that has a living daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Present {
    pub(super) id: u32,
    /// The daemon's process; a new one under the same number is another device.
    pub(super) pid: u32,
    pub(super) disk: String,
    pub(super) front: String,
}

/// What came of asking a device.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) id: u32,
    pub(super) pid: u32,
    pub(super) word: Word,
}

/// See [`Answer`].
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// It answered.
    Report(Box<StatsReport>),
    /// It is being opened.
    Starting,
    /// It lives but does not answer; why.
    Silent(String),
    /// Its daemon died and left its record.
    Dead,
    /// It was deleted.
    Gone,
}

/// Everything known about one device.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) pid: u32,
    disk: String,
    front: String,
    pub(super) status: Status,
    pub(super) message: Option<String>,
    /// Its last report.
    pub(super) report: Option<StatsReport>,
    /// What it did between its last two reports.
    pub(super) rates: Option<Rates>,
    /// The last values of k, oldest first.
    pub(super) trend: VecDeque<f64>,
    /// Every change of k, as last told.
    pub(super) epochs: Vec<Epoch>,
    ended: Option<Duration>,
}

/// All devices and the user's choices.
#[derive(Clone, Debug)]
pub(super) struct Board {
    entries: BTreeMap<u32, Entry>,
    selected: Option<u32>,
    pub(super) sort: Column,
    pub(super) paused: bool,
    /// Seconds between looks.
    pub(super) interval: f64,
    /// Where the devices are registered, for people.
    pub(super) place: String,
    /// What keeps the view from being right, for people.
    pub(super) trouble: Option<String>,
}

impl Board {
    /// Nothing known yet.
    pub(super) fn new(interval: f64, place: String) -> Self {
        Self {
            entries: BTreeMap::new(),
            selected: None,
            sort: Column::Id,
            paused: false,
            interval,
            place,
            trouble: None,
        }
    }

    /// Takes in who is there now, and lets go of who ended a while ago.
    pub(super) fn present(&mut self, now: Duration, devices: Vec<Present>) {
        self.entries.retain(|_, e| e.ended.is_none_or(|ended| now < ended + LINGER));
        for device in devices {
            if self.entries.get(&device.id).is_some_and(|known| known.pid == device.pid) {
                continue;
            }
            let entry = Entry {
                pid: device.pid,
                disk: device.disk,
                front: device.front,
                status: Status::Starting,
                message: None,
                report: None,
                rates: None,
                trend: VecDeque::new(),
                epochs: Vec::new(),
                ended: None,
            };
            self.entries.insert(device.id, entry);
        }
        if self.selected.is_none_or(|id| !self.entries.contains_key(&id)) {
            self.selected = self.rows().first().map(|row| row.id);
        }
    }

    /// Takes in what a device said. Words of a former device of the same number do not count.
    pub(super) fn answer(&mut self, now: Duration, answer: Answer) {
        let Some(entry) = self.entries.get_mut(&answer.id).filter(|e| e.pid == answer.pid) else {
            return;
        };
        entry.message = None;
        entry.status = match answer.word {
            Word::Report(report) => {
                entry.learn(*report);
                Status::Live
            }
            Word::Starting => Status::Starting,
            Word::Silent(why) => {
                entry.message = Some(why);
                Status::Silent
            }
            Word::Dead => {
                entry.message =
                    Some("its daemon died; the next ublk command clears it away".into());
                Status::Dead
            }
            Word::Gone => Status::Gone,
        };
        match entry.status {
            Status::Dead | Status::Gone => drop(entry.ended.get_or_insert(now)),
            _ => entry.ended = None,
        }
        if entry.status != Status::Live {
            entry.rates = None;
        }
    }

    /// The devices in the order of the chosen column; numbers largest first.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = self.entries.iter().map(|(&id, e)| e.row(id)).collect();
        rows.sort_by(|a, b| match (self.sort.text_key(a), self.sort.text_key(b)) {
            (Some(a), Some(b)) => a.cmp(b),
            _ => match (self.sort.number_key(a), self.sort.number_key(b)) {
                (Some(a), Some(b)) => b.total_cmp(&a),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => Ordering::Equal,
            },
        });
        rows
    }

    /// The device in the detail pane.
    pub(super) fn selected(&self) -> Option<(u32, &Entry)> {
        let id = self.selected?;
        Some((id, self.entries.get(&id)?))
    }

    /// Selects the device `by` rows further down, at most the last or the first.
    pub(super) fn select(&mut self, by: isize) {
        let rows = self.rows();
        let at = rows.iter().position(|row| Some(row.id) == self.selected).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(rows.len().saturating_sub(1));
        self.selected = rows.get(to).map(|row| row.id);
    }

    /// The next longer (or shorter) interval.
    pub(super) fn change_interval(&mut self, longer: bool) {
        let next = if longer {
            INTERVALS.iter().find(|&&i| i > self.interval)
        } else {
            INTERVALS.iter().rev().find(|&&i| i < self.interval)
        };
        self.interval = next.copied().unwrap_or(self.interval);
    }

    /// Sorts by the next column.
    pub(super) fn sort_by_next(&mut self) {
        self.sort = self.sort.next_sortable();
    }
}

impl Entry {
    fn learn(&mut self, mut report: StatsReport) {
        self.disk.clone_from(&report.disk);
        self.front.clone_from(&report.front);
        self.rates = self.report.as_ref().and_then(|last| between(last, &report));
        if report.scale.k.is_finite() {
            self.trend.push_back(report.scale.k);
        }
        while self.trend.len() > TREND {
            self.trend.pop_front();
        }
        // Asked for only while it is selected; until then the ones from last time serve.
        if !report.scale.epochs.is_empty() {
            self.epochs = std::mem::take(&mut report.scale.epochs);
        }
        self.report = Some(report);
    }

    fn row(&self, id: u32) -> Row {
        Row::new(id, self, self.disk.clone(), self.front.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{epochs, report, with_load};
    use super::*;

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn present(id: u32, pid: u32) -> Present {
        Present { id, pid, disk: "Cheetah 9LP".into(), front: String::new() }
    }

    fn said(id: u32, pid: u32, word: Word) -> Answer {
        Answer { id, pid, word }
    }

    fn board_with(ids: &[u32]) -> Board {
        let mut board = Board::new(1.0, "/run/x".into());
        board.present(seconds(0), ids.iter().map(|&id| present(id, 100 + id)).collect());
        board
    }

    fn tell(board: &mut Board, id: u32, uptime: f64, reads: u64) {
        let report = with_load(report(id, uptime), reads, 10.0);
        board.answer(seconds(1), said(id, 100 + id, Word::Report(Box::new(report))));
    }

    #[test]
    fn rates_need_two_reports() {
        let mut board = board_with(&[0]);
        assert_eq!(board.rows()[0].status, Status::Starting);
        tell(&mut board, 0, 1.0, 10);
        assert_eq!((board.rows()[0].status, board.rows()[0].rates), (Status::Live, None));
        tell(&mut board, 0, 2.0, 60);
        assert_eq!(board.rows()[0].rates.unwrap().reads_per_second, 50.0);
    }

    #[test]
    fn the_dead_are_marked_and_go() {
        let mut board = board_with(&[0, 1]);
        tell(&mut board, 0, 1.0, 10);
        tell(&mut board, 1, 1.0, 10);
        board.answer(seconds(10), said(0, 100, Word::Dead));
        board.present(seconds(12), vec![present(1, 101)]);
        assert_eq!(board.rows()[0].status, Status::Dead);
        assert_eq!(board.rows()[0].rates, None);
        // Saying it again does not keep it longer.
        board.answer(seconds(14), said(0, 100, Word::Dead));
        board.present(seconds(15), vec![present(1, 101)]);
        let left: Vec<u32> = board.rows().iter().map(|r| r.id).collect();
        assert_eq!(left, [1]);
        assert_eq!(board.selected().unwrap().0, 1, "the selection moves on");
    }

    #[test]
    fn a_new_device_under_an_old_number_starts_afresh() {
        let mut board = board_with(&[0]);
        tell(&mut board, 0, 50.0, 1000);
        board.present(seconds(3), vec![present(0, 555)]);
        assert!(board.selected().unwrap().1.report.is_none());
        tell(&mut board, 0, 51.0, 1001); // a late word of the old one
        assert_eq!(board.rows()[0].status, Status::Starting);
    }

    #[test]
    fn silence_keeps_the_last_report_and_says_why() {
        let mut board = board_with(&[0]);
        tell(&mut board, 0, 1.0, 10);
        tell(&mut board, 0, 2.0, 20);
        board.answer(seconds(3), said(0, 100, Word::Silent("stopped".into())));
        let row = &board.rows()[0];
        assert_eq!((row.status, row.message.as_deref()), (Status::Silent, Some("stopped")));
        assert!(board.selected().unwrap().1.report.is_some() && row.rates.is_none());
        tell(&mut board, 0, 4.0, 40);
        assert_eq!((board.rows()[0].status, board.rows()[0].message.clone()), (Status::Live, None));
    }

    #[test]
    fn sorting_and_selecting() {
        let mut board = board_with(&[0, 1, 2]);
        for (id, reads) in [(0, 5), (1, 50)] {
            tell(&mut board, id, 1.0, 0);
            tell(&mut board, id, 2.0, reads);
        }
        board.sort = Column::Reads;
        let ids = |b: &Board| b.rows().iter().map(|r| r.id).collect::<Vec<_>>();
        assert_eq!(ids(&board), [1, 0, 2], "most first, those without a figure last");
        assert_eq!(board.selected().unwrap().0, 0);
        board.select(1);
        assert_eq!(board.selected().unwrap().0, 2);
        board.select(isize::MAX);
        assert_eq!(board.selected().unwrap().0, 2);
        board.select(isize::MIN);
        assert_eq!(board.selected().unwrap().0, 1);
        let first = board.sort;
        let mut seen = vec![first];
        loop {
            board.sort_by_next();
            if board.sort == first {
                break;
            }
            assert!(!seen.contains(&board.sort));
            seen.push(board.sort);
        }
        assert!(seen.len() > 10, "{seen:?}");
    }

    #[test]
    fn the_interval_stays_within_reason() {
        let mut board = Board::new(0.7, String::new());
        board.change_interval(true);
        assert_eq!(board.interval, 1.0);
        for _ in 0..20 {
            board.change_interval(false);
        }
        assert_eq!(board.interval, 0.1);
        for _ in 0..20 {
            board.change_interval(true);
        }
        assert_eq!(board.interval, 60.0);
        Board::new(1.0, String::new()).select(1); // nothing to select
    }

    #[test]
    fn history_is_kept_within_bounds() {
        let mut board = board_with(&[0]);
        for n in 0..300 {
            tell(&mut board, 0, f64::from(n), 10);
        }
        let mut told = report(0, 301.0);
        told.scale.epochs = epochs(&[(0.0, 1.0), (5.0, 2.0)]);
        board.answer(seconds(1), said(0, 100, Word::Report(Box::new(told))));
        tell(&mut board, 0, 302.0, 10);
        let entry = board.selected().unwrap().1;
        assert_eq!((entry.trend.len(), entry.epochs.len()), (TREND, 2));
    }
}
