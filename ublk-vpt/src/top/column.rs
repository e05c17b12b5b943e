//! The table's columns: what they are called, how wide they are, what is in them, and which of them go
//! first when there is little room.

use super::row::{Row, Status};

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Id,
    Disk,
    Front,
    State,
    Reads,
    Writes,
    Megabytes,
    Service,
    Model,
    Wait,
    InFlight,
    K,
    Trend,
    Late,
    TimerLate,
    Within,
}

/// From left to right.
pub(super) const ALL: [Column; 16] = {
    use Column::*;
    [
        Id, Disk, Front, State, Reads, Writes, Megabytes, Service, Model, Wait, InFlight, K, Trend,
        Late, TimerLate, Within,
    ]
};
/// The first to be left out comes first; the others are always there.
const DISPENSABLE: [Column; 9] = {
    use Column::*;
    [Front, TimerLate, Trend, Wait, Megabytes, InFlight, Writes, Within, Late]
};
/// Widest that the disk's name gets.
const DISK_MAX: usize = 24;

impl Column {
    /// Its heading.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Id => "ID",
            Self::Disk => "DISK",
            Self::Front => "FRONT",
            Self::State => "STATE",
            Self::Reads => "r/s",
            Self::Writes => "w/s",
            Self::Megabytes => "MB/s",
            Self::Service => "svc ms",
            Self::Model => "model",
            Self::Wait => "wait ms",
            Self::InFlight => "infl",
            Self::K => "k",
            Self::Trend => "k lately",
            Self::Late => "late%",
            Self::TimerLate => "p99us",
            Self::Within => "in1%",
        }
    }

    /// How many characters it takes; the disk's name takes what is left over.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::Id | Self::InFlight => 4,
            Self::Disk => 10,
            Self::Front => 9,
            Self::State | Self::Service | Self::Model | Self::K => 6,
            Self::Wait => 7,
            Self::Trend => 8,
            Self::Reads | Self::Writes | Self::Megabytes => 5,
            Self::Late | Self::TimerLate | Self::Within => 5,
        }
    }

    /// Words stand on the left, figures on the right.
    pub(super) const fn is_text(self) -> bool {
        matches!(self, Self::Disk | Self::Front | Self::State | Self::Trend)
    }

    /// What to sort by, for words.
    pub(super) fn text_key(self, row: &Row) -> Option<&str> {
        match self {
            Self::Disk => Some(&row.disk),
            Self::Front => Some(&row.front),
            Self::State => Some(row.status.name()),
            _ => None,
        }
    }

    /// What to sort by, for figures: the largest comes first.
    pub(super) fn number_key(self, row: &Row) -> Option<f64> {
        let (rates, standing) = (row.rates.as_ref(), row.standing.as_ref());
        match self {
            Self::Id => Some(-f64::from(row.id)),
            Self::Disk | Self::Front | Self::State | Self::Trend => None,
            Self::Reads => rates.map(|r| r.reads_per_second),
            Self::Writes => rates.map(|r| r.writes_per_second),
            Self::Megabytes => rates.map(|r| r.mb_per_second),
            Self::Service => rates?.service_ms,
            Self::Model => rates?.model_ms,
            Self::Wait => rates?.wait_ms,
            Self::InFlight => standing.map(|s| s.in_flight as f64),
            Self::K => standing.map(|s| s.k),
            Self::Late => rates?.late_share,
            Self::TimerLate => standing.map(|s| s.timer_late_p99_us),
            Self::Within => standing.map(|s| s.total_within_1pct),
        }
    }

    /// What stands in it, at most `width` characters.
    pub(super) fn cell(self, row: &Row, width: usize) -> String {
        let running = matches!(row.status, Status::Live | Status::Silent);
        match self {
            Self::Id => row.id.to_string(),
            Self::Disk => clip(&row.disk, width),
            Self::Front => clip(&row.front, width),
            Self::State => row.status.name().into(),
            Self::Trend => sparkline(&row.trend, width),
            _ if !running => "-".into(),
            _ => match self.number_key(row) {
                None => "-".into(),
                Some(value) => match self {
                    Self::Late | Self::Within => number(value * 100.0, width),
                    Self::InFlight => number(value, width).trim_end_matches(".00").into(),
                    _ => number(value, width),
                },
            },
        }
    }

    /// The next column that can be sorted by, from left to right and round.
    pub(super) fn next_sortable(self) -> Self {
        let at = ALL.iter().position(|&c| c == self).unwrap_or(0);
        ALL.into_iter().cycle().skip(at + 1).find(|&c| c != Self::Trend).unwrap_or(Self::Id)
    }
}

/// The columns that fit into `room` characters with one between them, and their widths.
pub(super) fn fit(room: usize) -> Vec<(Column, usize)> {
    let mut columns: Vec<_> = ALL.iter().map(|&c| (c, c.width())).collect();
    let needed = |columns: &[(Column, usize)]| {
        columns.iter().map(|c| c.1 + 1).sum::<usize>().saturating_sub(1)
    };
    for out in DISPENSABLE {
        if needed(&columns) <= room {
            break;
        }
        columns.retain(|c| c.0 != out);
    }
    let spare = room.saturating_sub(needed(&columns));
    for (column, width) in &mut columns {
        if *column == Column::Disk {
            *width = (*width + spare).min(DISK_MAX);
        }
    }
    columns
}

/// A value in at most `width` characters (five and more), with as many decimals as fit, at most four for
/// small ones.
pub(super) fn number(value: f64, width: usize) -> String {
    if !value.is_finite() {
        return "?".into();
    }
    let most = if width >= 6 && value < 10.0 { 4 } else { 2 };
    (0..=most)
        .rev()
        .map(|decimals| format!("{value:.decimals$}"))
        .find(|text| text.len() <= width)
        .unwrap_or_else(|| shortened(value, width))
}

fn shortened(mut value: f64, width: usize) -> String {
    for unit in ["k", "M", "G", "T", "P", "E"] {
        value /= 1000.0;
        let text = format!("{value:.0}{unit}");
        if text.len() <= width {
            return text;
        }
    }
    ">".repeat(width)
}

/// At most `width` characters; that something is missing is shown.
pub(super) fn clip(text: &str, width: usize) -> String {
    // Names come from files: nothing in them may move the cursor.
    let mut clean = text.chars().map(|c| if c.is_control() { '?' } else { c });
    if text.chars().count() <= width {
        return clean.collect();
    }
    let mut short: String = clean.by_ref().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// The last `width` values as bars, from the smallest of them to the largest.
pub(super) fn sparkline(values: &[f64], width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let shown = &values[values.len().saturating_sub(width)..];
    let low = shown.iter().copied().fold(f64::INFINITY, f64::min);
    let high = shown.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Below 2 % it is no movement worth a look.
    let range = (high - low).max(low.abs() * 0.02).max(f64::MIN_POSITIVE);
    shown
        .iter()
        .map(|v| BARS[(((v - low) / range * 7.0).round().clamp(0.0, 7.0)) as usize])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_most_fits_80_columns() {
        for room in 0..200 {
            let columns = fit(room);
            let needed: usize = columns.iter().map(|c| c.1 + 1).sum::<usize>() - 1;
            assert!(needed <= room.max(50), "{room}: {needed}");
        }
        let at_80: Vec<_> = fit(80).into_iter().map(|c| c.0).collect();
        for column in [Column::Writes, Column::K, Column::Late, Column::Within, Column::Megabytes] {
            assert!(at_80.contains(&column), "{column:?}");
        }
        assert_eq!(fit(120).len(), ALL.len());
    }

    #[test]
    fn numbers_fit_their_columns() {
        for (value, width, text) in [
            (0.0, 5, "0.00"),
            (99.95, 5, "99.95"),
            (100.0, 5, "100.0"),
            (13.49, 6, "13.49"),
            (1.0, 6, "1.0000"),
            (12345.6, 6, "12346"),
            (123_456.0, 5, "123k"),
            (1e30, 5, ">>>>>"),
            (f64::NAN, 5, "?"),
        ] {
            assert_eq!(number(value, width), text);
        }
    }

    #[test]
    fn names_are_clipped_and_cannot_steer_the_terminal() {
        assert_eq!(clip("Cheetah", 10), "Cheetah");
        assert_eq!(clip("Barracuda ST32171W", 10), "Barracuda…");
        assert_eq!(clip("a\x1b[2Jb", 10), "a?[2Jb");
    }

    #[test]
    fn sparklines() {
        assert_eq!(sparkline(&[], 4), "");
        assert_eq!(sparkline(&[1.0, 1.0, 1.001], 4), "▁▁▁");
        assert_eq!(sparkline(&[9.0, 1.0, 2.0, 1.5], 3), "▁█▅");
        assert_eq!(sparkline(&[0.0, 0.0], 4), "▁▁");
    }
}
