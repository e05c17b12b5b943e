//! The file as a whole: every table but `[seek]` and `[transfer]`, and what they ask of each other.

use toml::de::{DeTable, DeValue};

use super::error::Report;
use super::k::{KDefaults, KModeName};
use super::limits::{
    MAX_CACHE_BYTES, MAX_CALIBRATE_REQUESTS, MAX_CYLINDERS, MAX_HEADS, MAX_NCQ, MAX_SECTORS, RATE,
    RPM, SCALE, TIME,
};
use super::table::{Known, Placed, Table, refuse_unknown_tables};
use super::{DiskConfig, seek, serve, transfer};
use crate::spec::{
    Actuator, DiskSpec, Geometry, Latency, Mapping, Policy, Queue, Rotation, Transfer, WriteCache,
};

/// Every table and its keys.
pub(super) const TABLES: &[Known] = &[
    ("disk", &["name", "source"]),
    ("geometry", &["cylinders", "heads", "sectors", "mapping"]),
    ("rotation", &["rpm", "period_ms", "latency", "seed"]),
    ("seek", seek::KEYS),
    ("transfer", transfer::KEYS),
    ("service", &["overhead_ms", "contiguous", "head_switch_ms", "write_settle_ms", "actuator"]),
    ("queue", &["ncq", "policy", "age_limit_ms"]),
    ("write_cache", &["bytes", "bus_mb_per_s", "idle_ms"]),
    ("k", &["mode", "k", "k_min", "k_max", "calibrate_requests"]),
    ("serve", serve::KEYS),
];

pub(super) const LATENCIES: [(&str, LatencyName); 3] =
    [("half", LatencyName::Half), ("random", LatencyName::Random), ("phase", LatencyName::Phase)];
pub(super) const MAPPINGS: [(&str, Mapping); 2] =
    [("uniform", Mapping::Uniform), ("zoned", Mapping::Zoned)];
pub(super) const POLICIES: [(&str, Policy); 5] = [
    ("fcfs", Policy::Fcfs),
    ("sptf", Policy::Sptf),
    ("sstf", Policy::Sstf),
    ("look", Policy::Look),
    ("clook", Policy::Clook),
];
pub(super) const ACTUATORS: [(&str, Actuator); 2] =
    [("serial", Actuator::Serial), ("parallel", Actuator::Parallel)];

/// [`Latency`] without the seed, which is a key of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LatencyName {
    Half,
    Random,
    Phase,
}

/// The numbers that other tables depend on. `None`: there, but wrong and already complained about,
/// so what depends on it is not judged.
pub(super) struct Frame {
    /// 0 if the file does not say.
    pub(super) cylinders: Option<u64>,
    /// R in milliseconds; 0 for a disk that does not turn.
    pub(super) period_ms: Option<f64>,
}

/// Reads all tables. What comes back is only of use if `report` is still clean.
pub(super) fn read<'t>(report: &'t Report<'t>, root: &'t DeTable<'t>) -> DiskConfig {
    refuse_unknown_tables(report, root, TABLES);
    let open = |name: &str| {
        let known = TABLES.iter().find(|(table, _)| *table == name).map_or(&[][..], |t| t.1);
        Table::open(report, root, name, known)
    };
    let null = DiskSpec::null();

    let disk = open("disk");
    let name = disk.text("name");
    match &name {
        None if !disk.has("name") => {
            disk.missing("name", "write [disk] and name = \"...\" below it")
        }
        Some(Placed { value, at }) if value.trim().is_empty() => {
            disk.complain(at.clone(), "name", "is empty; give the disk a name");
        }
        _ => {}
    }
    let source = disk.text("source");

    let geometry_table = open("geometry");
    let cylinders = geometry_table.integer("cylinders", 1..=MAX_CYLINDERS);
    let geometry = Geometry {
        cylinders: cylinders.as_ref().map_or(0, |c| c.value),
        heads: geometry_table.integer("heads", 1..=MAX_HEADS).map_or(1, |h| h.value),
        sectors: geometry_table.integer("sectors", 1..=MAX_SECTORS).map_or(0, |s| s.value),
        mapping: Mapping::Uniform,
    };
    let mapping = geometry_table.choice("mapping", &MAPPINGS);

    let rotation_table = open("rotation");
    let period_ms = period(&rotation_table);
    let latency = latency(&rotation_table);
    let frame = Frame {
        cylinders: cylinders.map(|c| c.value).or(if geometry_table.has("cylinders") {
            None
        } else {
            Some(0)
        }),
        period_ms,
    };

    let seek = seek::read(&open("seek"), &frame);
    let transfer = transfer::read(&open("transfer"), &frame);
    let service = open("service");
    let head_switch = service.number("head_switch_ms", TIME);

    if let Some(transfer) = &transfer {
        check_mapping(&geometry_table, mapping.as_ref(), transfer);
        check_tracks(&rotation_table, &latency, &frame, &service, head_switch.as_ref(), transfer);
    }

    let spec = DiskSpec {
        name: name.map_or(null.name, |n| n.value),
        source: source.map_or(String::new(), |s| s.value),
        geometry: Geometry { mapping: mapping.map_or(Mapping::Uniform, |m| m.value), ..geometry },
        seek: seek.unwrap_or(null.seek),
        rotation: Rotation { period_ms: period_ms.unwrap_or(0.0), latency: latency.value },
        transfer: transfer.unwrap_or(null.transfer),
        overhead_ms: service.number("overhead_ms", TIME).map_or(0.0, |t| t.value),
        contiguous: service.boolean("contiguous").unwrap_or(true),
        head_switch_ms: head_switch.map_or(0.0, |t| t.value),
        write_settle_ms: service.number("write_settle_ms", TIME).map_or(0.0, |t| t.value),
        queue: queue(&open("queue")),
        actuator: service.choice("actuator", &ACTUATORS).map_or(Actuator::Serial, |a| a.value),
        write_cache: write_cache(&open("write_cache")),
    };
    DiskConfig { spec, k: k(&open("k")), serve: serve::read(&open("serve")) }
}

/// R in milliseconds; `None` after a complaint.
fn period(table: &Table<'_>) -> Option<f64> {
    if !table.is_present() {
        return Some(0.0);
    }
    let rpm = table.number("rpm", RPM);
    let period = table.number("period_ms", TIME);
    match (table.has("rpm"), table.has("period_ms")) {
        (true, true) => {
            table.refuse("period_ms", "says the same as rpm; keep one of them");
            None
        }
        (false, false) => {
            table.missing(
                "rpm",
                "write rpm = 7200 or period_ms = 8.33, \
                 or leave [rotation] out for a disk that does not turn",
            );
            None
        }
        (true, false) => rpm.map(|r| 60_000.0 / r.value),
        (false, true) => period.map(|p| p.value),
    }
}

fn latency(table: &Table<'_>) -> Placed<Latency> {
    let name = table
        .choice("latency", &LATENCIES)
        .unwrap_or(Placed { value: LatencyName::Half, at: 0..0 });
    let seed = table.integer("seed", 0..=u64::MAX).map_or(1, |s| s.value);
    if name.value != LatencyName::Random {
        table.refuse("seed", "only latency = \"random\" takes a seed; remove it");
    }
    let value = match name.value {
        LatencyName::Half => Latency::Half,
        LatencyName::Random => Latency::Random { seed },
        LatencyName::Phase => Latency::Phase,
    };
    Placed { value, at: name.at }
}

fn check_mapping(table: &Table<'_>, mapping: Option<&Placed<Mapping>>, transfer: &Transfer) {
    if let Some(Placed { value: Mapping::Zoned, at }) = mapping
        && !matches!(transfer, Transfer::Zones(_))
    {
        table.complain(
            at.clone(),
            "mapping",
            "\"zoned\" needs zones; write [[transfer.zone]] or outer_mb_per_s and inner_mb_per_s, \
             or use \"uniform\"",
        );
    }
}

/// Phase and head switches happen on tracks: refuses them where there are none.
fn check_tracks(
    rotation: &Table<'_>,
    latency: &Placed<Latency>,
    frame: &Frame,
    service: &Table<'_>,
    head_switch: Option<&Placed<f64>>,
    transfer: &Transfer,
) {
    if latency.value == Latency::Phase {
        if frame.period_ms == Some(0.0) {
            rotation.complain(
                latency.at.clone(),
                "latency",
                "\"phase\" needs a platter that turns; write rpm",
            );
        }
        if frame.cylinders == Some(0) {
            rotation.complain(
                latency.at.clone(),
                "latency",
                "\"phase\" needs tracks; write geometry.cylinders (and heads), \
                 or use \"half\" or \"random\"",
            );
        }
    }
    let Some(switch) = head_switch.filter(|s| s.value > 0.0) else { return };
    // A track's sectors are its zone's, or what passes at a known rate in one revolution.
    let remedy = match (transfer, frame.period_ms) {
        (Transfer::Zones(_), _) | (_, None) => return,
        (Transfer::Rate { .. }, Some(period)) if period > 0.0 => return,
        (Transfer::Rate { .. }, _) => "write rotation.rpm",
        (Transfer::Instant, _) => "write [transfer] with zones or a rate",
    };
    service.complain(
        switch.at.clone(),
        "head_switch_ms",
        format!("needs to know how many sectors are on a track; {remedy}, or leave it out"),
    );
}

fn queue(table: &Table<'_>) -> Queue {
    let depth = table.integer("ncq", 1..=MAX_NCQ).map_or(1, |n| n.value);
    // What drives do: a queue to choose from is there to be chosen from.
    let usual = if depth > 1 { Policy::Sptf } else { Policy::Fcfs };
    Queue {
        depth: depth as usize,
        policy: table.choice("policy", &POLICIES).map_or(usual, |p| p.value),
        age_limit_ms: table.number("age_limit_ms", TIME).map_or(0.0, |t| t.value),
    }
}

fn write_cache(table: &Table<'_>) -> Option<WriteCache> {
    if !table.is_present() {
        return None;
    }
    let bytes = bytes(table, "bytes");
    let bus = table.need_number("bus_mb_per_s", RATE, "write the bus's rate, bus_mb_per_s = 300");
    let idle_ms = table.number("idle_ms", TIME).map_or(0.0, |t| t.value);
    Some(WriteCache { bytes: bytes?, bus_mb_per_s: bus?.value, idle_ms })
}

/// A size: a whole number of bytes, or a text such as "8 MiB".
fn bytes(table: &Table<'_>, key: &str) -> Option<u64> {
    const REMEDY: &str = "write bytes = \"8 MiB\", or leave [write_cache] out for none";
    let Some(raw) = table.raw(key) else {
        table.missing(key, REMEDY);
        return None;
    };
    let DeValue::String(text) = raw.get_ref() else {
        return table.need_integer(key, 1..=MAX_CACHE_BYTES, REMEDY).map(|b| b.value);
    };
    match size(text) {
        Some(bytes @ 1..=MAX_CACHE_BYTES) => Some(bytes),
        Some(_) => {
            let message = format!("{text:?} is out of range; it must be 1 byte to 1 TiB");
            table.complain(raw.span(), key, message);
            None
        }
        None => {
            let short: String = text.chars().take(40).collect();
            let message = format!(
                "{short:?} is no size; write a whole number and a unit \
                 (B, kB, KiB, MB, MiB, GB, GiB), such as \"8 MiB\""
            );
            table.complain(raw.span(), key, message);
            None
        }
    }
}

/// "8 MiB" in bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "kB" => 1000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        _ => return None,
    };
    if number.is_empty() {
        return None;
    }
    Some(number.parse().unwrap_or(u64::MAX).saturating_mul(unit))
}

fn k(table: &Table<'_>) -> KDefaults {
    let start = table.number("k", SCALE);
    let min = table.number("k_min", SCALE);
    let max = table.number("k_max", SCALE);
    let calibrate_requests =
        table.integer("calibrate_requests", 1..=MAX_CALIBRATE_REQUESTS).map(|c| c.value);
    let k = start.as_ref().map(|k| k.value);
    if let (Some(min), Some(max)) = (&min, &max)
        && min.value > max.value
    {
        table.complain(
            max.at.clone(),
            "k_max",
            format!("{} is below k_min, {}; raise it or lower k_min", max.value, min.value),
        );
    }
    if let Some(start) = start {
        if let Some(min) = min.as_ref().filter(|min| min.value > start.value) {
            let message = format!("{} is below k_min, {}; raise it", start.value, min.value);
            table.complain(start.at.clone(), "k", message);
        }
        if let Some(max) = max.as_ref().filter(|max| max.value < start.value) {
            let message = format!("{} is above k_max, {}; lower it", start.value, max.value);
            table.complain(start.at, "k", message);
        }
    }
    KDefaults {
        mode: table.choice("mode", &KModeName::ALL).map(|m| m.value),
        k,
        k_min: min.map(|k| k.value),
        k_max: max.map(|k| k.value),
        calibrate_requests,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_with_units() {
        for (text, bytes) in [
            ("8 MiB", Some(8 << 20)),
            ("8MiB", Some(8 << 20)),
            ("512", Some(512)),
            ("2 kB", Some(2000)),
            ("0 MiB", Some(0)),
            ("99999999999999999999 GiB", Some(u64::MAX)),
            ("MiB", None),
            ("-1 MiB", None),
            ("8 mib", None),
            ("1.5 MiB", None),
            ("", None),
            ("8 µB", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
    }
}
