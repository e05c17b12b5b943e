//! What makes an experiment's numbers less worth than they look.

use super::{Environment, Experiment, Results};

/// Above this share of deadlines missed, in percent, a run did not do what it was to do.
pub const MISSED_DEADLINES_PERCENT: f64 = 1.0;

impl Experiment {
    /// Marks that follow from what was recorded: emulation, missed deadlines, throttling, samples lost,
    /// an interruption. Counts are those of the worst run.
    pub fn derived_marks(&self, environment: &Environment) -> Vec<String> {
        let mut marks = Vec::new();
        if environment.emulated {
            marks.push("emulated: no timing value".to_owned());
        }
        if !self.complete {
            marks.push("incomplete".to_owned());
        }
        let runs = || self.series.iter().flat_map(|series| &series.runs);
        let missed =
            |missed: u64, of: u64| if of == 0 { 0.0 } else { 100.0 * missed as f64 / of as f64 };
        let worst = runs().map(|r| missed(r.missed_deadlines, r.deadlines)).fold(0.0, f64::max);
        if worst > MISSED_DEADLINES_PERCENT {
            marks.push(format!("missed deadlines {worst:.1} %"));
        }
        if runs().any(|run| run.throttled) {
            marks.push("RT throttled".to_owned());
        }
        let lost: u64 = runs().map(|run| run.lost).max().unwrap_or(0);
        if lost > 0 {
            marks.push(format!("samples lost: {lost} in one run"));
        }
        marks
    }

    /// Adds the marks that follow from what was recorded to those that are there.
    pub fn mark(&mut self, environment: &Environment) {
        for mark in self.derived_marks(environment) {
            if !self.marks.contains(&mark) {
                self.marks.push(mark);
            }
        }
    }
}

/// The marks of several experiments, each once.
pub fn distinct_marks<'a>(experiments: impl IntoIterator<Item = &'a Experiment>) -> Vec<&'a str> {
    let mut marks: Vec<&str> = Vec::new();
    for mark in experiments.into_iter().flat_map(|one| &one.marks) {
        if !marks.contains(&mark.as_str()) {
            marks.push(mark);
        }
    }
    marks
}

impl Results {
    /// Marks every experiment.
    pub fn mark(&mut self) {
        for experiment in &mut self.experiments {
            experiment.mark(&self.environment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_several_are_told_once_in_their_order() {
        let marked = |marks: &[&str]| Experiment {
            marks: marks.iter().map(|mark| (*mark).to_owned()).collect(),
            ..Experiment::default()
        };
        let all = [marked(&["b", "a"]), marked(&[]), marked(&["a", "c", "b"])];
        assert_eq!(distinct_marks(&all), ["b", "a", "c"]);
    }
}
