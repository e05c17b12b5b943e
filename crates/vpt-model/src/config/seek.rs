//! `[seek]`: how long the arm takes to move.

use toml::de::DeValue;

use super::limits::{DISTANCE, SLOPE, TIME};
use super::table::{Placed, Table};
use super::tables::Frame;
use crate::spec::Seek;

/// How far a two-piece curve may fall at its knee, as a share of the full stroke's time. Two pieces
/// fitted apart rarely meet: published fits fall by up to 1.4 %.
pub(super) const KNEE_TOLERANCE: f64 = 0.02;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    None,
    Linear,
    Affine,
    Curve,
    Table,
}

const FAMILIES: [(&str, Family); 5] = [
    ("none", Family::None),
    ("linear", Family::Linear),
    ("affine", Family::Affine),
    ("curve", Family::Curve),
    ("table", Family::Table),
];

pub(super) const KEYS: &[&str] = &[
    "family",
    "average_ms",
    "full_ms",
    "base_ms",
    "knee_cylinders",
    "short_base_ms",
    "short_sqrt_ms",
    "long_base_ms",
    "long_per_cylinder_ms",
    "points",
];

impl Family {
    /// The keys that mean something in this family.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Linear => &["average_ms", "full_ms"],
            Self::Affine => &["base_ms", "average_ms", "full_ms"],
            Self::Curve => &[
                "knee_cylinders",
                "short_base_ms",
                "short_sqrt_ms",
                "long_base_ms",
                "long_per_cylinder_ms",
            ],
            Self::Table => &["points"],
        }
    }
}

/// The seek model; `None` after a complaint.
pub(super) fn read(table: &Table<'_>, frame: &Frame) -> Option<Seek> {
    if !table.has("family") {
        table.missing("family", "write [seek] and family = \"none\", \"linear\", \"affine\", \"curve\" or \"table\" below it");
        return None;
    }
    let family = table.choice("family", &FAMILIES)?;
    let name = FAMILIES.iter().find(|f| f.1 == family.value).map_or("", |f| f.0);
    for key in KEYS.iter().filter(|&k| *k != "family" && !family.value.keys().contains(k)) {
        let homes: Vec<&str> =
            FAMILIES.iter().filter(|f| f.1.keys().contains(key)).map(|f| f.0).collect();
        let message = format!(
            "means nothing to family \"{name}\"; remove it, or use family \"{}\"",
            homes.join("\" or \"")
        );
        table.refuse(key, &message);
    }
    let in_cylinders = matches!(family.value, Family::Curve | Family::Table);
    if in_cylinders && matches!(frame.cylinders, Some(0 | 1)) {
        table.complain(
            family.at,
            "family",
            format!("\"{name}\" counts in cylinders; write geometry.cylinders = 2 or more"),
        );
    }
    match family.value {
        Family::None => Some(Seek::None),
        Family::Linear => full_stroke(table, Some(0.0)).map(|full_ms| Seek::Linear { full_ms }),
        Family::Affine => {
            let base = table.need_number(
                "base_ms",
                TIME,
                "write the time of the shortest seek, or use family \"linear\"",
            );
            let full_ms = full_stroke(table, base.as_ref().map(|b| b.value));
            Some(Seek::Affine { base_ms: base?.value, full_ms: full_ms? })
        }
        Family::Curve => curve(table, frame),
        Family::Table => points(table, frame).map(|points| Seek::Table { points }),
    }
}

/// S, given itself or by the mean over uniformly random places, base + S/3.
fn full_stroke(table: &Table<'_>, base_ms: Option<f64>) -> Option<f64> {
    let full = table.number("full_ms", TIME);
    let average = table.number("average_ms", TIME);
    match (table.has("full_ms"), table.has("average_ms")) {
        (true, true) => {
            table.refuse("average_ms", "says the same as full_ms; keep one of them");
            None
        }
        (false, false) => {
            table.missing(
                "full_ms",
                "write full_ms, or average_ms if only the average seek is known",
            );
            None
        }
        (true, false) => full.map(|f| f.value),
        (false, true) => {
            let (average, base_ms) = (average?, base_ms?);
            if average.value < base_ms {
                let message = format!(
                    "{} is less than base_ms, {base_ms}; no seek is shorter than that",
                    average.value
                );
                table.complain(average.at, "average_ms", message);
                return None;
            }
            Some(3.0 * (average.value - base_ms))
        }
    }
}

fn curve(table: &Table<'_>, frame: &Frame) -> Option<Seek> {
    let knee = table.need_number(
        "knee_cylinders",
        DISTANCE,
        "write the distance in cylinders at which the two pieces meet",
    );
    let short = |key, limit, what| {
        let remedy = format!("write {what} of a + b*sqrt(d), the milliseconds below the knee");
        table.need_number(key, limit, &remedy)
    };
    let long = |key, limit, what| {
        let remedy = format!("write {what} of c + e*d, the milliseconds from the knee on");
        table.need_number(key, limit, &remedy)
    };
    let short_base = short("short_base_ms", TIME, "a");
    let short_sqrt = short("short_sqrt_ms", SLOPE, "b");
    let long_base = long("long_base_ms", TIME, "c");
    let long_slope = long("long_per_cylinder_ms", SLOPE, "e");
    let (knee, long_base) = (knee?, long_base?);
    let (short_base_ms, short_sqrt_ms) = (short_base?.value, short_sqrt?.value);
    let long_per_cylinder_ms = long_slope?.value;
    if let Some(cylinders @ 1..) = frame.cylinders {
        if knee.value > cylinders as f64 {
            let message = format!(
                "{} is more than the disk's {cylinders} cylinders; the knee must be on the disk",
                knee.value
            );
            table.complain(knee.at, "knee_cylinders", message);
            return None;
        }
        let below = short_base_ms + short_sqrt_ms * knee.value.sqrt();
        let above = long_base.value + long_per_cylinder_ms * knee.value;
        let full = long_base.value + long_per_cylinder_ms * (cylinders - 1) as f64;
        if below - above > KNEE_TOLERANCE * full {
            let message = format!(
                "the curve falls at the knee, from {below:.3} to {above:.3} ms, by more than 2 % \
                 of the full stroke's {full:.3}; raise long_base_ms or move knee_cylinders"
            );
            table.complain(long_base.at, "long_base_ms", message);
            return None;
        }
    }
    Some(Seek::Curve {
        knee_cylinders: knee.value,
        short_base_ms,
        short_sqrt_ms,
        long_base_ms: long_base.value,
        long_per_cylinder_ms,
    })
}

fn points(table: &Table<'_>, frame: &Frame) -> Option<Vec<(f64, f64)>> {
    const SHAPE: &str =
        "write points = [[1, 0.8], [100, 2.1]]: pairs of cylinders and milliseconds";
    if !table.has("points") {
        table.missing("points", SHAPE);
    }
    let pairs = table.array("points", SHAPE)?;
    if pairs.len() < 2 {
        let at = table.raw("points").map_or(0..0, |p| p.span());
        table.complain(at, "points", format!("needs two points or more; {SHAPE}"));
        return None;
    }
    let mut points: Vec<(f64, f64)> = Vec::with_capacity(pairs.len());
    let mut good = true;
    for (i, pair) in pairs.iter().enumerate() {
        let key = format!("points[{i}]");
        let point = match pair.get_ref() {
            DeValue::Array(two) if two.len() == 2 => {
                let distance = table.number_of(&key, &two[0], DISTANCE);
                distance.zip(table.number_of(&key, &two[1], TIME))
            }
            _ => {
                table.complain(pair.span(), &key, format!("is no pair of numbers; {SHAPE}"));
                None
            }
        };
        let Some((distance, ms)) = point else {
            good = false;
            continue;
        };
        good &= follows(table, frame, &key, points.last(), &distance, &ms);
        points.push((distance.value, ms.value));
    }
    good.then_some(points)
}

/// Whether a point may stand after `last`.
fn follows(
    table: &Table<'_>,
    frame: &Frame,
    key: &str,
    last: Option<&(f64, f64)>,
    distance: &Placed<f64>,
    ms: &Placed<f64>,
) -> bool {
    if let Some(cylinders @ 1..) = frame.cylinders
        && distance.value > cylinders as f64
    {
        let message = format!(
            "{} is more than the disk's {cylinders} cylinders; no seek is that long",
            distance.value
        );
        table.complain(distance.at.clone(), key, message);
        return false;
    }
    let Some(&(last_distance, last_ms)) = last else { return true };
    if distance.value <= last_distance {
        let message = format!(
            "distance {} does not rise after {last_distance}; sort the points, each distance once",
            distance.value
        );
        table.complain(distance.at.clone(), key, message);
        return false;
    }
    if ms.value < last_ms {
        let message = format!(
            "the curve falls from {last_ms} to {} ms; a longer seek must not be faster",
            ms.value
        );
        table.complain(ms.at.clone(), key, message);
        return false;
    }
    true
}
