//! Which series of two files measure the same thing.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::results::{Better, Experiment, Parameter, Results, Series};

/// What makes two series the same measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Key {
    /// Name of the experiment.
    pub experiment: String,
    /// What the guests did.
    pub scenario: String,
    /// What ran them.
    pub backend: String,
    /// What was measured.
    pub metric: String,
    /// Its unit.
    pub unit: String,
    /// Which direction is good.
    pub better: Better,
    /// The guest, from 1.
    pub guest: Option<u32>,
    /// Value of what the experiment varies.
    pub x: Option<f64>,
    /// Its name, such as `slice`.
    pub x_name: Option<String>,
    /// Its unit.
    pub x_unit: Option<String>,
}

impl Key {
    /// The key of a series.
    pub fn of(experiment: &Experiment, series: &Series) -> Self {
        Self {
            experiment: experiment.name.clone(),
            scenario: experiment.scenario.clone(),
            backend: experiment.backend.clone(),
            metric: series.metric.clone(),
            unit: series.unit.clone(),
            better: series.better,
            guest: series.guest,
            x: series.x,
            x_name: experiment.x.as_ref().map(|x| x.name.clone()),
            x_unit: experiment.x.as_ref().map(|x| x.unit.clone()),
        }
    }

    /// `exp1 idle-idle kvm`.
    pub fn experiment_line(&self) -> String {
        format!("{} {} {}", self.experiment, self.scenario, self.backend)
    }

    /// `stream.triad, guest 1, slice 0.25 ms`.
    pub fn series_line(&self) -> String {
        let mut line = self.metric.clone();
        if let Some(guest) = self.guest {
            line.push_str(&format!(", guest {guest}"));
        }
        if let (Some(x), Some(name), Some(unit)) = (self.x, &self.x_name, &self.x_unit) {
            line.push_str(&format!(", {name} {x} {unit}"));
        }
        line
    }
}

/// What was not compared, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The experiment, or a series of it.
    pub what: String,
    /// Why.
    pub why: String,
}

/// What matches and what does not.
pub(super) struct Matched<'a> {
    pub(super) pairs: Vec<(Key, &'a Series, &'a Series)>,
    pub(super) refused: Vec<Refusal>,
    /// Experiments that have a pair, by their place in the old and in the new file.
    used: Vec<(usize, usize)>,
}

/// Matches the series of metrics whose names begin with one of `only`.
pub(super) fn matched<'a>(old: &'a Results, new: &'a Results, only: &[String]) -> Matched<'a> {
    let mut found = Matched { pairs: Vec::new(), refused: Vec::new(), used: Vec::new() };
    let mut taken = BTreeSet::new();
    for (i, one) in old.experiments.iter().enumerate() {
        let same = |other: &Experiment| {
            (&one.name, &one.scenario, &one.backend)
                == (&other.name, &other.scenario, &other.backend)
        };
        let Some(j) = new.experiments.iter().position(same) else {
            found.refuse(line(one), "only in the old results");
            continue;
        };
        taken.insert(j);
        let other = &new.experiments[j];
        if let Some(why) = different_settings(one, other) {
            found.refuse(line(one), why);
            continue;
        }
        let before = found.pairs.len();
        found.series(one, other, only);
        if found.pairs.len() > before {
            found.used.push((i, j));
        }
    }
    for (j, other) in new.experiments.iter().enumerate() {
        if !taken.contains(&j) {
            found.refuse(line(other), "only in the new results");
        }
    }
    found
}

fn line(experiment: &Experiment) -> String {
    format!("{} {} {}", experiment.name, experiment.scenario, experiment.backend)
}

/// Experiments of the same name that measure different things.
fn different_settings(old: &Experiment, new: &Experiment) -> Option<String> {
    let names: BTreeSet<&String> = old.parameters.keys().chain(new.parameters.keys()).collect();
    for name in names {
        let (a, b) = (old.parameters.get(name), new.parameters.get(name));
        if a != b {
            let (a, b) = (shown(a), shown(b));
            return Some(format!("{name} was {a} and is {b}: a different experiment"));
        }
    }
    (old.x != new.x).then(|| "what it varies is not the same: a different experiment".to_owned())
}

fn shown(parameter: Option<&Parameter>) -> String {
    match parameter {
        None => "not set".to_owned(),
        Some(Parameter::Flag(flag)) => flag.to_string(),
        Some(Parameter::Number(number)) => number.to_string(),
        Some(Parameter::Text(text)) => text.clone(),
    }
}

impl<'a> Matched<'a> {
    fn refuse(&mut self, what: String, why: impl Into<String>) {
        self.refused.push(Refusal { what, why: why.into() });
    }

    fn series(&mut self, old: &'a Experiment, new: &'a Experiment, only: &[String]) {
        let wanted = |s: &Series| only.is_empty() || only.iter().any(|o| s.metric.starts_with(o));
        let same = |a: &Series, b: &Series| (&a.metric, a.guest, a.x) == (&b.metric, b.guest, b.x);
        for a in old.series.iter().filter(|s| wanted(s)) {
            let key = Key::of(old, a);
            let what = || format!("{}: {}", key.experiment_line(), key.series_line());
            match new.series.iter().find(|b| same(a, b)) {
                None => self.refuse(what(), "only in the old results"),
                Some(b) if a.unit != b.unit || a.better != b.better => {
                    self.refuse(what(), format!("in {} and in {}", a.unit, b.unit));
                }
                Some(b) if a.is_empty() || b.is_empty() => self.refuse(what(), "has no samples"),
                Some(b) => self.pairs.push((key, a, b)),
            }
        }
        for b in new.series.iter().filter(|s| wanted(s)) {
            if !old.series.iter().any(|a| same(a, b)) {
                let key = Key::of(new, b);
                let what = format!("{}: {}", key.experiment_line(), key.series_line());
                self.refuse(what, "only in the new results");
            }
        }
    }

    /// Why there is no pair.
    pub(super) fn why_nothing(&self, old: &Results, new: &Results) -> String {
        let refused = self.refused.iter().find(|r| !r.why.starts_with("only in"));
        if let Some(Refusal { what, why }) = refused {
            return format!("{what}: {why}");
        }
        let all =
            |results: &Results| results.experiments.iter().map(line).collect::<Vec<_>>().join(", ");
        format!("one has {}, the other {}", all(old), all(new))
    }

    /// Marks of the experiments that are compared.
    pub(super) fn marks(&self, old: &Results, new: &Results) -> Vec<String> {
        let mut lines = Vec::new();
        for &(i, j) in &self.used {
            for (which, results, at) in [("old", old, i), ("new", new, j)] {
                let experiment = &results.experiments[at];
                let mut marks = experiment.marks.clone();
                for mark in experiment.derived_marks(&results.environment) {
                    if !marks.contains(&mark) {
                        marks.push(mark);
                    }
                }
                if !marks.is_empty() {
                    lines.push(format!("{which}: {}: {}", line(experiment), marks.join(", ")));
                }
            }
        }
        lines
    }
}
