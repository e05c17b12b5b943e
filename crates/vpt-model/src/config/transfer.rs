//! `[transfer]`: how long passing the data takes.

use super::limits::{MAX_CYLINDERS, MAX_EVEN_ZONES, RATE, SECTORS_PER_TRACK};
use super::table::{Placed, Table};
use super::tables::Frame;
use crate::spec::{Transfer, Zone};
use crate::units::SECTOR_BYTES;

pub(super) const KEYS: &[&str] = &["mb_per_s", "outer_mb_per_s", "inner_mb_per_s", "zones", "zone"];

pub(super) const ZONE_KEYS: &[&str] = &["first_cylinder", "last_cylinder", "sectors_per_track"];

/// Zones made of an outer and an inner rate if the file does not say: about what drives have.
const USUAL_ZONES: u64 = 16;

/// The transfer model; `None` after a complaint.
pub(super) fn read(table: &Table<'_>, frame: &Frame) -> Option<Transfer> {
    if !table.is_present() {
        return Some(Transfer::Instant);
    }
    let falling = ["outer_mb_per_s", "inner_mb_per_s", "zones"].iter().find(|&&k| table.has(k));
    let forms = [
        ("mb_per_s", table.has("mb_per_s")),
        (*falling.unwrap_or(&""), falling.is_some()),
        ("zone", table.has("zone")),
    ];
    let mut given = forms.iter().filter(|form| form.1).map(|form| form.0);
    match (given.next(), given.next()) {
        (None, _) => {
            table.missing(
                "mb_per_s",
                "write mb_per_s, or outer_mb_per_s and inner_mb_per_s, or [[transfer.zone]]; \
                 leave [transfer] out for transfers that take no time",
            );
            None
        }
        (Some(first), Some(second)) => {
            table.refuse(second, &format!("says another rate than {first}; keep one of them"));
            None
        }
        (Some("mb_per_s"), None) => {
            table.number("mb_per_s", RATE).map(|rate| Transfer::Rate { mb_per_s: rate.value })
        }
        (Some("zone"), None) => zones(table, frame).map(Transfer::Zones),
        (Some(_), None) => falling_rate(table, frame).map(Transfer::Zones),
    }
}

/// Cylinders and the period of a disk that may have zones.
fn turning(table: &Table<'_>, key: &str, frame: &Frame) -> Option<(u64, f64)> {
    let at = table.raw(key).map_or(0..0, |value| value.span());
    if frame.cylinders == Some(0) {
        table.complain(at.clone(), key, "needs to know the cylinders; write geometry.cylinders");
    }
    if frame.period_ms == Some(0.0) {
        table.complain(at, key, "needs a platter that turns; write rotation.rpm");
    }
    frame.cylinders.zip(frame.period_ms).filter(|&(c, p)| c > 0 && p > 0.0)
}

/// Zones of equal numbers of cylinders whose rate falls in equal steps from the outer to the inner.
fn falling_rate(table: &Table<'_>, frame: &Frame) -> Option<Vec<Zone>> {
    let outer = table.need_number("outer_mb_per_s", RATE, "write the rate at cylinder 0");
    let inner = table.need_number("inner_mb_per_s", RATE, "write the rate at the last cylinder");
    let count = match table.integer("zones", 1..=MAX_EVEN_ZONES) {
        Some(zones) => zones,
        None if table.has("zones") => return None,
        None => Placed { value: USUAL_ZONES, at: 0..0 },
    };
    let (outer, inner) = (outer?, inner?);
    if inner.value > outer.value {
        let message = format!(
            "{} is more than outer_mb_per_s, {}; outer tracks are longer and faster: swap them",
            inner.value, outer.value
        );
        table.complain(inner.at, "inner_mb_per_s", message);
        return None;
    }
    let (cylinders, period_ms) = turning(table, "outer_mb_per_s", frame)?;
    let n = if table.has("zones") { count.value } else { count.value.min(cylinders) };
    if n > cylinders {
        let message = format!("{n} is more than the disk's {cylinders} cylinders; use fewer zones");
        table.complain(count.at, "zones", message);
        return None;
    }
    // MB/s times ms are thousands of bytes: what passes in one revolution.
    let sectors = |rate: f64| rate * period_ms * 1e3 / SECTOR_BYTES as f64;
    let zone = |i: u64| {
        // One zone has no steps: it gets the mean.
        let share = if n == 1 { 0.5 } else { i as f64 / (n - 1) as f64 };
        Zone {
            first_cylinder: i * cylinders / n,
            sectors_per_track: sectors(outer.value + (inner.value - outer.value) * share),
        }
    };
    Some((0..n).map(zone).collect())
}

/// The zone table: no holes, no overlaps, all cylinders.
fn zones(table: &Table<'_>, frame: &Frame) -> Option<Vec<Zone>> {
    const SHAPE: &str = "write [[transfer.zone]] once for every zone, outermost first";
    let elements = table.array("zone", SHAPE)?;
    let (cylinders, _) = turning(table, "zone", frame)?;
    let mut zones = Vec::with_capacity(elements.len());
    let mut next = 0; // the first cylinder that is in no zone yet
    let mut end = 0..0;
    let mut good = true;
    for (i, element) in elements.into_iter().enumerate() {
        let Some(zone) = table.element("zone", i, element, ZONE_KEYS) else {
            good = false;
            continue;
        };
        let range = 0..=MAX_CYLINDERS;
        let first = zone.need_integer("first_cylinder", range.clone(), "write where it starts");
        let last = zone.need_integer("last_cylinder", range, "write where it ends");
        let sectors = zone.need_number(
            "sectors_per_track",
            SECTORS_PER_TRACK,
            "write how many sectors a track holds",
        );
        let (Some(first), Some(last), Some(sectors)) = (first, last, sectors) else {
            good = false;
            continue;
        };
        // After a wrong zone the next ones cannot be judged by where it ended.
        good = good && extent(&zone, &first, &last, next, cylinders);
        next = last.value + 1;
        end = last.at;
        zones.push(Zone { first_cylinder: first.value, sectors_per_track: sectors.value });
    }
    if good && next < cylinders {
        let last = cylinders - 1;
        let hole = hole(next, last);
        let message = format!("{hole} in no zone; the last zone must end at {last}");
        table.complain(end, "zone", message);
        return None;
    }
    good.then_some(zones)
}

/// Whether a zone may lie at `first` to `last` if the ones before end at `next`.
fn extent(
    zone: &Table<'_>,
    first: &Placed<u64>,
    last: &Placed<u64>,
    next: u64,
    cylinders: u64,
) -> bool {
    let (from, to) = (first.value, last.value);
    if from > next {
        let hole = hole(next, from - 1);
        let message = format!("{hole} in no zone; start this one at {next}");
        zone.complain(first.at.clone(), "first_cylinder", message);
    } else if from < next {
        let message = format!(
            "{from} is already in a zone before; zones follow each other: start this one at {next}"
        );
        zone.complain(first.at.clone(), "first_cylinder", message);
    } else if to < from {
        let message =
            format!("{to} is before first_cylinder, {from}; a zone has a cylinder or more");
        zone.complain(last.at.clone(), "last_cylinder", message);
    } else if to >= cylinders {
        let message =
            format!("{to} is beyond the disk's last cylinder, {}; end there", cylinders - 1);
        zone.complain(last.at.clone(), "last_cylinder", message);
    } else {
        return true;
    }
    false
}

fn hole(from: u64, to: u64) -> String {
    if from == to { format!("cylinder {from} is") } else { format!("cylinders {from} to {to} are") }
}
