//! A benchmark's result: figures, each with what it should be.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::machine::{Machine, date};
use crate::table;

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", content = "value")]
pub enum Is {
    /// This or more.
    #[serde(rename = ">=")]
    AtLeast(f64),
    /// This or less.
    #[serde(rename = "<=")]
    AtMost(f64),
}

impl Is {
    /// Whether a value is so; never for one that is no number.
    pub fn met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!(">= {}", rounded(bound)),
            Self::AtMost(bound) => format!("<= {}", rounded(bound)),
        }
    }
}

/// One figure with its target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// What was measured.
    pub name: String,
    /// The figure; `None` (JSON: null) when it could not be measured.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: String,
    /// What it should be; `None` (JSON: null) for one that is only told.
    pub target: Option<Is>,
    /// Whether it is; always for one that is only told.
    pub met: bool,
    /// How it was measured, or why it is missed.
    pub note: String,
}

/// A benchmark's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The benchmark.
    pub name: String,
    /// When it began, in UTC.
    pub date: String,
    /// Where it ran.
    pub machine: Machine,
    /// The figures.
    pub targets: Vec<Target>,
    /// What else helps to understand them: inputs, other figures.
    pub extra: serde_json::Map<String, Value>,
}

impl Report {
    /// An empty result of a benchmark that begins now, on this machine.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            date: date(),
            machine: Machine::here(),
            targets: Vec::new(),
            extra: serde_json::Map::new(),
        }
    }

    /// Adds a figure; one that is no finite number counts as not measured.
    pub fn target(&mut self, name: &str, value: f64, unit: &str, target: Is, note: &str) {
        self.targets.push(Target {
            name: name.to_owned(),
            value: value.is_finite().then_some(value),
            unit: unit.to_owned(),
            target: Some(target),
            met: value.is_finite() && target.met_by(value),
            note: note.to_owned(),
        });
    }

    /// Adds a figure that is worth knowing and has no target.
    pub fn figure(&mut self, name: &str, value: f64, unit: &str, note: &str) {
        self.targets.push(Target {
            name: name.to_owned(),
            value: value.is_finite().then_some(value),
            unit: unit.to_owned(),
            target: None,
            met: true,
            note: note.to_owned(),
        });
    }

    /// Adds the ratios of runs that alternated, ours over theirs: their median is the figure.
    ///
    /// `pairs` are ours and theirs, requests per second; `about` says what else is to be known.
    pub fn ratio(&mut self, name: &str, pairs: &[(f64, f64)], target: Option<Is>, about: &str) {
        let ratios: Vec<f64> = pairs.iter().map(|(ours, theirs)| ours / theirs).collect();
        let (least, most) = range(&ratios);
        let (ours, theirs): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let (middle, peer) = (median(ours.clone()), median(theirs.clone()));
        let note = format!(
            "median of {} pairs ({least:.2} to {most:.2}); {middle:.0} and {peer:.0} IOPS; {about}",
            pairs.len()
        );
        match target {
            Some(target) => self.target(name, median(ratios.clone()), "ratio", target, &note),
            None => self.figure(name, median(ratios.clone()), "ratio", &note),
        }
        self.extra(&format!("{name}: ratios"), ratios);
        self.extra(&format!("{name}: IOPS"), ours);
        self.extra(&format!("{name}: the peer's IOPS"), theirs);
    }

    /// Adds a figure that could not be measured, and why: a target missed.
    pub fn unmeasured(&mut self, name: &str, unit: &str, target: Is, why: &str) {
        self.target(name, f64::NAN, unit, target, why);
    }

    /// Adds something that helps to understand the figures.
    pub fn extra(&mut self, name: &str, value: impl Into<Value>) {
        self.extra.insert(name.to_owned(), value.into());
    }

    /// Whether there are targets and all are met.
    pub fn met(&self) -> bool {
        !self.targets.is_empty() && self.targets.iter().all(|target| target.met)
    }

    /// One JSON object.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// The table for people.
    pub fn text(&self) -> String {
        let missed = self.targets.iter().filter(|target| !target.met).count();
        let count_all = self.targets.iter().filter(|target| target.target.is_some()).count();
        let verdict = match missed {
            0 if self.met() => "every target met".to_owned(),
            0 => "nothing was measured".to_owned(),
            count => format!("{count} of {count_all} targets missed"),
        };
        format!(
            "{}{}: {verdict}\nmachine: {}\ndate: {}\n",
            table::plain(HEADER, &self.rows()),
            self.name,
            self.machine.line(),
            self.date
        )
    }

    /// The same for Markdown.
    pub fn markdown(&self) -> String {
        format!(
            "{}\nMeasured {} on {}.\n",
            table::markdown(HEADER, &self.rows()),
            self.date.split('T').next().unwrap_or_default(),
            self.machine.line()
        )
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |target: &Target| {
            let value = target.value.map_or_else(|| "not measured".to_owned(), rounded);
            vec![
                target.name.clone(),
                value,
                target.unit.clone(),
                target.target.map_or_else(|| "-".to_owned(), Is::text),
                match (target.target, target.met) {
                    (None, _) => "-",
                    (_, true) => "yes",
                    (_, false) => "NO",
                }
                .to_owned(),
                target.note.clone(),
            ]
        };
        self.targets.iter().map(row).collect()
    }
}

/// The least and the most of some values.
pub(super) fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::MAX, f64::MIN), |(a, b), &value| (a.min(value), b.max(value)))
}

/// The middle one.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

const HEADER: &[&str] = &["figure", "value", "unit", "target", "met", "note"];

/// Four significant digits, more where a large number has them.
fn rounded(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor().clamp(-9.0, 9.0) as i32;
    let decimals = usize::try_from(3 - magnitude).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new("vpt");
        report.target("share", 0.9961, "", Is::AtLeast(0.995), "depth 1 | 8");
        report.target("late p99", 101.26, "us", Is::AtMost(100.0), "");
        report.unmeasured("peer", "1/s", Is::AtLeast(1.0), "no nbdkit");
        report.extra("seed", 1);
        report
    }

    #[test]
    fn judges_targets() {
        let report = report();
        let met: Vec<_> = report.targets.iter().map(|target| target.met).collect();
        assert_eq!(met, [true, false, false]);
        assert!(!report.met());
        assert!(!Report::new("empty").met());
        assert!(!Is::AtLeast(0.0).met_by(f64::NAN) && !Is::AtMost(0.0).met_by(f64::NAN));
        assert!(report.text().contains("2 of 3 targets missed"));
    }

    #[test]
    fn json_has_the_shape_that_others_read() {
        let json: Value = serde_json::from_str(&report().json().expect("json")).expect("value");
        let target = &json["targets"][1];
        assert_eq!(target["name"], "late p99");
        assert_eq!(target["value"], 101.26);
        assert_eq!(target["target"], serde_json::json!({"op": "<=", "value": 100.0}));
        assert_eq!(target["met"], false);
        assert_eq!(json["targets"][2]["value"], Value::Null);
        assert_eq!(json["extra"]["seed"], 1);
        let back: Report = serde_json::from_value(json).expect("read back");
        assert_eq!(back.targets, report().targets);
    }

    #[test]
    fn the_median_of_ratios_counts_and_may_have_no_target() {
        let mut report = Report::new("pairs");
        let pairs = [(90.0, 100.0), (50.0, 100.0), (300.0, 200.0)];
        report.ratio("a", &pairs, Some(Is::AtLeast(0.9)), "x");
        report.ratio("b", &pairs, None, "x");
        assert_eq!(report.targets[0].value, Some(0.9));
        assert_eq!(report.targets[0].note, "median of 3 pairs (0.50 to 1.50); 90 and 100 IOPS; x");
        assert!(report.met());
        assert!(report.markdown().contains("| b | 0.9 | ratio | - | - | median"));
        report.unmeasured("c", "ratio", Is::AtLeast(0.9), "no rublk");
        assert!(report.text().contains("1 of 2 targets missed"));
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.99612, "0.9961"),
            (13.4961, "13.5"),
            (5_123_456.7, "5123457"),
            (0.0, "0"),
            (100.0, "100"),
            (-2.5, "-2.5"),
            (0.000_012_3, "0.0000123"),
        ] {
            assert_eq!(rounded(value), text);
        }
    }

    #[test]
    fn markdown_is_one_table() {
        let text = report().markdown();
        assert!(
            text.contains("| share | 0.9961 |  | >= 0.995 | yes | depth 1 \\| 8 |\n"),
            "{text}"
        );
    }
}
